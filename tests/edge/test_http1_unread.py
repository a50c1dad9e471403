"""Clients that do not read what is left of their answer: they keep their place for so long, and nobody else's."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from gateway.edge.asgi import Receive, Scope, Send
from gateway.edge.http1.listener import Http1Options, Http1Server
from tests.edge.http1_desk import answer

LARGE = 60_000  # less than a connection may hold that its client has not read, more than the sockets' buffers here
LONG_S = 60.0


async def many_bytes(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await answer(send, b"x" * LARGE)


@contextlib.asynccontextmanager
async def serving_one(**terms: float) -> AsyncIterator[tuple[str, int]]:
    """Where a server with room for one connection listens, whose buffers are small."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    address = listener.getsockname()
    of_time = {"header_s": LONG_S, "keep_alive_s": LONG_S, "stall_s": LONG_S, **terms}
    server = Http1Server(many_bytes, listener, Http1Options(max_connections=1, max_header_bytes=8192, **of_time), None)
    serving = asyncio.create_task(server.serve())
    try:
        yield address
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def client(address: tuple[str, int]) -> AsyncIterator[socket.socket]:
    """One that has asked."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(made, address)
        await loop.sock_sendall(made, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        yield made


async def read(asking: socket.socket, size: int) -> int:
    """So many bytes, or what came before the server went."""
    got = 0
    async with asyncio.timeout(30):
        while got < size and (piece := await asyncio.get_running_loop().sock_recv(asking, 65536)):
            got += len(piece)
    return got


async def test_who_does_not_read_the_last_of_an_answer_loses_his_place() -> None:
    async with serving_one(stall_s=0.5) as address, client(address) as silent:
        await asyncio.sleep(0.3)
        async with client(address) as other:
            assert await read(other, LARGE) >= LARGE
        assert await read(silent, 2 * LARGE) < LARGE


async def test_who_has_read_all_after_a_while_makes_room() -> None:
    async with serving_one() as address, client(address) as slow:
        await asyncio.sleep(0.3)
        async with client(address) as other:
            await asyncio.sleep(0.3)
            assert await read(slow, LARGE) >= LARGE
            assert await read(other, LARGE) >= LARGE


async def test_who_reads_slowly_keeps_his_place() -> None:
    async with serving_one(stall_s=2.5) as address, client(address) as slow:
        got = 0
        for _ in range(4):
            await asyncio.sleep(1.0)
            got += await read(slow, 12_000)
        assert got + await read(slow, LARGE - got) >= LARGE
