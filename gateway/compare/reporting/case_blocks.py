"""One case on the page: what was asked, and what each arm answered, side by side."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.compare.grading import Grade, Sample
from gateway.compare.reporting.choosing import MAX_CALLS, MAX_MESSAGES, MAX_TEXT, MAX_VARIABLES, Chosen
from gateway.compare.reporting.moving import Answers, place
from gateway.compare.reporting.word_diff import word_diff
from gateway.compare.reporting.wording import money, percent, seconds
from gateway.compare.running.results import CaseShown, Graded, Results
from gateway.pages.words import many, name, passage, plain

# Repeats of one case with one arm that are shown; those that failed come first.
MAX_REPEATS = 3


def case_block(case: CaseShown, number: str, results: Results, answers: Answers, chosen: Chosen, base: str) -> str:
    """`number`: what the block's id ends with."""
    kinds = " ".join(
        kind for kind, cases in (("changed", chosen.changed), ("failed", chosen.failed)) if case.id in cases
    )
    tags = json.dumps(case.tags) if case.tags else ""
    columns = "".join(_column(case, arm.name, results, answers, base) for arm in results.arms)
    return (
        f'<details class="case" data-kinds="{kinds}" data-tags="{plain(tags)}"><summary>{_title(case)}'
        f"{_marks(case, results, answers)}</summary>"
        f'<div class="inside" id="case-{number}">{_about(case, results)}{_asked(case)}'
        f'<div class="columns">{columns}</div></div></details>'
    )


def _title(case: CaseShown) -> str:
    about = f"{name(case.description)} <small>{name(case.id)}</small>" if case.description else name(case.id)
    never = ' <span class="tag never">must never break</span>' if case.never_break else ""
    tags = "".join(f' <span class="tag">{name(tag)}</span>' for tag in case.tags[:6])
    return f'<span class="what">{about}{never}{tags}</span>'


def _marks(case: CaseShown, results: Results, answers: Answers) -> str:
    marks = "".join(_mark(arm.name, answers.get((case.id, arm.name), ())) for arm in results.arms)
    return f'<span class="marks">{marks}</span>'


def _mark(arm: str, given: Sequence[Graded]) -> str:
    counted = [one for one in given if one.counted]
    passed = sum(one.passed for one in counted)
    if not counted:
        kind, sign, said = "none", "–", "not counted"
    elif passed == len(counted):
        kind, sign, said = "yes", "✓", "passed"
    elif passed:
        kind, sign, said = "some", f"{passed}/{len(counted)}", "passes of repeats"
    else:
        kind, sign, said = "no", "✗", "failed"
    return f'<span class="sign {kind}">{name(arm)} <b aria-hidden="true">{sign}</b><i class="unseen">{said}</i></span>'


def _about(case: CaseShown, results: Results) -> str:
    source = f"; of the source {name(case.source)}" if case.source else ""
    return f'<p class="quiet">{name(place(results, case))}{source}</p>'


def _asked(case: CaseShown) -> str:
    items = [(key, _text(value)) for key, value in list(case.vars.items())[:MAX_VARIABLES]]
    items += [
        (str(message.get("role", "message")), _text(message.get("content", message)))
        for message in case.messages[:MAX_MESSAGES]
    ]
    if not items:
        return ""
    left = (("variable", len(case.vars) - MAX_VARIABLES), ("message", len(case.messages) - MAX_MESSAGES))
    rest = "".join(f"<p class=quiet>and {many(count, kind)} more</p>" for kind, count in left if count > 0)
    lines = "".join(f"<div><dt>{name(key)}</dt><dd><pre dir=auto>{cut(text)}</pre></dd></div>" for key, text in items)
    return f'<dl class="asked">{lines}</dl>{rest}'


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except (TypeError, ValueError):
        return str(value)


def cut(text: str, most: int = MAX_TEXT) -> str:
    """As much of a text as a page has room for, as HTML."""
    if len(text) <= most:
        return passage(text)
    return f"{passage(text[:most])}<em class=quiet> … {many(len(text) - most, 'character')} more, in the JSON</em>"


def _column(case: CaseShown, arm: str, results: Results, answers: Answers, base: str) -> str:
    given = answers.get((case.id, arm), ())
    before = {one.trial.repeat: one for one in answers.get((case.id, base), ())} if arm != base else {}
    shown = sorted(given, key=lambda one: (one.passed, one.trial.repeat))[:MAX_REPEATS]
    parts = [_answer(one, before.get(one.trial.repeat), base, results, repeats=len(given)) for one in shown]
    rest = len(given) - len(shown)
    more = f"<p class=quiet>and {many(rest, 'repeat')} more</p>" if rest > 0 else ""
    role = " <small>baseline</small>" if arm == base else ""
    nothing = "" if given else "<p class=quiet>It was not asked.</p>"
    return f'<section class="arm"><h4>{name(arm)}{role}</h4>{"".join(parts)}{nothing}{more}</section>'


