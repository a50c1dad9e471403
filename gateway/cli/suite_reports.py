"""Results written into files, in the forms that other programs read."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.cli.junit import Result, Suite, junit
from gateway.cli.output import json_lines
from gateway.cli.report_files import PRINTED, write_file, write_forms, written_besides
from gateway.compare.reporting.comment import comment
from gateway.compare.reporting.inspect_logs import inspect_logs
from gateway.compare.reporting.page import page
from gateway.compare.reporting.promptfoo_output import promptfoo_output
from gateway.compare.reporting.sheet import sheet
from gateway.compare.running.results import CaseShown, Graded, Results


def write_reports(options: argparse.Namespace, runs: list[Results], title: str) -> bool:
    """Write what was asked for; whether all of it could be. `title`: the command."""
    json_file = "" if options.json in (None, PRINTED) else options.json
    forms: dict[str, Callable[[], bytes]] = {
        "json": lambda: as_json(runs),
        "junit": lambda: as_junit(runs, title),
        "html": lambda: page(runs, title, json_file).encode(),
        "markdown": lambda: _markdown(options, runs, title).encode(),
        "csv": lambda: sheet(runs).encode("utf-8", "replace"),
        "promptfoo": lambda: _json(promptfoo_output(runs)),
    }
    told = write_forms(options, forms)
    if options.inspect:
        told &= _write_logs(Path(options.inspect), runs)
    return told


def printed(options: argparse.Namespace, runs: list[Results], title: str) -> bool:
    """Print what is asked for with `-` instead of tables; whether anything was."""
    if options.json == PRINTED:
        sys.stdout.write(as_json(runs).decode())
    elif options.markdown == PRINTED:
        sys.stdout.write(_markdown(options, runs, title))
    else:
        return False
    return True


def _markdown(options: argparse.Namespace, runs: list[Results], title: str) -> str:
    return comment(runs, title, written_besides(options))


def as_json(runs: list[Results]) -> bytes:
    """One run, or a list of several."""
    return json_lines(runs[0] if len(runs) == 1 else runs)


def as_junit(runs: list[Results], title: str) -> bytes:
    """A suite for each arm that was tested, or was compared; a verdict is a test case of its own."""
    suites: list[Suite] = []
    for results in runs:
        verdicts = {one.other: one for one in results.judgements}
        for arm in verdicts or [arm.name for arm in results.arms]:
            mine = [one for one in results.graded if one.trial.arm == arm]
            cases = [_case(results, case, mine) for case in results.cases]
            if (verdict := verdicts.get(arm)) is not None:
                failure = "" if verdict.gate == "passed" else f"gate {verdict.gate}: {verdict.reasons[0]}"
                cases.append(Result("gate", failure, "\n".join(verdict.reasons)))
            suites.append(Suite(f"{results.suite} {arm}", cases))
    return junit(suites, title)


def _case(results: Results, case: CaseShown, mine: list[Graded]) -> Result:
    failed = [one for one in mine if one.trial.case == case.id and one.counted and not one.passed]
    details = "\n".join(f"{results.file}:{case.line}: repeat {one.trial.repeat}: {one.reason}" for one in failed)
    return Result(f"{case.id} {case.description}".strip(), failed[0].reason if failed else "", details)


def _write_logs(folder: Path, runs: list[Results]) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"error: {folder}: {error.strerror or error}", file=sys.stderr)
        return False
    return all(write_file(folder / name, _json(log)) for name, log in inspect_logs(runs).items())


def _json(value: object) -> bytes:
    """In ASCII: half a letter, which models write now and then, is no UTF-8, and no reason to write nothing."""
    return json.dumps(value).encode() + b"\n"
