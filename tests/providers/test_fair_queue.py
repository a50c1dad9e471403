"""Whose call goes next: shares by weight, priority with a floor, order within a tenant, nobody starves."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.share import Share
from gateway.providers.pacing.queue import BATCH_FLOOR, FairQueue, Waiting

COSTS = st.integers(1, 5_000)
WEIGHTS = st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.0])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WEIGHTS, st.lists(COSTS, min_size=2, max_size=30)), min_size=2, max_size=5))
def test_flows_that_wait_are_served_by_weight_within_one_largest_call_of_each(
    flows: list[tuple[float, list[int]]],
) -> None:
    queue = FairQueue()
    for name, (weight, costs) in enumerate(flows):
        for cost in costs:
            queue.push(Share(str(name), weight), cost)
    largest = [max(costs) / weight for weight, costs in flows]
    served, left = [0.0] * len(flows), [len(costs) for _, costs in flows]
    while all(left):
        gone = queue.pop()
        flow = int(gone.flow)
        served[flow] += gone.cost / flows[flow][0]
        left[flow] -= 1
        for one in range(len(flows)):
            for other in range(one):
                assert abs(served[one] - served[other]) <= largest[one] + largest[other] + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), COSTS, st.sampled_from(["push", "pop", "hang up"])), max_size=120))
def test_within_a_tenant_first_come_first_served_and_nothing_is_lost_or_served_twice(
    steps: list[tuple[int, int, str]],
) -> None:
    queue, came = FairQueue(), Counter[str]()
    waiting: list[Waiting] = []
    served: dict[str, list[int]] = {}
    for flow, cost, step in steps:
        share = Share(str(flow), 1.0, "batch" if flow == 3 else "interactive")
        if step == "push":
            came[share.flow] += 1
            waiting.append(queue.push(share, cost, demand=came[share.flow]))
        elif step == "hang up" and waiting:
            queue.discard(waiting.pop(cost % len(waiting)))
        elif step == "pop" and waiting:
            assert queue.head() is not None
            gone = queue.pop()
            waiting.remove(gone)
            served.setdefault(gone.flow, []).append(gone.demand)
        assert queue.length == len(waiting)
        assert (queue.head() is None) == (not waiting), "while somebody waits somebody is next"
    assert all(earlier < later for order in served.values() for earlier, later in pairwise(order))


@settings(max_examples=100, deadline=None)
@given(st.lists(COSTS, min_size=5, max_size=40), COSTS, WEIGHTS)
def test_a_call_is_served_whatever_keeps_coming(costs: list[int], own: int, weight: float) -> None:
    """The others never stop; its turn comes when they have had their part for what it takes, and one call each."""
    queue = FairQueue()
    for flow in range(3):
        queue.push(Share(str(flow)), costs[flow])
    mine = queue.push(Share("mine", weight), own)
    served, turn = 0.0, 0
    while (gone := queue.pop()) is not mine:
        served += gone.cost
        turn += 1
        queue.push(Share(gone.flow), costs[turn % len(costs)])
        assert served <= 3 * (own / weight + 2 * max(costs))


def test_who_was_away_has_saved_nothing_up() -> None:
    queue = FairQueue()
    for _ in range(100):
        queue.push(Share("busy"), 10)
    for _ in range(50):
        queue.pop()
    for _ in range(50):
        queue.push(Share("late"), 10)
    flows = [queue.pop().flow for _ in range(40)]
    assert 19 <= flows.count("late") <= 21


def test_interactive_goes_before_batch_that_waited_longer() -> None:
    queue = FairQueue()
    for _ in range(20):
        queue.push(Share("nightly", priority="batch"), 100)
    queue.pop()
    queue.push(Share("people"), 100)
    assert queue.pop().flow == "people"


@pytest.mark.parametrize("weight", [1.0, 5.0])
def test_batch_never_gets_less_than_its_floor_and_not_more_while_people_wait(weight: float) -> None:
    queue = FairQueue()
    served = Counter[str]()
    for _ in range(2_000):
        queue.push(Share("people", weight), 100)
        queue.push(Share("nightly", 1_000.0, "batch"), 100)
    for _ in range(1_000):
        served[queue.pop().priority] += 1
    assert served["batch"] / 1_000 == pytest.approx(BATCH_FLOOR, abs=0.01)


def test_from_a_full_queue_the_newest_of_the_longest_is_sent_away() -> None:
    queue = FairQueue()
    flood = [queue.push(Share("flood"), 100) for _ in range(10)]
    assert queue.newest_of_longest(Share("quiet"), 100) is flood[-1]
    assert queue.newest_of_longest(Share("flood"), 100) is None, "the flood itself is refused"
    assert queue.newest_of_longest(Share("nightly", priority="batch"), 1) is None, "batch pushes nobody out"
    batch = queue.push(Share("nightly", priority="batch"), 1)
    assert queue.newest_of_longest(Share("flood"), 100) is batch, "batch goes first"
    assert queue.newest_of_longest(Share("other", priority="batch"), 1) is None


def test_how_much_is_served_before_a_call_that_comes_now() -> None:
    queue = FairQueue()
    assert queue.ahead(Share("quiet"), 10) == (1, 10)
    for _ in range(99):
        queue.push(Share("flood"), 10)
    calls, cost = queue.ahead(Share("quiet"), 10)
    assert (calls, cost) == (2, 20), "its own and one of the flood's"
    assert queue.ahead(Share("flood"), 10) == (100, 1_000)
    assert queue.ahead(Share("nightly", priority="batch"), 10)[1] == pytest.approx(100), "by its floor"
