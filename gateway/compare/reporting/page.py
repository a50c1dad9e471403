"""Results as one HTML page that needs nothing else, for whoever has to say yes: the verdict first, then what it rests
on, then every case it comes from. It works without its script, which filters cases and nothing else."""

from collections.abc import Sequence

from gateway.compare.reporting.arms_table import arms_table
from gateway.compare.reporting.cases_section import cases_section
from gateway.compare.reporting.frontier_plot import frontier_plot, points_of
from gateway.compare.reporting.moved_section import moved_section
from gateway.compare.reporting.preferences import preferences
from gateway.compare.reporting.script import SCRIPT
from gateway.compare.reporting.sections import moment, notes_section, page_header
from gateway.compare.reporting.style import CSS
from gateway.compare.reporting.telling import baseline
from gateway.compare.reporting.verdict_section import verdict_section
from gateway.compare.reporting.wording import level, money, seconds
from gateway.compare.running.results import Results
from gateway.pages.document import document, head
from gateway.pages.words import many, name


def page(runs: Sequence[Results], title: str, json_file: str = "") -> str:
    """The whole page.

    Args:
        runs: one, or several prompts' tests. title: the command that ran them.
        json_file: where all of it was written as JSON; empty: nowhere.
    """
    whose = ", ".join(run.suite for run in runs[:3]) + (" …" if len(runs) > 3 else "")
    parts = [head(f"{whose or 'nothing'} · {title}", CSS, SCRIPT)]
    if not runs:
        parts.append("<header><h1>Nothing was tested</h1></header><p>No prompt has cases and something new.</p>")
    if len(runs) > 1:
        links = "".join(f'<li><a href="#run-{at}">{name(run.suite)}</a></li>' for at, run in enumerate(runs))
        parts.append(f'<nav aria-label="Runs"><ul class="runs">{links}</ul></nav>')
    parts += [_run(run, title, str(at), json_file, len(runs)) for at, run in enumerate(runs)]
    return document("".join(parts), SCRIPT)


def _run(results: Results, title: str, number: str, json_file: str, runs: int) -> str:
    room = max(1, runs)
    parts = [
        f'<article id="run-{number}">{_header(results, title)}',
        verdict_section(results),
        moved_section(results, number),
        arms_table(results),
        _frontier(results),
        preferences(results),
        _judges(results),
        notes_section(results.notes),
        cases_section(results, number, json_file, room),
        _footer(results),
        "</article>",
    ]
    return "".join(parts)


def _header(results: Results, title: str) -> str:
    asked = many(len(results.graded), "answer")
    took = seconds(max(0.0, results.ended - results.began))
    facts = [
        many(len(results.cases), "case"),
        many(len(results.arms), "arm"),
        f"{asked} for {money(results.cost_nano)} {name(results.currency)}",
    ]
    if results.grading_cost_nano:
        facts.append(f"{money(results.grading_cost_nano)} for judges")
    stopped = (
        f'<div class="notice" role="note"><strong>Stopped before its end: {name(results.stopped)}.</strong> '
        f"{many(results.missing, 'question')} were not asked; the figures are of the others.</div>"
        if results.stopped
        else ""
    )
    where = f" at {name(results.gateway)}" if results.gateway else ""
    lines = [" · ".join(facts), f"{moment(results.began)}, in {took}{where}"]
    return page_header(title, results.suite, lines) + stopped


def _frontier(results: Results) -> str:
    if len(results.arms) < 2:
        return ""
    points = points_of(results)
    if len(points) < 2:
        return (
            "<section><h2>Quality against cost</h2><p class=quiet>Costs are not known of two arms or more, so they "
            "cannot be compared by it.</p></section>"
        )
    beaten = "".join(
        f"<li>{name(one.arm)} is no better than {name(one.beaten_by)} in quality, cost or speed.</li>"
        for one in points
        if one.beaten_by
    )
    return (
        f"<section><h2>Quality against cost</h2><figure>{frontier_plot(points, results.currency)}"
        f"<figcaption>Up: quality. Across: what 1,000 answers cost, in {name(results.currency)}. The lines are "
        f"{level(results.level)} intervals. The best place is the upper left; a ring with broken lines is no "
        f"better than another arm in anything.</figcaption></figure>{f'<ul>{beaten}</ul>' if beaten else ''}</section>"
    )


def _judges(results: Results) -> str:
    judges = [one for one in results.judges if one.asked]
    if not judges:
        return ""
    lines = "".join(
        f"<li><b>{name(one.judge)}</b> ({name(one.model)}) {'counts' if one.calibrated else 'advises only'}: "
        f"{name(one.why)}. Asked {one.asked:,} times, for {money(one.cost_nano)}.</li>"
        for one in judges
    )
    return f"<section><h2>Judges</h2><ul>{lines}</ul></section>"


def _footer(results: Results) -> str:
    base = baseline(results)
    against = f"Differences are from {name(base)}. " if base else ""
    several = (
        f"Those of {many(len(results.differences), 'pair')} of arms are corrected by Holm for their number. "
        if len(results.differences) > 1
        else ""
    )
    return (
        f"<footer><p>{against}{several}Intervals are at {level(results.level)} confidence, over cases: repeats of a "
        "case are one case, and cases of one source one group.</p>"
        f"<p>Run {name(results.id)}, seed {results.seed}, suite {name(results.file)} ({name(results.digest)}).</p>"
        "</footer>"
    )
