"""What live comparisons claim while they are looked at after every few calls: seldom what is not so, soon what is."""

import pytest

from tests.compare.live_peeking import (
    ADAPTIVE,
    NULLS,
    WORSE,
    World,
    adaptive_false_alarms,
    false_alarms,
    found_after,
    run,
    run_adaptive,
)

# Of 50 experiments that are wrong in 5 of 100, seven or more are in 4 of 100.
EXPERIMENTS, MOST = 50, 6


@pytest.mark.parametrize("name", [one for one in NULLS if one != "three arms"])
def test_arms_alike_are_seldom_called_different_however_often_one_looks(name: str) -> None:
    assert false_alarms(NULLS[name], EXPERIMENTS, 600) <= MOST


def test_a_regression_of_ten_points_is_found() -> None:
    found = found_after(WORSE["10 points more fail, half of the calls"], 20, 3_000)
    assert len(found) >= 19
    assert found[len(found) // 2] < 1_200


def test_what_is_found_is_what_is_wrong() -> None:
    ended = [run(World(slower=2.0), 3_000, seed) for seed in range(5)]
    assert {one.claim for one in ended} == {"guard latency"}
    assert {run(World(worse_by=-0.09), 4_000, seed).claim for seed in range(5)} == {"better"}


@pytest.mark.parametrize("name", list(ADAPTIVE)[:2])
def test_shares_that_follow_how_calls_go_make_no_more_of_them(name: str) -> None:
    assert adaptive_false_alarms(ADAPTIVE[name], 30, 600) <= 5


def test_with_shares_that_follow_a_regression_is_found_too() -> None:
    world = World(worse_by=0.2)
    assert {run_adaptive(world, 3_000, seed, stops=lambda claim: claim != "better").claim for seed in range(6)} <= {
        "worse",
        "guard refusals",
    }
