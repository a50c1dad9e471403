"""Limits and budgets through the whole gateway: what clients see, what is never overshot, what is given back."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anthropic
import httpx
import openai
import pytest
import pytest_asyncio

from gateway.edge.operations import OPERATIONS
from gateway.testing import Gated, ScriptedUpstream, json_answer, raw, status
from tests.behaviour.test_guarded import ask_of, script_for
from tests.conftest import Gateway, GatewayFactory, Site, gateways, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
# 7 tokens in at 1.00 and 2 out at 2.00 for a million: 11,000 nano
ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}
COST = 11_000


async def started(make: GatewayFactory, site: Site, limits: str, **policies: str) -> Gateway:
    site.upstream.set(CHAT, json_answer(ANSWER))
    made = make(site.upstream.base_url, policies={"limits": limits, **policies})
    return await asyncio.to_thread(made.start)


def client_of(gateway: Gateway) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=30)


async def chat(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    body = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 2, **fields}
    return await client.post("/chat/completions", json=body)


async def levels(gateway: Gateway, **query: str) -> dict[str, dict[str, Any]]:
    """What an operator is shown, by limit and figure."""
    async with httpx.AsyncClient(base_url=gateway.url, headers=gateway.operator, timeout=20) as client:
        answer = await client.get("/admin/limits", params={"tenant": "acme", "team": "team-a", **query})
    assert answer.status_code == 200, answer.text
    return {f"{row['limit']}.{row['dimension']}": row for row in answer.json()["data"]}


BUDGET = "limits: [{id: budget, per: [tenant, team], cost_per_month: 0.00022}]\n"  # twenty answers


async def test_a_spent_budget_is_told_as_openais_sdk_expects_and_not_tried_again(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    gateway = await started(make_gateway, fresh, BUDGET)
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=5) as client:
        began = time.monotonic()

        async def until_refused() -> tuple[int, openai.RateLimitError]:
            for served in range(30):
                try:
                    messages: Any = [{"role": "user", "content": "hello"}]
                    await client.chat.completions.create(model="test-model", messages=messages, max_tokens=2)
                except openai.RateLimitError as error:
                    return served, error
            raise AssertionError("nobody is refused")

        seen, error = await until_refused()
    assert time.monotonic() - began < 10, "it was not tried again: five times would take longer"
    assert 12 <= seen <= 20
    headers = error.response.headers
    assert (error.code, error.type) == ("budget_exhausted", "insufficient_quota")
    assert headers["x-should-retry"] == "false"
    said = error.response.json()["error"]["gateway"]
    first = (datetime.now(UTC).replace(day=28) + timedelta(days=4)).replace(day=1)
    assert said["resets_at"] == f"{first:%Y-%m-%d}T00:00:00Z"
    assert {name: said[name] for name in ("limit", "dimension", "scope", "maximum", "current")} == {
        "limit": "budget", "dimension": "cost_per_month", "scope": "tenant acme, team acme/team-a",
        "maximum": "0.000220000", "current": f"0.{seen * COST:09d}",
    }  # fmt: skip
    assert headers["x-gateway-budget-remaining"] == f"0.{220_000 - seen * COST:09d}"
    (record,) = [row for row in await asyncio.to_thread(gateway.records, seen + 1) if row["outcome"] == "refused"]
    assert (record["error_code"], record["status"], record["cost_nano"]) == ("budget_exhausted", 429, None)


async def test_many_calls_at_once_do_not_overshoot_a_budget(make_gateway: GatewayFactory, fresh: Site) -> None:
    gateway = await started(make_gateway, fresh, BUDGET)
    fresh.upstream.set(CHAT, raw(0.05, *[_whole(ANSWER)]))
    async with client_of(gateway) as client:
        answers = await asyncio.gather(*(chat(client) for _ in range(100)))
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {200, 429}
        assert codes.count(200) * COST <= 220_000
        # What was estimated too high has come back.
        shown = (await levels(gateway))["budget.cost_per_month"]
        assert shown["used"] == f"0.{codes.count(200) * COST:09d}"


def _whole(value: object) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
async def test_every_route_moves_a_budget_and_the_ledger_alike(routes: Site, operation: Any) -> None:
    """Whatever the route, what the ledger says it cost is what the budget has been charged."""
    before = _nano((await levels(routes.gateway))["money.cost_per_day"]["used"])
    script_for(routes, operation)
    answer = await ask_of(routes, operation)
    assert answer.status_code == 200
    record = await routes.last_record()
    shown = await levels(routes.gateway)
    assert (record["operation"], record["outcome"]) == (operation.name, "completed")
    assert _nano(shown["money.cost_per_day"]["used"]) - before == (record["cost_nano"] or 0)
    assert (record["cost_nano"] or 0) > 0 or not operation.billed
    prefix = "anthropic-ratelimit-requests" if operation.dialect == "anthropic" else "x-ratelimit-{}-requests"
    remaining = prefix.format("remaining") if "{}" in prefix else f"{prefix}-remaining"
    assert int(answer.headers[remaining]) == 1_000_000 - shown["money.requests_per_day"]["used"]


PRICED = """
currency: USD
prices:
  - id: all
    provider: mock
    models: ["*"]
    from: "2020-01-01"
    per_million_tokens: {input: 1.00, cached_input: 0.50, output: 2.00}
    per_unit: {million_characters: 15}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def routes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One gateway for all routes, with a budget that is never reached."""
    limits = "limits: [{id: money, per: [tenant, team], cost_per_day: 1000, requests_per_day: 1_000_000}]\n"
    async with ScriptedUpstream({}) as upstream:
        with gateways(tmp_path_factory.mktemp("routes")) as make:
            made = make(upstream.base_url, policies={"limits": limits, "prices": PRICED})
            gateway = await asyncio.to_thread(made.start)
            async with client_of(gateway) as client:
                yield Site(gateway, upstream, client, time.time_ns())


def _nano(text: str) -> int:
    return int(text.replace(".", ""))


async def test_anthropics_sdk_reads_its_own_headers(make_gateway: GatewayFactory, fresh: Site) -> None:
    gateway = await started(
        make_gateway, fresh,
        "limits: [{id: a, per: [key], requests_per_minute: 2, input_tokens_per_minute: 5000, output_tokens_per_minute: 50}]",
    )  # fmt: skip
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:

        async def ask() -> Any:
            return await client.messages.with_raw_response.create(
                model="test-model", max_tokens=9, messages=[{"role": "user", "content": "hello"}]
            )

        headers = (await ask()).headers
        assert headers["anthropic-ratelimit-requests-remaining"] == "1"
        assert headers["anthropic-ratelimit-output-tokens-limit"] == "50"
        assert headers["anthropic-ratelimit-output-tokens-remaining"] == "41"
        reset = datetime.fromisoformat(headers["anthropic-ratelimit-input-tokens-reset"])
        assert 0 < reset.timestamp() - time.time() <= 121
        assert "x-ratelimit-limit-requests" not in headers
        await ask()
        with pytest.raises(anthropic.RateLimitError) as refused:
            await ask()
    assert refused.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 120


async def test_a_soft_limit_lets_pass_warns_and_counts_the_warnings(make_gateway: GatewayFactory, fresh: Site) -> None:
    gateway = await started(
        make_gateway, fresh, "limits: [{id: soft, per: [team], requests_per_day: 1, on_exceeded: warn}]"
    )
    async with client_of(gateway) as client:
        assert "x-gateway-warning" not in (await chat(client)).headers
        for _ in range(2):
            answer = await chat(client)
            assert answer.status_code == 200
            assert answer.headers["x-gateway-warning"] == "limit soft exceeded: 1 requests per day"
            assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    warnings = 'gateway_limit_warnings_total{dimension="requests_per_day",rule="soft"}'
    assert await gateway.metrics(warnings) == 2
    async with within(10):
        while not (told := gateway.log().count("calls go over the limit `soft` (requests_per_day)")):
            await asyncio.sleep(0.05)
    assert told == 1, "once a minute"


QUEUE = "limits: [{id: line, per: [team], concurrent_requests: 1, on_exceeded: queue, queue_ms: QUEUE_MS}]\n"


async def test_a_queue_makes_calls_wait_their_turn(make_gateway: GatewayFactory, fresh: Site) -> None:
    gateway = await started(make_gateway, fresh, QUEUE.replace("QUEUE_MS", "20000"))
    first = Gated(json_answer(ANSWER))
    fresh.upstream.set(CHAT, first, raw(0.05, _whole(ANSWER)))
    async with client_of(gateway) as client:
        calls = [asyncio.create_task(chat(client)) for _ in range(6)]
        async with within(10):  # until all stand there, however long a busy machine takes to let them in
            while await gateway.metrics("gateway_in_flight_requests") < 6:
                await asyncio.sleep(0.02)
        assert len(fresh.upstream.requests) == 1
        began = time.monotonic()
        first.gate.set()
        answers = await asyncio.gather(*calls)
        took = time.monotonic() - began
    assert [answer.status_code for answer in answers] == [200] * 6
    assert took >= 5 * 0.05, "one after the other"
    waited = sorted(int(answer.headers.get("x-gateway-queue-ms", "0")) for answer in answers)
    assert waited[-1] >= 4 * 50
    waits = 'gateway_limit_queue_wait_seconds_count{dimension="concurrent_requests",rule="line"}'
    assert await gateway.metrics(waits) == 5, "the first did not wait"


async def test_a_queue_refuses_when_its_time_is_over_and_frees_the_place_of_who_hangs_up(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    gateway = await started(make_gateway, fresh, QUEUE.replace("QUEUE_MS", "300"))
    fresh.upstream.set(CHAT, raw(20.0))
    async with client_of(gateway) as client, client_of(gateway) as patient:
        stuck = asyncio.create_task(chat(client))
        async with within(20):
            while not fresh.upstream.requests:
                await asyncio.sleep(0.005)
        refused = await chat(patient)
        assert (refused.status_code, refused.json()["error"]["gateway"]["limit"]) == (429, "line")
        waits = asyncio.create_task(chat(client))
        await asyncio.sleep(0.1)
        fresh.upstream.set(CHAT, json_answer(ANSWER))
        waits.cancel()
        stuck.cancel()
        async with within(20):
            while (await chat(patient)).status_code != 200:
                pass
            while (await levels(gateway))["line.concurrent_requests"]["used"]:
                await asyncio.sleep(0.02)


async def test_calls_that_never_reached_an_upstream_give_everything_back(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    """Here the request is refused while it is translated, within all limits: nothing was asked of anybody."""
    limits = "limits: [{id: a, per: [key], requests_per_day: 10, tokens_per_day: 100000, cost_per_day: 1}]\n"
    gateway = await started(make_gateway, fresh, limits)
    async with client_of(gateway) as client:
        bad = await client.post("/messages", json={"model": "test-model", "max_tokens": 5, "messages": "none"})
        assert bad.status_code == 400
        shown = await levels(gateway, key=await key_id(gateway))
        assert [shown[f"a.{name}"]["used"] for name in ("requests_per_day", "tokens_per_day", "cost_per_day")] == [
            0, 0, "0.000000000",
        ]  # fmt: skip
        fresh.upstream.set(CHAT, status(500))
        assert (await chat(client)).status_code == 500
        shown = await levels(gateway, key=await key_id(gateway))
        assert shown["a.requests_per_day"]["used"] == 1, "it was asked"
        assert shown["a.cost_per_day"]["used"] == "0.000000000"


async def key_id(gateway: Gateway) -> str:
    return (await asyncio.to_thread(gateway.records, 1))[0]["key_id"]


UNPRICED = "currency: USD\nprices: []\n"
ON_UNPRICED = "limits: [{id: money, cost_per_day: 1, on_unpriced: WORD}]\n"


@pytest.mark.parametrize(("word", "code"), [("deny", 403), ("charge_ceiling", 403), ("allow", 200)])
async def test_what_has_no_price_meets_a_budget(
    make_gateway: GatewayFactory, fresh: Site, word: str, code: int
) -> None:
    """Without any price of the provider there is no ceiling either, and nothing that a budget could count."""
    gateway = await started(make_gateway, fresh, ON_UNPRICED.replace("WORD", word), prices=UNPRICED)
    async with client_of(gateway) as client:
        answer = await chat(client)
    assert answer.status_code == code
    if code == 403:
        error = answer.json()["error"]
        assert (error["code"], error["gateway"]["limit"]) == ("model_unpriced", "money")
        assert fresh.upstream.requests == []


async def test_an_operator_sees_how_full_limits_are(make_gateway: GatewayFactory, fresh: Site) -> None:
    limits = """
