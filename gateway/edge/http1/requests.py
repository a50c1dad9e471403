"""What a client's bytes say: requests, one after the other, each an exchange. llhttp parses; this puts together."""

import asyncio
import logging
from collections.abc import Callable

import httptools
import msgspec

from gateway.core.faults import BadRequest, Fault, HeadersTooLarge, Internal
from gateway.edge.asgi import Scope
from gateway.edge.http1.exchange import Exchange, Wire
from gateway.edge.http1.framing import Asked
from gateway.edge.http1.known_head import KnownHead, known_head
from gateway.edge.http1.target import Target, take_apart

_log = logging.getLogger("gateway.edge")
# A parser knows what it tells, and that knows the parser: this one takes its place when it is over.
_SPENT = httptools.HttpRequestParser(None)
MOST_HEADERS = 256
_LOOKED_AT = frozenset({b"expect", b"host", b"transfer-encoding"})
_FRAMING = (b"content-length", b"transfer-encoding")
# Which of a connection's heads are remembered, counted from the last that was known: who asks once asks no second time,
# and with whom every head is another one it is in vain.
_REMEMBERED = range(2, 5)
_KEPT = Asked()
_ASGI = {"version": "3.0", "spec_version": "2.3"}
Address = tuple[str, int] | None


class Ends(msgspec.Struct, frozen=True):
    """Who speaks with whom, as ASGI says it."""

    scheme: str
    client: Address
    server: Address


class _Nonsense(Exception):
    """Stops the parser; `Requests.broken` says why."""


