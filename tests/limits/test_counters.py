"""Counters in this process: all bounds or none, settled once, nothing gained by the clock, nothing lost for ever."""

import asyncio
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.bounds import NOTHING, PLACES, Bound, Need, Refusal, Span, tightest
from gateway.limits.local import LocalCounters, LocalHold
from gateway.limits.steady import SteadyTime
from tests.limits.making import MINUTE, NOW, TwoClocks, bound, tokens

MONTH = Span("calendar", "month", zone="Europe/Berlin")
HOUR = Span("sliding", "hour", 3600.0, 12)


def used(counters: LocalCounters, *bounds: Bound) -> list[int]:
    return [level.used for level in asyncio.run(counters.levels(bounds))]


def test_a_call_refused_by_one_bound_counts_against_none() -> None:
    counters = LocalCounters(TwoClocks())
    wide, narrow = bound(100, limit_id="wide"), bound(1, limit_id="narrow")
    assert isinstance(counters.decide([wide, narrow], Need()), LocalHold)
    for _ in range(5):
        refused = counters.decide([wide, narrow], Need())
        assert isinstance(refused, Refusal)
        assert (refused.bound, refused.current) == (narrow, 1)
        assert [level.remaining for level in refused.levels] == [99, 0]
    assert used(counters, wide, narrow) == [1, 1]


def test_an_estimate_is_settled_to_the_truth_once() -> None:
    counters, limit = LocalCounters(TwoClocks()), bound(1000, dimension="tokens")
    hold = counters.decide([limit], tokens(900))
    assert isinstance(counters.decide([limit], tokens(200)), Refusal)
    for _ in range(2):
        counters.settle(hold, tokens(100))
    assert used(counters, limit) == [100]
    assert isinstance(counters.decide([limit], tokens(900)), LocalHold)


def test_input_output_and_money_are_counted_apart() -> None:
    counters = LocalCounters(TwoClocks())
    limits = [bound(10_000, dimension=word) for word in ("input_tokens", "output_tokens", "tokens", "cost", "requests")]  # type: ignore[arg-type]
    hold = counters.decide(limits, Need(100, 2000, 5000))
    assert used(counters, *limits) == [100, 2000, 2100, 5000, 1]
    counters.settle(hold, Need(90, 30, 700))
    assert used(counters, *limits) == [90, 30, 120, 700, 1]


def test_a_call_that_was_never_sent_gives_everything_back() -> None:
    counters = LocalCounters(TwoClocks())
    limits = [bound(10), bound(10, NOW, dimension="concurrent_requests"), bound(10, MONTH, dimension="cost")]
    hold = counters.decide(limits, Need(nano=5))
    assert used(counters, *limits) == [1, 1, 5]
    counters.settle(hold, NOTHING)
    assert used(counters, *limits) == [0, 0, 0]
    assert counters.holds == 0


@pytest.mark.parametrize("estimate", [1, 7])
def test_five_hundred_calls_at_once_do_not_overshoot_a_budget_for_a_hundred(estimate: int) -> None:
    """Each costs 1. However high it is estimated, none is let in that might not fit; what is over-estimated comes back
    when they end, and those that are let in then have room."""
    counters, budget = LocalCounters(TwoClocks()), bound(100, MONTH, dimension="cost")

    async def call() -> bool:
        hold = await counters.reserve([budget], Need(nano=estimate))
        await asyncio.sleep(0)
        if isinstance(hold, Refusal):
            return False
        counters.settle(hold, Need(nano=1))
        return True

    async def all_at_once() -> int:
        return sum(await asyncio.gather(*(call() for _ in range(500))))

    admitted = asyncio.run(all_at_once())
    assert admitted == 100 // estimate
    assert used(counters, budget) == [admitted]


