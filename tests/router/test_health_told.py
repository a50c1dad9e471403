"""What of an attempt's end speaks for or against its target, and what does not."""

import asyncio
import time

import pytest

from gateway.core.call import Call, Reply
from gateway.core.faults import NotConfigured, UpstreamBusy, UpstreamResting, UpstreamTimeout
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.core.record import Outcome
from gateway.router.choosing import Asking
from gateway.router.loading import NO_ROUTES
from gateway.router.router import Router
from gateway.router.standing import Standings
from gateway.testing import HandClock
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import A, B, Fleet, down, fine, permit, refusal
from tests.router.test_hedging import Slow, asked, quick


class RunningClock(HandClock):
    """Its monotonic time is the real one."""

    def monotonic(self) -> float:
        return time.monotonic()


async def nothing() -> bytes | None:
    return None


def stream() -> Reply:
    return Reply(200, [], stream=nothing)


async def streamed(fleet: Fleet, outcome: Outcome, blame: str = "") -> None:
    """A stream served and come to its end."""
    call = call_of("chat", model="m", stream=True)
    call.stream = True
    await fleet.ask(A, call=call)
    call.record.outcome, call.record.blame = outcome, blame
    call.close()


async def test_a_target_that_cuts_its_streams_off_is_left_alone() -> None:
    fleet = Fleet(a=[stream])
    for _ in range(5):
        await streamed(fleet, "failed", "upstream")
    with pytest.raises(UpstreamResting):
        await streamed(fleet, "failed", "upstream")


@pytest.mark.parametrize(("outcome", "blame"), [("completed", ""), ("cancelled", "caller")])
async def test_a_stream_that_came_to_its_end_or_was_hung_up_on_breaks_a_row_of_failures(
    outcome: Outcome, blame: str
) -> None:
    fleet = Fleet(a=[stream])
    for _ in range(2):
        for _ in range(4):
            await streamed(fleet, "failed", "upstream")
        await streamed(fleet, outcome, blame)
    assert fleet.router.standings.of("a/m").breaker.state == "closed"


async def test_where_all_targets_rest_the_other_model_costs_nothing_of_the_retry_budget() -> None:
    fleet = Fleet("retry_budget: {share: 0, at_least: 0}\nroutes: {m: {fallbacks: {any: [spare]}}}", a=[down], b=[fine])
    for _ in range(5):
        with pytest.raises(Exception, match="gone"):
            await fleet.ask(A)
    assert (withheld := fleet.router.withheld) > 0, "of what had been sent"
    for _ in range(50):
        call = call_of("chat", model="m")
        call.judge = lambda call, name: [permit("b/spare", name)]
        await fleet.ask(A, call=call)
        assert [(attempt.target, attempt.role) for attempt in call.attempts] == [("b/spare", "fallback")]
    assert fleet.router.withheld == withheld


async def test_a_model_that_falls_back_to_itself_is_not_asked_twice_by_that() -> None:
    fleet = Fleet("routes: {m: {fallbacks: {any: [m]}}}\nretries: {base_ms: 0}", a=[refusal(404)], b=[refusal(404)])
    call = call_of("chat", model="m")
    call.judge = lambda call, name: [A, B]
    await fleet.ask(A, B, call=call)
    assert fleet.asked == ["a/m", "b/m"]


async def test_a_call_that_waited_for_its_turn_here_says_nothing_of_the_upstream() -> None:
    async def in_our_own_queue(call: Call) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError(call)

    fleet = Fleet("timeout_s: 0.001\nretries: {max_attempts: 1}")
    fleet.use(a=in_our_own_queue)
    for _ in range(8):
        with pytest.raises(UpstreamBusy) as caught:
            await fleet.ask(A)
        assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "1")
    for _ in range(8):
        late = call_of("chat", model="m")
        late.deadline = fleet.clock.monotonic() + 0.0005
        with pytest.raises(UpstreamTimeout):
            await fleet.ask(A, call=late)
    assert fleet.router.standings.of("a/m").breaker.failure_rate(fleet.clock.monotonic()) == (0.0, 0)


