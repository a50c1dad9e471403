"""Results of a suite for people at a terminal."""

from collections.abc import Iterator, Sequence

from gateway.cli.output import print_table, printable
from gateway.cli.prices import money
from gateway.compare.reporting.telling import GATES
from gateway.compare.running.results import Judgement, Quantiles, Results, Summary
from gateway.compare.statistics.interval import Interval

FEW = 8


def print_arms(results: Results) -> None:
    """One line an arm, without the columns that say nothing of any."""
    rows = [_line(one) for one in results.summaries]
    headings = list(rows[0])
    kept = [name for name in headings if name == "arm" or any(row[name] not in ("", "0") for row in rows)]
    print_table(kept, [[row[name] for name in kept] for row in rows])


def _line(one: Summary) -> dict[str, str]:
    cost = one.cost_per_thousand_nano
    return {
        "arm": printable(one.arm),
        "cases": str(one.cases),
        "passed %": _interval(one.pass_rate),
        "score %": _interval(one.score) if one.score != one.pass_rate else "",
        **{f"{printable(name)}": _figure(found) for name, found in one.named.items()},
        "per 1,000": "" if cost is None else money(cost),
        "p50 s": _of(one.latency_s, "p50"),
        "p95 s": _of(one.latency_s, "p95"),
        "TTFT p50": _of(one.ttft_s, "p50"),
        "TTFT p95": _of(one.ttft_s, "p95"),
        "tokens in": _of(one.input_tokens, "p50", 0),
        "out": _of(one.output_tokens, "p50", 0),
        "refused": str(one.refusals),
        "malformed": str(one.format_errors),
        "cut off": str(one.truncated),
        "errors": str(one.errors),
        "retries": str(one.retries),
    }


def _interval(found: Interval | None) -> str:
    if found is None:
        return ""
    return f"{found.estimate * 100:.1f} ({found.low * 100:.1f} to {found.high * 100:.1f})"


def _figure(found: Interval) -> str:
    return f"{found.estimate:.3g} ({found.low:.3g} to {found.high:.3g})"


def _of(found: Quantiles | None, which: str, digits: int = 2) -> str:
    return "" if found is None else f"{getattr(found, which):.{digits}f}"


def print_differences(results: Results) -> None:
    """How pairs of arms differ, and by how much that is chance."""
    for one in results.differences:
        adjusted = " by Holm" if len(results.differences) > 1 else ""
        print(f"{printable(one.said)} (p {_p(one.p_adjusted)}{adjusted}, {_TESTS.get(one.test, one.test)})")


_TESTS = {"mcnemar_exact": "exact McNemar", "sign_flip": "sign flips"}


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def print_ranking(results: Results) -> None:
    """By the answers that a judge preferred."""
    if results.ranking:
        print("\nby preferences (Bradley-Terry)")
        rows = [
            [
                printable(one.arm),
                f"{one.strength.estimate:+.2f} ({one.strength.low:+.2f} to {one.strength.high:+.2f})",
                f"{one.wins}-{one.losses}-{one.ties}",
                "" if one.first is None else f"{one.first:.0%}",
            ]
            for one in results.ranking
        ]
        print_table(["arm", "strength", "won-lost-tied", "is best"], rows)


def print_judgement(one: Judgement, results: Results) -> None:
    """One verdict, what it hangs on, and which cases make the difference."""
    against = f" against {printable(one.base)}" if one.base else ""
    verdict = f"{one.word}, {GATES[one.gate]}" if one.base else GATES[one.gate]
    if one.base and one.word == "inconclusive" and one.gate == "passed":
        verdict += ": whether it is better is open, and it is no worse by the margin or more"
    print(f"{printable(one.other)}{against}: {verdict}")
    for reason in one.reasons:
        print(f"  {printable(reason)}")
    for guard in one.guards:
        if guard.kept and guard.change is not None:
            print(f"  {guard.metric}: {guard.change:+.0%} of the median, {guard.limit:.0%} allowed")
    if one.difference is not None:
        for word, cases in (("worse", one.difference.worse), ("better", one.difference.better)):
            for line in _cases(word, cases, results):
                print(line)


def _cases(word: str, cases: Sequence[str], results: Results) -> Iterator[str]:
    shown = {case.id: case for case in results.cases}
    for name in cases[:FEW]:
        case = shown[name]
        about = f" {printable(case.description)}" if case.description else ""
        yield f"  {word}  {results.file}:{case.line}: {name}{about}"
    if len(cases) > FEW:
        yield f"  {word}  and {len(cases) - FEW} more"


def print_failures(results: Results, arm: str) -> None:
    """Cases that failed with an arm, and why."""
    failed = [one for one in results.graded if one.trial.arm == arm and one.counted and not one.passed]
    shown = {case.id: case for case in results.cases}
    for one in failed[:FEW]:
        case = shown[one.trial.case]
        about = f" {printable(case.description)}" if case.description else ""
        print(f"FAILED {results.file}:{case.line}: {case.id}{about}\n  {printable(one.reason)}")
    if len(failed) > FEW:
        print(f"and {len(failed) - FEW} more")


def print_end(results: Results) -> None:
    """What it cost, and what to keep in mind."""
    if len(results.pareto) and len(results.arms) > 1:
        print(f"\nnot beaten in quality, cost and speed at once: {', '.join(map(printable, results.pareto))}")
    for note in results.notes:
        print(f"note: {printable(note)}")
    judged = f", and {money(results.grading_cost_nano)} for judges" if results.grading_cost_nano else ""
    lost = results.spent_nano - results.cost_nano - results.grading_cost_nano
    other = f", and {money(lost)} for answers that are not among these" if lost > 0 else ""
    asked = len(results.graded)
    print(f"{asked} answers for {money(results.cost_nano)} {results.currency}{judged}{other}")
    if results.stopped:
        print(f"stopped: {results.stopped}; {results.missing} questions were not asked")
