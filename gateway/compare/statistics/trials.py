"""A candidate against a baseline while traffic flows: stop as soon as the data allow it, and not before.

Every metric has a confidence sequence of the difference (`betting.py`), candidate minus baseline, so that looking after
each observation costs nothing. Of alpha = 1 - level one half is for claims of benefit, by the primary metric; the other
is shared evenly by all metrics, primary and guards, for claims of harm. The first that fits:

    stop_for_harm        some guard is surely worse by more than its margin;
                         or the primary is surely worse, and by its margin or more for all one knows
    stop_for_benefit     the primary is surely better
    stop_as_equivalent   the primary surely differs by less than its margin
    continue             otherwise

So a candidate as good as the baseline is stopped for harm, ever, with a probability of alpha/2 at most, and one that is
no better for benefit likewise.

Observations are differences of answers to the same case (shadow traffic), or come from either arm alone (a canary).
Then one of the candidate's is set against the mean of as many of the baseline's as `per_candidate` says, those at hand
last: 9 for a canary with a tenth of the traffic. What an arm has too many of is forgotten. Which arm a call goes to
must not depend on how calls went; for shares that follow the outcomes see `best_arm.py`.
"""

from collections import deque
from collections.abc import Sequence
from math import fsum
from typing import Literal

import msgspec

from gateway.compare.statistics.betting import BoundedMean, Reading, SequenceState
from gateway.compare.statistics.errors import BadArgument, check_bounds, check_count, check_level, check_within

Role = Literal["primary", "guard"]
Action = Literal["stop_for_harm", "stop_for_benefit", "stop_as_equivalent", "continue"]
Side = Literal["candidate", "baseline"]
# Observations of the candidate that wait for the baseline's; the oldest goes first.
MOST_WAITING = 64


class Metric(msgspec.Struct, frozen=True):
    """What is measured per call.

    Attributes:
        bounds: the ends of its scale; a latency is cut at a limit, or given as 1 for too slow and 0 for not.
        margin: the least difference that matters, in the metric's unit. higher_is_better: False for errors and costs.
    """

    name: str
    bounds: tuple[float, float] = (0.0, 1.0)
    margin: float = 0.0
    higher_is_better: bool = True
    role: Role = "guard"


class MetricState(msgspec.Struct, frozen=True):
    sequence: SequenceState
    candidate: tuple[float, ...] = ()
    baseline: tuple[float, ...] = ()


class TrialState(msgspec.Struct, frozen=True):
    """To be stored and taken up again, with the same metrics."""

    metrics: dict[str, MetricState]


class Decision(msgspec.Struct, frozen=True):
    """`metric`: the one that decided, or the primary."""

    action: Action
    metric: str


class Trial:
    """Raises:
    BadArgument: not exactly one metric is primary, two share a name, or a margin is below 0 or beyond the scale.
    """

    def __init__(self, metrics: Sequence[Metric], *, level: float = 0.95, per_candidate: int = 1) -> None:
        check_level(level)
        check_count(per_candidate, "per_candidate", least=1)
        if [metric.role for metric in metrics].count("primary") != 1:
            raise BadArgument("metrics", "must have one primary metric, and any number of guards")
        if len({metric.name for metric in metrics}) < len(metrics):
            raise BadArgument("metrics", "must have names of their own")
        for metric in metrics:
            check_bounds(metric.bounds)
            low, high = metric.bounds
            if not 0.0 <= metric.margin < high - low:
                reason = f"must have a margin of 0 or more, and below {high - low:g}, has {metric.margin!r}"
                raise BadArgument("metrics", f"{metric.name!r} {reason}")
        self._level, self._per_candidate = level, per_candidate
        self._kept = {metric.name: _Kept(metric, per_candidate) for metric in metrics}
        self._primary = next(metric for metric in metrics if metric.role == "primary")

    @classmethod
    def resumed(
        cls, state: TrialState, metrics: Sequence[Metric], *, level: float = 0.95, per_candidate: int = 1
    ) -> "Trial":
        made = cls(metrics, level=level, per_candidate=per_candidate)
        if set(state.metrics) != set(made._kept):
            raise BadArgument("state", f"is of other metrics: {', '.join(sorted(state.metrics))}")
        for name, kept in made._kept.items():
            kept.take(state.metrics[name])
        return made

    @property
    def state(self) -> TrialState:
        return TrialState({name: kept.state for name, kept in self._kept.items()})

    def observe_pair(self, metric: str, candidate: float, baseline: float) -> None:
        """Both arms' values for the same case."""
        kept = self._named(metric)
        check_within([candidate, baseline], kept.metric.bounds, "candidate")
        kept.sequence.observe(candidate - baseline)

    def observe(self, metric: str, arm: Side, value: float) -> None:
        """One arm's value, for a case that the other did not see."""
        kept = self._named(metric)
        check_within([value], kept.metric.bounds, "value")
        kept.add(arm, value)

    def reading(self, metric: str) -> Reading:
        """The difference, candidate minus baseline, as it stands.

        Raises:
            NotEstimable: nothing was observed yet.
        """
        return self._named(metric).sequence.reading(self._level)

    def decision(self) -> Decision:
        half = (1.0 - self._level) / 2.0
        each = half / len(self._kept)
        for name, kept in self._kept.items():
            if kept.metric.role == "guard" and kept.is_surely("worse", -kept.metric.margin, each):
                return Decision("stop_for_harm", name)
        name, margin = self._primary.name, self._primary.margin
        primary = self._kept[name]
        if primary.is_surely("better", 0.0, half):
            return Decision("stop_for_benefit", name)
        if margin and primary.is_surely("better", -margin, half) and primary.is_surely("worse", margin, half):
            return Decision("stop_as_equivalent", name)
        return Decision("stop_for_harm" if primary.is_surely("worse", 0.0, each) else "continue", name)

    def _named(self, metric: str) -> "_Kept":
        kept = self._kept.get(metric)
        if kept is None:
            raise BadArgument("metric", f"there is no {metric!r}: there are {', '.join(self._kept)}")
        return kept


class _Kept:
    """One metric's sequence of differences, and what waits to be one."""

    def __init__(self, metric: Metric, per_candidate: int) -> None:
        low, high = metric.bounds
        self.metric = metric
        self.sequence = BoundedMean((low - high, high - low))
        self._candidate: deque[float] = deque(maxlen=MOST_WAITING)
        self._baseline: deque[float] = deque(maxlen=per_candidate)

    @property
    def state(self) -> MetricState:
        return MetricState(self.sequence.state, tuple(self._candidate), tuple(self._baseline))

    def take(self, state: MetricState) -> None:
        self.sequence = BoundedMean.resumed(state.sequence)
        self._candidate.extend(state.candidate)
        self._baseline.extend(state.baseline)

    def add(self, arm: Side, value: float) -> None:
        (self._candidate if arm == "candidate" else self._baseline).append(value)
        if self._candidate and len(self._baseline) == self._baseline.maxlen:
            self.sequence.observe(self._candidate.popleft() - fsum(self._baseline) / len(self._baseline))
            self._baseline.clear()

    def is_surely(self, how: Literal["better", "worse"], than: float, alpha: float) -> bool:
        """Is the advantage of the candidate above (below) this? Wrong, ever, with a probability of alpha at most."""
        above = (how == "better") is self.metric.higher_is_better
        mean = than if self.metric.higher_is_better else -than
        return self.sequence.evidence("above" if above else "below", mean) >= 1.0 / alpha
