"""Verdicts, guards and what counts, in sentences."""

from datetime import UTC, datetime

from gateway.compare.live.assembling import OWN
from gateway.compare.live.measures import Measure
from gateway.compare.live.results import GuardWord, Live, LiveArm, LiveDifference, LiveGuard
from gateway.compare.reporting.live.terms import amount, bare, plotted
from gateway.compare.reporting.wording import level
from gateway.pages.words import many

GUARDS: dict[GuardWord, str] = {"kept": "kept", "broken": "broken", "open": "not decided"}
COUNTS = "What counts, and what does not"
_ONCE = "counts once, for the arm of the first call, by the mean of the calls in the hour from then."
_ALWAYS = (
    "Calls that policies or limits refused, or that the gateway's own end interrupted, say nothing of an arm; of one "
    "that the caller hung up on it is not known how it would have ended."
)


def subject_of(found: Live) -> str:
    return found.route or found.prompt


def period_of(found: Live) -> str:
    """In UTC, to the minute."""
    since, until = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" for at in (found.since, found.until))
    return f"{since} to {until} UTC"


def told_of(one: LiveDifference, found: Live, measure: Measure) -> str:
    """The verdict with its figure, its interval, its margin."""
    interval = plotted(one, measure)
    if interval is None:
        return f"There is nothing yet to tell {one.other} from {one.base} by {measure.name}."
    over = f"{many(one.pairs, 'difference')}; margin {amount(one.margin, measure, signed=False)}"
    ends = f"{bare(interval.low, measure)} to {bare(interval.high, measure)}"
    ends += f" at {level(found.level)} confidence whenever one looks"
    known = f"{amount(interval.estimate, measure)}, {ends}, over {over}"
    if not one.judged:
        return f"Nothing is claimed of {one.other} against {one.base} by {measure.name} ({known})."
    size = amount(abs(interval.estimate), measure, signed=False)
    moved = f"its {measure.name} is {size} {'higher' if interval.estimate >= 0 else 'lower'}"
    match one.word:
        case "better":
            return f"{one.other} is better than {one.base}: {moved} ({known})."
        case "worse":
            return f"{one.other} is worse than {one.base}: {moved} ({known})."
        case "equivalent":
            least = amount(one.margin, measure, signed=False)
            return f"{one.other} is as good as {one.base}: their {measure.name} differs by less than {least} ({known})."
        case "inconclusive":
            few = f" Nothing is claimed before {many(found.least, 'difference')}." if one.pairs < found.least else ""
            told = f"It is not decided whether {one.other} is better or worse than {one.base}"
            return f"{told} by {measure.name} ({known}).{few}"


def sureness(one: LiveDifference, found: Live) -> str:
    """The p-value; empty where there is none."""
    if not one.judged or one.interval is None:
        return ""
    p = "p < 0.001" if one.p_adjusted < 0.001 else f"p = {one.p_adjusted:.3f}"
    return f"{p} (1 by the e-value{', by Holm for all arms' if len(found.differences) > 1 else ''})"


def guard_told(one: LiveGuard, measure: Measure) -> str:
    if one.change is None:
        return f"{one.metric}: nothing to compare yet"
    allowed = amount(-one.allowed if measure.higher_is_better else one.allowed, measure)
    return f"{one.metric}: {amount(one.change, measure)}, {allowed} allowed, over {many(one.pairs, 'difference')}"


def advice_on(one: LiveDifference, arm: LiveArm | None) -> str:
    """What to do next; may be empty. `arm`: the one that it is about."""
    if one.broken or (one.judged and one.word == "worse"):
        return "Nobody gets its answers; leave it so." if one.base == OWN else _of_harm(arm)
    if not one.judged or one.word != "inconclusive":
        return ""
    if one.interval is None or not one.more_pairs:
        return "Let it go on, and look again: one may look as often as one likes."
    return (
        f"About {many(one.more_pairs, 'more difference')} would decide it. Let it go on, and look again: one may look "
        "as often as one likes. A wider margin (`--margin`) needs fewer."
    )


def _of_harm(arm: LiveArm | None) -> str:
    if arm is None or arm.stopped:
        return ""
    if arm.share is not None:
        return "It still gets calls: take it out, or let the experiment do so (`stop: {on_worse: stop}`)."
    return "Take it out, if nobody has done so yet; an `experiment` does that by itself."


def counting(found: Live) -> list[str]:
    """How calls are counted, and which are not."""
    left = [f"{many(count, 'call')} in no comparison: {reason}" for reason, count in found.uncounted.items()]
    return [_unit(found), _ALWAYS, *left]


def _unit(found: Live) -> str:
    if found.unit == "key":
        return f"Keys stay with their arm: each {_ONCE}"
    if found.unit == "user":
        whoever = "Users, and runs of whoever is not named," if found.prompt else "Users"
        return f"{whoever} stay with their arm: each {_ONCE}"
    return "Each call counts by itself."


def stopped_arms(found: Live) -> list[tuple[str, str]]:
    """Arms that get no more calls, and why."""
    return [(one.arm, one.stopped) for one in found.arms if one.stopped]