class Requests:
    """Attributes:
    begun: a head has begun, and is not whole. reading: the request whose body is being read.
    broken: why nothing more can be told from what comes.
    unread: bytes since the last end of a head, and the last piece of a body: of heads, of chunks' lines, of trailers.
    """

    def __init__(
        self, wire: Wire, loop: asyncio.AbstractEventLoop, most_bytes: int, told: Callable[[Exchange], None]
    ) -> None:
        """`most_bytes`: of what is no body, in one piece. `told`: of every request whose head is whole; may call
        `breaks` and raise what it gives."""
        self._wire = wire
        self._loop = loop
        self._most_bytes = most_bytes
        self._told = told
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        # The target of the request before: most connections ask the same one again.
        self._known_url, self._target = b"/", Target("/", b"/", b"")
        self._known: KnownHead | None = None  # the head of the request before
        self._parsed = 0  # heads since the last that was known
        self._keeps = False  # the connection goes on after this request
        self._headers: list[tuple[bytes, bytes]] = []
        self._hosts = 0
        self._encoding = b""
        self._expects_continue = False
        self.begun = False
        self._body_framing = b""  # of a request for another protocol: how long its body is
        self._resuming = False
        self.ends = Ends("http", None, None)
        self.reading: Exchange | None = None
        self.broken: Fault | None = None
        self.unread = 0

    def feed(self, data: bytes) -> None:
        """Read on."""
        between = self.reading is None and not self.begun
        try:
            if between and self._known is not None and not (data := self._again(self._known, data)):
                return
            self.unread += len(data)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._go_on(data[upgrade.args[0] :])
        except _Nonsense:
            return
        except httptools.HttpParserError as error:
            if self.broken is None and isinstance(error, httptools.HttpParserCallbackError):
                _log.exception("a request could not be taken")
                self.broken = Internal("the gateway failed; its log holds the reason")
            elif self.broken is None:
                self.broken = BadRequest("this is not valid HTTP/1.1", code="invalid_http")
            return
        if self.unread > self._most_bytes:
            self.broken = self._too_large()
        elif between and self._known is None and self._parsed in _REMEMBERED and self._keeps and not self.begun:
            self._known = known_head(data, b"POST %b HTTP/1.1" % self._url, self._scope("POST", "1.1"))

    def _again(self, known: KnownHead, data: bytes) -> bytes:
        """A request with the head of the one before; gives what is left of `data` for the parser."""
        found = known.again(data)
        if found is None:
            return data
        scope, length, start = found
        exchange = Exchange(self._wire, self._loop, scope, _KEPT, expects_continue=False)
        self._parsed = self.unread = 0
        body = data[start:]
        if len(body) == length:  # the parser never hears of it
            exchange.feed_all(body)
            self._told(exchange)
            return b""
        self.reading = exchange
        self._told(exchange)
        self._resume(b"content-length: %d\r\n" % length)
        return body

    def _go_on(self, data: bytes) -> None:
        """Who asks for another protocol (Java's client does, of any server, with its first request) is answered in this
        one, as if nothing had been asked. For the parser it ends with such a head: a new one reads on."""
        while True:
            self._parser = httptools.HttpRequestParser(self)
            framing, self._body_framing = self._body_framing, b""
            if framing:
                self._resume(framing)
            if not data:
                return
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
            else:
                return

    def _resume(self, framing: bytes) -> None:
        """The parser goes on with a body whose head it has not seen, or has no memory of."""
        self._resuming = True
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % framing)

    def spent(self) -> None:
        """Nothing more will come."""
        self._parser = _SPENT
        del self._told, self._wire

    def breaks(self, fault: Fault) -> Exception:
        """For what is called by the parser: raise it, and the parser stops."""
        self.broken = fault
        return _Nonsense()

    # What llhttp calls

    def on_message_begin(self) -> None:
        if self._resuming:
            return
        self.begun = True
        self._known = None
        self._url = b""
        self._headers = []
        self._hosts = 0
        self._encoding = b""
        self._expects_continue = False

    def on_url(self, url: bytes) -> None:
        if not self._resuming:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.reading is not None:
            return  # a trailer
        headers, name, value = self._headers, name.lower(), value.rstrip(b" \t")
        if name in _LOOKED_AT:
            if name == b"host":
                self._hosts += 1
            elif name == b"expect":
                self._expects_continue = value.lower() == b"100-continue"
            elif name == b"transfer-encoding":
                self._encoding += value.lower() or b"?"
        headers.append((name, value))
        if len(headers) > MOST_HEADERS:
            raise self.breaks(HeadersTooLarge(f"a request may have {MOST_HEADERS} headers; send fewer"))

    def on_headers_complete(self) -> None:
        if self._resuming:
            self._resuming = False
            return
        size, self.unread = self.unread, 0
        if size > self._most_bytes and self._size() > self._most_bytes:  # some of it may be the body already
            raise self.breaks(self._too_large())
        parser = self._parser
        version, method = parser.get_http_version(), parser.get_method().decode("latin-1")
        recent = version == "1.1"
        if not recent or self._hosts != 1 or self._encoding or self._url == b"*" or method == "CONNECT":
            self._refuse_unheard_of(version, method, recent)
        if self._url != self._known_url:
            self._aim()
        if parser.should_upgrade():
            self._body_framing = b"".join(b"%b: %b\r\n" % pair for pair in self._headers if pair[0] in _FRAMING)
        self._keeps = parser.should_keep_alive()
        self._parsed += 1
        asked = Asked(method == "HEAD", recent, self._keeps)
        scope = self._scope(method, version)
        exchange = Exchange(self._wire, self._loop, scope, asked, self._expects_continue and recent)
        self.reading = exchange
        self.begun = False
        self._told(exchange)

    def on_body(self, body: bytes) -> None:
        self.unread = 0
        if self.reading is not None:
            self.reading.feed(body)

    def on_message_complete(self) -> None:
        if self._body_framing:
            return  # its body is still to come
        exchange, self.reading = self.reading, None
        self.unread = 0
        if exchange is not None:
            exchange.finish()

    def _refuse_unheard_of(self, version: str, method: str, recent: bool) -> None:
        """Of a request that may be unlike most: raises what stops the parser if it is like none."""
        if not recent and version != "1.0":
            raise self.breaks(BadRequest(f"HTTP {version} is not spoken here; send 1.1", code="invalid_http"))
        if self._hosts != 1 and (recent or self._hosts):
            raise self.breaks(BadRequest("a request says once which host it is for", param="host"))
        if self._encoding and (self._encoding != b"chunked" or not recent):
            raise self.breaks(BadRequest("the transfer-encoding is `chunked`, or none", param="transfer-encoding"))
        if method == "CONNECT" or (self._url == b"*" and method != "OPTIONS"):
            raise self.breaks(BadRequest(f"{method} {self._url.decode('latin-1')[:100]} is for a proxy; this is none"))

    def _aim(self) -> None:
        try:
            self._target = take_apart(self._url)
        except ValueError as error:
            raise self.breaks(BadRequest(str(error))) from None
        self._known_url = self._url

    def _scope(self, method: str, version: str) -> Scope:
        target, ends = self._target, self.ends
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": method,
            "scheme": ends.scheme,
            "path": target.path,
            "raw_path": target.raw_path,
            "query_string": target.query,
            "root_path": "",
            "headers": self._headers,
            "client": ends.client,
            "server": ends.server,
        }

    def _size(self) -> int:
        return len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._headers)

    def _too_large(self) -> Fault:
        return HeadersTooLarge(
            f"a request's headers may have {self._most_bytes} bytes altogether; send fewer or shorter ones"
        )
