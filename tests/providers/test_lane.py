"""What may leave for an upstream, by virtual time: configured rates, limits it tells of, concurrency found out."""

import heapq
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.share import Demand, Share
from gateway.providers.pacing.lane import Lane, Leave, amounts_of
from gateway.providers.pacing.meters import MAX_HOLD_S, REQUESTS, TOKENS, Reading

ONE = Demand(Share("t"), 500, 500)


def may_leave(lane: Lane, now: float, demand: Demand = ONE) -> Leave | None:
    return None if lane.wait_s(amounts_of(demand), now) else lane.leave(amounts_of(demand), now)


def told(remaining: float, limit: float = 100, reset_s: float | None = None, of: int = REQUESTS) -> list[Reading]:
    return [Reading(of, remaining, limit, reset_s)]


def after_one(readings: list[Reading], **lane: float) -> Lane:
    """A lane that has heard one answer, at 0."""
    made = Lane(**lane)  # type: ignore[arg-type]
    left = made.leave(amounts_of(ONE), 0)
    made.end(left, 0)
    made.hear(left, readings, 0)
    return made


def leaving(lane: Lane, until_s: float, demand: Demand = ONE, step_s: float = 0.01) -> list[float]:
    """When calls leave, if one is always ready."""
    times = (number * step_s for number in range(int(until_s / step_s)))
    return [now for now in times if may_leave(lane, now, demand)]


def test_configured_tokens_are_spread_evenly_and_a_large_call_is_paid_off() -> None:
    assert len(leaving(Lane(tokens_per_minute=60_000), 60)) == pytest.approx(61, abs=1)
    large = Demand(Share("t"), 9_000, 1_000)
    assert len(leaving(Lane(tokens_per_minute=60_000), 60, large)) == pytest.approx(7, abs=1)


def test_what_was_not_used_is_given_back() -> None:
    lane = Lane(tokens_per_minute=60_000)
    left = lane.leave(amounts_of(ONE), 0)
    assert lane.wait_s(amounts_of(ONE), 0) > 0.9
    lane.settle(left, 100)
    assert lane.wait_s(amounts_of(ONE), 0) == pytest.approx(0.1, abs=0.01)


def test_configured_concurrency() -> None:
    lane = Lane(concurrency=2)
    first, _ = may_leave(lane, 0), may_leave(lane, 0)
    assert first is not None
    assert may_leave(lane, 0) is None
    lane.end(first, 1)
    assert may_leave(lane, 1) is not None


def test_while_much_is_left_nothing_is_held_back() -> None:
    lane = after_one(told(99))
    assert len([lane.leave(amounts_of(ONE), 0) for _ in range(40) if lane.is_roomy(0)]) == 40


def test_as_the_rest_falls_the_pace_falls_and_never_more_leaves_than_there_is() -> None:
    times = leaving(after_one(told(10, reset_s=54.0)), 30)
    assert len(times) <= 10 + 30 * 100 / 60
    assert len(times) >= 0.9 * (9 + 30 * 100 / 60), "nor much less"
    assert max(later - earlier for earlier, later in pairwise(times)) < 1.0


def test_what_is_used_up_is_waited_for() -> None:
    lane = after_one(told(0, limit=60, reset_s=60.0))
    assert lane.wait_s(amounts_of(ONE), 0) == pytest.approx(1.0)
    lane = after_one(told(100, limit=60_000, reset_s=59.9, of=TOKENS))
    assert lane.wait_s(amounts_of(ONE), 0) == pytest.approx(0.9, abs=0.01)


def test_a_window_that_does_not_refill_is_found_out_and_waited_for() -> None:
    lane = after_one(told(0, limit=60, reset_s=30.0))
    left = may_leave(lane, 2)
    assert left is not None
    lane.refuse(left, 429, told(0, limit=60, reset_s=28.0), None, 2)
    assert lane.wait_s(amounts_of(ONE), 2) == pytest.approx(28.0)
    assert lane.wait_s(amounts_of(ONE), 30.01) == 0


def test_limits_of_other_windows_than_their_names_say_are_found_out() -> None:
    assert len(leaving(after_one(told(0, limit=20, reset_s=1.0)), 10)) == pytest.approx(200, abs=25), "20 a second"
    lane = after_one(told(0, limit=60, reset_s=30.0))
    assert lane.wait_s(amounts_of(ONE), 0) == pytest.approx(0.5)
    lane.hear(lane.leave(amounts_of(ONE), 40), told(10, limit=60, reset_s=50.0), 40)
    lane.hear(lane.leave(amounts_of(ONE), 80), told(0, limit=60, reset_s=10.0), 80)
    assert lane.wait_s(amounts_of(ONE), 80) == pytest.approx(1.0), "the slowest of late counts"


