"""In which order targets are tried."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.router.document import Strategy
from gateway.router.plans import Candidate, Wish, ranked

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        place=st.text("abc/", min_size=1, max_size=4),
        weight=st.floats(0, 10),
        priority=st.integers(0, 3),
        usable=st.booleans(),
        in_flight=st.integers(0, 50),
        expected_s=st.floats(0, 60),
        cost=st.none() | st.integers(0, 10**9),
        quality=st.floats(0, 1),
    ),
    min_size=1,
    max_size=6,
)
WISHES = st.builds(
    Wish,
    strategy=st.sampled_from(["ordered", "weighted", "least_in_flight", "least_latency", "cheapest"]),
    max_latency_s=st.none() | st.floats(0, 10),
    min_quality=st.none() | st.floats(0, 1),
    sticky=st.sampled_from(["", "a", "b"]),
)


@given(CANDIDATES, WISHES, st.randoms(use_true_random=False))
def test_each_target_stands_in_the_plan_once_the_usable_first_and_then_by_priority(
    candidates: list[Candidate], wish: Wish, dice: random.Random
) -> None:
    order = ranked(candidates, wish, dice.random)
    assert sorted(order) == list(range(len(candidates)))
    told = [(not candidates[place].usable, candidates[place].priority) for place in order]
    assert told == sorted(told)


def firsts(candidates: list[Candidate], wish: Wish, times: int = 4_000) -> Counter[str]:
    dice = random.Random(5)
    return Counter(candidates[ranked(candidates, wish, dice.random)[0]].place for _ in range(times))


def test_weights_are_parts_of_the_traffic_and_none_is_a_last_resort() -> None:
    found = firsts([Candidate("a", 3), Candidate("b", 1), Candidate("c", 0)], Wish("weighted"))
    assert found["a"] / found["b"] == pytest.approx(3, rel=0.15)
    assert "c" not in found
    down = [Candidate("a", 3, usable=False), Candidate("c", 0)]
    assert firsts(down, Wish("weighted")) == {"c": 4_000}


def test_the_best_of_an_ordered_route_is_the_first_that_works() -> None:
    wish = Wish("ordered")
    assert firsts([Candidate("a"), Candidate("b")], wish) == {"a": 4_000}
    assert firsts([Candidate("a", usable=False), Candidate("b")], wish) == {"b": 4_000}


def test_the_least_busy_for_its_weight_is_taken() -> None:
    busy = [Candidate("big", 4, in_flight=6), Candidate("small", 1, in_flight=2)]
    assert firsts(busy, Wish("least_in_flight")) == {"big": 4_000}


@pytest.mark.parametrize("strategy", ["least_in_flight", "least_latency"])
def test_between_those_that_are_alike_the_die_decides_by_their_weights(strategy: Strategy) -> None:
    alike = [Candidate("small", 1, in_flight=0, expected_s=1), Candidate("big", 3, in_flight=2, expected_s=3)]
    found = firsts(alike, Wish(strategy))
    assert found["big"] / found["small"] == pytest.approx(3, rel=0.15)


def test_the_cheapest_counts_among_those_that_are_quick_and_good_enough() -> None:
    offered = [
        Candidate("poor", cost=1, quality=0.2),
        Candidate("slow", cost=2, expected_s=9, quality=0.9),
        Candidate("fit", cost=3, expected_s=1, quality=0.9),
        Candidate("unpriced", expected_s=1, quality=0.9),
    ]
    order = ranked(offered, Wish("cheapest", max_latency_s=2, min_quality=0.5), random.Random(1).random)
    assert [offered[place].place for place in order] == ["fit", "unpriced", "slow", "poor"]


def sticky(word: str, names: str, loads: dict[str, int] | None = None) -> str:
    candidates = [Candidate(name, in_flight=(loads or {}).get(name, 0)) for name in names]
    return candidates[ranked(candidates, Wish("weighted", sticky=word), random.Random().random)[0]].place


def test_alike_calls_stay_together_and_a_target_that_goes_moves_only_its_own() -> None:
    words = [f"session-{number}" for number in range(300)]
    before = {word: sticky(word, "abcd") for word in words}
    assert before == {word: sticky(word, "abcd") for word in words}
    assert min(Counter(before.values()).values()) > 45
    after = {word: sticky(word, "abc") for word in words}
    assert all(after[word] == was for word, was in before.items() if was != "d")


def test_no_target_of_alike_calls_gets_much_more_than_its_part() -> None:
    home = sticky("one", "abc")
    assert sticky("one", "abc", {home: 9}) != home
    assert sticky("one", "abc", {"a": 3, "b": 3, "c": 3}) == home