limits:
  - {id: company, per: [tenant], cost_per_month: 1, zone: Europe/Berlin}
  - {id: team, per: [tenant, team], requests_per_minute: 5}
  - {id: model, per: [model], requests_per_hour: 7}
  - {id: user, per: [user], requests_per_day: 3}
"""
    gateway = await started(make_gateway, fresh, limits)
    async with client_of(gateway) as client:
        for _ in range(2):
            assert (await chat(client, user="ada")).status_code == 200
    async with httpx.AsyncClient(base_url=gateway.url, headers=gateway.operator, timeout=20) as client:

        async def ask(**query: str) -> list[dict[str, Any]]:
            answer = await client.get("/admin/limits", params=query)
            assert answer.status_code == 200, answer.text
            return answer.json()["data"]

        rows = {(row["limit"], *row["scope"].values()): row for row in await ask()}
        assert rows[("company", "acme")]["used"] == f"0.{2 * COST:09d}"
        assert rows[("company", "acme")]["remaining"] == f"0.{1_000_000_000 - 2 * COST:09d}"
        assert {key for key in rows if key[0] == "team"} == {
            ("team", "acme", "acme/team-a"), ("team", "acme", "acme/team-b"),
        }  # fmt: skip
        team = rows[("team", "acme", "acme/team-a")]
        assert (team["used"], team["maximum"], team["remaining"], team["share"]) == (2, 5, 3, 0.4)
        assert rows[("model", "test-model")]["used"] == 2
        assert rows[("user", "")]["used"] == 0
        assert [
            row["used"] for row in await ask(user="ada", team="team-a", tenant="acme") if row["limit"] == "user"
        ] == [2]
        assert {row["limit"] for row in await ask(tenant="acme", team="team-b")} == {"company", "team", "model", "user"}
        for query in ({"team": "nobody"}, {"tenant": "nobody"}, {"key": "nobody"}):
            assert (await client.get("/admin/limits", params=query)).status_code in (400, 404)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_budget_holds_across_a_restart(make_gateway: GatewayFactory, fresh: Site, how: str) -> None:
    limits = """
limits:
  - {id: budget, per: [tenant, team], cost_per_month: 0.00022}
  - {id: user, per: [user], requests_per_day: 100}
  - {id: run, per: [run], tokens_per_hour: 10000}
"""
    gateway = await started(make_gateway, fresh, limits)
    async with client_of(gateway) as client:
        for _ in range(10):
            answer = await client.post(
                "/chat/completions",
                json={"model": "test-model", "messages": [], "max_tokens": 2, "user": "ada"},
                headers={"x-run-id": "r1"},
            )
            assert answer.status_code == 200
        before = await levels(gateway, user="ada", run="r1")
        await asyncio.to_thread(gateway.kill if how == "kill" else gateway.stop)
        await asyncio.to_thread(gateway.start)
        after = await levels(gateway, user="ada", run="r1")
        names = ("budget.cost_per_month", "user.requests_per_day", "run.tokens_per_hour")
        assert [after[name]["used"] for name in names] == [before[name]["used"] for name in names]
        assert [after[name]["used"] for name in names] == [f"0.{10 * COST:09d}", 10, 90]
        codes = [(await chat(client)).status_code for _ in range(11)]
        assert codes[-1] == 429, "ten of twenty were spent before"
