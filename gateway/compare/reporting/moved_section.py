"""What moved: the cases that were broken, lost and won."""

from collections.abc import Sequence

from gateway.compare.reporting.case_blocks import cut
from gateway.compare.reporting.moving import Answers, Moved, answers_of, moved, place, why
from gateway.compare.reporting.telling import Verdict, verdicts
from gateway.compare.running.results import CaseShown, Results
from gateway.pages.words import many, name

FEW, MOST = 6, 100
_TITLES = {
    "broken": ("Broken", "must never fail, and did"),
    "lost": ("Lost", "did worse than the baseline"),
    "won": ("Won", "did better than the baseline"),
    "failing": ("Failing", "did not pass"),
}


def moved_section(results: Results, number: str) -> str:
    """`number`: of the run; cases are found by it."""
    answers = answers_of(results)
    parts = [_arm(results, one, moved(results, one), answers, number) for one in verdicts(results)]
    inner = "".join(parts)
    return f"<section><h2>What moved</h2>{inner}</section>" if inner else ""


def _arm(results: Results, verdict: Verdict, moves: Moved, answers: Answers, number: str) -> str:
    against = f" against {name(verdict.base)}" if verdict.base else ""
    counts = [
        f"{len(cases):,} {kind}"
        for kind, cases in (
            ("broken", moves.broken), ("lost", moves.lost), ("won", moves.won), ("failing", moves.failing),
        )
        if cases
    ]  # fmt: skip
    head = f"<h3>{name(verdict.arm)}{against}</h3><p class=quiet>{', '.join(counts) or 'No case moved.'}</p>"
    # Won cases are not asked after first: they are folded.
    lists = [_list(results, kind, getattr(moves, kind), verdict, answers, number) for kind in ("broken", "lost")]
    lists.append(_list(results, "failing", moves.failing, verdict, answers, number))
    won = _list(results, "won", moves.won, verdict, answers, number)
    if won:
        folded = f'<details class="plain"><summary>{many(len(moves.won), "case")} won</summary>{won}</details>'
        lists.append(folded)
    return head + "".join(lists)


def _list(results: Results, kind: str, cases: Sequence[str], verdict: Verdict, answers: Answers, number: str) -> str:
    if not cases:
        return ""
    title, about = _TITLES[kind]
    shown = {case.id: (at, case) for at, case in enumerate(results.cases)}
    # Of a won case the baseline's reason tells more: it is what the arm has put right.
    arm = verdict.base if kind == "won" else verdict.arm
    rows = [_row(results, *shown[case], arm, answers, number) for case in cases[:MOST]]
    left = f"<p class=quiet>and {len(cases) - MOST:,} more</p>" if len(cases) > MOST else ""
    reason = f"Why {name(arm)} failed" if arm else "Why it failed"
    caption = f'<caption><b class="{kind}">{title}</b>: {about}</caption>'
    head = f'<thead><tr><th scope="col">Case</th><th scope="col">Where</th><th scope="col">{reason}</th></tr></thead>'
    first = _table(title, caption + head, rows[:FEW])
    if len(rows) <= FEW:
        return first
    further = f"{len(cases) - FEW:,} more {kind}"
    folded = _table(further, head, rows[FEW:])
    return f'{first}<details class="plain"><summary>{further}</summary>{folded}{left}</details>'


def _table(title: str, head: str, rows: Sequence[str]) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table class="moved">{head}'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(results: Results, at: int, case: CaseShown, arm: str, answers: Answers, number: str) -> str:
    about = f"<br><small>{name(case.description)}</small>" if case.description else ""
    reason = why(answers, case.id, arm)
    return (
        f'<tr><th scope="row"><a href="#case-{number}-{at}">{name(case.id)}</a>{about}</th>'
        f"<td><small>{name(place(results, case))}</small></td><td class=why>{cut(reason, 300)}</td></tr>"
    )
