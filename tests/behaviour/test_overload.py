"""More calls than an upstream, or the gateway itself, keeps up with: some are turned away, the others are served as fast
as always. A real gateway, and an upstream with few places.

Nothing here is judged by the clock: what says how long calls wait is how many of them stand before the upstream at once.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence

import httpx
import pytest

from gateway.testing import Received, ScriptedUpstream, Write, raw
from tests.behaviour.test_lifecycle import ANSWER, CHAT
from tests.conftest import Gateway, GatewayFactory

BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
SHARING = "sharing: {priorities: [{priority: batch, match: {teams: [team-b]}}]}\n"
BOTH_TEAMS = """
rules:
  - {id: all, effect: allow, owner: tests, reason: tests, teams: [team-a, team-b], models: ["*"]}
"""


class Engine:
    """An upstream that works on a few calls at a time; the others wait before it. `waiting`: how many stood there when
    each call came."""

    def __init__(self, places: int, works_s: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._works_s = works_s
        self._there = 0
        self.waiting: list[int] = []
        body = json.dumps(ANSWER).encode()
        self._said = (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )

    async def answer(self, _received: Received, write: Write) -> None:
        self._there += 1
        self.waiting.append(self._there)
        try:
            async with self._places:
                await asyncio.sleep(self._works_s)
            await write(self._said)
        finally:
            self._there -= 1


@contextlib.asynccontextmanager
async def clients(gateway: Gateway, *keys: str) -> AsyncGenerator[Sequence[httpx.AsyncClient]]:
    async with contextlib.AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=400)
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=gateway.base_url, headers={"authorization": f"Bearer {key}"}, timeout=60, limits=limits
                )
            )
            for key in keys
        ]


async def load(client: httpx.AsyncClient, callers: int, calls: int) -> list[httpx.Response]:
    """So many callers at once, each making so many calls; who is turned away waits a little."""

    async def caller() -> list[httpx.Response]:
        answers: list[httpx.Response] = []
        for _ in range(calls):
            answers.append(await client.post("/chat/completions", json=BODY))
            if answers[-1].status_code == 503:
                await asyncio.sleep(0.02)
        return answers

    return [one for some in await asyncio.gather(*(caller() for _ in range(callers))) for one in some]


def served(answers: Sequence[httpx.Response]) -> int:
    return sum(one.status_code == 200 for one in answers)


async def flooded(make: GatewayFactory, overload: str) -> tuple[Gateway, Engine, int, list[httpx.Response]]:
    """A load that is kept up with, of which so many were served, and then a flood: its answers."""
    engine = Engine(places=4, works_s=0.05)
    routes = f"retries: {{max_attempts: 1}}\nejection: {{enabled: false}}\noverload: {overload}\n"
    async with ScriptedUpstream({CHAT: engine.answer}) as upstream:
        gateway = make(upstream.base_url, policies={"routes": routes})
        await asyncio.to_thread(gateway.start)
        async with clients(gateway, gateway.key) as (client,):
            normal = await load(client, 4, 25)
            assert served(normal) == len(normal), "a load that is kept up with is never turned away"
            flood = await load(client, 60, 15)
    engine.waiting = engine.waiting[len(normal) :]
    return gateway, engine, len(normal), flood


@pytest.mark.asyncio
async def test_an_upstream_that_is_asked_too_much_gets_what_it_keeps_up_with(make_gateway: GatewayFactory) -> None:
    _, engine, _, flood = await flooded(make_gateway, "{enabled: false}")
    assert served(flood) == len(flood)
    crowd = sum(engine.waiting) / len(engine.waiting)
    gateway, engine, before, flood = await flooded(make_gateway, "{min: 4}")
    refused = [one for one in flood if one.status_code == 503]
    assert served(flood) + len(refused) == len(flood)
    assert len(engine.waiting) == served(flood) > 0, "who was turned away did not reach the upstream"
    assert sum(engine.waiting) / served(flood) < crowd * 0.75, "who got in waited behind fewer"
    fault = refused[0].json()["error"]
    assert (fault["code"], refused[0].headers["retry-after"]) == ("overloaded", "1")
    records = await asyncio.to_thread(gateway.records, before + len(flood), 20)
    kept = [one for one in records if one["error_code"] == "overloaded"]
    assert len(kept) == len(refused)
    assert {(one["outcome"], one["status"], one["cost_nano"] or 0) for one in kept} == {("refused", 503, 0)}
    assert await gateway.metrics("gateway_target_full_total") == len(refused)


@pytest.mark.asyncio
async def test_a_gateway_with_too_much_to_do_turns_batch_away_first(make_gateway: GatewayFactory) -> None:
    engine = Engine(places=1_000, works_s=0.2)  # long enough that callers stand there together on a slow machine too
    # Of the two that turn calls away, the other is the upstream's: on a slow machine it would seem to be too slow.
    policies = {"limits": SHARING, "access": BOTH_TEAMS, "routes": "overload: {enabled: false}\n"}
    async with ScriptedUpstream({CHAT: engine.answer}) as upstream:
        overload = {"max_in_flight": 40, "batch_share": 0.5}
        gateway = make_gateway(upstream.base_url, policies=policies, overload=overload)
        await asyncio.to_thread(gateway.start)
        batch_key = gateway.create_key("team-b")
        async with clients(gateway, gateway.key, batch_key) as (interactive, batch):
            while (await batch.post("/chat/completions", json=BODY)).status_code == 401:
                await asyncio.sleep(0.05)
            before = len(engine.waiting)
            urgent, patient = await asyncio.gather(load(interactive, 20, 8), load(batch, 100, 8))
        assert served(urgent) == len(urgent)
        turned_away = [one for one in patient if one.status_code == 503]
        assert turned_away
        assert served(patient) + len(turned_away) == len(patient)
        assert len(engine.waiting) - before == served(urgent) + served(patient)
        assert max(engine.waiting) <= 40
        assert await gateway.metrics("gateway_calls_turned_away_total") == len(turned_away)


@pytest.mark.asyncio
async def test_a_scrape_shows_every_call_that_was_answered_before_it(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: raw(60.0)}) as upstream:
        gateway = make_gateway(upstream.base_url, overload={"max_in_flight": 1})
        await asyncio.to_thread(gateway.start)
        async with clients(gateway, gateway.key) as (client,):
            hanging = asyncio.create_task(client.post("/chat/completions", json=BODY))
            while not upstream.requests:
                await asyncio.sleep(0.01)
            for refused in range(1, 6):
                assert (await client.post("/chat/completions", json=BODY)).status_code == 503
                assert await gateway.metrics("gateway_calls_turned_away_total") == refused
            hanging.cancel()


@pytest.mark.asyncio
async def test_a_late_event_loop_turns_calls_away_and_takes_them_again_afterwards(make_gateway: GatewayFactory) -> None:
    engine = Engine(places=1_000, works_s=0.0)
    async with ScriptedUpstream({CHAT: engine.answer}) as upstream:
        # So strict that any crowd is too much for it, on any machine.
        gateway = make_gateway(upstream.base_url, overload={"lag_ms": 0.001, "interval_s": 0.1})
        await asyncio.to_thread(gateway.start)
        async with clients(gateway, gateway.key) as (client,):
            answers: list[httpx.Response] = []
            while served(answers) == len(answers):
                answers += await load(client, 20, 5)
            refused = [one for one in answers if one.status_code == 503]
            assert {one.json()["error"]["code"] for one in refused} == {"overloaded"}
            assert served(answers) > 0
        records = await asyncio.to_thread(gateway.records, len(answers), 20)
        assert sum(one["outcome"] == "refused" for one in records) == len(refused)
        assert len(engine.waiting) == served(answers)
