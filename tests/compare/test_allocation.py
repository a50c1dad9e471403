"""Shares of traffic that follow how arms did, and when one of them has won."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.compare.statistics.allocation import Counts, counted_values, thompson, with_floor
from gateway.compare.statistics.best_arm import optimal_shares, track_and_stop
from gateway.compare.statistics.errors import BadArgument


def passes(passed: int, n: int) -> Counts:
    return Counts(n, passed, passed)


def test_shares_are_the_probabilities_to_be_best() -> None:
    """Against a million draws from the same beliefs."""
    rng = np.random.default_rng(10)
    arms = [passes(9, 10), passes(80, 100), passes(850, 1_000), passes(0, 0)]
    drawn = np.stack([rng.beta(arm.total + 1, arm.n - arm.total + 1, 1_000_000) for arm in arms])
    expected = np.bincount(drawn.argmax(axis=0), minlength=4) / 1_000_000
    assert thompson(arms) == pytest.approx(expected, abs=0.004)


def test_scores_between_0_and_1_are_taken_as_normal() -> None:
    rng = np.random.default_rng(11)
    arms = [counted_values(rng.beta(8, 2, n).tolist()) for n in (60, 200)] + [passes(150, 200)]
    at = [(arm.total + 1) / (arm.n + 2) for arm in arms]
    drawn = np.stack(
        [rng.normal(m, np.sqrt(arm.variance / (arm.n + 2)), 500_000) for m, arm in zip(at, arms, strict=True)]
    )
    expected = np.bincount(drawn.argmax(axis=0), minlength=3) / 500_000
    assert thompson(arms) == pytest.approx(expected, abs=0.004)


ARMS = st.lists(st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=4)


@given(ARMS)
@settings(max_examples=12)
def test_shares_add_up_and_keep_the_floor(counts: list[tuple[int, int]]) -> None:
    arms = [passes(*one) for one in counts]
    shares = thompson(arms, floor=0.05)
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) >= 0.05 - 1e-12
    turned = thompson(arms[::-1], floor=0.05)
    assert turned == pytest.approx(shares[::-1])
    better = [Counts(arm.n + 20, arm.total + 20, arm.squares + 20) if at == 0 else arm for at, arm in enumerate(arms)]
    assert thompson(better)[0] >= thompson(arms)[0] - 1e-3


def test_a_floor_that_is_too_high() -> None:
    assert with_floor([1.0, 0.0], 0.5) == (0.5, 0.5)
    with pytest.raises(BadArgument, match=r"^floor: of 0.6 for 2 arms is more than there is to share"):
        with_floor([1.0, 0.0], 0.6)


@pytest.mark.parametrize("means", [(0.9, 0.8), (0.5, 0.4, 0.4), (0.9, 0.85, 0.5), (0.2, 0.9, 0.3, 0.6)])
def test_the_best_shares_are_found(means: tuple[float, ...]) -> None:
    """Against a search for shares under which the least evidence grows faster."""
    optimize = pytest.importorskip("scipy.optimize")
    variances = [mean * (1 - mean) for mean in means]
    best = int(np.argmax(means))

    def gain(shares: np.ndarray) -> float:
        return min(
            (means[best] - means[at]) ** 2 / (variances[best] / shares[best] + variances[at] / shares[at])
            for at in range(len(means))
            if at != best
        )

    def loss(free: np.ndarray) -> float:
        shares = np.exp(free - free.max())
        return -gain(shares / shares.sum())

    found = np.array(optimal_shares(means, variances))
    assert found.sum() == pytest.approx(1.0)
    searched = optimize.minimize(
        loss, np.zeros(len(means)), method="Nelder-Mead", options={"maxiter": 4_000, "xatol": 1e-8, "fatol": 1e-14}
    )
    assert gain(found) >= -searched.fun * (1 - 1e-4)
    if len(means) == 2:
        # Neyman's allocation: in proportion to the standard deviations.
        assert found[0] / found[1] == pytest.approx((variances[0] / variances[1]) ** 0.5, rel=1e-4)


def test_when_to_stop() -> None:
    early = track_and_stop([passes(5, 5), passes(0, 5)])
    assert (early.action, early.shares) == ("continue", (0.5, 0.5))
    undecided = track_and_stop([passes(80, 100), passes(75, 100), passes(50, 100)])
    assert (undecided.action, undecided.best) == ("continue", 0)
    assert sum(undecided.shares) == pytest.approx(1.0)
    assert undecided.shares[2] < min(undecided.shares[:2])
    decided = track_and_stop([passes(700, 1_000), passes(900, 1_000)])
    assert (decided.action, decided.best, decided.shares) == ("stop", 1, (0.0, 1.0))
    assert decided.evidence > decided.threshold
    # Ten of ten are not certain yet; what is near enough to the best is good enough.
    assert track_and_stop([passes(10, 10), passes(6, 10)]).action == "continue"
    alike = [passes(900, 1_000), passes(890, 1_000)]
    assert track_and_stop(alike).action == "continue"
    assert track_and_stop(alike, tolerance=0.05).action == "stop"


@given(ARMS)
@settings(max_examples=40)
def test_a_decision_is_always_one(counts: list[tuple[int, int]]) -> None:
    if len(counts) < 2:
        return
    found = track_and_stop([passes(*one) for one in counts])
    assert sum(found.shares) == pytest.approx(1.0)
    assert all(0.0 <= share <= 1.0 for share in found.shares)
    assert found.evidence >= 0.0


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^arms: must be two or more, was 1"):
        track_and_stop([passes(1, 2)])
    with pytest.raises(BadArgument, match=r"^tolerance: must be 0 or more"):
        track_and_stop([passes(1, 2)] * 2, tolerance=-0.1)
    with pytest.raises(BadArgument, match=r"^arms\[1\]: must be sums of values between 0 and 1"):
        thompson([passes(1, 2), Counts(2, 3.0, 3.0)])
    with pytest.raises(BadArgument, match=r"^arms: must be one or more"):
        thompson([])
