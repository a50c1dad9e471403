"""The cache as callers meet it: a gateway process before a scripted upstream."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import DONE, Received, ScriptedUpstream, Write, event, event_stream, json_answer, raw, status
from tests.conftest import Gateway, GatewayFactory, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
TENANTS = """
tenants:
  - {id: acme, name: Acme, teams: [{id: team-a, name: A}, {id: team-b, name: B}]}
  - {id: other, name: Other, teams: [{id: theirs, name: Theirs}]}
"""
ACCESS = """
hide_models: true
rules:
  - {id: all, effect: allow, owner: tests, reason: tests, models: ["*"]}
  - {id: secret, effect: allow, owner: tests, reason: tests, models: [secret], obligations: {no_content: true}}
  - {id: ours, effect: deny, owner: tests, reason: tests, models: [spare], teams: [team-b]}
"""
OLD = """
name: old
targets: [{target: mock/old}]
life:
  approved: {by: tests, on: 2020-01-01}
  deprecated: {on: 2026-01-01, successor: spare, sunset: 2099-01-01}
"""
ROUTES = """
routes:
  frail: {fallbacks: {any: [spare]}, retries: {max_attempts: 2}}
retries: {max_attempts: 1}
ejection: {consecutive: 1000, min_calls: 1000}
"""
CACHE = """
rules:
  - {id: teams-own, match: {models: [for-teams]}, ttl_s: 600, shared: team}
  - {id: fixed, match: {models: [fixed]}, ttl_s: 600, only_deterministic: true}
  - {id: everybody, match: {models: [for-all]}, ttl_s: 600, shared: organisation}
  - {id: brief, match: {models: [brief]}, ttl_s: 0.000001, stale_s: 600}
  - {id: plain, match: {models: [test-model, secret, frail, old]}, ttl_s: 600}
"""
ANSWER = {
    "id": "chatcmpl-1",
    "model": "real-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "I am well."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}
COST_NANO = 7 * 1_000 + 3 * 2_000
CHUNKS = [
    event({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
    for text in ("I am ", "well.")
]
END = event({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": ANSWER["usage"]})
STREAM = b"".join((*CHUNKS, END, DONE))


class Desk:
    """A gateway with rules for caching, and callers of several teams and tenants."""

    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream, keys: dict[str, str]) -> None:
        self.gateway, self.upstream = gateway, upstream
        self.clients = {
            name: httpx.AsyncClient(base_url=gateway.base_url, headers={"authorization": f"Bearer {key}"}, timeout=20)
            for name, key in keys.items()
        }

    async def ask(self, said: str, who: str = "ours", control: str = "", **fields: Any) -> httpx.Response:
        body = {"model": "test-model", "messages": [{"role": "user", "content": said}], **fields}
        headers = {"cache-control": control} if control else {}
        return await self.clients[who].post("/chat/completions", json=body, headers=headers)

    @property
    def reached(self) -> int:
        return len(self.upstream.requests)

    async def record(self, answer: httpx.Response) -> dict[str, Any]:
        """The ledger's row of a call."""
        wanted = answer.headers["x-request-id"]
        for _ in range(100):
            rows = await asyncio.to_thread(self.gateway.records)
            if found := [row for row in rows if row["id"] == wanted]:
                return found[0]
            await asyncio.sleep(0.05)
        raise AssertionError("no record")


def made(make: GatewayFactory, upstream: ScriptedUpstream, **config: Any) -> Gateway:
    names = ("test-model", "for-teams", "fixed", "for-all", "brief", "secret", "uncached", "frail", "spare")
    models = {name: {"targets": [f"mock/{name}"]} for name in names}
    policies = {"tenants": TENANTS, "access": ACCESS, "cache": CACHE, "routes": ROUTES, "models/old": OLD}
    return make(upstream.base_url, models=models, policies=policies, **config)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        with gateways(tmp_path_factory.mktemp("cached")) as make:
            gateway = made(make, upstream)
            keys = {"ours": gateway.create_key(), "team-b": gateway.create_key("team-b")}
            said = gateway.cli("keys", "create", "--tenant", "other", "--team", "theirs", "--owner", "o")
            keys["theirs"] = said.stdout.split()[0]
            await asyncio.to_thread(gateway.start)
            desk = Desk(gateway, upstream, keys)
            yield desk
            for client in desk.clients.values():
                await client.aclose()