def test_what_was_estimated_too_low_overshoots_by_that_and_no_more() -> None:
    counters, budget = LocalCounters(TwoClocks()), bound(100, MONTH, dimension="cost")
    holds = [counters.decide([budget], Need(nano=10)) for _ in range(500)]
    under_way = [hold for hold in holds if isinstance(hold, LocalHold)]
    for hold in under_way:
        counters.settle(hold, Need(nano=13))
    assert len(under_way) == 10
    assert used(counters, budget) == [100 + 10 * 3]
    assert isinstance(counters.decide([budget], Need(nano=1)), Refusal)
    assert isinstance(counters.decide([budget], Need(nano=0)), LocalHold), "what costs nothing has room in every budget"


class Walk:
    """A random life of counters beside a naive account of it."""

    def __init__(self, *, known: bool) -> None:
        """`known`: the same tuple is asked for each time, as by policies."""
        self.clock = TwoClocks()
        self.counters = LocalCounters(self.clock)
        limits = (
            *(bound(5), bound(200, dimension="tokens"), bound(3, NOW, dimension="concurrent_requests")),
            *(bound(2_000, HOUR, dimension="cost"), bound(5_000, MONTH, dimension="cost", limit_id="b")),
            *(bound(9, HOUR, limit_id="c"), bound(400, HOUR, dimension="tokens", limit_id="d")),
        )
        self.limits = limits if known else [*limits]
        self.open: list[tuple[LocalHold, Need]] = []
        self.month = 0  # what the month's budget must show

    def step(self, kind: str, amount: int, which: int) -> None:
        if kind == "time":
            self.clock.advance(amount)
        elif kind == "back":
            self.clock.wall -= amount * 100
        elif kind == "call":
            need = Need(amount, amount, amount * 10)
            before = used(self.counters, *self.limits)
            found = self.counters.decide(self.limits, need)
            if isinstance(found, Refusal):
                assert used(self.counters, *self.limits) == before
                needed = [need.of(limit.dimension) for limit in self.limits]
                assert any(was + more > one.maximum for one, was, more in zip(self.limits, before, needed, strict=True))
                return
            self.open.append((found, need))
            self.month += need.nano or 0
            for limit, level in zip(self.limits, found.levels, strict=True):
                assert level.used <= limit.maximum
            assert [found.least(place) for place in range(len(PLACES))] == tightest(found.levels)
        elif self.open:
            hold, need = self.open.pop(which % len(self.open))
            truth = NOTHING if kind == "unsent" else Need(amount // 2, 0, min(amount, need.nano or 0))
            for _ in range(2):
                self.counters.settle(hold, truth)
            self.month += (truth.nano or 0) - (need.nano or 0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["call", "call", "call", "end", "unsent", "time", "back"]),
            st.integers(1, 60),
            st.integers(0, 9),
        ),
        max_size=150,
    ),
    st.booleans(),
)
def test_whatever_happens_nothing_is_over_its_limit_and_nothing_is_left_held(
    steps: list[tuple[str, int, int]], known: bool
) -> None:
    """Estimates are high here; the clock is put back at will."""
    walk = Walk(known=known)
    for kind, amount, which in steps:
        walk.step(kind, amount, which)
        assert used(walk.counters, walk.limits[4]) == [walk.month]
    while walk.open:
        walk.step("unsent", 1, 0)
    assert walk.counters.holds == 0
    assert used(walk.counters, walk.limits[2]) == [0]
    walk.clock.wall = max(walk.clock.wall, walk.counters.time()) + 7200
    walk.clock.ticks += 7200
    assert used(walk.counters, *walk.limits[:4]) == [0, 0, 0, 0]


@given(st.lists(st.tuples(st.sampled_from(["on", "step"]), st.floats(-5_000, 5_000)), max_size=60))
def test_steady_time_never_goes_back_never_stands_and_finds_the_clock_again(moves: list[tuple[str, float]]) -> None:
    clock = TwoClocks()
    time = SteadyTime(clock)
    last = time()
    for kind, seconds in moves:
        if kind == "on":
            clock.advance(abs(seconds))
        else:
            clock.wall += seconds
        now = time()
        assert now >= max(last, clock.wall)
        if kind == "on" and abs(seconds) > 0.001:
            assert now > last, "it goes on, whatever was done to the clock"
        last = now
    for _ in range(200):  # it catches up at half the pace
        clock.advance(5_000)
        last = time()
    assert last == clock.wall


