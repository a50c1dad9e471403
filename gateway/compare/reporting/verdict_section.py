"""The verdict, and the picture of what it is drawn from."""

from collections.abc import Sequence

from gateway.compare.reporting.cards import MARKS, card, chip, interval_figure, word_chip
from gateway.compare.reporting.plots import Row
from gateway.compare.reporting.telling import GATES, Verdict, among, baseline, told_of, verdicts
from gateway.compare.reporting.wording import in_points, level, points
from gateway.compare.running.results import Difference, Gate, GuardKept, Results, Word
from gateway.compare.running.values import PASS
from gateway.pages.words import name

_GATE_KINDS: dict[Gate, Word] = {"passed": "better", "failed": "worse", "inconclusive": "inconclusive"}


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
    chips = word_chip(one.word) if one.word is not None else ""
    gate = _GATE_KINDS[one.gate or "inconclusive"]
    chips += chip(GATES[one.gate], f"gate {gate}") if one.gate is not None else ""
    kept = [_guard(guard) for guard in guards if guard.kept and guard.change is not None]
    items = [*(name(reason) for reason in one.reasons), *kept]
    return card(one.word or gate, chips, one.arm, one.sentence, items, one.advice)


def _guard(one: GuardKept) -> str:
    return f"{name(one.metric)}: {one.change:+.0%} of the median, {one.limit:.0%} allowed"


def _plot(differences: Sequence[Difference], results: Results) -> str:
    if not differences:
        return ""
    metric, margin = differences[0].metric, differences[0].margin
    what = "share of cases that pass" if metric == PASS else "mean score"
    base = baseline(results)
    rows = [Row(one.other, in_points(one.interval), one.interval, MARKS[one.word]) for one in differences]
    title = f"Difference in the {what} from {base}, in points, with {level(results.level)} intervals"
    band = f" Shaded: differences of less than {points(margin, signed=False)} points, the margin." if margin else ""
    caption = (
        f"Difference in the {what} from {name(base)}, in points of a hundred, case by case: the mark is what was "
        f"found, the line what the cases do not contradict ({level(results.level)}). Right of 0 is better.{band}"
    )
    return interval_figure(rows, title, caption, lambda value: points(value) if value else "0", margin=margin)


def _others(results: Results) -> str:
    """Pairs without the baseline."""
    rest = among(results, baseline(results))
    if not rest:
        return ""
    lines = "".join(f"<li>{name(told_of(one))}</li>" for one in rest)
    return f'<details class="plain"><summary>The other pairs of arms</summary><ul>{lines}</ul></details>'
