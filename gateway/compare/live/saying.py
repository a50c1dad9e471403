"""A difference in words."""

import msgspec

from gateway.compare.live.measures import Measure
from gateway.compare.live.results import LiveDifference, LiveGuard


def sentence(found: LiveDifference, measure: Measure, least: int) -> LiveDifference:
    """The same with what it says as a sentence."""
    return msgspec.structs.replace(found, said=_said(found, measure, least))


def _said(found: LiveDifference, measure: Measure, least: int) -> str:
    head = f"`{found.other}` against `{found.base}`"
    if found.interval is None:
        return f"{head}: nothing to compare by `{measure.name}` yet"
    figures = f"{measure.name} {_difference(found, measure)}, {found.pairs} pairs"
    if not found.judged:
        return f"{head}: not judged; {figures}"
    if found.word == "inconclusive":
        if found.pairs < least:
            return f"{head}: inconclusive, too few yet ({found.pairs} of {least} pairs); {figures}"
        more = "" if found.more_pairs is None else f"; about {found.more_pairs} more would decide it"
        return f"{head}: inconclusive, {figures}{more}"
    return f"{head}: {found.word}, {figures}"


def _difference(found: LiveDifference, measure: Measure) -> str:
    interval = found.interval
    assert interval is not None, "asked of such only"
    if measure.kind == "share":
        return f"{interval.estimate * 100:+.1f} points ({interval.low * 100:+.1f} to {interval.high * 100:+.1f})"
    if measure.kind == "score" or found.change is None:
        return f"{interval.estimate:+.3g} ({interval.low:+.3g} to {interval.high:+.3g})"
    base = interval.estimate / found.change if found.change else 0.0
    if not base:
        return f"{found.change:+.0%}"
    return f"{found.change:+.0%} ({interval.low / base:+.0%} to {interval.high / base:+.0%})"


def guard_said(guard: LiveGuard, measure: Measure) -> str:
    """One line."""
    relative = measure.kind == "amount"

    def shown(value: float) -> str:
        if relative:
            return f"{value:+.0%}"
        return f"{value * 100:+.1f} points" if measure.kind == "share" else f"{value:+.3g}"

    if guard.change is None:
        return f"guard {guard.metric}: nothing to compare yet"
    allowed = shown(guard.allowed if not measure.higher_is_better else -guard.allowed)
    return f"guard {guard.metric} {guard.state}: {shown(guard.change)}, {allowed} allowed, {guard.pairs} pairs"
