"""Results as CSV: one line for each answer, in columns that stay."""

import csv
import io
import json
from collections.abc import Mapping, Sequence

from gateway.compare.running.results import CaseShown, Graded, Results
from gateway.core.days import written
from gateway.core.money import decimal_text
from gateway.pages.cells import safe_cell

# What each column holds. The order is part of what is promised; new columns come at the end.
COLUMNS: Mapping[str, str] = {
    "run": "the run's id",
    "suite": "the suite's name",
    "case": "the case's id",
    "description": "what it is about",
    "line": "where it stands in its file",
    "tags": "with semicolons between",
    "source": "cases with the same are not independent",
    "never_break": "1: it must pass each time",
    "arm": "who was asked",
    "repeat": "counts from 0",
    "counted": "1: figures are made of it",
    "passed": "1: all assertions that count hold",
    "score": "0 to 1",
    "metrics": "scores by metric, as a JSON object",
    "reason": "what failed, or that nothing did",
    "error": "why there is no answer, or no grade",
    "answer": "the text, as it was",
    "finish_reason": "why it ended",
    "refused": "1: the model refused",
    "latency_s": "seconds until the last byte",
    "ttft_s": "seconds until the first, of a stream",
    "input_tokens": "of the question",
    "output_tokens": "of the answer",
    "cost": "of the answer, an exact decimal",
    "grading_cost": "of judges, an exact decimal",
    "currency": "of both",
    "origin": "`asked`, `kept` from an earlier run, or out of the `gateway`'s cache",
    "target": "`provider/model` that served",
    "model": "as the answer calls itself",
    "call": "the id of its record in the ledger",
    "asked_at": "UTC",
    "retries": "how often it was asked in vain before",
}


def sheet(runs: Sequence[Results]) -> str:
    """All runs, with one line of headings. What is not known is empty, never 0. A text that a spreadsheet would run as
    a formula has a quote in front."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    for results in runs:
        cases = {case.id: case for case in results.cases}
        for one in results.graded:
            line = {**_case(results, cases[one.trial.case]), **_graded(one), **_answer(one, results)}
            writer.writerow({column: safe_cell(text) for column, text in line.items()})
    return out.getvalue()


def _case(results: Results, case: CaseShown) -> dict[str, str]:
    return {
        "run": results.id,
        "suite": results.suite,
        "case": case.id,
        "description": case.description,
        "line": str(case.line or ""),
        "tags": "; ".join(case.tags),
        "source": case.source,
        "never_break": _flag(case.never_break),
    }


def _graded(one: Graded) -> dict[str, str]:
    return {
        "arm": one.trial.arm,
        "repeat": str(one.trial.repeat),
        "counted": _flag(one.counted),
        "passed": _flag(one.passed),
        "score": f"{one.score:.6g}",
        "metrics": json.dumps({name: round(value, 6) for name, value in one.named.items()}) if one.named else "",
        "reason": one.reason,
        "error": one.error,
    }


def _answer(one: Graded, results: Results) -> dict[str, str]:
    trial, sample = one.trial, one.trial.sample
    line = {
        "grading_cost": decimal_text(sum(grade.cost_nano for grade in trial.grades)),
        "currency": results.currency,
        "origin": trial.origin,
        "target": trial.target,
        "call": trial.call,
        "asked_at": written(trial.at) if trial.at else "",
        "retries": str(trial.retries),
    }
    if sample is None:
        return line
    usage = sample.usage
    return line | {
        "answer": sample.text,
        "finish_reason": sample.finish_reason,
        "refused": _flag(sample.refusal),
        "latency_s": _seconds(sample.latency_s),
        "ttft_s": _seconds(sample.ttft_s),
        "input_tokens": "" if usage is None else str(usage.total_input),
        "output_tokens": "" if usage is None else str(usage.total_output),
        "cost": "" if sample.cost_nano is None else decimal_text(sample.cost_nano),
        "model": sample.model,
    }


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