async def late(fleet: Fleet, stalls: bool) -> None:
    async def silent(call: Call) -> Reply:
        call.served.asked = True
        if stalls:
            asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        await asyncio.Event().wait()
        raise AssertionError(call)

    # Where this process is not to be late, it is not, however busy the machine is: its clock stands still.
    fleet.clock = RunningClock() if stalls else HandClock()
    fleet.use(a=silent, b=quick)


async def test_a_process_that_was_late_itself_blames_nobody_and_repeats_no_more_than_after_any_timeout() -> None:
    for stalls, counted in ((True, 0), (False, 1)):
        fleet = Fleet("timeout_s: 0.02")
        await late(fleet, stalls)
        call = await fleet.ask(A, B)
        code = "gateway_late" if stalls else "upstream_timeout_attempt"
        assert (call.attempts[0].error_code, call.attempts[-1].target) == (code, "b/m")
        breaker = fleet.router.standings.of("a/m").breaker
        assert breaker.failure_rate(fleet.clock.monotonic())[1] == counted
        with pytest.raises(UpstreamTimeout):
            await fleet.ask(A, B, call=call_of("images", model="m", prompt="it may have been made"))


async def test_the_slower_of_two_is_known_as_slow() -> None:
    fleet = Fleet("routes: {m: {hedge: {after_ms: 20}}}")
    fleet.clock = RunningClock()
    fleet.use(a=Slow(), b=quick)
    await fleet.ask(A, B, call=asked())
    slow, fast = fleet.router.standings.of("a/m"), fleet.router.standings.of("b/m")
    assert slow.latency_s >= 0.02
    assert slow.latency_s > fast.latency_s > 0


def test_who_is_given_up_again_and_again_is_taken_to_be_slower_each_time_within_bounds() -> None:
    standings = Standings(Live(NO_ROUTES))
    standing, now, seen = standings.of("a/m"), 100.0, list[float]()
    for _ in range(6):
        run = standing.begun(now)
        now += 0.1
        standing.gave_up(run, False, now, standings.overload)
        run.ended()
        seen.append(standing.expected_s(now))
    assert seen == pytest.approx([0.1, 0.2, 0.4, 0.8, 0.8, 0.8], rel=0.05)
    assert standing.expected_s(now + 60) < 0.01, "and is tried again one day"


def test_a_target_that_broke_is_tried_by_one_call_at_a_time() -> None:
    standing, now = Standings(Live(NO_ROUTES)).of("a/m"), 100.0
    for _ in range(10):
        run = standing.begun(now)
        standing.failed(run, now, 0.5)
        run.ended()
    assert not standing.works(now)
    now += 10
    assert standing.works(now)
    trial = standing.begun(now)
    assert not standing.works(now)
    trial.ended()  # without a word about the target
    assert standing.works(now)


async def test_where_no_target_takes_a_request_its_caller_hears_why() -> None:
    fleet = Fleet("routes: {m: {targets: [{target: a/m, when: 'request.input_tokens > 1000'}]}}", a=[fine])
    asking = Asking(lambda call, permit: None, lambda call: {"request.input_tokens": 5})
    fleet.router = Router(fleet.router.providers, fleet.clock, fleet.live, asking=asking)
    call = call_of("chat", model="m")
    call.caller = Principal(key_id="k", tenant="t", team="a")
    with pytest.raises(NotConfigured, match="conditions leave all of them out"):
        await fleet.ask(A, call=call)
    with pytest.raises(NotConfigured, match="none of its providers has a credential"):
        await Fleet().ask(A)


def test_how_late_this_process_was_is_known_for_about_a_second() -> None:
    standings = Standings(Live(NO_ROUTES))
    standings.late(0.1)
    assert standings.own_s == pytest.approx(0.4)
    for _ in range(25):  # a second's ticks
        standings.late(0.0)
    assert standings.own_s < 0.04
