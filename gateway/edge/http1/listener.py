"""The server: accepts connections on an inherited socket, lets the application answer, and ends what takes too long."""

import asyncio
import errno
import logging
import socket
import ssl
from email.utils import formatdate

import msgspec

from gateway.edge.asgi import App
from gateway.edge.http1.connection import IDLE, LINGER_S, Connection
from gateway.edge.http1.exchange import Exchange
from gateway.edge.http1.tls import Certificates
from gateway.edge.peer import PEER
from gateway.transport.outbox import Outbox

_log = logging.getLogger("gateway.edge")
LOOK_EVERY_S = 1.0
# At the end, for clients that are still reading.
CLOSING_S = 4.0
# At each turn of the loop, so that one worker does not take a whole burst from its fellows.
ACCEPTED_AT_ONCE = 8
# The process, or the system, has no room for another connection: accepting is tried again after this time.
NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_S = 0.5


class Http1Options(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes: see ServerOptions; `stall_s`: how long a client may neither read what is written nor send what is
    read. For calls, InFlight's patience comes first."""

    max_connections: int
    header_s: float
    keep_alive_s: float
    stall_s: float
    max_header_bytes: int


class Http1Server:
    """Serves `app` on a listening socket until `stop()`; `serve()` returns when the connections are closed.

    Attributes:
    connections: all that are open. date: the header line that says what time it is. outbox: for what is written.
    """

    def __init__(self, app: App, listener: socket.socket, options: Http1Options, tls: Certificates | None) -> None:
        self._app = app
        self._listener = listener
        self._tls = tls
        self._max_connections = options.max_connections
        self.header_s, self.keep_alive_s, self.stall_s = options.header_s, options.keep_alive_s, options.stall_s
        self.max_header_bytes = options.max_header_bytes
        self.date = _date()
        self.outbox = Outbox()
        self.connections: set[Connection] = set()
        self._adopting = 0
        # In the order in which they became idle: the first is the one that nobody has used for longest. Who was asked
        # again since is still among them, and is left out when he is come across: to take him out costs every request.
        self._idle: dict[Connection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting = False
        self._stopping = asyncio.Event()

    async def serve(self) -> None:
        """Accept and answer until told to stop; then close what is idle, and wait a little for the rest."""
        self._loop = asyncio.get_running_loop()
        self._accept_again()
        looking = asyncio.create_task(self._look_after())
        try:
            await self._stopping.wait()
            self._accept_no_more()
            for connection in list(self.connections):
                connection.leave_if_idle()
            await self._closed()
        finally:
            self._stopping.set()
            self._accept_no_more()
            looking.cancel()
            for connection in list(self.connections):
                connection.abort()
            self._listener.close()

    def stop(self) -> None:
        self._stopping.set()

    def leave_port(self) -> None:
        """Accept nobody any more, so that another process can listen there; what is open goes on."""
        self._accept_no_more()
        self._listener.close()

    # What a connection calls

    def begin(self, exchange: Exchange) -> None:
        # With a name, for which the task else makes up one: a tenth of what it costs.
        exchange.task = task = asyncio.Task(self._answer(exchange), loop=self._loop, name="request")
        self._tasks.add(task)

    def opened(self, connection: Connection) -> None:
        self.connections.add(connection)
        if self._stopping.is_set():
            connection.leave_if_idle()

    def idle(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        self._idle[connection] = None
        if not self._accepting:
            if self._stopping.is_set():
                connection.leave_if_idle()
            self._accept_again()  # it may make room

    def read_all(self) -> None:
        self._accept_again()  # it may make room

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._idle.pop(connection, None)
        self._accept_again()

    # Inside

    async def _answer(self, exchange: Exchange) -> None:
        scope = exchange.scope
        scope[PEER] = exchange
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:  # noqa: BLE001  the border: an application answers its own bugs; one here is told by the log
            _log.exception("%s %s failed", scope["method"], scope["path"])
        finally:
            del scope[PEER]  # which knows the scope
            self._tasks.discard(exchange.task)
            exchange.over()

    def _accept_again(self) -> None:
        if not self._accepting and not self._stopping.is_set() and (descriptor := self._listener.fileno()) >= 0:
            self._accepting = True
            self._loop.add_reader(descriptor, self._accept)

    def _accept_no_more(self) -> None:
        if self._accepting:
            self._accepting = False
            self._loop.remove_reader(self._listener.fileno())

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            full = len(self.connections) + self._adopting >= self._max_connections
            if full and self._unused() is None:
                self._accept_no_more()  # until one is closed, or idle
                return
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                _log.error("no connection can be accepted: %s", error.strerror)
                self._make_room()
                self._accept_no_more()
                self._loop.call_later(PAUSE_S, self._accept_again)
                return
            if full:
                self._make_room()
            self._adopting += 1
            task = self._loop.create_task(self._adopt(accepted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _unused(self) -> Connection | None:
        """The connection that nobody has used for longest, and whose client has read all that it was sent."""
        unused: Connection | None = None
        asked_again: list[Connection] = []
        for connection in self._idle:
            if connection.state is not IDLE:
                asked_again.append(connection)
            elif not connection.sending:
                unused = connection
                break
        for connection in asked_again:
            del self._idle[connection]
        return unused

    def _make_room(self) -> None:
        if (connection := self._unused()) is not None:
            connection.leave_if_idle()

    async def _adopt(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(
                self._connection,
                accepted,
                ssl=self._tls.context if self._tls else None,
                ssl_handshake_timeout=self.header_s if self._tls else None,
                ssl_shutdown_timeout=LINGER_S if self._tls else None,
            )
        except (OSError, ssl.SSLError, TimeoutError):
            accepted.close()  # it is gone again, or does not speak TLS as it should
        finally:
            self._adopting -= 1
            self._accept_again()

    def _connection(self) -> Connection:
        return Connection(self, self._loop, "https" if self._tls else "http")

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.date = _date()
            if self._tls is not None:
                self._tls.look()
            now = self._loop.time()
            for connection in list(self.connections):
                try:
                    connection.look(now)
                except Exception:  # noqa: BLE001  a border: it would end the watch over all others
                    _log.exception("a connection could not be looked at")
                    connection.abort()

    async def _closed(self) -> None:
        """Until all are, or only such as do not read what is left for them."""
        began = self._loop.time()
        while self.connections and (waited := self._loop.time() - began) < CLOSING_S:
            if waited > LINGER_S and not any(connection.sending for connection in self.connections):
                return
            await asyncio.sleep(0.02)


def _date() -> str:
    return f"date: {formatdate(usegmt=True)}\r\n"