@pytest.fixture(autouse=True)
def answers_again(desk: Desk) -> None:
    desk.upstream.set(CHAT, json_answer(ANSWER))


async def test_the_same_question_is_answered_without_the_upstream(desk: Desk) -> None:
    reached = desk.reached
    first = await desk.ask("the same")
    second = await desk.ask("the same")
    assert desk.reached == reached + 1
    assert (first.headers["x-cache"], "age" in first.headers) == ("miss", False)
    assert (second.headers["x-cache"], second.headers["age"]) == ("hit", "0")
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-gateway-target"] == first.headers["x-gateway-target"] == "mock/test-model"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


async def test_what_was_told_to_one_caller_alone_is_not_told_to_the_next(desk: Desk) -> None:
    answer = json.dumps(ANSWER).encode()
    headers = (
        b"x-request-id: up-1\r\nset-cookie: a=b\r\nx-ratelimit-remaining-requests: 3\r\nopenai-processing-ms: 7\r\n"
    )
    desk.upstream.set(CHAT, raw(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b" % (len(answer), headers, answer)))
    first, second = await desk.ask("its own", model="old"), await desk.ask("its own", "team-b", model="old")
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    own = set(first.headers) - set(second.headers)
    assert own == {
        *("link", "x-gateway-warning"),  # a successor that the second may not hear of
        *("x-upstream-request-id", "x-upstream-ratelimit-remaining-requests", "openai-processing-ms"),
        "x-gateway-cost-usd",
    }
    assert set(second.headers) - set(first.headers) == {"age"}
    assert second.headers["sunset"] == first.headers["sunset"]


async def test_a_hit_costs_nothing_and_says_what_was_saved(desk: Desk) -> None:
    first = await desk.record(await desk.ask("what does it cost"))
    second = await desk.record(await desk.ask("what does it cost"))
    assert (first["cost_nano"], first["cache"], first["saved_nano"]) == (COST_NANO, "", None)
    assert (second["cost_nano"], second["cache"], second["saved_nano"]) == (None, "exact", COST_NANO)
    assert (second["outcome"], second["status"], second["served_model"], second["finish_reason"]) == (
        *("completed", 200, "real-model", "stop"),
    )
    assert desk.gateway.ask_ledger("SELECT * FROM attempts WHERE call = ?", second["id"]) == []


async def test_a_stream_is_given_again_byte_for_byte(desk: Desk) -> None:
    desk.upstream.set(CHAT, event_stream(*CHUNKS, END, DONE))
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    reached = desk.reached
    first = await desk.ask("a stream", **asked)
    second = await desk.ask("a stream", **asked)
    assert desk.reached == reached + 1
    assert first.content == second.content == STREAM
    assert second.headers["content-type"].startswith("text/event-stream")
    assert second.headers["x-cache"] == "hit"
    record = await desk.record(second)
    assert (record["cache"], record["saved_nano"], record["outcome"]) == ("exact", COST_NANO, "completed")


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"temperature": 1.0}, {"temperature": 1}),
        ({"user": "u1"}, {"user": "u2"}),
        ({"metadata": {"a": "b"}}, {}),
        ({"store": False}, {}),
    ],
)
async def test_what_changes_no_answer_is_no_other_question(desk: Desk, fields: Any, same: Any) -> None:
    said = f"alike {fields}"
    await desk.ask(said, **fields)
    assert (await desk.ask(said, **same)).headers["x-cache"] == "hit"