def test_what_left_after_the_answer_was_made_is_taken_off() -> None:
    lane = Lane()
    first = lane.leave(amounts_of(ONE), 0)
    for _ in range(4):
        lane.leave(amounts_of(ONE), 0.5)
    lane.hear(first, told(5), 0.6)
    assert [lane.leave(amounts_of(ONE), 0.6) for _ in range(9) if not lane.wait_s(amounts_of(ONE), 0.6)].__len__() == 1


def test_of_two_answers_the_one_to_the_later_call_counts() -> None:
    lane = Lane()
    early, late = lane.leave(amounts_of(ONE), 0), lane.leave(amounts_of(ONE), 1)
    lane.hear(late, told(50), 2)
    lane.hear(early, told(0, reset_s=60), 3)
    assert lane.wait_s(amounts_of(ONE), 3) == 0


def test_retry_after_is_kept_within_bounds() -> None:
    lane = Lane()
    lane.refuse(lane.leave(amounts_of(ONE), 0), 429, [], 7.0, 0)
    lane.concurrency.under_way = 0
    assert lane.wait_s(amounts_of(ONE), 0) == 7.0
    lane.refuse(lane.leave(amounts_of(ONE), 7), 429, [], 86_400.0, 7)
    lane.concurrency.under_way = 0
    assert lane.wait_s(amounts_of(ONE), 7) == MAX_HOLD_S


def test_a_limit_of_a_day_that_is_used_up_is_tried_once_a_minute() -> None:
    day = [Reading(REQUESTS, 0, 100, 40_000.0, 86_400.0)]
    assert len(leaving(after_one(day), 299, step_s=0.5)) == 4


def test_what_was_told_long_ago_is_forgotten() -> None:
    lane = after_one([Reading(REQUESTS, 0, 1_000, 40_000.0, 86_400.0)])
    assert lane.wait_s(amounts_of(ONE), 1) > 0
    assert lane.wait_s(amounts_of(ONE), 400) == 0
    assert not lane.told


def test_a_worker_keeps_to_its_part() -> None:
    assert len(leaving(after_one(told(40), part=0.25), 0.02)) <= 10
    assert after_one(told(40), part=0.25).view(0)["learned_limits"] == [
        {"limit": "requests_per_minute", "maximum": 100, "remaining": 40}
    ]


def test_concurrency_is_halved_by_a_refusal_and_grows_by_one_a_round() -> None:
    lane = Lane()
    calls = [lane.leave(amounts_of(ONE), 0) for _ in range(16)]
    for call in calls[:5]:
        lane.refuse(call, 529, [], None, 1)
    assert lane.concurrency.ceiling == 8, "calls that left before the cut say nothing new"
    for call in calls:
        lane.end(call, 1)
    for _ in range(9):
        lane.served(2)
    assert int(lane.concurrency.ceiling) == 9
    for number in range(200):
        lane.served(400 + number)
    assert lane.concurrency.learned is None, "long without a refusal, and nobody needs as much"


def test_refusals_that_tell_nothing_are_held_back_longer_each_time() -> None:
    lane, waits, now = Lane(), [], 0.0
    for _ in range(8):
        left = lane.leave(amounts_of(ONE), now)
        lane.refuse(left, 429, [], None, now)
        lane.end(left, now)
        waits.append(wait := lane.wait_s(amounts_of(ONE), now))
        now += wait
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    lane.served(now)
    lane.refuse(lane.leave(amounts_of(ONE), now), 429, [], None, now)
    assert lane.held_until - now == 0.25


def test_a_request_too_large_for_its_limit_stops_nobody_else() -> None:
    """OpenAI answers 429 to it, and says that there is room."""
    lane = Lane()
    lane.refuse(lane.leave(amounts_of(ONE), 0), 429, told(29_000, limit=30_000, of=TOKENS), None, 0)
    assert lane.wait_s(amounts_of(ONE), 0) == 0
    assert lane.concurrency.learned is None


