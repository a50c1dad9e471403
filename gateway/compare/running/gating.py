"""May this arm take the place of that one? One verdict on quality, what must never break, and what it may cost more."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.running.differing import Asked, Compared, compare, more_cases
from gateway.compare.running.results import CaseShown, Gate, Graded, GuardKept, Judgement, Quantiles, Summary, Word
from gateway.compare.running.summarising import quantiles

GUARDS = ("cost", "input_tokens", "output_tokens", "latency", "ttft")


def judge(
    base: Summary,
    other: Summary,
    graded: Sequence[Graded],
    shown: Mapping[str, CaseShown],
    asked: Asked,
    limits: Mapping[str, float],
) -> Judgement:
    """The other arm against the base. `limits`: by one of `GUARDS`, how much more than the base's median the other's
    may be, as a share: 0.1 is a tenth more.

    What failed for want of an answer of the base, or of a grade, is left out: an outage says nothing good of the other.
    """
    lost = [one for one in graded if one.trial.arm == base.arm and one.counted and one.error]
    compared = compare(base.arm, other.arm, _without(graded, lost), shown, asked)
    guards = tuple(_guard(name, base, other, graded, limit) for name, limit in limits.items())
    unproven = _unproven(other.arm, graded, shown)
    failed = [*_broken(other), *(_beyond(guard) for guard in guards if not guard.kept)]
    open_ = [_untold(case) for case in unproven]
    word: Word = "worse" if other.broken else compared.difference.word
    if compared.gate == "fail":
        failed.append(compared.difference.said)
    elif compared.gate == "undecided":
        open_.append(_undecided(compared))
    gate: Gate = "failed" if failed else "inconclusive" if open_ else "passed"
    reasons = (*failed, *open_) or (compared.difference.said,)
    if lost:
        reasons += (f"{len(lost)} trials of {base.arm} have no answer or no grade, and say nothing of {other.arm}",)
    return Judgement(
        base=base.arm,
        other=other.arm,
        word=word,
        gate=gate,
        reasons=reasons,
        broken=other.broken,
        guards=guards,
        difference=compared.difference,
    )


def judge_alone(other: Summary, graded: Sequence[Graded], shown: Mapping[str, CaseShown]) -> Judgement:
    """An arm that has nothing to stand against: all it is asked must pass, each time."""
    mine = [one for one in graded if one.trial.arm == other.arm]
    failed = list(dict.fromkeys(one.trial.case for one in mine if one.counted and not one.passed))
    counted = {one.trial.case for one in mine if one.counted}
    reasons = [*_broken(other)]
    if rest := [case for case in failed if case not in other.broken]:
        reasons.append(f"{len(rest)} of {len(counted)} cases failed: {_few(rest)}; there is no version to compare with")
    unproven = [_untold(case) for case in _unproven(other.arm, graded, shown)]
    if not counted:
        unproven.append("nothing was answered that counts")
    gate: Gate = "failed" if reasons else "inconclusive" if unproven else "passed"
    word: Word = "worse" if other.broken else "inconclusive"
    told = (*reasons, *unproven) or (f"all {len(counted)} cases passed; there is no version to compare with",)
    return Judgement(
        base="",
        other=other.arm,
        word=word,
        gate=gate,
        reasons=told,
        broken=other.broken,
        guards=(),
        difference=None,
    )


def _without(graded: Sequence[Graded], lost: Sequence[Graded]) -> list[Graded]:
    gone = {id(one) for one in lost}
    return [msgspec.structs.replace(one, counted=False) if id(one) in gone else one for one in graded]


def _broken(other: Summary) -> list[str]:
    return [f"{case} must never break, and did with {other.arm}" for case in other.broken]


def _untold(case: str) -> str:
    return f"{case} must never break, and was not answered each time"


def _unproven(arm: str, graded: Sequence[Graded], shown: Mapping[str, CaseShown]) -> list[str]:
    """Cases that must never break, and of which it is not known: not asked as often as they are to be, or excluded."""
    asked = [one for one in graded if one.trial.arm == arm]
    most = {case.id: case.repeats for case in shown.values() if case.never_break}
    seen = {case: sum(one.trial.case == case and one.counted for one in asked) for case in most}
    return [case for case, often in most.items() if seen[case] < often]


def _undecided(compared: Compared) -> str:
    more = compared.more_for_gate
    hint = f"; about {more_cases(more)} would decide the gate" if more else ""
    return f"{compared.difference.said}{hint}"


def _guard(name: str, base: Summary, other: Summary, graded: Sequence[Graded], limit: float) -> GuardKept:
    before, after = (_median(name, one, graded) for one in (base, other))
    change = None if before is None or after is None or (before == 0 and after > 0) else _change(before, after)
    kept = change is not None and change <= limit
    return GuardKept(metric=name, base=before, other=after, change=change, limit=limit, kept=kept)


def _change(before: float, after: float) -> float:
    return after / before - 1.0 if before else 0.0


def _median(name: str, summary: Summary, graded: Sequence[Graded]) -> float | None:
    found: Quantiles | None
    if name == "cost":
        costs = [
            float(one.trial.sample.cost_nano)
            for one in graded
            if one.trial.arm == summary.arm
            and one.trial.origin != "gateway"
            and one.trial.sample is not None
            and one.trial.sample.cost_nano is not None
        ]
        found = quantiles(costs)
    else:
        by_name = {"latency": summary.latency_s, "ttft": summary.ttft_s}
        by_name |= {"input_tokens": summary.input_tokens, "output_tokens": summary.output_tokens}
        found = by_name[name]
    return None if found is None else found.p50


def _beyond(guard: GuardKept) -> str:
    if guard.base is None or guard.other is None:
        return f"{guard.metric}: is not known for both, and may grow by {guard.limit:.0%} at most"
    grown = "grew from nothing" if guard.change is None else f"grew by {guard.change:.0%}"
    return f"{guard.metric}: the median {grown}, and may by {guard.limit:.0%} at most"


def _few(cases: Sequence[str]) -> str:
    return ", ".join(cases[:5]) + (f" and {len(cases) - 5} more" if len(cases) > 5 else "")