def test_a_clock_put_back_over_midnight_opens_no_budget_again() -> None:
    clock = TwoClocks(datetime.fromisoformat("2026-11-01T00:00:10+01:00").timestamp())
    counters, budget = LocalCounters(clock), bound(100, MONTH, dimension="cost")
    assert isinstance(counters.decide([budget], Need(nano=100)), LocalHold)
    clock.wall -= 3600
    assert isinstance(counters.decide([budget], Need(nano=1)), Refusal)
    clock.advance(3700)
    assert isinstance(counters.decide([budget], Need(nano=1)), Refusal)


def test_a_hold_that_nobody_settles_runs_out_and_is_still_counted_if_it_ends_after_all() -> None:
    clock = TwoClocks()
    counters = LocalCounters(clock, hold_s=600)
    budget, at_once = bound(100, MONTH, dimension="cost"), bound(1, NOW, dimension="concurrent_requests")
    lost = counters.decide([budget, at_once], Need(nano=100))
    clock.advance(599)
    assert isinstance(counters.decide([budget, at_once], Need(nano=1)), Refusal)
    clock.advance(200)
    other = counters.decide([budget, at_once], Need(nano=1))
    assert isinstance(other, LocalHold)
    assert (counters.lost, counters.holds) == (1, 1)
    counters.settle(other, Need(nano=1))
    counters.settle(lost, Need(nano=70))
    assert used(counters, budget, at_once) == [71, 0]


def test_what_only_warns_lets_pass_and_says_so() -> None:
    counters, soft = LocalCounters(TwoClocks()), bound(1, on_exceeded="warn")
    assert [list(hold.warned) for hold in (counters.decide([soft], Need()) for _ in range(3)) if isinstance(hold, LocalHold)] == [
        [], [soft], [soft],
    ]  # fmt: skip
    assert used(counters, soft) == [3]


def test_of_several_that_only_warn_all_are_told_in_their_order_and_of_a_dimension_the_first_is() -> None:
    """And none of them where another one refuses."""
    counters = LocalCounters(TwoClocks())
    requests, more = bound(2, limit_id="a", on_exceeded="warn"), bound(1, limit_id="c", on_exceeded="warn")
    counted = bound(5, dimension="tokens", limit_id="b", on_exceeded="warn")
    soft = (requests, counted, more)
    found = [counters.decide(soft, tokens(5)) for _ in range(4)]
    assert [list(hold.warned) for hold in found if isinstance(hold, LocalHold)] == [
        [], [counted, more], [requests, counted, more], [requests, counted, more],
    ]  # fmt: skip
    assert isinstance(found[3], LocalHold)
    assert [found[3].least(place) for place in range(4)] == tightest(found[3].levels)[:4]
    budget = bound(1, dimension="cost", limit_id="d")
    refused = counters.decide([*soft, budget], Need(5, 0, 2))
    assert isinstance(refused, Refusal)
    assert (refused.bound, [level.used for level in refused.levels]) == (budget, [4, 20, 4, 0])
    assert used(counters, *soft, budget) == [4, 20, 4, 0]


def test_a_bound_of_which_a_part_is_leaving_has_least_left_only_if_it_has() -> None:
    clock = TwoClocks()
    counters, leaving, other = LocalCounters(clock), bound(10, limit_id="a"), bound(6, limit_id="b")
    for _ in range(8):
        counters.decide([leaving], Need())
    clock.advance(60 + 45)  # a quarter of the eight is still counted
    for left in (5, 4):
        found = counters.decide([other, leaving], Need())
        assert isinstance(found, LocalHold)
        told = found.least(PLACES["requests"])
        assert told is not None
        assert told[:2] == (6, left)


def test_of_several_refusals_the_one_that_holds_longest_is_told() -> None:
    counters = LocalCounters(TwoClocks())
    minute, month = bound(1), bound(1, MONTH, dimension="cost", limit_id="b")
    queued = bound(1, on_exceeded="queue", queue_s=5.0, limit_id="c")
    assert isinstance(counters.decide([minute, month, queued], Need(nano=1)), LocalHold)
    refused = counters.decide([queued, minute, month], Need(nano=1))
    assert isinstance(refused, Refusal)
    assert refused.bound == month
    refused = counters.decide([queued, minute], Need(nano=1))
    assert isinstance(refused, Refusal)
    assert refused.bound == minute, "waiting for the one would not help against the other"


