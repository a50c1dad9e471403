"""Calls of a run: as its caller, put off while somebody is busy, bounded, counted."""

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.core.faults import (
    BudgetExhausted,
    ContentBlocked,
    Fault,
    NotAllowed,
    RateLimited,
    Shed,
    Unauthenticated,
    UpstreamBusy,
    UpstreamTimeout,
)
from gateway.evals.calls import LONGEST_WAIT_S, CallFailed, NoLongerAdmitted
from gateway.pipeline.own_calls import Answered
from tests.evals.eval_doubles import HEADERS, Pipeline, record, refused, said

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


async def test_an_answer_is_told_and_counted_under_the_name_that_was_asked_for() -> None:
    pipeline = Pipeline(said("hi"), said("ho", keep=False))
    calls = pipeline.calls()
    one, other = await calls.ask("chat", ASKED), await calls.ask("chat", ASKED)
    assert (one.sample.text, one.sample.model, one.keep, other.keep) == ("hi", "m-1", True, False)
    assert pipeline.asked[0] == ("chat/completions", ASKED)
    assert pipeline.headers == [HEADERS, HEADERS]
    assert msgspec.to_builtins(calls.usage) == {"m": {"calls": 2, "prompt": 14, "completion": 6, "cached": 4}}


@pytest.mark.parametrize(
    ("busy", "waits"),
    [
        ([RateLimited("no", headers={"retry-after": "7"})] * 3, [7, 7, 7]),
        ([RateLimited("no")] * 3, [1, 2, 4]),
        ([UpstreamBusy("no", headers={"retry-after": "3"})] * 3, [3, 3, 4]),
        ([Shed("late")] * 2, [1, 2]),
    ],
)
async def test_who_is_busy_is_asked_again_when_he_says_so(busy: list[Fault], waits: list[float]) -> None:
    pipeline = Pipeline(*map(refused, busy), said("hi"))
    assert (await pipeline.calls().ask("chat", ASKED)).sample.text == "hi"
    assert pipeline.slept == waits


async def test_no_call_is_put_off_for_longer_than_that() -> None:
    pipeline = Pipeline(refused(RateLimited("no")))
    with pytest.raises(CallFailed) as failed:
        await pipeline.calls(max_wait_s=200).ask("chat", ASKED)
    assert failed.value.code == "rate_limit_exceeded"
    assert sum(pipeline.slept) <= 200 < sum(pipeline.slept) + LONGEST_WAIT_S
    assert max(pipeline.slept) == LONGEST_WAIT_S


@pytest.mark.parametrize(
    "fault",
    [BudgetExhausted("poor"), NotAllowed("no"), ContentBlocked("no"), UpstreamTimeout("late")],
)
async def test_what_waiting_does_not_mend_is_told_at_once(fault: Fault) -> None:
    pipeline = Pipeline(refused(fault))
    with pytest.raises(CallFailed) as failed:
        await pipeline.calls().ask("chat", ASKED)
    assert (failed.value.code, failed.value.message) == (fault.code, fault.message)
    assert pipeline.slept == []


@pytest.mark.parametrize(
    ("answered", "code", "told"),
    [
        (Answered(0, b"", record()), "timeout", "in the time"),
        (Answered(400, b"", record(), refusal=b'{"error": {"message": "odd", "code": "x"}}'), "x", "odd"),
        (Answered(400, b"", record(), refusal=b'{"error": {"message": "odd", "type": "t"}}'), "t", "odd"),
        (Answered(418, b"", record(), refusal=b'{"error": "plainly"}'), "upstream_status_418", "plainly"),
        (Answered(500, b"", record(), refusal=b"<html>"), "upstream_status_500", "status 500"),
        (Answered(200, b"[]", record()), "upstream_protocol_error", "."),
        (Answered(429, b"", record(), refusal=b'{"error": {"code": "insufficient_quota"}}'), "insufficient_quota", "429"),
    ],
)  # fmt: skip
async def test_no_answer_is_told_in_the_upstreams_words(answered: Answered, code: str, told: str) -> None:
    with pytest.raises(CallFailed, match=told) as failed:
        await Pipeline(answered).calls().ask("chat", ASKED)
    assert failed.value.code == code


async def test_a_key_that_is_not_accepted_any_more_is_told_apart() -> None:
    calls = Pipeline(refused(Unauthenticated("gone"))).calls()
    with pytest.raises(NoLongerAdmitted):
        await calls.ask("chat", ASKED)
    assert not calls.admitted
    # An upstream's own 401 is about the gateway's key there, and no word about the caller's.
    with pytest.raises(CallFailed):
        await Pipeline(Answered(401, b"", record())).calls().ask("chat", ASKED)


async def test_so_many_calls_are_under_way_at_once_and_none_while_it_waits() -> None:
    pipeline = Pipeline(said("hi"))
    calls = pipeline.calls(slots=3)
    await asyncio.gather(*(calls.ask("chat", ASKED) for _ in range(20)))
    assert pipeline.most_at_once == 3
    slots = asyncio.Semaphore(1)
    held: list[bool] = []
    waiting = Pipeline(refused(RateLimited("no")), said("hi")).calls()

    async def sleep(seconds: float) -> None:
        held.append(slots.locked())

    waiting._slots, waiting._sleep = slots, sleep
    await waiting.ask("chat", ASKED)
    assert held == [False]


async def test_judges_and_vectors_are_asked_as_the_caller() -> None:
    vectors: Any = {"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]}
    pipeline = Pipeline(
        by=lambda body: Answered(200, msgspec.json.encode(vectors), record()) if "input" in body else said("j")
    )
    calls, heard = pipeline.calls(embedding_model="v"), list[bool]()
    outside = calls.outside(heard.append)
    assert outside.ask is not None
    assert outside.embed is not None
    answer = await outside.ask([{"role": "user", "content": "x"}], "judge", {"temperature": 0})
    assert (answer.text, answer.model) == ("j", "m-1")
    assert (await outside.embed(["a", "b"])).each == [[1, 0], [0, 1]]
    assert [path for path, _ in pipeline.asked] == ["chat/completions", "embeddings"]
    assert heard == [True, True]
    assert sorted(calls.usage) == ["judge", "v"]
    assert pipeline.calls().outside(heard.append).embed is None
