"""What an answer leaves behind that was not read, or not to its end: it meets no other call, and passes for no whole one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.core.faults import UpstreamFault, UpstreamTimeout
from gateway.testing import Hangup, Script, ScriptedUpstream, body_answer, raw
from gateway.transport.client import Exchange, HttpClient
from gateway.transport.connection import HIGH_WATER_BYTES
from gateway.transport.options import ClientOptions, Timeouts
from gateway.transport.url import parse_url

PATIENT = Timeouts(connect_s=2, first_byte_s=3, idle_s=10, total_s=20)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n"
MORE_THAN_IS_HELD = HIGH_WATER_BYTES + 5_000


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream({}) as made:
        yield made


@pytest_asyncio.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(ClientOptions()) as made:
        yield made


async def send(
    client: HttpClient, upstream: ScriptedUpstream, script: Script, timeouts: Timeouts = PATIENT
) -> Exchange:
    upstream.set("/v1/x", script)
    return await client.send(parse_url(f"{upstream.base_url}/x"), {}, b"{}", timeouts)


async def all_there(exchange: Exchange) -> None:
    """So much of it unread that nothing more is taken from the socket."""
    async with asyncio.timeout(10):
        while not (exchange._connection.complete and exchange._connection._paused):
            await asyncio.sleep(0.01)


async def test_an_answer_that_was_held_up_and_not_read_keeps_nobody_waiting(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    exchange = await send(client, upstream, body_answer(b"x" * MORE_THAN_IS_HELD))
    await all_there(exchange)
    exchange.close()
    assert await (await send(client, upstream, body_answer(b"fine"))).read() == b"fine"


async def test_what_came_unasked_behind_an_answer_that_was_held_up_is_nobodys(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    answer = HEAD + b"content-length: %d\r\n\r\n" % MORE_THAN_IS_HELD + b"x" * MORE_THAN_IS_HELD
    exchange = await send(client, upstream, raw(answer, 0.2, HEAD + b"content-length: 6\r\n\r\nunasked", 5.0))
    await all_there(exchange)
    await asyncio.sleep(0.4)
    assert len(await exchange.read()) == MORE_THAN_IS_HELD
    assert await (await send(client, upstream, body_answer(b"mine"))).read() == b"mine"


WITHOUT_LENGTH = raw(HEAD + b"connection: close\r\n\r\nthe beginning", 5.0, b", and the rest", Hangup())


@pytest.mark.parametrize("how", ["by pieces", "whole"])
async def test_an_answer_without_a_length_that_took_too_long_is_not_over(
    client: HttpClient, upstream: ScriptedUpstream, how: str
) -> None:
    exchange = await send(client, upstream, WITHOUT_LENGTH, Timeouts(total_s=0.2))
    if how == "by pieces":
        assert await exchange.piece() == b"the beginning"
    await asyncio.sleep(0.5)
    with pytest.raises(UpstreamTimeout):
        await (exchange.piece() if how == "by pieces" else exchange.read())


@pytest.mark.parametrize("by", ["an exchange's end", "the client's end"])
async def test_an_answer_without_a_length_that_we_broke_off_is_not_over(upstream: ScriptedUpstream, by: str) -> None:
    async with HttpClient(ClientOptions()) as client:
        exchange = await send(client, upstream, WITHOUT_LENGTH)
        assert await exchange.piece() == b"the beginning"
        reading = asyncio.create_task(exchange.piece())
        await asyncio.sleep(0.05)
        if by == "an exchange's end":
            exchange.close()
    with pytest.raises(UpstreamFault):
        await reading


async def test_a_request_that_ran_out_of_time_on_a_kept_connection_is_not_sent_again(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    await (await send(client, upstream, body_answer(b"hello"))).read()
    with pytest.raises(UpstreamTimeout):
        await send(client, upstream, raw(5.0), Timeouts(first_byte_s=0.1))
    await asyncio.sleep(0.1)
    assert len(upstream.requests) == 2


async def test_a_request_under_way_when_the_client_ends_is_not_sent_again(upstream: ScriptedUpstream) -> None:
    async with HttpClient(ClientOptions()) as client:
        await (await send(client, upstream, body_answer(b"hello"))).read()
        asking = asyncio.create_task(send(client, upstream, raw(5.0)))
        async with asyncio.timeout(10):
            while len(upstream.requests) < 2:
                await asyncio.sleep(0.01)
    with pytest.raises(UpstreamFault):
        await asyncio.wait_for(asking, 5)
    assert len(upstream.requests) == 2
