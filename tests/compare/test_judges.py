"""What a judge is worth: agreement, errors, orders, and pass rates corrected for them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.statistics.agreement import cohen_kappa
from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.judging import judge_accuracy, prediction_powered, rogan_gladen
from gateway.compare.statistics.means import mean_interval
from gateway.compare.statistics.proportions import wilson
from gateway.compare.statistics.swaps import swap_consistency


def labels(both: int, first: int, second: int, neither: int) -> tuple[list[bool], list[bool]]:
    return (
        [True] * (both + first) + [False] * (second + neither),
        [True] * both + [False] * first + [True] * second + [False] * neither,
    )


def test_kappa_by_hand() -> None:
    """Fifty grant proposals and two readers, 20 yes of both and 15 no of both: 0.7 agreed, 0.5 by chance."""
    found = cohen_kappa(*labels(20, 5, 10, 15))
    assert (found.observed, found.expected) == pytest.approx((0.7, 0.5))
    assert found.kappa.estimate == pytest.approx(0.4)


@pytest.mark.parametrize("cells", [(20, 5, 10, 15), (80, 4, 3, 13), (10, 40, 40, 10), (5, 80, 10, 5)])
def test_kappas_width_is_the_larger_of_two(cells: tuple[int, int, int, int]) -> None:
    """Of so many labels that both are right: what Fleiss, Cohen & Everitt (1969) give, here by the delta method with
    numerical derivatives; and that of the observed agreement alone."""
    shares = np.array(cells) / sum(cells)

    def kappa(p: np.ndarray) -> float:
        p = p / p.sum()
        agreed, first, second = p[0] + p[3], p[0] + p[1], p[0] + p[2]
        expected = first * second + (1 - first) * (1 - second)
        return float((agreed - expected) / (1 - expected))

    slope = np.array([(kappa(shares + 1e-6 * unit) - kappa(shares - 1e-6 * unit)) / 2e-6 for unit in np.eye(4)])
    variance = (np.diag(shares) - np.outer(shares, shares)) @ slope @ slope
    n = 2_000 * sum(cells)
    found = cohen_kappa(*labels(*(2_000 * cell for cell in cells)))
    alone = found.observed * (1 - found.observed) / (1 - found.expected) ** 2
    assert found.kappa.half_width == pytest.approx(1.959964 * np.sqrt(max(variance, alone) / n), rel=1e-3)


def test_kappa_of_raters_who_agree_on_everything_has_a_width() -> None:
    found = cohen_kappa(["a", "b", "c"] * 10, ["a", "b", "c"] * 10).kappa
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert 0.75 < found.low < 0.9


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=60))
def test_kappa_is_told_or_refused(pairs: list[tuple[str, str]]) -> None:
    first, second = zip(*pairs, strict=True)
    if len({*first, *second}) == 1:
        with pytest.raises(NotEstimable, match=r"^first: both raters gave every case the same one label"):
            cohen_kappa(first, second)
        return
    found = cohen_kappa(first, second).kappa
    assert -1.0 <= found.low <= found.estimate <= found.high <= 1.0 + 1e-12
    turned = cohen_kappa(second, first).kappa
    assert (turned.low, turned.high) == pytest.approx((found.low, found.high))


def test_a_judges_errors() -> None:
    human, judge = labels(45, 5, 4, 16)
    found = judge_accuracy(judge, human)
    assert (found.sensitivity.estimate, found.sensitivity.n) == (0.9, 50)
    assert (found.specificity.estimate, found.specificity.n) == (0.8, 20)
    assert found.youden == pytest.approx(0.7)
    with pytest.raises(NotEstimable, match=r"^human: needs passes and failures to measure a judge by, has 2 and 0"):
        judge_accuracy([True, False], [True, True])


def test_rogan_and_gladens_correction() -> None:
    """Rogan & Gladen (1978): (0.66 + 0.8 - 1) / (0.9 + 0.8 - 1); wider than the plain interval, both ends."""
    human, judge = labels(45, 5, 4, 16)
    found = rogan_gladen(660, 1_000, judge_accuracy(judge, human))
    assert found.estimate == pytest.approx(0.46 / 0.7)
    assert found.half_width > 2.5 * wilson(660, 1_000).half_width
    many = judge_accuracy(judge * 100, human * 100)
    assert rogan_gladen(660, 1_000, many).half_width < 0.6 * found.half_width


def test_a_perfect_judge_corrects_nothing() -> None:
    perfect = judge_accuracy([True, False] * 5_000, [True, False] * 5_000)
    found, plain = rogan_gladen(70, 100, perfect), wilson(70, 100)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.7, plain.low, plain.high), abs=0.01)


def test_a_judge_that_guesses_corrects_nothing() -> None:
    guesses = judge_accuracy([True, False] * 20, [True] * 20 + [False] * 20)
    with pytest.raises(NotEstimable, match=r"^accuracy: the judge tells passes from failures no better than chance"):
        rogan_gladen(70, 100, guesses)
    hardly = judge_accuracy([True, False, False], [True, True, False])
    assert 0.0 <= rogan_gladen(1, 2, hardly).low <= rogan_gladen(1, 2, hardly).high <= 1.0


@given(st.integers(0, 50), st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), st.integers(1, 30))
def test_a_corrected_rate_stays_a_rate(passed: int, a: int, b: int, c: int, d: int) -> None:
    human, judge = labels(a, b, c, d)
    accuracy = judge_accuracy(judge, human) if a + b and c + d else None
    if accuracy is None or accuracy.youden <= 0.0 or (a + 1) / (a + b + 2) + (d + 1) / (c + d + 2) <= 1.0:
        return
    found = rogan_gladen(passed, 50, accuracy)
    assert 0.0 <= found.low <= found.estimate <= found.high <= 1.0


def test_predictions_add_power_to_labels() -> None:
    """The judge's mean, less its mean error; narrower than the labelled cases alone, if the judge is any good."""
    human, judge = labels(66, 4, 5, 25)
    found = prediction_powered([float(v) for v in judge * 20], [float(v) for v in judge], [float(v) for v in human])
    assert found.estimate == pytest.approx(0.70)
    assert found.half_width < 0.85 * mean_interval([float(v) for v in human], bounds=(0.0, 1.0)).half_width
    assert found.method == "prediction_powered"


def test_verdicts_that_do_not_survive_a_swap_are_ties() -> None:
    forward = ["candidate"] * 6 + ["baseline"] * 3 + ["tie"]
    backward = ["candidate"] * 4 + ["baseline"] * 2 + ["baseline"] * 2 + ["candidate"] + ["candidate"]
    found = swap_consistency(forward, backward)
    assert found.settled == ("candidate",) * 4 + ("tie",) * 2 + ("baseline",) * 2 + ("tie",) * 2
    assert (found.consistency.estimate, found.consistency.n) == (0.6, 10)
    # Twice the first place won whoever stood there, once the second.
    assert found.first_place is not None
    assert (found.first_place.estimate, found.first_place.n) == (pytest.approx(2 / 3), 3)
    assert swap_consistency(["tie"], ["tie"]).first_place is None


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^backward: must have as many entries as there are cases: 1 and 2"):
        swap_consistency(["tie"], ["tie", "tie"])
    with pytest.raises(NotEstimable, match=r"^forward: there are no verdicts"):
        swap_consistency([], [])
    with pytest.raises(NotEstimable, match=r"^first: needs two or more labels, was given 1"):
        cohen_kappa(["a"], ["a"])
    with pytest.raises(BadArgument, match=r"^judge: value 0 must be 0 to 1, was 2"):
        prediction_powered([0.5, 0.6], [2], [1])