class World:
    """Calls that come, leave by a lane, and take a time at the upstream; virtual time."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._due = float("inf")
        self.latencies: dict[str, list[float]] = {}
        self.order: list[str] = []

    def at(self, time: float, action: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, action))

    def comes(
        self, time: float, share: Share, tokens: int, takes_s: float, then: Callable[[], None] | None = None
    ) -> None:
        def come() -> None:
            self.lane.queue.push(share, tokens, Demand(share, tokens, 0), (time, takes_s, then))
            self.move()

        self.at(time, come)

    def move(self) -> None:
        while (waiting := self.lane.next(self.now)) is not None:
            came, takes_s, then = waiting.wake
            left = self.lane.leave(amounts_of(waiting.demand), self.now)
            self.order.append(waiting.flow)

            def end(left: Leave = left, flow: str = waiting.flow, came: float = came, then: object = then) -> None:
                self.lane.end(left, self.now)
                self.latencies.setdefault(flow, []).append(self.now - came)
                if callable(then):
                    then()
                self.move()

            self.at(self.now + takes_s, end)
        wait_s = self.lane.head_wait_s(self.now)
        assert not self.lane.queue.length or wait_s > 0, "who could leave has left"
        due = self.now + wait_s + 1e-9
        if due < self._due:  # one wake-up at a time: else each call that comes would add one to every round
            self._due = due
            self.at(due, self._wake)

    def _wake(self) -> None:
        if self.now >= self._due:
            self._due = float("inf")
            self.move()

    def run(self) -> "World":
        while self._events:
            self.now, _, action = heapq.heappop(self._events)
            action()
        return self


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def quiet_p95(lane: Lane, seed: int, *, flood: bool) -> tuple[float, World]:
    """p95 of a tenant that asks now and then, of an upstream at which another asks for four times what it can do."""
    world, random_ = World(lane), random.Random(seed)
    time = 0.0
    while (time := time + random_.expovariate(2.0)) < 300:
        world.comes(time, Share("quiet"), random_.randint(200, 1_000), random_.uniform(0.8, 1.2))
    if flood:
        random_ = random.Random(seed + 1)
        for client in range(80):

            def again() -> None:
                if world.now < 300:
                    world.comes(
                        world.now, Share("flood"), random_.randint(200, 1_000), random_.uniform(0.8, 1.2), again
                    )

            world.at(client * 0.01, again)
    return p95(world.run().latencies["quiet"]), world


@pytest.mark.parametrize("seed", range(3))
def test_a_flood_of_one_tenant_leaves_anothers_p95_within_a_fifth(seed: int) -> None:
    alone, _ = quiet_p95(Lane(concurrency=20), seed, flood=False)
    beside, world = quiet_p95(Lane(concurrency=20), seed, flood=True)
    assert beside <= 1.2 * alone
    assert p95(world.latencies["flood"]) > 3 * alone, "it is a flood: whoever sends it waits"
    assert world.lane.is_idle


def test_tenants_share_a_bottleneck_of_tokens_by_weight() -> None:
    world = World(Lane(tokens_per_minute=600_000))
    for number in range(3_000):
        world.comes(0, Share(("bank", "shop", "lab")[number % 3], (3.0, 2.0, 1.0)[number % 3]), 1_000, 1.0)
    world.run()
    first = world.order[:1_200]
    shares = [first.count(name) / 200 for name in ("bank", "shop", "lab")]
    assert shares == pytest.approx([3, 2, 1], rel=0.02)


STEPS = st.lists(
    st.tuples(st.floats(0, 30), st.integers(0, 3), st.integers(1, 3_000), st.floats(0.01, 3)), min_size=1, max_size=60
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from([None, 1, 4]), st.sampled_from([None, 30_000]))
def test_nobody_waits_while_there_is_room_and_everybody_is_served(
    steps: list[tuple[float, int, int, float]], concurrency: int | None, tokens: int | None
) -> None:
    lane = Lane(concurrency=concurrency, tokens_per_minute=tokens)
    world = World(lane)
    for time, flow, cost, takes_s in steps:
        share = Share(str(flow), flow + 1.0, "batch" if flow == 3 else "interactive")
        world.comes(time, share, cost, takes_s)
    world.run()
    assert sum(map(len, world.latencies.values())) == len(steps)
    assert lane.is_idle
    if concurrency is None and tokens is None:
        assert all(latency < 3.1 for latencies in world.latencies.values() for latency in latencies)


def test_an_upstream_that_tells_nothing_is_not_short_of_anything() -> None:
    lane = Lane()
    left = lane.leave(amounts_of(ONE), 0)
    lane.short = True  # as after a call that had to wait
    lane.hear(left, [], 1)
    assert not lane.short
    lane.hear(lane.leave(amounts_of(ONE), 2), told(0, reset_s=60), 2)
    assert lane.short
    lane.hear(left, told(100), 3)
    assert lane.short, "what an older answer tells is no news"
