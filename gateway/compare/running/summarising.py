"""One arm's figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import fsum

from gateway.compare.grading import Grade
from gateway.compare.running.results import CaseShown, Graded, Quantiles, Summary
from gateway.compare.running.scoring import flat
from gateway.compare.running.values import MEASURES, PASS, SCORE, Of, by_case, clusters_of
from gateway.compare.statistics.errors import NotEstimable
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.means import mean_interval
from gateway.compare.statistics.proportions import clustered_proportion, wilson
from gateway.compare.statistics.quantiles import quantile_interval

# Assertions about an answer's form; whether what is in it is right is another thing.
_FORMS = frozenset({"is-json", "contains-json", "is-xml", "is-html", "is-valid-openai-tools-call"})
_TRUNCATED = frozenset({"length", "max_tokens", "model_length", "MAX_TOKENS", "model_context_window_exceeded"})


def summarise(arm: str, graded: Sequence[Graded], shown: Mapping[str, CaseShown], level: float) -> Summary:
    """`graded`: of all arms."""
    mine = [one for one in graded if one.trial.arm == arm]
    trials = [one.trial for one in mine]
    samples = [trial.sample for trial in trials if trial.sample is not None]
    costs = [sample.cost_nano for sample in samples if sample.cost_nano is not None and sample.cost_nano >= 0]
    paid = [one.sample.cost_nano or 0 for one in trials if one.sample is not None and one.origin != "kept"]
    paid += [one.failure.cost_nano or 0 for one in trials if one.failure is not None]
    priced = [
        trial.sample.cost_nano
        for trial in trials
        # What the gateway gave out of its own cache cost nothing, and says nothing of what an answer costs.
        if trial.sample is not None and trial.sample.cost_nano is not None and trial.origin != "gateway"
    ]
    usages = [sample.usage for sample in samples if sample.usage is not None]
    names = {name: None for one in mine for name in one.named}
    return Summary(
        arm=arm,
        cases=len({trial.case for trial in trials}),
        trials=len(trials),
        passed=sum(one.passed for one in mine),
        errors=sum(bool(one.error) for one in mine),
        excluded=sum(not one.counted for one in mine),
        pass_rate=interval_of(mine, arm, shown, level, MEASURES[PASS]),
        score=interval_of(mine, arm, shown, level, MEASURES[SCORE]),
        named={name: found for name in names if (found := _named(mine, arm, shown, level, name)) is not None},
        cost_nano=sum(paid),
        grading_cost_nano=sum(grade.cost_nano for trial in trials for grade in trial.grades),
        cost_per_thousand_nano=round(fsum(priced) / len(priced) * 1000) if priced else None,
        unpriced=len(samples) - len(costs),
        latency_s=quantiles([one.latency_s for one in samples if one.latency_s is not None]),
        ttft_s=quantiles([one.ttft_s for one in samples if one.ttft_s is not None]),
        input_tokens=quantiles([float(one.total_input) for one in usages]),
        output_tokens=quantiles([float(one.total_output) for one in usages]),
        refusals=sum(sample.refusal for sample in samples),
        format_errors=sum(_malformed(trial.grades) for trial in trials),
        truncated=sum(sample.finish_reason in _TRUNCATED for sample in samples),
        kept=sum(trial.origin == "kept" for trial in trials),
        gateway_kept=sum(trial.origin == "gateway" for trial in trials),
        retries=sum(trial.retries for trial in trials),
        served=dict(Counter(trial.target or sample.model for trial in trials if (sample := trial.sample) is not None)),
        broken=broken_cases(mine, shown),
    )


def interval_of(
    mine: Sequence[Graded], arm: str, shown: Mapping[str, CaseShown], level: float, of: Of
) -> Interval | None:
    """The mean over cases of what is measured; None: there are none. Of so few that nothing can be said of the rest,
    anything between 0 and 1 is possible."""
    found = by_case(mine, arm, of)
    if not found:
        return None
    values, clusters = list(found.values()), clusters_of(list(found), shown)
    whole = all(value in (0.0, 1.0) for value in values)
    try:
        if whole and clusters is None:
            return wilson(round(fsum(values)), len(values), level)
        if whole and clusters is not None:
            return clustered_proportion([value == 1.0 for value in values], clusters, level)
        return mean_interval(values, clusters=clusters, level=level, bounds=(0.0, 1.0))
    except NotEstimable:
        return Interval(fsum(values) / len(values), 0.0, 1.0, level, "unknown", len(values))


def _named(
    mine: Sequence[Graded], arm: str, shown: Mapping[str, CaseShown], level: float, name: str
) -> Interval | None:
    """A metric's mean; figures in other units than shares have an interval that no scale bounds."""
    found = by_case([one for one in mine if name in one.named], arm, lambda one: one.named[name])
    values = list(found.values())
    if all(0.0 <= value <= 1.0 for value in values):
        return interval_of([one for one in mine if name in one.named], arm, shown, level, lambda one: one.named[name])
    try:
        return mean_interval(values, clusters=clusters_of(list(found), shown), level=level)
    except NotEstimable:
        return None


def quantiles(values: Sequence[float]) -> Quantiles | None:
    """The median, and what 95 of 100 do not exceed; None: there are no values."""
    if not values:
        return None
    middle, high = (quantile_interval(values, share).estimate for share in (0.5, 0.95))
    return Quantiles(len(values), middle, high)


def broken_cases(mine: Sequence[Graded], shown: Mapping[str, CaseShown]) -> tuple[str, ...]:
    """Those that must pass each time, and did not, once or more."""
    failed = (one.trial.case for one in mine if one.counted and not one.passed)
    return tuple(dict.fromkeys(case for case in failed if shown[case].never_break))


def _malformed(grades: Sequence[Grade]) -> bool:
    return any(grade.kind in _FORMS and not grade.met for grade in flat(grades))