def test_a_limit_whose_span_was_changed_counts_anew_and_one_whose_figure_was_counts_on() -> None:
    counters, limit = LocalCounters(TwoClocks()), bound(3)
    for _ in range(3):
        counters.decide([limit], Need())
    assert used(counters, bound(5)) == [3]
    assert used(counters, bound(5, Span("sliding", "minute", 60.0, 2))) == [0]


def test_idle_counters_are_forgotten_first_and_budgets_last() -> None:
    clock = TwoClocks()
    counters = LocalCounters(clock, maximum=10)
    budget = bound(100, MONTH, dimension="cost", key="budget")
    counters.settle(counters.decide([budget], Need(nano=7)), Need(nano=7))
    held = counters.decide([bound(1, NOW, dimension="concurrent_requests", key="held")], Need())
    for number in range(200):
        clock.advance(1)
        one = bound(9, key=f"k{number}")
        counters.settle(counters.decide([one], Need()), Need())
        assert len(counters) <= 10
    assert used(counters, budget) == [7]
    assert isinstance(counters.decide([bound(1, NOW, dimension="concurrent_requests", key="held")], Need()), Refusal)
    counters.settle(held, Need())


def test_levels_count_nothing_and_keep_nothing() -> None:
    counters = LocalCounters(TwoClocks())
    (level,) = asyncio.run(counters.levels([bound(5)]))
    assert (level.used, level.remaining, len(counters)) == (0, 5, 0)
    assert level.bound.span == MINUTE


def test_room_is_made_for_many_at_once_so_that_not_every_new_counter_looks_at_all_of_them() -> None:
    clock = TwoClocks()
    looks = 0

    class Looked(LocalCounters):
        def _forget_idle(self, now: float) -> None:
            nonlocal looks
            looks += 1
            super()._forget_idle(now)

    counters = Looked(clock, maximum=320)
    for number in range(2_000):  # two become idle for every three that come
        clock.advance(0.3)
        one = bound(9, key=f"k{number}")
        counters.settle(counters.decide([one], Need()), Need())
    assert len(counters) <= 320
    assert looks <= 2_000 / (320 / 16)


def test_who_is_known_counts_where_others_see_it_after_his_counter_gave_way() -> None:
    counters = LocalCounters(TwoClocks(), maximum=4)
    mine = (bound(9, limit_id="mine"),)
    counters.settle(counters.decide(mine, Need()), Need())
    for number in range(20):  # so many that idle counters are forgotten
        counters.settle(counters.decide((bound(9, limit_id=f"other{number}"),), Need()), Need())
    assert used(counters, *mine) == [0]
    assert isinstance(counters.decide(mine, Need()), LocalHold)
    assert used(counters, *mine) == [1]


def test_a_reload_to_another_span_and_back_counts_anew_each_time() -> None:
    counters = LocalCounters(TwoClocks())
    minute, hour = ((bound(9, span, key="a"),) for span in (MINUTE, HOUR))
    for bounds in (minute, hour, minute):
        for times in (1, 2):
            assert isinstance(counters.decide(bounds, Need()), LocalHold)
            assert used(counters, *bounds) == [times]


def test_what_is_settled_after_its_slice_has_left_is_corrected_where_it_was_counted() -> None:
    clock = TwoClocks()
    counters = LocalCounters(clock)
    bounds = (bound(1_000, HOUR, dimension="tokens"), bound(9, NOW, dimension="concurrent_requests"))
    hold = counters.decide(bounds, tokens(100))
    clock.advance(1_800)
    other = counters.decide(bounds, tokens(10))
    counters.settle(hold, tokens(30))
    assert used(counters, *bounds) == [40, 1]
    clock.advance(1_800 + 300)
    counters.settle(other, tokens(5))
    assert used(counters, *bounds) == [5, 0]
