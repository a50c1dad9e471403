"""A judge that errs: how often, and what pass rate its verdicts stand for.

Two ways to correct a pass rate, by what was labelled by humans:
* `rogan_gladen`: sensitivity and specificity were measured elsewhere, on any mix of passes and failures (Rogan & Gladen
  1978; the interval is Lang & Reiczigel's, Preventive Veterinary Medicine 113, 2014).
* `prediction_powered`: the labelled cases are a random sample of the same cases. Then this is narrower, by a fifth to
  two fifths (Angelopoulos et al., Science 382, 2023).
"""

import math
from collections.abc import Sequence

import msgspec

from gateway.compare.statistics.distributions import two_sided_quantile
from gateway.compare.statistics.errors import NotEstimable, check_count, check_level, check_same_length, check_within
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.means import mean_interval
from gateway.compare.statistics.paired import difference_interval
from gateway.compare.statistics.proportions import wilson

_SCALE = (0.0, 1.0)


class JudgeAccuracy(msgspec.Struct, frozen=True):
    """`sensitivity`: the share that the judge passes of what humans pass; `specificity`: that it fails of what they
    fail. Each rests on its own number of cases, `n`."""

    sensitivity: Interval
    specificity: Interval

    @property
    def youden(self) -> float:
        """How much better than guessing: 0 no better, 1 perfect."""
        return self.sensitivity.estimate + self.specificity.estimate - 1.0


def judge_accuracy(judge: Sequence[bool], human: Sequence[bool], level: float = 0.95) -> JudgeAccuracy:
    """Of one verdict per case and rater, the human's taken as the truth.

    Raises:
        NotEstimable: humans passed all cases, or none.
    """
    check_same_length("human", judge, human)
    passed = sum(map(bool, human))
    failed = len(human) - passed
    if not (passed and failed):
        raise NotEstimable("human", f"needs passes and failures to measure a judge by, has {passed} and {failed}")
    right = sum(bool(j and h) for j, h in zip(judge, human, strict=True))
    refused = sum(not (j or h) for j, h in zip(judge, human, strict=True))
    return JudgeAccuracy(wilson(right, passed, level), wilson(refused, failed, level))


def rogan_gladen(passed: int, n: int, accuracy: JudgeAccuracy, level: float = 0.95) -> Interval:
    """The pass rate that `passed` verdicts of n stand for, with what is not known of the judge in its width.

    Raises:
        NotEstimable: the judge is no better than chance.
    """
    check_count(n, "n", least=1)
    check_count(passed, "passed", most=n)
    check_level(level)
    if accuracy.youden <= 0.0:
        raise NotEstimable("accuracy", "the judge tells passes from failures no better than chance")
    estimate = _clipped((passed / n + accuracy.specificity.estimate - 1.0) / accuracy.youden)
    # As if one more case of each kind had been judged rightly and one wrongly, and half of quantile² more judged.
    quantile = two_sided_quantile(level)
    square = quantile * quantile
    rate, cases = (passed + square / 2.0) / (n + square), n + square
    sens, of_passes = _one_more_of_each(accuracy.sensitivity)
    spec, of_failures = _one_more_of_each(accuracy.specificity)
    youden = sens + spec - 1.0
    if youden <= 0.0:
        raise NotEstimable("accuracy", "too few labels to know that the judge is better than chance")
    middle = _clipped((rate + spec - 1.0) / youden)
    passes = middle * sens * (1.0 - sens) / of_passes
    failures = (1.0 - middle) * spec * (1.0 - spec) / of_failures
    shift = 2.0 * square * (passes - failures)
    variance = rate * (1.0 - rate) / cases + middle * passes + (1.0 - middle) * failures
    centre = (rate + spec - 1.0) / youden + shift
    reach = quantile * math.sqrt(variance) / youden
    low, high = _clipped(centre - reach), _clipped(centre + reach)
    return Interval(estimate, min(low, estimate), max(high, estimate), level, "lang_reiczigel", n)


def prediction_powered(
    judged: Sequence[float], judge: Sequence[float], human: Sequence[float], level: float = 0.95
) -> Interval:
    """The mean score that humans would give all cases: the judge's mean, less its mean error.

    Args:
        judged: the judge's scores, 0 to 1, of cases without human labels. judge, human: both raters' of the labelled
            cases, which are drawn from the same cases at random.
    """
    check_within(judged, _SCALE, "judged")
    check_within(judge, _SCALE, "judge")
    check_within(human, _SCALE, "human")
    check_same_length("human", judge, human)
    rough = mean_interval(judged, level=level, bounds=_SCALE)
    errors = [float(h) - float(j) for j, h in zip(judge, human, strict=True)]
    error = difference_interval(errors, level=level)
    estimate, low, high = _summed(rough, error)
    return Interval(_clipped(estimate), _clipped(low), _clipped(high), level, "prediction_powered", len(judged))


def _summed(one: Interval, other: Interval) -> tuple[float, float, float]:
    """The sum of two independent figures, with the limits that their own imply (Zou & Donner 2008)."""
    total = one.estimate + other.estimate
    low = math.hypot(one.estimate - one.low, other.estimate - other.low)
    high = math.hypot(one.high - one.estimate, other.high - other.estimate)
    return total, total - low, total + high


def _one_more_of_each(rate: Interval) -> tuple[float, float]:
    return (rate.estimate * rate.n + 1.0) / (rate.n + 2.0), rate.n + 2.0


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))