@pytest.mark.parametrize(
    "fields", [{"temperature": 0.5}, {"tools": []}, {"stream": True}, {"n": 2}, {"of_tomorrow": True}, {"seed": 0}]
)
async def test_what_may_change_the_answer_is_another_question(desk: Desk, fields: Any) -> None:
    said = f"different {fields}"
    await desk.ask(said)
    assert (await desk.ask(said, **fields)).headers["x-cache"] == "miss"


async def test_what_upstreams_may_read_in_two_ways_is_not_kept(desk: Desk) -> None:
    twice = b'{"model":"test-model","messages":[{"role":"user","content":"the first","content":"the last"}]}'
    sent = await desk.clients["ours"].post("/chat/completions", content=twice)
    assert (sent.status_code, sent.headers["x-cache"]) == (200, "bypass")
    assert (await desk.ask("the last", "team-b")).headers["x-cache"] == "miss"


async def test_answers_stay_within_their_scope(desk: Desk) -> None:
    for model, hits in (("test-model", {"team-b"}), ("for-teams", set()), ("for-all", {"team-b", "theirs"})):
        assert (await desk.ask("whose", model=model)).headers["x-cache"] == "miss"
        got = {
            who
            for who in ("team-b", "theirs")
            if (await desk.ask("whose", who, model=model)).headers["x-cache"] == "hit"
        }
        assert got == hits, model


async def test_what_the_request_wants_of_the_cache(desk: Desk) -> None:
    async def told(control: str) -> str:
        return (await desk.ask("wants", control=control)).headers["x-cache"]

    none = await desk.ask("wants", control="only-if-cached")
    assert (none.status_code, none.json()["error"]["code"], none.headers["x-cache"]) == (504, "not_cached", "miss")
    assert await told("no-store") == "bypass"
    assert await told("") == "miss"
    assert await told("only-if-cached") == "hit"
    assert await told("max-age=100") == "hit"
    reached = desk.reached
    assert await told("no-cache") == "miss"
    assert await told("max-age=0, no-store") == "bypass"
    assert desk.reached == reached + 2
    assert await told("") == "hit"


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"error": {"message": "no"}}, 400),
        json_answer({"error": {"message": "no"}}, 503),
        json_answer({"error": {"message": "late", "code": 502}}),
        json_answer({**ANSWER, "choices": [{**ANSWER["choices"][0], "finish_reason": "content_filter"}]}),
    ],
    ids=["refused", "failed", "an error with 200", "filtered"],
)
async def test_what_is_no_answer_is_not_kept(desk: Desk, answer: Any, request: pytest.FixtureRequest) -> None:
    said = request.node.callspec.id
    desk.upstream.set(CHAT, answer)
    await desk.ask(said)
    desk.upstream.set(CHAT, json_answer(ANSWER))
    assert (await desk.ask(said)).headers["x-cache"] == "miss"


@pytest.mark.parametrize(
    "steps", [(*CHUNKS,), (*CHUNKS, event({"error": {"message": "broken"}}), DONE)], ids=["cut", "error in it"]
)
async def test_a_stream_that_broke_is_not_kept(desk: Desk, steps: Any, request: pytest.FixtureRequest) -> None:
    said = request.node.callspec.id
    desk.upstream.set(CHAT, event_stream(*steps))
    await desk.ask(said, stream=True)
    desk.upstream.set(CHAT, event_stream(*CHUNKS, END, DONE))
    assert (await desk.ask(said, stream=True)).headers["x-cache"] == "miss"
    assert (await desk.ask(said, stream=True)).headers["x-cache"] == "hit"


