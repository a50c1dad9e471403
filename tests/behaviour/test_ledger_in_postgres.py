"""A gateway with its ledger in PostgreSQL by one line of config.yaml."""

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import GatewayFactory, within
from tests.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def calls(url: str) -> list[dict[str, Any]]:
    try:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute("SELECT * FROM calls ORDER BY id").fetchall()
    except psycopg.errors.UndefinedTable:
        return []


ANSWER = {"id": "a", "choices": [{"finish_reason": "stop"}], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


async def chat(client: httpx.AsyncClient) -> str:
    body = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
    answer = await client.post("/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]


async def test_calls_arrive_there_also_when_it_was_away_at_first_and_is_killed_later(
    make_gateway: GatewayFactory, server: PostgresServer
) -> None:
    url = server.fresh_database()
    server.stop(signal.SIGKILL)
    async with ScriptedUpstream({"/v1/chat/completions": json_answer(ANSWER)}) as upstream:
        ledger = {"url": "${env:LEDGER_URL}", "connect_timeout_s": 1}
        gateway = make_gateway(upstream.base_url, ledger=ledger, drain={"max_backoff_s": 0.3})
        await asyncio.to_thread(gateway.start, LEDGER_URL=url)
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:

            async def told(state: str) -> None:
                while (await client.get(f"{gateway.url}/health/ready")).json()["ledger"] != state:
                    await asyncio.sleep(0.05)

            async with within(60):
                made = [await chat(client) for _ in range(3)]
                await told("behind")
                server.start()
                await told("ok")
                while len(calls(url)) < 3:
                    await asyncio.sleep(0.05)
                server.stop(signal.SIGKILL)
                made += [await chat(client) for _ in range(3)]
                await told("behind")
                server.start()
                made.append(await chat(client))
        assert await asyncio.to_thread(gateway.stop) == 0
    assert sorted(str(row["id"]) for row in calls(url)) == sorted(made)
    assert {row["outcome"] for row in calls(url)} == {"completed"}
    assert "not-needed" not in gateway.log(), "the URL's password"
    assert not (gateway.state / "ledger.db").exists()


async def test_a_url_that_the_environment_does_not_hold_is_told_before_anything_starts(
    make_gateway: GatewayFactory,
) -> None:
    """An empty one must not mean SQLite: somebody would look for the calls in the wrong place."""
    gateway = make_gateway(ledger={"url": "${env:LEDGER_URL}"})
    assert gateway.create_key(), "which needs no ledger"
    said = await asyncio.to_thread(gateway.cli, "serve", check=False)
    assert said.returncode != 0
    assert "ledger.url is empty" in said.stdout + said.stderr
