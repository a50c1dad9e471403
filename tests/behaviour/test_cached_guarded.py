"""What guards do to kept answers: each caller's own guards look at them, and nobody sees what another's took out."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.testing import DONE, event, event_stream, json_answer
from tests.behaviour.cached_desk import ANSWER, CHAT, COST_NANO, END, Desk, desk_in, held_at

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUARDS = """
guards:
  - {id: pii, on: [input], detect: [{personal_data: {entities: [email]}}], action: redact}
  - {id: birds, on: [output], detect: [{deny: {words: [nightjar]}}], action: block, match: {teams: [team-b]}}
"""
CHOICE = ANSWER["choices"][0]


def chunks(*texts: str) -> list[bytes]:
    return [
        event({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        for text in texts
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path_factory.mktemp("guarded"), guardrails=GUARDS) as desk:
        yield desk


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_everybody_sees_his_own_again_where_it_was_taken_out(desk: Desk, stream: bool) -> None:
    script = event_stream(*chunks("Dear <EMA", "IL_1>, hello"), END, DONE)
    message = {"role": "assistant", "content": "Dear <EMAIL_1>, hello"}
    desk.upstream.set(CHAT, script if stream else json_answer({**ANSWER, "choices": [{**CHOICE, "message": message}]}))
    reached = desk.reached
    first = await desk.ask("greet ann@example.com", stream=stream)
    second = await desk.ask("greet bob@example.com", "team-b", stream=stream)
    assert desk.reached == reached + 1
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert ("ann@example.com" in first.text, "ann@example.com" in second.text) == (True, False)
    assert "bob@example.com" in second.text
    assert "EMAIL_1" not in second.text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_kept_answer_is_judged_again_for_whoever_gets_it(desk: Desk, stream: bool) -> None:
    message = {"role": "assistant", "content": "it is a nightjar indeed"}
    whole = json_answer({**ANSWER, "choices": [{**CHOICE, "message": message}]})
    desk.upstream.set(CHAT, event_stream(*chunks("it is a night", "jar indeed"), END, DONE) if stream else whole)
    reached = desk.reached
    first = await desk.ask("which bird", stream=stream)
    assert "jar indeed" in first.text
    second = await desk.ask("which bird", "team-b", stream=stream)
    assert desk.reached == reached + 1
    assert "content_blocked" in second.text
    assert "jar" not in second.text.replace("content_blocked", "")
    record = await desk.record(second)
    assert (record["error_code"], record["cost_nano"]) == ("content_blocked", None)
    assert (await desk.ask("which bird", stream=stream)).headers["x-cache"] == "hit"


async def test_an_answer_that_is_blocked_for_its_caller_is_read_on_by_those_for_whom_it_is_not(desk: Desk) -> None:
    joined, blocked_by_now = asyncio.Event(), asyncio.Event()
    pieces = chunks("a ", "nightjar. ", "Good night.")
    desk.upstream.set(CHAT, held_at({1: joined, 2: blocked_by_now}, *pieces, END, DONE))
    reached = desk.reached
    body = {"model": "test-model", "messages": [{"role": "user", "content": "name a bird"}], "stream": True}
    async with desk.clients["team-b"].stream("POST", "/chat/completions", json=body) as blocked:
        async with desk.clients["ours"].stream("POST", "/chat/completions", json=body) as other:
            begun = other.aiter_raw()
            first = await anext(begun)
            joined.set()
            left = b"".join([piece async for piece in blocked.aiter_raw()])
            blocked_by_now.set()
            rest = first + b"".join([piece async for piece in begun])
    assert desk.reached == reached + 1
    assert b"nightjar" in rest
    assert rest.endswith(DONE)
    assert b"content_blocked" in left
    assert b"nightjar" not in left
    refused, heir = await desk.record(blocked), await desk.record(other)
    assert (refused["error_code"], refused["cost_nano"]) == ("content_blocked", None)
    assert (heir["outcome"], heir["cost_nano"], heir["cache"]) == ("completed", COST_NANO, "")
    (bill,) = desk.gateway.ask_ledger(
        "SELECT count(*) AS attempts FROM attempts WHERE call IN (?, ?)", refused["id"], heir["id"]
    )
    assert bill == {"attempts": 1}