async def test_content_that_may_not_be_kept_is_not(desk: Desk) -> None:
    answers = [await desk.ask("a secret", model="secret") for _ in range(2)]
    assert [one.headers["x-cache"] for one in answers] == ["bypass"] * 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_another_model_has_answered_is_for_its_caller_alone(desk: Desk, stream: bool) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()
    streaming, whole = held_until(gate, *CHUNKS, END, DONE, before=1), json_answer(ANSWER)

    async def script(received: Received, write: Write) -> None:
        if received.json()["model"] == "frail":
            await status(503)(received, write)
            return
        begun.set()
        await (streaming if stream else whole)(received, write)

    desk.upstream.set(CHAT, script)
    asking = asyncio.create_task(desk.ask("another's", model="frail", stream=stream))
    await begun.wait()
    beside = asyncio.create_task(desk.ask("another's", "team-b", model="frail", stream=stream))
    await asyncio.sleep(0.2)
    gate.set()
    first, second = await asyncio.gather(asking, beside)
    assert (first.status_code, first.headers["x-gateway-target"]) == (200, "mock/spare")
    assert second.status_code == 503, "that model is not for this team"
    assert (await desk.ask("another's", "team-b", model="frail", stream=stream)).status_code == 503
    again = await desk.ask("another's", model="frail", stream=stream)
    assert (again.status_code, again.headers["x-cache"]) == (200, "miss"), "nor is it for when its own is back"


async def test_a_rule_for_fixed_answers_leaves_others_alone(desk: Desk) -> None:
    for fields, told in (
        ({}, "bypass"),
        ({"temperature": 0.1}, "bypass"),
        ({"temperature": 0}, "miss"),
        ({"seed": 1}, "miss"),
    ):
        assert (await desk.ask("fixed?", model="fixed", **fields)).headers["x-cache"] == told


async def test_without_a_rule_nothing_is_said(desk: Desk) -> None:
    assert "x-cache" not in (await desk.ask("x", model="uncached")).headers


async def test_a_stale_answer_is_given_when_the_upstream_fails(desk: Desk) -> None:
    first = await desk.ask("old", model="brief")
    for failure in (status(503), raw(b"nonsense\r\n\r\n")):
        desk.upstream.set(CHAT, failure)
        again = await desk.ask("old", model="brief")
        assert (again.status_code, again.headers["x-cache"], again.content) == (200, "stale", first.content)
        record = await desk.record(again)
        assert (record["cache"], record["outcome"], record["cost_nano"]) == ("stale", "completed", None)
        (attempt,) = desk.gateway.ask_ledger("SELECT * FROM attempts WHERE call = ?", record["id"])
        assert (attempt["outcome"], attempt["served"]) == ("failed", 0)
    desk.upstream.set(CHAT, json_answer(ANSWER))
    assert (await desk.ask("old", model="brief")).headers["x-cache"] == "miss"


def held_until(gate: asyncio.Event, *steps: bytes, before: int = 0) -> Any:
    """A stream that goes on past its first pieces when the gate is open."""

    async def script(_received: Received, write: Write) -> None:
        await write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number, step in enumerate(steps):
            if number == before:
                await gate.wait()
            await write(b"%x\r\n%s\r\n" % (len(step), step))
        await write(b"0\r\n\r\n")

    return script


async def test_many_at_once_are_one_call(desk: Desk) -> None:
    gate = asyncio.Event()

    async def script(_received: Received, write: Write) -> None:
        await gate.wait()
        body = json.dumps(ANSWER).encode()
        await write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )

    desk.upstream.set(CHAT, script)
    reached = desk.reached
    asking = [asyncio.create_task(desk.ask("all at once")) for _ in range(20)]
    await asyncio.sleep(0.3)
    gate.set()
    answers = await asyncio.gather(*asking)
    assert desk.reached == reached + 1
    assert sorted(one.headers["x-cache"] for one in answers) == ["hit"] * 19 + ["miss"]
    assert {one.content for one in answers} == {answers[0].content}


