"""A second target asked beside a slow one: who wins, and what the loser leaves behind."""

import asyncio

import pytest

from gateway.core.attempt import RETRIES
from gateway.core.call import Call, Reply, Service
from gateway.core.faults import UpstreamUnreachable
from gateway.router.patience import AT_LEAST, Patience
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import Fleet, fine, permit

ROUTE = "routes: {m: {hedge: {after_ms: 5}}}"
A, B, C = permit("a/m"), permit("b/m"), permit("c/m")


class Slow:
    """Answers when it is told to; `stopped` if nobody waited."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.stopped = False

    async def __call__(self, call: Call) -> Reply:
        call.served.asked = True
        call.on_close(lambda: None)
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        return Reply(200, [], b"slow")


async def quick(call: Call) -> Reply:
    call.served.asked = True
    return fine()


async def broken(call: Call) -> Reply:
    call.served.asked = True
    raise UpstreamUnreachable("gone")


def fleet_of(**providers: Service) -> Fleet:
    fleet = Fleet(ROUTE)
    fleet.use(**providers)
    return fleet


def asked() -> Call:
    return call_of("chat", model="m", messages=[{"role": "user", "content": "hello there"}])


async def test_the_quicker_answer_is_the_calls_and_the_other_is_stopped_and_billed_to_retries() -> None:
    slow = Slow()
    fleet = fleet_of(a=slow, b=quick)
    call = await fleet.ask(A, B, call=asked())
    assert slow.stopped
    winner, loser = call.attempts[-1], call.attempts[0]
    assert (winner.n, winner.role, winner.target, winner.account) == (2, "hedge", "b/m", "")
    assert (loser.n, loser.role, loser.outcome, loser.account) == (1, "primary", "cancelled", RETRIES)
    assert loser.usage is not None
    assert loser.usage.total_input > 0
    assert loser.usage_source == "estimate"
    assert (call.record.target, call.reply_headers["x-gateway-target"]) == ("b/m", "b/m")
    assert fleet.router.standings.of("a/m").in_flight == 0


async def test_where_one_attempt_is_all_that_a_call_may_have_it_gets_no_rival() -> None:
    async def later(call: Call) -> Reply:
        await asyncio.sleep(0.03)
        return await quick(call)

    fleet = Fleet("routes: {m: {hedge: {after_ms: 5}, retries: {max_attempts: 1}}}")
    fleet.use(a=later, b=quick)
    call = await fleet.ask(A, B, call=asked())
    assert [attempt.target for attempt in call.attempts] == ["a/m"]


async def test_one_that_begins_to_answer_in_time_has_no_rival() -> None:
    call = await fleet_of(a=quick, b=quick).ask(A, B, call=asked())
    assert [attempt.target for attempt in call.attempts] == ["a/m"]


async def test_the_first_may_still_win() -> None:
    slow, slower = Slow(), Slow()
    fleet = fleet_of(a=slow, b=slower)
    asking = asyncio.ensure_future(fleet.ask(A, B, call=asked()))
    await slower.begun.wait()
    slow.go.set()
    call = await asking
    assert slower.stopped
    assert [(attempt.n, attempt.outcome) for attempt in call.attempts] == [(2, "cancelled"), (1, "open")]
    assert call.record.target == "a/m"


async def test_when_one_fails_the_other_goes_on() -> None:
    slow = Slow()
    fleet = fleet_of(a=slow, b=broken)
    asking = asyncio.ensure_future(fleet.ask(A, B, call=asked()))
    await slow.begun.wait()
    await asyncio.sleep(0.02)
    slow.go.set()
    call = await asking
    assert [(attempt.n, attempt.outcome) for attempt in call.attempts] == [(2, "failed"), (1, "open")]


async def test_when_both_fail_the_next_target_is_asked() -> None:
    async def breaks_late(call: Call) -> Reply:
        await asyncio.sleep(0.03)
        return await broken(call)

    call = await fleet_of(a=breaks_late, b=broken, c=quick).ask(A, B, C, call=asked())
    assert [(attempt.target, attempt.outcome) for attempt in sorted(call.attempts, key=lambda one: one.n)] == [
        ("a/m", "failed"),
        ("b/m", "failed"),
        ("c/m", "open"),
    ]


async def test_a_caller_that_hangs_up_stops_both_and_what_was_asked_is_known() -> None:
    slow, slower = Slow(), Slow()
    call = asked()
    asking = asyncio.ensure_future(fleet_of(a=slow, b=slower).ask(A, B, call=call))
    await slower.begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert slow.stopped
    assert slower.stopped
    assert (call.attempts[-1].target, call.served.asked) == ("a/m", True)
    assert call.attempts[0].outcome == "cancelled"


async def test_a_call_that_must_not_be_made_twice_is_not_hedged() -> None:
    slow = Slow()
    asking = asyncio.ensure_future(fleet_of(a=slow, b=quick).ask(A, B, call=call_of("images", model="m", prompt="x")))
    await slow.begun.wait()
    await asyncio.sleep(0.02)
    slow.go.set()
    assert len((await asking).attempts) == 1


async def test_a_stopped_one_counts_against_its_target_so_that_a_dead_one_is_left_alone() -> None:
    fleet = fleet_of(a=Slow(), b=quick)
    targets: list[str] = []
    for _ in range(8):
        targets.append((await fleet.ask(A, B, call=asked())).attempts[0].target)
    assert targets == ["a/m"] * 5 + ["b/m"] * 3


def test_what_is_usual_is_what_95_of_100_lately_kept_to() -> None:
    patience = Patience()
    for number in range(AT_LEAST - 1):
        patience.took("m", float(number))
    assert patience.usual_s("m") is None
    patience.took("m", 100.0)
    assert patience.usual_s("m") == 100.0
    for _ in range(400):
        patience.took("m", 1.0)
    assert patience.usual_s("m") == 1.0
