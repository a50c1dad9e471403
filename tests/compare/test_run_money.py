"""A run's ceiling: what it may cost at most, whatever answers cost."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.purse import Purse
from gateway.compare.running.runner import CEILING, UNPRICED, Bounds
from gateway.compare.running.suites import Means, run_suite
from gateway.compare.running.trials import Failure
from tests.compare.scripted import arms_of, heard, plan_of, suite_of


class Costly:
    """Answers of given costs, in turn; keeps what is under way and what was spent."""

    def __init__(self, costs: list[int | None]) -> None:
        self._costs = costs
        self.asked = self.spent = self.open = self.most_open = 0
        self.last: list[int] = []

    async def __call__(self, question: Question) -> Heard:
        cost = self._costs[self.asked % len(self._costs)]
        self.asked += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        for _ in range(1 + self.asked % 3):
            await asyncio.sleep(0)
        self.open -= 1
        self.spent += cost or 0
        self.last.append(cost or 0)
        return heard("yes", cost_nano=cost, model=question.arm.name)


SUITE = suite_of(40)


def run(ask: Any, ceiling: int | None, concurrency: int, **more: Any):
    plan = plan_of(SUITE, arms_of("a", "b"), ceiling_nano=ceiling, bounds=Bounds(concurrency=concurrency), **more)
    return asyncio.run(run_suite(plan, Means(ask=ask)))


@given(
    costs=st.lists(st.integers(1, 1_000), min_size=1, max_size=20),
    ceiling=st.integers(1, 20_000),
    concurrency=st.integers(1, 9),
)
def test_it_is_never_exceeded_by_more_than_those_under_way_cost(
    costs: list[int], ceiling: int, concurrency: int
) -> None:
    ask = Costly(list(costs))
    found = run(ask, ceiling, concurrency)
    assert ask.most_open <= concurrency
    assert found.spent_nano == ask.spent
    over = ask.spent - ceiling
    assert over <= sum(sorted(ask.last, reverse=True)[:concurrency])
    if len(set(costs)) == 1:
        # Whoever knows what an answer costs keeps below it, but for the first answer of each arm.
        assert over <= 0 or ask.asked <= 2
    if found.stopped:
        assert found.stopped == CEILING
        assert found.missing == 80 - ask.asked
    else:
        assert ask.asked == 80


@given(ceiling=st.integers(2_000, 50_000), concurrency=st.integers(1, 9))
def test_it_is_used_as_far_as_it_goes(ceiling: int, concurrency: int) -> None:
    ask = Costly([1_000])
    run(ask, ceiling, concurrency)
    assert ask.asked == ceiling // 1_000


def test_without_a_ceiling_all_is_asked_at_once() -> None:
    ask = Costly([5])
    assert run(ask, None, 6).stopped == ""
    assert ask.most_open == 6


def test_an_arm_that_costs_nothing_never_stops() -> None:
    ask = Costly([0])
    found = run(ask, 1, 4)
    assert (ask.asked, found.stopped) == (80, "")


def test_where_no_price_is_known_no_ceiling_can_be_kept() -> None:
    ask = Costly([None])
    found = run(ask, 1_000, 1)
    assert found.stopped == UNPRICED
    assert ask.asked == 1
    assert run(Costly([None]), None, 1).stopped == ""


def test_what_fails_teaches_nothing_of_what_an_answer_costs() -> None:
    """Else the first failure would open the door to all others at once, each of them unforeseen."""
    most = open_ = asked = 0

    async def ask(question: Question) -> Heard:
        nonlocal most, open_, asked
        asked += 1
        open_ += 1
        most = max(most, open_)
        await asyncio.sleep(0)
        open_ -= 1
        if asked < 6:
            return Heard(failure=Failure(status=500, code="upstream_error", message="no"))
        return heard("yes", cost_nano=900)

    found = run(ask, 2_000, 8)
    assert most == 2  # one of each arm
    assert found.spent_nano == 1_800


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_is_stopped_has_asked_both_arms_the_same_cases(seed: int) -> None:
    found = run(Costly([100]), 3_000, 1, aims={"seed": seed})
    cases = [{one.trial.case for one in found.graded if one.trial.arm == arm} for arm in "ab"]
    assert cases[0] == cases[1]
    assert len(cases[0]) == 15


@given(cost=st.integers(1, 1_000), ceiling=st.integers(1_000, 20_000), arms=st.integers(2, 20), each=st.integers(1, 5))
def test_what_is_expected_of_a_first_answer_is_foreseen(cost: int, ceiling: int, arms: int, each: int) -> None:
    """Arms that are much like others overshoot not even by their first answers."""

    async def ask_all() -> Purse:
        purse = Purse(ceiling)
        for arm in range(arms):
            purse.expect(str(arm), cost)
            for _ in range(each):
                if (reservation := await purse.wait_for(str(arm))) is not None:
                    purse.settle(reservation, cost)
        return purse

    purse = asyncio.run(ask_all())
    assert purse.spent == min(arms * each, ceiling // cost) * cost


async def test_below_another_ceiling_it_is_the_same_purse() -> None:
    purse = Purse(1_000)
    reservation = await purse.wait_for("a")
    assert reservation is not None
    purse.settle(reservation, 400)
    purse.expect("b", 700)
    purse.close()
    assert await purse.wait_for("a") is None
    wider = purse.under(1_500)
    assert wider.spent == 400
    first = await wider.wait_for("b")
    assert first is not None
    assert await purse.under(1_000).wait_for("b") is None, "700 more than 400 are expected"