def _answer(one: Graded, before: Graded | None, base: str, results: Results, *, repeats: int) -> str:
    trial = one.trial
    repeat = f" · repeat {trial.repeat + 1}" if repeats > 1 else ""
    kind, said = ("yes", "✓ passed") if one.passed else ("no", "✗ failed") if one.counted else ("none", "not counted")
    score = "" if one.score in (0.0, 1.0) else f" · score {percent(one.score)}"
    head = f'<p><span class="sign {kind}">{said}</span><small>{score}{repeat}</small></p>'
    if trial.sample is None:
        failure = trial.failure.message if trial.failure is not None else one.reason
        return f"{head}<p>Nobody answered: {cut(failure, 600)}</p>"
    grades = "".join(_grade(grade, one) for grade in trial.grades[:40])
    listed = f'<ul class="grades">{grades}</ul>' if grades else ""
    return f"{head}{_output(trial.sample, before, base)}{listed}{_facts(one, trial.sample, results)}"


def _output(sample: Sample, before: Graded | None, base: str) -> str:
    calls = "".join(
        f"<pre dir=auto>{cut(f'{call.name}({call.arguments})')}</pre>" for call in sample.tool_calls[:MAX_CALLS]
    )
    tools = f"<p class=quiet>calls</p>{calls}" if calls else ""
    if not sample.text:
        return f"{tools or '<p class=quiet>The answer is empty.</p>'}"
    old = before.trial.sample.text if before is not None and before.trial.sample is not None else ""
    note, shown = "", cut(sample.text)
    if old and old == sample.text:
        note = f"the same words as {name(base)}"
    elif old and max(len(old), len(sample.text)) <= MAX_TEXT:
        pieces = word_diff(old, sample.text)
        if pieces is None:
            note = f"little in common with {name(base)}"
        else:
            note = f"beside {name(base)}: <del>gone</del> <ins>new</ins>"
            shown = "".join(_PIECES[kind].format(passage(text)) for kind, text in pieces)
    said = f'<p class="quiet diff">{note}</p>' if note else ""
    return f"<pre dir=auto>{shown}</pre>{said}{tools}"


_PIECES: Mapping[str, str] = {"same": "{}", "gone": "<del>{}</del>", "new": "<ins>{}</ins>"}


def _grade(grade: Grade, one: Graded) -> str:
    sign, kind = ("✓", "yes") if grade.met else ("✗", "no")
    advice = "" if grade.weight and (grade.passed or grade.kind not in one.advisory) else " <small>advice only</small>"
    metric = f" <small>{name(grade.metric)}</small>" if grade.metric else ""
    score = "" if grade.score in (0.0, 1.0) else f" <small>{percent(grade.score)}</small>"
    parts = "".join(_grade(part, one) for part in grade.parts[:20])
    inner = f"<ul>{parts}</ul>" if parts else ""
    reason = grade.error or grade.reason
    return (
        f'<li class="{kind}"><b>{sign} {name(grade.kind)}</b>{metric}{score}{advice}'
        f"<br>{cut(reason, 1_000)}{inner}</li>"
    )


def _facts(one: Graded, sample: Sample, results: Results) -> str:
    trial = one.trial
    facts: list[str] = []
    if sample.latency_s is not None:
        facts.append(seconds(sample.latency_s))
    if sample.cost_nano is not None:
        facts.append(f"{money(sample.cost_nano)} {plain(results.currency)}")
    if sample.usage is not None:
        facts.append(f"{sample.usage.total_input:,} + {sample.usage.total_output:,} tokens")
    if sample.finish_reason and sample.finish_reason != "stop":
        facts.append(f"ended: {name(sample.finish_reason)}")
    if sample.refusal:
        facts.append("the model refused")
    if trial.target:
        facts.append(f"by {name(trial.target)}")
    if trial.origin != "asked":
        facts.append("kept from an earlier run" if trial.origin == "kept" else "out of the gateway's cache")
    if trial.call:
        facts.append(f"record {name(trial.call)}")
    return f'<p class="quiet facts-of">{" · ".join(facts)}</p>' if facts else ""
