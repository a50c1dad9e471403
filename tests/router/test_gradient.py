"""How many calls may be under way at a target: found out from how long its answers take."""

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from gateway.router.document import Overload
from gateway.router.gradient import FORGET_S, Gradient

OPTIONS = Overload(min=4, max=1_000, tolerance=2.0)


class Engine:
    """A model server: `places` calls are prefilled at a time, each for `quick_s` and `per_size_s` for its size; the rest
    wait."""

    def __init__(self, places: int, quick_s: float = 0.1, per_size_s: float = 0.0, seed: int = 7) -> None:
        self.gradient = Gradient()
        self.now = 1_000.0
        self.most = self.turned_away = self.answered = 0
        self._places = places
        self._quick_s = quick_s
        self._per_size_s = per_size_s
        self._dice = random.Random(seed)

    def load(self, callers: int, seconds: float, size: Callable[[random.Random], float] = lambda dice: 1.0) -> None:
        """So many callers, each with another call as soon as the last is answered."""
        until = self.now + seconds
        while self.now < until:
            there = min(callers, max(1, int(self.gradient.room(OPTIONS, batch=False))))
            self.turned_away += callers - there
            self.most = max(self.most, there)
            waits = max(1.0, there / self._places)
            for _ in range(there):
                its = size(self._dice)
                took = (self._quick_s + self._per_size_s * its) * waits * self._dice.uniform(1.0, 1.5)
                self.now += took / there
                self.gradient.answered(True, took, its, there, self.now, OPTIONS)
                self.answered += 1


def test_a_load_that_is_kept_up_with_is_never_limited() -> None:
    engine = Engine(places=16)
    for callers in (1, 8, 16, 3, 16, 12):
        engine.load(callers, 30)
    assert engine.gradient.limit is None
    assert engine.turned_away == 0


def test_longer_prompts_are_no_overload() -> None:
    engine = Engine(places=64, quick_s=0.05, per_size_s=0.02)
    engine.load(10, 60, lambda dice: dice.uniform(1, 2))
    engine.load(40, 60, lambda dice: dice.uniform(50, 100))
    engine.load(40, 60, lambda dice: dice.uniform(1, 2))
    assert engine.gradient.limit is None


def test_an_overload_finds_a_limit_near_what_the_target_keeps_up_with() -> None:
    engine = Engine(places=16)
    engine.load(12, 60)
    engine.load(400, 30)
    assert engine.turned_away > 0
    assert engine.gradient.limit is not None
    engine.most = 0
    engine.load(400, 10)
    # Twice the usual time is tolerated, at half as much again by chance, and the limit feels its way up from below.
    assert engine.most <= 16 * 4


def test_the_limit_is_forgotten_when_nobody_needs_it() -> None:
    engine = Engine(places=16)
    engine.load(12, 60)
    engine.load(400, 10)
    assert engine.gradient.limit is not None
    engine.load(2, FORGET_S + 20)
    assert engine.gradient.limit is None


def test_calls_that_are_never_answered_count_as_slow_ones() -> None:
    engine = Engine(places=16)
    engine.load(12, 60)
    gradient = engine.gradient
    for number in range(200):
        gradient.gave_up(True, 5.0, 100, engine.now + number * 0.1, OPTIONS)
    assert gradient.limit is not None
    assert gradient.limit < 100


def test_what_this_process_may_have_been_late_itself_is_held_against_nobody() -> None:
    for own_s, limited in ((0.0, True), (0.5, True), (1.6, False)):
        gradient, now = Gradient(), 1_000.0
        for number in range(300):
            there, seconds = (5, 0.1) if number < 100 else (100, 1.7)
            now += 0.1
            gradient.answered(True, seconds, 1.0, there, now, OPTIONS, own_s if there == 100 else 0.0)
        assert (gradient.limit is not None) is limited


def test_batch_has_a_smaller_part() -> None:
    gradient = Gradient()
    gradient.limit = 10.0
    options = Overload(batch_share=0.5)
    assert (gradient.room(options, batch=True), gradient.room(options, batch=False)) == (5.0, 10.0)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(1, 1e6), st.integers(1, 5_000), st.floats(0, 5)), max_size=200))
def test_a_limit_stays_within_its_bounds(answers: list[tuple[float, float, int, float]]) -> None:
    gradient, now = Gradient(), 0.0
    for seconds, size, in_flight, later in answers:
        now += later
        gradient.answered(False, seconds, size, in_flight, now, OPTIONS)
        assert OPTIONS.min <= gradient.room(OPTIONS, batch=False) <= OPTIONS.max
