"""Quality, cost and speed at once: which arms are worth having, and which another beats in all of them."""

from collections.abc import Sequence

import msgspec

from gateway.compare.grading import Sample
from gateway.compare.running.results import Difference, Graded, Summary
from gateway.compare.running.values import PASS
from gateway.compare.statistics.errors import NotEstimable
from gateway.compare.statistics.frontier import Arm, frontier
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.quantiles import per_thousand, quantile_interval


def placed(
    summaries: Sequence[Summary], graded: Sequence[Graded], differences: Sequence[Difference], metric: str
) -> tuple[list[Summary], tuple[str, ...]]:
    """The summaries with who dominates them, and the names of the arms that nobody does. Arms of unknown cost or
    quality are not compared: then nobody is named."""
    arms = [arm for one in summaries if (arm := _arm(one, graded, metric)) is not None]
    if len(arms) < 2 or len(arms) < len(summaries):
        return list(summaries), ()
    # Of `differences` the other is the candidate: other minus base.
    paired = {(one.other, one.base): one.interval for one in differences if one.metric == metric and one.cases}
    standings = {one.arm: one for one in frontier(arms, differences=paired)}
    told = [
        msgspec.structs.replace(one, dominated_by=standings[one.arm].by[0] if standings[one.arm].by else "")
        for one in summaries
    ]
    return told, tuple(one.arm for one in told if not one.dominated_by)


def _arm(one: Summary, graded: Sequence[Graded], metric: str) -> Arm | None:
    quality = one.pass_rate if metric == PASS else one.score
    if quality is None:
        return None
    cost = cost_of_thousand(one.arm, graded, quality.level)
    if cost is None:
        return None
    times = [sample.latency_s for sample in _answers(one.arm, graded) if sample.latency_s is not None]
    return Arm(one.arm, quality, cost, _median(times, quality.level))


def cost_of_thousand(arm: str, graded: Sequence[Graded], level: float) -> Interval | None:
    """Nano-units of a thousand answers, as if none had been kept; None: of so few, or so alike, nothing can be said."""
    costs = [float(sample.cost_nano) for sample in _answers(arm, graded) if sample.cost_nano is not None]
    if len(costs) < 2:
        return None
    try:
        return per_thousand(costs, level)
    except NotEstimable:
        return None


def _answers(arm: str, graded: Sequence[Graded]) -> list[Sample]:
    """What the gateway gave out of its own cache says nothing of costs and times."""
    trials = [one.trial for one in graded if one.trial.arm == arm and one.trial.origin != "gateway"]
    return [trial.sample for trial in trials if trial.sample is not None]


def _median(times: Sequence[float], level: float) -> Interval | None:
    if not times:
        return None
    found = quantile_interval(times, 0.5, level)
    if found.low is None or found.high is None:
        return None
    return Interval(found.estimate, found.low, found.high, level, "quantile", found.n)
