"""A part of the calls is sent to another model as well: never seen by the caller, always in the books."""

import asyncio

import pytest

from gateway.core.attempt import MIRRORS
from gateway.core.call import Call, Reply
from gateway.core.faults import NotConfigured, UpstreamBroken
from gateway.core.usage import Usage
from gateway.router.loading import read_routes
from gateway.stores.documents import Text
from gateway.transport.errors import to_fault
from tests.router.mirrors import Answer, Site, streamed, whole
from tests.router.test_attempts_made import A, permit


async def test_a_mirror_is_a_call_of_its_own_that_nobody_pays() -> None:
    site = Site()
    call, body = await site.ask()
    await site.settled()
    assert (body, site.order) == (b"caller's", ["a", "b"])
    assert [attempt.target for attempt in call.attempts] == ["a/m"]
    (leg,) = site.opened
    assert site.closed == [leg]
    record, (attempt,) = leg.record, leg.attempts
    assert record.id != call.record.id
    assert (record.client_request_id, record.variant, record.route, record.model) == (
        call.record.id,
        "mirror",
        "m",
        "big",
    )
    assert (record.tenant, record.team, record.key_id) == (call.record.tenant, call.record.team, call.record.key_id)
    assert (record.outcome, record.status, record.rule_id) == ("completed", 200, "of-b")
    assert (attempt.role, attempt.account, attempt.target, attempt.served) == ("mirror", MIRRORS, "b/big", False)
    assert site.told.mirrors == [("m", "big", "completed", 10)]
    assert call.record.variant == ""


async def test_the_first_target_is_asked_first_and_where_none_is_no_mirror_is() -> None:
    site = Site()
    call = site.call()
    call.permits = ()
    with pytest.raises(NotConfigured):
        await site.service(call)
    await site.settled()
    assert site.order == []
    hedged = Site()
    hedged.router._routes.value = read_routes(
        Text("r", b"routes: {m: {hedge: {after_ms: 1}, mirrors: [{model: big}]}}")
    )
    call = hedged.call()
    call.permits = (A, permit("a/n"))
    await hedged.ask(call)
    await hedged.settled()
    assert hedged.order == ["a", "b"]


async def test_a_mirror_that_never_answers_keeps_nobody_waiting_and_has_its_bound() -> None:
    site = Site("max_in_flight: 3")
    never = asyncio.Event()

    async def hangs() -> Reply:
        await never.wait()
        return whole(b"")

    site.answers["b"] = lambda call: hangs()
    for _ in range(10):
        assert (await site.ask())[1] == b"caller's"
        await asyncio.sleep(0)
    assert site.order.count("b") == 3
    assert site.told.out == [("m", "big", "max_in_flight")] * 7
    never.set()
    await site.settled()
    await site.ask()
    await site.settled()
    assert site.order.count("b") == 4


async def test_at_the_end_what_is_under_way_is_given_up_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.router.mirroring.CLOSE_S", 0.01)
    site, shut = Site(), list[str]()

    async def hangs(call: Call) -> Reply:
        call.on_close(lambda: shut.append("upstream"))
        await asyncio.Event().wait()
        raise AssertionError

    site.answers["b"] = hangs
    async with site.mirrors:
        await site.ask()
        while "b" not in site.order:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
    (leg,) = site.closed
    assert (leg.record.outcome, shut) == ("cancelled", ["upstream"])
    assert site.told.mirrors == [("m", "big", "cancelled", 10)]
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda call: whole(b"{}", 503), "upstream_status_503"),
        (lambda call: streamed(b"data: 1\n\n", UpstreamBroken("cut", code="upstream_cut_short")), "upstream_cut_short"),
    ],
)
async def test_one_that_fails_is_counted_and_rests_nobody(answer: Answer, code: str) -> None:
    site = Site()
    site.answers["b"] = answer
    for _ in range(10):
        assert (await site.ask())[1] == b"caller's"
        await site.settled()
    assert {call.record.error_code for call in site.closed} == {code}
    assert site.told.mirrors == [("m", "big", "failed", 10)] * 10
    assert site.router.standings.of("b/big").breaker.state == "closed"


@pytest.mark.parametrize("told", [False, True], ids=["as it is", "as the transport tells of one"])
async def test_a_bug_of_a_mirrors_provider_harms_nobody_and_is_in_the_log(
    caplog: pytest.LogCaptureFixture, told: bool
) -> None:
    site = Site()

    def broken(call: Call) -> Reply:
        bug = LookupError("a bug")
        raise to_fault(bug) if told else bug

    site.answers["b"] = broken
    assert (await site.ask())[1] == b"caller's"
    await site.settled()
    assert [(call.record.outcome, call.record.error_code) for call in site.closed] == [("failed", "internal_error")]
    assert site.closed[0].record.id in caplog.messages[0]
    assert "a bug" in caplog.text


async def test_one_that_takes_too_long_is_given_up() -> None:
    site = Site("timeout_s: 0.01")

    async def hangs() -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    site.answers["b"] = lambda call: hangs()
    await site.ask()
    async with asyncio.timeout(5):
        while not site.closed:
            await asyncio.sleep(0.005)
    assert site.closed[0].record.error_code == "mirror_timeout"


async def test_a_stream_is_read_to_its_end_through_its_taps() -> None:
    site = Site()

    def answer(call: Call) -> Reply:
        reply = streamed(b"one", b"two")

        def tap(piece: bytes) -> bytes:
            call.served.usage = Usage(output_tokens=len(piece))
            return piece

        reply.taps.append(tap)
        return reply

    site.answers["b"] = answer
    await site.ask()
    await site.settled()
    (leg,) = site.closed
    assert (leg.record.bytes_out, leg.served.usage, leg.record.outcome) == (6, Usage(output_tokens=3), "completed")
