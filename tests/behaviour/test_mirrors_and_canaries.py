"""Mirrors and canaries as a real gateway with two workers makes them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from gateway.testing import ScriptedUpstream, json_answer, raw, status
from tests.behaviour.test_routes import CHAT, said, streamed, two_upstreams
from tests.conftest import CARD, Gateway, GatewayFactory

pytestmark = pytest.mark.asyncio(loop_scope="module")
PRICES = """
currency: USD
prices:
  - {id: one, provider: one, models: ["*"], from: "2020-01-01", per_million_tokens: {input: 1, output: 2}}
  - {id: two, provider: two, models: ["*"], from: "2020-01-01", per_million_tokens: {input: 10, output: 20}}
"""
DAY = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
FAST = "routes: {fast: {targets: [{target: one/m}], MORE}}\nretries: {max_attempts: 1}\nejection: {enabled: false}"


def body(**more: Any) -> dict[str, Any]:
    return {"model": "fast", "messages": [{"role": "user", "content": "what is said"}], **more}


class Site:
    def __init__(
        self, gateway: Gateway, one: ScriptedUpstream, two: ScriptedUpstream, client: httpx.AsyncClient
    ) -> None:
        self.gateway, self.one, self.two, self.client = gateway, one, two, client

    async def admin(self, path: str, **query: str) -> Any:
        async with httpx.AsyncClient(headers=self.gateway.operator, timeout=20) as client:
            return (await client.get(f"{self.gateway.url}/admin{path}", params=query)).json()

    async def eventually(self, path: str, enough: Any) -> Any:
        async with asyncio.timeout(15):
            while not enough(found := await self.admin(path)):
                await asyncio.sleep(0.05)
        return found


@contextlib.asynccontextmanager
async def site_of(make: GatewayFactory, more: str, **config: Any) -> AsyncGenerator[Site]:
    cards = {f"models/{name}": CARD.format(name=name, target=f"{provider}/m") for name, provider in MODELS.items()}
    async with two_upstreams(make, FAST.replace("MORE", more), PRICES, cards, **config) as parts:
        yield Site(*parts)


MODELS = {"small": "one", "big": "two"}


@pytest.mark.parametrize("stream", [False, True])
async def test_every_token_of_a_mirror_is_in_the_ledger_and_none_on_the_teams_bill(
    make_gateway: GatewayFactory, stream: bool
) -> None:
    async with site_of(make_gateway, "mirrors: [{model: big, keep: true}]") as site:
        gateway = site.gateway
        site.one.set(CHAT, streamed("from one") if stream else json_answer(said("from one")))
        site.two.set(CHAT, streamed("from two") if stream else json_answer(said("from two")))
        answer = await site.client.post("/chat/completions", json=body(stream=stream, user="jane"))
        assert "from one" in answer.text
        assert answer.headers["x-gateway-target"] == "one/m"
        own, mirror = sorted(await asyncio.to_thread(gateway.records, 2), key=lambda row: row["variant"])
        assert (own["variant"], mirror["variant"], mirror["client_request_id"]) == ("", "mirror", own["id"])
        assert (own["model"], mirror["model"], own["route"], mirror["route"]) == ("fast", "big", "fast", "fast")
        assert (own["tenant"], own["team"]) == (mirror["tenant"], mirror["team"])
        assert (own["cost_nano"], mirror["cost_nano"], mirror["input_tokens"]) == (18_000, None, 0)
        (attempt,) = gateway.ask_ledger("SELECT * FROM attempts WHERE call = ?", mirror["id"])
        assert (attempt["role"], attempt["account"], attempt["served"]) == ("mirror", "gateway:mirrors", 0)
        assert (attempt["target"], attempt["outcome"], attempt["cost_nano"]) == ("two/m", "completed", 180_000)
        charges = gateway.ask_ledger("SELECT meter, quantity FROM charges WHERE call = ? ORDER BY seq", mirror["id"])
        assert [tuple(row.values()) for row in charges] == [("input_tokens", 12), ("output_tokens", 3)]
        (bill,) = gateway.ask_ledger("SELECT sum(cost_nano) AS nano, sum(input_tokens) AS tokens FROM usage_hours")
        assert bill == {"nano": 18_000, "tokens": 12}
        await asyncio.to_thread(gateway.cli, "ledger", "verify")
        page = await site.eventually("/mirrors", lambda found: found["data"])
        (shown,) = page["data"]
        assert (shown["call"], shown["id"], shown["mirror_cost_nano"]) == (own["id"], mirror["id"], 180_000)
        assert "what is said" not in str(page)
        pair = await site.admin(f"/mirrors/{mirror['id']}")
        assert "what is said" in pair["request"]
        assert "from one" in pair["primary_answer"]
        assert "from two" in pair["mirror_answer"]
        audit = (await site.admin("/audit"))["data"]
        (line,) = [one for one in audit if one["action"] == "mirror.read"]
        assert (line["object"], line["details"]["call"]) == (mirror["id"], own["id"])
        forgotten = await asyncio.to_thread(gateway.cli, "ledger", "forget", "--user", "jane")
        assert "1 requests of theirs that mirrors keep were dropped" in forgotten.stdout
        assert (await site.admin("/mirrors"))["data"] == []
        assert await gateway.metrics('gateway_mirrored_calls_total{model="big",result="completed"') == 1
        assert await gateway.metrics("gateway_requests_total") == 1


async def test_a_mirror_that_swallows_everything_is_not_felt(make_gateway: GatewayFactory) -> None:
    more = "mirrors: [{model: big, max_in_flight: 2}]"
    async with site_of(make_gateway, more, server={"workers": 1}) as site:
        site.one.set(CHAT, json_answer(said("from one")))
        site.two.set(CHAT, raw(3_600.0))
        answers = await asyncio.gather(*(site.client.post("/chat/completions", json=body()) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        left_out = 'gateway_mirrors_left_out_total{model="big",reason="max_in_flight"'
        async with asyncio.timeout(10):  # what is mirrored is the affair of nobody who was answered
            while len(site.two.requests) < 2 or await site.gateway.metrics(left_out) < 18:
                await asyncio.sleep(0.05)
        assert (len(site.two.requests), await site.gateway.metrics(left_out)) == (2, 18)
        (shown,) = (await site.admin("/status"))["mirrors"]
        assert (shown["model"], shown["in_flight"]) == ("big", 2)
        # And it does not keep the gateway from ending.
        assert await asyncio.to_thread(site.gateway.stop) == 0
        records = await asyncio.to_thread(site.gateway.records, 22)
        ended = [row["outcome"] for row in records if row["variant"] == "mirror"]
        assert ended == ["cancelled", "cancelled"]


async def test_a_mirror_that_the_caller_may_not_use_gets_nothing(make_gateway: GatewayFactory) -> None:
    async with site_of(make_gateway, "mirrors: [{model: big}]") as site:
        rule = "rules: [{id: small-only, effect: allow, owner: o, reason: r, teams: [team-a], models: [small]}]"
        (site.gateway.folder / "policies" / "access.yaml").write_text(rule)
        site.one.set(CHAT, json_answer(said("from one")))
        async with asyncio.timeout(10):
            while (await site.client.post("/chat/completions", json={**body(), "model": "big"})).status_code != 403:
                await asyncio.sleep(0.05)
        site.two.requests.clear()
        left_out = 'gateway_mirrors_left_out_total{model="big",reason="not_permitted"'
        async with asyncio.timeout(10):
            while not await site.gateway.metrics(left_out):
                assert (await site.client.post("/chat/completions", json=body())).status_code == 200
        site.two.requests.clear()
        for _ in range(5):
            await site.client.post("/chat/completions", json=body())
        assert site.two.requests == []


async def test_a_bad_canary_goes_back_for_all_workers_and_stays_back(make_gateway: GatewayFactory) -> None:
    canary = f"canary: {{target: two/m, since: {DAY}, steps: [0.5, 0.5], step_s: 86400, min_calls: 10}}"
    async with site_of(make_gateway, canary, server={"workers": 2, "limits_per_worker": True}) as site:
        gateway = site.gateway
        site.one.set(CHAT, json_answer(said("from one")))
        site.two.set(CHAT, status(500))

        async def some(count: int) -> list[int]:
            """On connections of their own, so that every worker gets its part."""
            async with httpx.AsyncClient(
                base_url=gateway.base_url,
                headers=site.client.headers,
                timeout=20,
                limits=httpx.Limits(max_keepalive_connections=0),
            ) as client:
                answers = await asyncio.gather(*(client.post("/chat/completions", json=body()) for _ in range(count)))
            return [answer.status_code for answer in answers]

        assert set(await some(60)) == {200, 500}
        rolled = gateway.state / "canaries"
        async with asyncio.timeout(20):
            while not list(rolled.glob("*.json")):
                await some(10)
                await asyncio.sleep(0.1)
        # Whichever worker found it, the other goes by it within a moment.
        async with asyncio.timeout(20):
            while 500 in await some(40):
                await asyncio.sleep(0.1)
            # It may have got none of those calls.
            while (shown := (await site.admin("/status"))["canaries"][0])["state"] != "rolled_back":
                await asyncio.sleep(0.1)
        assert (shown["route"], shown["share"]) == ("fast", 0.0)
        assert "calls failed" in shown["reason"]
        assert await gateway.metrics("gateway_canary_rollbacks_total") == 1
        assert "gets no more calls" in gateway.log()
        records = await asyncio.to_thread(gateway.records, 60)
        assert {(row["variant"], row["outcome"]) for row in records} == {("canary", "failed"), ("stable", "completed")}
        await asyncio.to_thread(gateway.stop)
        site.two.requests.clear()
        await asyncio.to_thread(gateway.start)
        assert set(await some(40)) == {200}
        assert site.two.requests == []
        # Another `since` is another canary.
        site.two.set(CHAT, json_answer(said("from two")))
        path = gateway.folder / "policies" / "routes.yaml"
        path.write_text(path.read_text().replace(DAY, f"{DAY}T00:00:01Z"))
        async with asyncio.timeout(20):
            while not site.two.requests:
                await some(20)
