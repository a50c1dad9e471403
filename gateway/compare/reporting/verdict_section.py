"""The verdict, and the picture of what it is drawn from."""

from collections.abc import Sequence

from gateway.compare.reporting.plots import Mark, Row, interval_plot
from gateway.compare.reporting.telling import GATES, HEADWORDS, Verdict, among, baseline, told_of, verdicts
from gateway.compare.reporting.wording import in_points, level, points
from gateway.compare.running.results import Difference, GuardKept, Results, Word
from gateway.compare.running.values import PASS
from gateway.pages.words import name

_MARKS: dict[Word, Mark] = {"better": "up", "worse": "down", "equivalent": "dot", "inconclusive": "ring"}
_SIGNS: dict[Word, str] = {"better": "▲", "worse": "▼", "equivalent": "●", "inconclusive": "○"}
_GATE_KINDS = {"passed": "better", "failed": "worse", "inconclusive": "inconclusive"}


def verdict_section(results: Results) -> str:
    """A sentence for each arm, and the intervals of their differences."""
    found = verdicts(results)
    if not found:
        return ""
    guards = {one.other: one.guards for one in results.judgements}
    cards = "".join(_card(one, guards.get(one.arm, ())) for one in found)
    differences = [one.difference for one in found if one.difference is not None and one.difference.cases]
    return f"<section><h2>Verdict</h2>{cards}{_plot(differences, results)}{_others(results)}</section>"


def _card(one: Verdict, guards: Sequence[GuardKept]) -> str:
    chips = ""
    if one.word is not None:
        chips += f'<span class="chip {one.word}"><span aria-hidden="true">{_SIGNS[one.word]}</span> '
        chips += f"{HEADWORDS[one.word]}</span>"
    if one.gate is not None:
        chips += f'<span class="chip gate {_GATE_KINDS[one.gate]}">{GATES[one.gate]}</span>'
    reasons = "".join(f"<li>{name(reason)}</li>" for reason in one.reasons)
    kept = "".join(f"<li>{_guard(guard)}</li>" for guard in guards if guard.kept and guard.change is not None)
    listed = f"<ul>{reasons}{kept}</ul>" if reasons or kept else ""
    advice = f'<p class="advice"><b>What to do next.</b> {_code(one.advice)}</p>' if one.advice else ""
    return (
        f'<div class="verdict {one.word or _GATE_KINDS[one.gate or "inconclusive"]}"><p class="chips">'
        f"{chips}<b>{name(one.arm)}</b></p><p>{name(one.sentence)}</p>{listed}{advice}</div>"
    )


def _code(text: str) -> str:
    """What stands between backticks, as code."""
    parts = text.split("`")
    return "".join(f"<code>{name(part)}</code>" if at % 2 else name(part) for at, part in enumerate(parts))


def _guard(one: GuardKept) -> str:
    return f"{name(one.metric)}: {one.change:+.0%} of the median, {one.limit:.0%} allowed"


def _plot(differences: Sequence[Difference], results: Results) -> str:
    if not differences:
        return ""
    metric, margin = differences[0].metric, differences[0].margin
    what = "share of cases that pass" if metric == PASS else "mean score"
    base = baseline(results)
    rows = [Row(one.other, in_points(one.interval), one.interval, _MARKS[one.word]) for one in differences]
    title = f"Difference in the {what} from {base}, in points, with {level(results.level)} intervals"
    plot = interval_plot(rows, title, lambda value: points(value) if value else "0", margin=margin)
    band = f" Shaded: differences of less than {points(margin, signed=False)} points, the margin." if margin else ""
    return (
        f"<figure>{plot}<figcaption>Difference in the {what} from {name(base)}, in points of a hundred, case by case: "
        f"the mark is what was found, the line what the cases do not contradict ({level(results.level)}). "
        f"Right of 0 is better.{band}</figcaption></figure>"
    )


def _others(results: Results) -> str:
    """Pairs without the baseline."""
    rest = among(results, baseline(results))
    if not rest:
        return ""
    lines = "".join(f"<li>{name(told_of(one))}</li>" for one in rest)
    return f'<details class="plain"><summary>The other pairs of arms</summary><ul>{lines}</ul></details>'
