"""What live traffic says as a comment: the verdicts, their guards, the arms, and what counts."""

from collections.abc import Callable, Mapping, Sequence

from gateway.compare.live.measures import Measure
from gateway.compare.live.results import Live, LiveArm, LiveDifference
from gateway.compare.reporting.comment_parts import arms_lines, with_code
from gateway.compare.reporting.live.telling import (
    COUNTS,
    GUARDS,
    advice_on,
    counting,
    guard_told,
    period_of,
    stopped_arms,
    subject_of,
    told_of,
)
from gateway.compare.reporting.live.terms import ends_of, mean_of
from gateway.compare.reporting.live.verdicts import GUARD_WORDS
from gateway.compare.reporting.sections import UNFAIR
from gateway.compare.reporting.telling import HEADWORDS, SIGNS
from gateway.compare.reporting.wording import money, percent
from gateway.pages.markdown import MAX_CHARACTERS, code, details, prose, within
from gateway.pages.words import many


def live_comment(found: Live, measures: Sequence[Measure], title: str, also: str = "") -> str:
    """The whole comment, below what GitHub takes (65,536 characters).

    Args:
        measures: what was asked, the primary metric first. title: the command. also: where all of it was written
            besides, such as `report.html`.
    """
    by_name = {one.name: one for one in measures}
    whose = f"{'Route' if found.route else 'Prompt'} {code(subject_of(found))}"
    # By which a bot finds the comment that it wrote before.
    lines = [f"<!-- {title} -->", f"### {whose}, calls from {period_of(found)}", ""]
    lines += [f"⚠️ **Stopped**: {code(arm)}: {prose(why, 600)}\n" for arm, why in stopped_arms(found)]
    if any(one.calls for one in found.arms):
        arms = {one.arm: one for one in found.arms}
        for one in found.differences:
            lines += _verdict(one, found, by_name, advice_on(one, arms.get(one.other)))
        lines += [*_arms(found, by_name[found.metric]), ""]
    else:
        lines += ["There are no calls in this period.", ""]
    lines += details(COUNTS, [f"* {prose(one)}" for one in counting(found)])
    if found.notes:
        lines += details(UNFAIR, [f"* {prose(one)}" for one in found.notes])
    end = [f"With pictures it is in {code(also, 200)}.", ""] if also else []
    cut = "There is more than a comment holds; `--html` and `--json` have all of it."
    return "\n".join([*within(lines, MAX_CHARACTERS, cut), *end]).rstrip() + "\n"


def _verdict(one: LiveDifference, found: Live, measures: Mapping[str, Measure], advice: str) -> list[str]:
    word, head = one.word, HEADWORDS[one.word] if one.judged else "Not judged"
    if one.broken:
        word, head = "worse", f"{head}, guard broken"
    lines = [f"{SIGNS[word]} **{head}.** {prose(told_of(one, found, measures[found.metric]), 800)}", ""]
    lines += [
        f"* {SIGNS[GUARD_WORDS[guard.state]]} guard {GUARDS[guard.state]}: "
        f"{prose(guard_told(guard, measures[guard.metric]))}"
        for guard in one.guards
    ]
    if one.guards:
        lines.append("")
    return [*lines, f"**What to do next** about {code(one.other)}: {with_code(advice)}", ""] if advice else lines


def _arms(found: Live, measure: Measure) -> list[str]:
    columns: dict[str, Callable[[LiveArm], str]] = {
        "calls": lambda one: f"{one.calls:,}",
        "success": lambda one: _percent(one.success_rate),
        f"mean {prose(measure.name, 80)}": lambda one: _mean(one, measure),
        f"per 1,000 ({prose(found.currency)})": _cost,
        "latency p50": lambda one: "" if one.latency_s is None else f"{one.latency_s.p50:.2f} s",
        "p95": lambda one: "" if one.latency_s is None else f"{one.latency_s.p95:.2f} s",
        "first token p50": lambda one: "" if one.ttft_s is None else f"{one.ttft_s.p50:.2f} s",
        "first token p95": lambda one: "" if one.ttft_s is None else f"{one.ttft_s.p95:.2f} s",
        "tokens in": lambda one: "" if one.input_tokens is None else f"{one.input_tokens:,.0f}",
        "tokens out": lambda one: "" if one.output_tokens is None else f"{one.output_tokens:,.0f}",
        "thumbs up": lambda one: "" if one.thumbs_up is None else f"{percent(one.thumbs_up)} of {one.rated:,}",
        "share now": lambda one: _percent(one.share),
        "is best": lambda one: _percent(found.best.get(one.arm)),
    }
    return arms_lines(found.arms, columns, lambda one: one.arm, lambda one: "stopped" if one.stopped else "")


def _mean(one: LiveArm, measure: Measure) -> str:
    return "" if one.metric is None else f"{mean_of(one.metric.estimate, measure)} ({ends_of(one.metric, measure)})"


def _cost(one: LiveArm) -> str:
    if one.cost_per_thousand_nano is None:
        return ""
    return money(one.cost_per_thousand_nano) + (f", {many(one.unpriced, 'call')} unpriced" if one.unpriced else "")


def _percent(share: float | None) -> str:
    return "" if share is None else percent(share)