async def test_nobody_waits_for_another_longer_than_his_own_caller_waits(desk: Desk) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def script(received: Received, write: Write) -> None:
        begun.set()
        await gate.wait()
        await json_answer(ANSWER)(received, write)

    desk.upstream.set(CHAT, script)
    first = asyncio.create_task(desk.ask("in a hurry"))
    await begun.wait()
    body = {"model": "test-model", "messages": [{"role": "user", "content": "in a hurry"}]}
    hurried = await desk.clients["ours"].post("/chat/completions", json=body, headers={"x-request-timeout": "0.3"})
    assert (hurried.status_code, hurried.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert not first.done()
    gate.set()
    assert (await first).status_code == 200


async def test_a_stream_under_way_is_read_along(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.upstream.set(CHAT, held_until(gate, *CHUNKS, END, DONE, before=1))
    reached = desk.reached
    body = {"model": "test-model", "messages": [{"role": "user", "content": "along"}], "stream": True}
    async with (
        desk.clients["ours"].stream("POST", "/chat/completions", json=body) as first,
        desk.clients["team-b"].stream("POST", "/chat/completions", json=body) as second,
    ):
        ones, twos = first.aiter_raw(), second.aiter_raw()
        assert await anext(ones) == await anext(twos) == CHUNKS[0], "as it comes, not when it is over"
        gate.set()
        rest = [b"".join([piece async for piece in pieces]) for pieces in (ones, twos)]
    assert rest == [b"".join((CHUNKS[1], DONE))] * 2 or rest[0] == rest[1]
    assert desk.reached == reached + 1
    paid, shared = await desk.record(first), await desk.record(second)
    assert (paid["cache"], paid["cost_nano"]) == ("", COST_NANO)
    assert (shared["cache"], shared["cost_nano"], shared["saved_nano"]) == ("exact", None, COST_NANO)


async def test_who_hangs_up_leaves_the_stream_to_those_who_read_along(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.upstream.set(CHAT, held_until(gate, *CHUNKS, END, DONE, before=1))
    reached = desk.reached
    body = {"model": "test-model", "messages": [{"role": "user", "content": "left"}], "stream": True}
    async with desk.clients["team-b"].stream("POST", "/chat/completions", json=body) as first:
        begun = first.aiter_raw()
        await anext(begun)
        async with desk.clients["ours"].stream("POST", "/chat/completions", json=body) as second:
            pieces = second.aiter_raw()
            assert await anext(pieces) == CHUNKS[0]
            await begun.aclose()
            left = await desk.record(first)
            assert (left["outcome"], left["cost_nano"]) == ("cancelled", None)
            gate.set()
            rest = b"".join([piece async for piece in pieces])
    assert rest.endswith(DONE)
    assert desk.reached == reached + 1
    heir = await desk.record(second)
    assert (heir["outcome"], heir["cache"], heir["cost_nano"], heir["target"]) == (
        *("completed", "", COST_NANO, "mock/test-model"),
    )
    assert (await desk.ask("left", stream=True)).headers["x-cache"] == "hit"


async def test_who_hangs_up_alone_stops_the_upstream(desk: Desk) -> None:
    desk.upstream.set(CHAT, held_until(asyncio.Event(), *CHUNKS, before=1))
    body = {"model": "test-model", "messages": [{"role": "user", "content": "alone"}], "stream": True}
    async with desk.clients["ours"].stream("POST", "/chat/completions", json=body) as answer:
        await anext(answer.aiter_raw())
    for _ in range(100):
        if desk.upstream.requests[-1].closed_at is not None:
            break
        await asyncio.sleep(0.02)
    assert desk.upstream.requests[-1].closed_at is not None


async def test_metrics_tell_what_was_saved(desk: Desk) -> None:
    before = await desk.gateway.metrics('gateway_cache_saved_usd_total{rule="plain"')
    await desk.ask("metrics")
    await desk.ask("metrics")
    assert await desk.gateway.metrics('gateway_cache_saved_usd_total{rule="plain"') == pytest.approx(
        before + COST_NANO / 1e9
    )
    assert await desk.gateway.metrics('gateway_cache_answers_total{result="hit",rule="plain"') > 0
    assert await desk.gateway.metrics("gateway_cache_bytes") > 1_000
