"""Feedback where the ledger is a server that may be away, and where several gateways write it."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from gateway.core.clock import uuid7
from gateway.feedback import PAUSES_S
from gateway.ledger.feedback.rating import Ratings, ratings
from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.testing import ScriptedUpstream
from tests.behaviour.feedback_desk import CHAT, MESSAGES, TENANTS, answered
from tests.conftest import Gateway, GatewayFactory, within
from tests.patience import stood_in_line_s
from tests.postgres import PostgresServer, postgres_server

YEAR_NS = 365 * 86_400 * 1_000_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def rows(url: str, query: str) -> list[dict[str, Any]]:
    try:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()
    except psycopg.errors.UndefinedTable:
        return []


@contextlib.asynccontextmanager
async def client_of(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {gateway.key}"}
    async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=30) as client:
        yield client


async def chat(client: httpx.AsyncClient) -> str:
    answer = await client.post("/chat/completions", json={"model": "test-model", "messages": MESSAGES})
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]


async def test_with_the_ledger_away_nothing_is_lost_and_what_nobody_can_say_is_told(
    make_gateway: GatewayFactory, server: PostgresServer
) -> None:
    url = server.fresh_database()
    async with ScriptedUpstream({CHAT: answered("chatcmpl-1")}) as upstream:
        ledger = {"url": "${env:LEDGER_URL}", "connect_timeout_s": 1}
        gateway = make_gateway(
            upstream.base_url, ledger=ledger, drain={"max_backoff_s": 0.3}, policies={"tenants": TENANTS}
        )
        await asyncio.to_thread(gateway.start, LEDGER_URL=url)
        async with within(90), client_of(gateway) as client:

            async def say(**said: Any) -> httpx.Response:
                return await client.post("/feedback", json={"value": "up", **said})

            async def counted(calls: int, feedback: int) -> None:
                while (
                    len(rows(url, "SELECT 1 FROM calls")) < calls or len(rows(url, "SELECT 1 FROM feedback")) < feedback
                ):
                    await asyncio.sleep(0.1)

            old = await chat(client)
            await counted(1, 0)
            # Its journal goes with its worker: only the ledger knows it then.
            await asyncio.to_thread(gateway.stop)
            assert list((gateway.state / "journal").glob("*.jnl")) == []
            await asyncio.to_thread(gateway.start, LEDGER_URL=url)
            server.stop(signal.SIGKILL)
            fresh = await chat(client)
            told = [await say(request_id=fresh), await say(response_id="chatcmpl-1", metric="m")]
            assert [(one.status_code, one.json()["request_id"]) for one in told] == [(201, fresh)] * 2
            nobodys = uuid7(1_800_000_000_000_000_000 - YEAR_NS)
            for call in (old, nobodys):
                taken = await say(request_id=call)
                assert (taken.status_code, taken.json()["status"]) == (202, "accepted"), "whose it is, nobody can say"
            for unsure in ({"response_id": "chatcmpl-0"}, {"request_id": old, "comment": "text"}):
                refused = await say(**unsure)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
                assert refused.json()["error"]["code"] == "ledger_unavailable"
                assert "127.0.0.1" not in refused.text
            server.start()
            await counted(2, 4)
            assert (await say(request_id=nobodys)).status_code == 404
    place = LedgerPlace(Path("/nowhere"), LedgerOptions(url=url))
    found = ratings(place, ["team"], metric="feedback")
    assert found == {("team-a",): Ratings(2, 2)}, "of the two calls that there are"


async def test_a_call_of_another_gateway_is_waited_for_while_it_is_young(
    make_gateway: GatewayFactory, server: PostgresServer
) -> None:
    url = server.fresh_database()
    async with ScriptedUpstream({}) as upstream:
        pair = [make_gateway(upstream.base_url, ledger={"url": "${env:LEDGER_URL}"}) for _ in range(2)]
        for gateway in pair:
            await asyncio.to_thread(gateway.start, LEDGER_URL=url)
        found_at_once = 0
        async with within(90), client_of(pair[0]) as one, client_of(pair[1]) as other:
            for number in range(6):
                upstream.set(CHAT, answered(f"chatcmpl-{number}"))
                call = await chat(one)
                named = {"request_id": call} if number % 2 else {"response_id": f"chatcmpl-{number}"}
                said = await other.post("/feedback", json={"value": "up", **named})
                found_at_once += said.status_code == 201
                while said.status_code == 404:  # a busy machine may take longer to drain it than anybody waits
                    said = await other.post("/feedback", json={"value": "up", **named})
                assert (said.status_code, said.json().get("request_id")) == (201, call), said.text
            assert found_at_once >= 3, "nothing is there yet when it is asked for first"
            workers = pair[1].worker_pids()
            waited_s = stood_in_line_s(workers)
            began = asyncio.get_running_loop().time()
            ancient = uuid7(1_700_000_000_000_000_000)
            assert (await other.post("/feedback", json={"value": "up", "request_id": ancient})).status_code == 404
            took_s = asyncio.get_running_loop().time() - began - (stood_in_line_s(workers) - waited_s)
            assert took_s < sum(PAUSES_S), "an old one is there or not"
