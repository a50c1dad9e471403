"""Verdicts in sentences: what is known of each arm beside the one it stands against, and what to do about it."""

from collections.abc import Sequence

import msgspec

from gateway.compare.reporting.wording import level, points
from gateway.compare.running.results import Difference, Gate, Judgement, Results, Word
from gateway.compare.running.values import PASS
from gateway.pages.words import many

HEADWORDS: dict[Word, str] = {
    "better": "Better",
    "equivalent": "As good",
    "worse": "Worse",
    "inconclusive": "Not decided",
}
SIGNS: dict[Word, str] = {"better": "▲", "worse": "▼", "equivalent": "●", "inconclusive": "○"}
GATES: dict[Gate, str] = {"passed": "gate passed", "failed": "gate failed", "inconclusive": "gate undecided"}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one arm.

    Attributes:
        arm, base: names; `base` is empty where there is nothing to stand against. word: None: nothing to stand against.
        gate: None: nobody asked. sentence: all of it, with the margin.
        reasons: what the gate hangs on, if it did not pass. advice: what to do next; may be empty.
    """

    arm: str
    base: str
    word: Word | None
    gate: Gate | None
    sentence: str
    reasons: tuple[str, ...]
    advice: str
    difference: Difference | None


def baseline(results: Results) -> str:
    """The arm that the others stand against: the one that is judged by, else the first."""
    judged = next((one.base for one in results.judgements if one.base), "")
    return judged or (results.arms[0].name if len(results.arms) > 1 else "")


def metric_of(results: Results) -> str:
    """What arms are compared by."""
    known = [one.difference.metric for one in results.judgements if one.difference is not None]
    return next(iter([*known, *(one.metric for one in results.differences)]), PASS)


def verdicts(results: Results) -> list[Verdict]:
    """One for each arm but the baseline, in the arms' order."""
    if results.judgements:
        return [_judged(one) for one in results.judgements]
    base = baseline(results)
    return [_compared(one) for one in against(results, base)]


def against(results: Results, base: str) -> Sequence[Difference]:
    """Differences of all others from the base."""
    return [one for one in results.differences if one.base == base]


def among(results: Results, base: str) -> Sequence[Difference]:
    """Differences of pairs without the base."""
    return [one for one in results.differences if base not in (one.base, one.other)]


def _judged(one: Judgement) -> Verdict:
    if not one.base:
        sentence = f"{one.other}: {one.reasons[0]}."
        return Verdict(
            arm=one.other,
            base="",
            word=None,
            gate=one.gate,
            sentence=sentence,
            reasons=one.reasons[1:],
            advice=_advice(one.gate, None, one.broken),
            difference=None,
        )
    found = one.difference
    if one.broken:
        told = f"{one.other} is worse than {one.base}: {many(len(one.broken), 'case')} that must never break did"
        sentence = f"{told}. {told_of(found)}" if found is not None else f"{told}."
    else:
        sentence = "" if found is None else told_of(found)
    said = found.said if found is not None else ""
    return Verdict(
        arm=one.other,
        base=one.base,
        word=one.word,
        gate=one.gate,
        sentence=sentence,
        reasons=tuple(reason for reason in one.reasons if said not in reason or not said),
        advice=_advice(one.gate, found, one.broken),
        difference=found,
    )


def _compared(one: Difference) -> Verdict:
    return Verdict(
        arm=one.other,
        base=one.base,
        word=one.word,
        gate=None,
        sentence=told_of(one),
        reasons=(),
        advice=_advice(None, one, ()),
        difference=one,
    )


def told_of(one: Difference) -> str:
    """The verdict on quality, its figure, its interval, its margin."""
    if not one.cases:
        return f"{one.other} and {one.base} cannot be told apart: no case was answered by both."
    over = many(one.cases, "case")
    margin = f"margin {points(one.margin, signed=False)}" if one.margin else "no margin was set"
    ends = f"{points(one.interval.low)} to {points(one.interval.high)} at {level(one.interval.level)} confidence"
    known = f"{points(one.interval.estimate)} points, {ends}, over {over}; {margin}"
    if one.interval.method == "unknown":
        return f"It is not known whether {one.other} is better than {one.base}: {over} say nothing of any other."
    match one.word:
        case "better":
            return f"{one.other} is better than {one.base}: {_more(one)} ({known})."
        case "worse":
            return f"{one.other} is worse than {one.base}: {_more(one)} ({known})."
        case "equivalent":
            least = points(one.margin, signed=False)
            return f"{one.other} is as good as {one.base}: they differ by less than {least} points ({known})."
        case "inconclusive":
            bound = ""
            if one.margin and one.interval.low > -one.margin:
                bound = f" It is not worse by {points(one.margin, signed=False)} points or more."
            return f"It is not decided whether {one.other} is better or worse than {one.base} ({known}).{bound}"


def _more(one: Difference) -> str:
    size = points(abs(one.interval.estimate), signed=False)
    if one.metric == PASS:
        return f"{size} points {'more' if one.interval.estimate >= 0 else 'fewer'} of the cases pass"
    return f"its score is {size} points {'higher' if one.interval.estimate >= 0 else 'lower'}"


def _advice(gate: Gate | None, found: Difference | None, broken: Sequence[str]) -> str:
    if broken:
        return "Look at the cases that broke first: however many more pass, they decide."
    if gate in ("passed", "failed"):
        return ""
    if found is None:
        return "Ask again for what was not answered." if gate == "inconclusive" else ""
    if found.word != "inconclusive":
        return ""
    if found.more_cases is None:
        margin = "a wider margin" if found.margin else "a margin"
        return f"No number of cases like these would tell the two apart: they answer alike. Set {margin}."
    if not found.more_cases:
        return ""
    return (
        f"About {many(found.more_cases, 'more case')} like these would tell the two apart; asking each one oftener "
        "(`--repeat`) helps where answers vary. A wider margin needs fewer."
    )
