"""The verdict on each arm, its guards, and the picture of the differences."""

from collections.abc import Mapping, Sequence

from gateway.compare.live.measures import Measure
from gateway.compare.live.results import GuardWord, Live, LiveDifference, LiveGuard
from gateway.compare.reporting.cards import MARKS, card, chip, interval_figure, word_chip
from gateway.compare.reporting.live.telling import GUARDS, advice_on, guard_told, sureness, told_of
from gateway.compare.reporting.live.terms import amount, differs, plotted, tick
from gateway.compare.reporting.plots import Row
from gateway.compare.reporting.telling import SIGNS
from gateway.compare.reporting.wording import level
from gateway.compare.running.results import Word
from gateway.pages.words import name

# A guard is coloured, and has the sign, of the word that says as much.
GUARD_WORDS: dict[GuardWord, Word] = {"kept": "equivalent", "broken": "worse", "open": "inconclusive"}


def verdicts_section(found: Live, measures: Mapping[str, Measure]) -> str:
    """A card for each arm but the base, and a picture for each base that some stand against."""
    if not found.differences:
        return ""
    arms = {one.arm: one for one in found.arms}
    cards = "".join(_card(one, found, measures, advice_on(one, arms.get(one.other))) for one in found.differences)
    bases = dict.fromkeys(one.base for one in found.differences)
    plots = "".join(
        _plot([one for one in found.differences if one.base == base], found, measures[found.metric]) for base in bases
    )
    return f"<section><h2>Verdict</h2>{cards}{plots}</section>"


def _card(one: LiveDifference, found: Live, measures: Mapping[str, Measure], advice: str) -> str:
    chips = word_chip(one.word) if one.judged else chip("Not judged", "inconclusive")
    if one.broken:
        chips += chip("guard broken", "gate worse")
    arm = next((arm for arm in found.arms if arm.arm == one.other), None)
    if arm is not None and arm.stopped:
        chips += chip("stopped", "gate inconclusive")
    items = [_guard(guard, measures[guard.metric]) for guard in one.guards]
    if p := sureness(one, found):
        items.append(name(p))
    sentence = told_of(one, found, measures[found.metric])
    return card("worse" if one.broken else one.word, chips, one.other, sentence, items, advice)


def _guard(guard: LiveGuard, measure: Measure) -> str:
    word = GUARD_WORDS[guard.state]
    sign = f'<span aria-hidden="true">{SIGNS[word]}</span> guard {GUARDS[guard.state]}'
    return f"{chip(sign, word)} {name(guard_told(guard, measure))}"


def _plot(differences: Sequence[LiveDifference], found: Live, measure: Measure) -> str:
    rows: list[Row] = []
    for one in differences:
        if (interval := plotted(one, measure)) is not None:
            rows.append(Row(one.other, differs(interval, measure), interval, MARKS[one.word]))
    if not rows:
        return ""
    base, margin = differences[0].base, differences[0].margin
    unit = {"share": ", in points of a hundred", "amount": f", as a part of {base}'s, in %", "score": ""}[measure.kind]
    title = f"Difference in {measure.name} from {base}{unit}, with {level(found.level)} confidence sequences"
    side = "Right" if measure.higher_is_better else "Left"
    band = f" Shaded: differences of less than {amount(margin, measure, signed=False)}, the margin." if margin else ""
    caption = (
        f"Difference in {name(measure.name)} from {name(base)}{name(unit)}: the mark is what was found, the line its "
        f"confidence sequence: what calls do not contradict ({level(found.level)} for all claims together, whenever "
        f"one looks). {side} of 0 is better.{band}"
    )
    return interval_figure(rows, title, caption, lambda value: tick(value, measure), margin=margin)
