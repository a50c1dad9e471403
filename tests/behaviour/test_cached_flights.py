"""Many callers that ask the same at once, before a gateway process: one upstream call, and who pays for it."""

import asyncio
import json

import pytest

from gateway.testing import DONE, Gated, Received, Write, json_answer, status
from tests.behaviour import cached_desk
from tests.behaviour.cached_desk import ANSWER, CHAT, CHUNKS, COST_NANO, END, Desk, held_until
from tests.conftest import within

pytestmark = pytest.mark.asyncio(loop_scope="module")
desk, answers_again = cached_desk.desk, cached_desk.answers_again


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


async def test_who_hangs_up_before_his_answer_leaves_the_asking_to_the_next_in_line(desk: Desk) -> None:
    script = Gated(json_answer(ANSWER))
    desk.upstream.set(CHAT, script)
    reached = desk.reached
    first = asyncio.create_task(desk.ask("gone before"))
    await script.begun.wait()
    others = [asyncio.create_task(desk.ask("gone before", "team-b")) for _ in range(3)]
    await asyncio.sleep(0.2)
    assert desk.reached == reached + 1
    first.cancel()
    async with within(10):
        while desk.reached == reached + 1:
            await asyncio.sleep(0.02)
    script.gate.set()
    answers = await asyncio.gather(*others)
    assert desk.reached == reached + 2
    assert sorted(one.headers["x-cache"] for one in answers) == ["hit", "hit", "miss"]
    costs = sorted([(await desk.record(one))["cost_nano"] or 0 for one in answers])
    assert costs == [0, 0, COST_NANO]


async def test_while_one_fetches_anew_the_others_get_what_is_stale(desk: Desk) -> None:
    first = await desk.ask("stale yet", model="brief")
    script = Gated(json_answer({**ANSWER, "id": "chatcmpl-2"}))
    desk.upstream.set(CHAT, script)
    fetching = asyncio.create_task(desk.ask("stale yet", model="brief"))
    await script.begun.wait()
    meanwhile = await desk.ask("stale yet", "team-b", model="brief")
    assert (meanwhile.headers["x-cache"], meanwhile.content) == ("stale", first.content)
    script.gate.set()
    assert (await fetching).json()["id"] == "chatcmpl-2"


async def test_nobody_waits_for_another_longer_than_his_own_caller_waits(desk: Desk) -> None:
    script = Gated(json_answer(ANSWER))
    desk.upstream.set(CHAT, script)
    first = asyncio.create_task(desk.ask("in a hurry"))
    await script.begun.wait()
    body = {"model": "test-model", "messages": [{"role": "user", "content": "in a hurry"}]}
    hurried = await desk.clients["ours"].post("/chat/completions", json=body, headers={"x-request-timeout": "0.3"})
    assert (hurried.status_code, hurried.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert not first.done()
    script.gate.set()
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
    async with within(10):
        while desk.upstream.requests[-1].closed_at is None:
            await asyncio.sleep(0.02)
