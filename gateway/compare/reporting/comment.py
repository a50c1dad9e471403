"""Results as a comment on a pull request: the verdict, the arms, what broke, and what to do next."""

from collections.abc import Callable, Iterator, Sequence

from gateway.compare.reporting.comment_parts import arms_lines, with_code
from gateway.compare.reporting.moving import Answers, Moved, answers_of, moved, place, why
from gateway.compare.reporting.sections import UNFAIR
from gateway.compare.reporting.telling import GATES, HEADWORDS, SIGNS, Verdict, verdicts
from gateway.compare.reporting.wording import between, money, percent
from gateway.compare.running.results import Gate, Results, Summary
from gateway.compare.statistics.interval import Interval
from gateway.pages.markdown import MAX_CHARACTERS, code, details, prose, table, within
from gateway.pages.words import many

MAX_ROWS = 15
MAX_FOLDED = 30
_REASON = 240
_GATES: dict[Gate, str] = {"passed": "✅", "failed": "❌", "inconclusive": "⚠️"}


def comment(runs: Sequence[Results], title: str, also: str = "") -> str:
    """The whole comment, below what GitHub takes (65,536 characters).

    Args:
        title: the command. also: where all of it was written besides, such as `report.html`.
    """
    # By which a bot finds the comment that it wrote before.
    lines = [f"<!-- {title} -->"]
    if not runs:
        lines += ["### Nothing was tested", "", "No prompt has cases and something new.", ""]
    # The verdicts of all runs come before the details of any: a comment that is cut has them.
    for results in runs:
        lines += [*_verdicts(results), ""]
    for results in runs:
        if len(runs) > 1:
            lines += [f"### {prose(results.suite)}", ""]
        lines += _run(results)
    end = [f"Every case, with what was answered, is in {code(also, 200)}.", ""] if runs and also else []
    cut = "There is more than a comment holds; `--html` and `--json` have all of it."
    return "\n".join([*within(lines, MAX_CHARACTERS, cut), *end]).rstrip() + "\n"


def _verdicts(results: Results) -> list[str]:
    lines: list[str] = []
    for one in verdicts(results):
        sign = _GATES[one.gate] if one.gate is not None else SIGNS[one.word or "inconclusive"]
        head = ", ".join(
            [*([HEADWORDS[one.word]] if one.word is not None else []), *([GATES[one.gate]] if one.gate else [])]
        )
        lines += [f"{sign} **{head}.** {code(results.suite)}: {prose(one.sentence, 600)}", ""]
    if results.stopped:
        told = f"Stopped before its end ({results.stopped}): {many(results.missing, 'question')} were not asked."
        lines += [f"⚠️ {prose(told)}", ""]
    return lines


def _run(results: Results) -> list[str]:
    answers, found = answers_of(results), verdicts(results)
    lines = [*_arms(results), ""]
    for one in found:
        moves = moved(results, one)
        lines += [*_reasons(one), *_moved(results, one, moves, answers)]
    lines += [f"**What to do next** about {code(one.arm)}: {with_code(one.advice)}\n" for one in found if one.advice]
    if results.notes:
        lines += details(UNFAIR, [f"* {prose(one)}" for one in results.notes])
    return lines


def _arms(results: Results) -> list[str]:
    same = all(one.score == one.pass_rate for one in results.summaries)
    columns: dict[str, Callable[[Summary], str]] = {
        "passed": lambda one: _share(one.pass_rate),
        "score": lambda one: "" if same else _share(one.score),
        f"per 1,000 ({prose(results.currency)})": _cost,
        "latency p50": lambda one: "" if one.latency_s is None else f"{one.latency_s.p50:.2f} s",
        "p95": lambda one: "" if one.latency_s is None else f"{one.latency_s.p95:.2f} s",
        "first token": lambda one: "" if one.ttft_s is None else f"{one.ttft_s.p50:.2f} s",
        "tokens out": lambda one: "" if one.output_tokens is None else f"{one.output_tokens.p50:,.0f}",
        "refused": lambda one: _count(one.refusals),
        "malformed": lambda one: _count(one.format_errors),
        "errors": lambda one: _count(one.errors),
    }
    return arms_lines(results.summaries, columns, lambda one: one.arm, _beaten)


def _share(found: Interval | None) -> str:
    return "" if found is None else f"{percent(found.estimate)} ({between(found)})"


def _cost(one: Summary) -> str:
    return "" if one.cost_per_thousand_nano is None else money(one.cost_per_thousand_nano)


def _count(count: int) -> str:
    return f"{count:,}" if count else ""


def _beaten(one: Summary) -> str:
    return f"no better than {code(one.dominated_by)} in anything" if one.dominated_by else ""


def _reasons(one: Verdict) -> list[str]:
    return [*(f"* {prose(reason)}" for reason in one.reasons), ""] if one.reasons else []


def _moved(results: Results, verdict: Verdict, moves: Moved, answers: Answers) -> Iterator[str]:
    worse = [*(("broken", case) for case in moves.broken), *(("lost", case) for case in moves.lost)]
    worse += [("failing", case) for case in moves.failing]
    if worse:
        yield from (f"#### What {code(verdict.arm)} broke", "")
        yield from _cases(results, worse[:MAX_ROWS], verdict.arm, answers)
        if rest := worse[MAX_ROWS:]:
            yield ""
            yield from details(
                f"{many(len(rest), 'more case')}",
                [*_cases(results, rest[:MAX_FOLDED], verdict.arm, answers), *_more(len(rest) - MAX_FOLDED)],
            )
        yield ""
    if moves.won:
        won = [("won", case) for case in moves.won]
        lines = [*_cases(results, won[:MAX_FOLDED], verdict.base, answers), *_more(len(won) - MAX_FOLDED)]
        yield from details(f"{many(len(won), 'case')} won by {code(verdict.arm)}", lines)


def _cases(results: Results, cases: Sequence[tuple[str, str]], arm: str, answers: Answers) -> list[str]:
    shown = {case.id: case for case in results.cases}
    rows = [
        [
            f"**{kind}**" if kind == "broken" else kind,
            code(place(results, shown[case])),
            prose(f"{case} {shown[case].description}".strip(), 120),
            prose(why(answers, case, arm), _REASON),
        ]
        for kind, case in cases
    ]
    return table(["", "where", "case", f"why {code(arm)} failed"], 4, rows)


def _more(count: int) -> list[str]:
    return ["", f"and {count:,} more"] if count > 0 else []
