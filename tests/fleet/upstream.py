"""Upstreams that fail by script: OpenAI-compatible servers, several in one process, each on a port of its own.

    python -m tests.fleet.upstream CONTROL_PORT NAME=PORT …

Told over the control port, while they run:

    POST /set     {"a": "black_hole", "b": {"does": "status", "status": 503, "share": 0.1}}    a mode's name, or its fields
    GET  /counts  `Report`: what each was asked and did
    POST /forget  begin to count anew
"""

import asyncio
import contextlib
import random
import socket
import sys
import time
from collections import Counter, deque
from typing import cast

import msgspec
import uvloop

from tests.fleet import answers
from tests.fleet.connection import Connection
from tests.fleet.counts import Counts, Report
from tests.fleet.modes import MODES, Behaviour, in_force
from tests.speed.mock_upstream import content_length

BIND_ATTEMPTS = 1_000


class Upstream:
    """One upstream. It keeps its port while it refuses connections, so that nobody else gets it."""

    def __init__(self, name: str, port: int, seen: Counter[str]) -> None:
        self.name = name
        self.counts = Counts()
        self.seen = seen
        self.chance = random.Random(name)
        self.loop = asyncio.get_running_loop()
        self._port = port
        self._behaviour = MODES["healthy"]
        self._since = 0.0
        self._next_flap: asyncio.TimerHandle | None = None
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._busy = 0
        self._waiting: deque[Connection] = deque()

    async def set(self, behaviour: Behaviour) -> None:
        """Behave so from now on; what is under way goes on as it began."""
        if self._next_flap is not None:
            self._next_flap.cancel()
        self._behaviour, self._since = behaviour, self.loop.time()
        await self._listen_or_not()
        if behaviour.does == "refuse" and behaviour.flap_s is not None:
            self._next_flap = self.loop.call_later(behaviour.flap_s, self._flap)
        self._let_in()

    def _flap(self) -> None:
        period_s = self._behaviour.flap_s
        assert period_s is not None, "only those that flap are called"
        self._next_flap = self.loop.call_later(period_s, self._flap)
        self._flapping = self.loop.create_task(self._listen_or_not())

    async def _listen_or_not(self) -> None:
        if self._now().does == "refuse":
            await self._refuse()
        elif self._server is None:
            self._server = await self.loop.create_server(
                lambda: Connection(self, self._connections), sock=self._socket or await self._bind(), backlog=1024
            )

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = self._socket = None
        for connection in tuple(self._connections):
            connection.reset("refused")
        if self._socket is None:
            self._socket = await self._bind()  # bound, but nobody listens: the kernel refuses

    async def _bind(self) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        for _ in range(BIND_ATTEMPTS):
            with contextlib.suppress(OSError):
                bound.bind(("127.0.0.1", self._port))
                return bound
            await asyncio.sleep(0.001)  # the loop closes what listened before in a turn of its own
        raise OSError(f"port {self._port} is not free")

    def _now(self) -> Behaviour:
        # A turn of the clock too early would find the period before.
        return in_force(self._behaviour, self.loop.time() - self._since + 0.001)

    def receive(self, connection: Connection, nonce: str, traced: bool) -> None:
        counts, second = self.counts, int(time.time())
        counts.received += 1
        counts.traced += traced
        counts.per_s[second] = counts.per_s.get(second, 0) + 1
        counts.open += 1
        counts.most_open = max(counts.most_open, counts.open)
        self.seen[nonce] += 1
        self._waiting.append(connection)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            now = self._now()
            if now.capacity is not None and self._busy >= now.capacity:
                return
            self._busy += 1
            usual = now.share < 1 and self.chance.random() >= now.share
            self._waiting.popleft().work(MODES["healthy"] if usual else now)

    def leave(self, connection: Connection, how: str, made: float) -> None:
        """A request is over. `made`: the part of its answer that there was by then."""
        counts = self.counts
        setattr(counts, how, getattr(counts, how) + 1)
        counts.open -= 1
        if made > 0:
            counts.input_tokens += answers.INPUT_TOKENS
            counts.output_tokens += round(answers.OUTPUT_TOKENS * made)
        if connection in self._waiting:
            self._waiting.remove(connection)
        else:
            self._busy -= 1
        self._let_in()

    def forget(self) -> None:
        still = self.counts.open
        self.counts = Counts(received=still, open=still, most_open=still)


class Control(asyncio.Protocol):
    """The control port."""

    def __init__(self, upstreams: dict[str, Upstream], seen: Counter[str]) -> None:
        self._upstreams = upstreams
        self._seen = seen
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or len(self._buffer) < end + 4 + (content_length(self._buffer[:end].lower()) or 0):
            return
        path, body, self._buffer = self._buffer.split(b" ", 2)[1], self._buffer[end + 4 :], b""
        self._task = asyncio.create_task(self._obey(path, body))

    async def _obey(self, path: bytes, body: bytes) -> None:
        try:
            if path == b"/set":
                await self._set(body)
            elif path == b"/forget":
                self._forget()
        except (msgspec.DecodeError, LookupError, OSError) as error:
            self._say(b"400 Bad Request", repr(error).encode())
        else:
            self._say(b"200 OK", msgspec.json.encode(self._report()))

    def _say(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, len(body)) + body)

    async def _set(self, body: bytes) -> None:
        for name, wanted in msgspec.json.decode(body, type=dict[str, str | Behaviour]).items():
            await self._upstreams[name].set(MODES[wanted] if isinstance(wanted, str) else wanted)

    def _forget(self) -> None:
        self._seen.clear()
        for upstream in self._upstreams.values():
            upstream.forget()

    def _report(self) -> Report:
        times: dict[str, dict[int, int]] = {}
        for nonce, asked in self._seen.items():
            group = times.setdefault(nonce.partition("-")[0], {})
            group[asked] = group.get(asked, 0) + 1
        return Report({name: upstream.counts for name, upstream in self._upstreams.items()}, times)


async def serve(control_port: int, ports: dict[str, int]) -> None:
    seen: Counter[str] = Counter()
    upstreams = {name: Upstream(name, port, seen) for name, port in ports.items()}
    for upstream in upstreams.values():
        await upstream.set(MODES["healthy"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Control(upstreams, seen), "127.0.0.1", control_port)
    await server.serve_forever()


if __name__ == "__main__":
    named = (word.partition("=") for word in sys.argv[2:])
    uvloop.run(serve(int(sys.argv[1]), {name: int(port) for name, _, port in named}))
