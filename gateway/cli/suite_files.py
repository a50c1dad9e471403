"""The suite that a command names: a file of cases, one of promptfoo's, or a public one."""

import sys
from pathlib import Path

from gateway.cli.output import printable
from gateway.compare.cases import Suite, read_suite
from gateway.compare.cases.promptfoo import read_promptfoo
from gateway.compare.cases.public.packages import NoSuite
from gateway.compare.cases.public.suites import PREFIX as PUBLIC
from gateway.compare.cases.public.suites import public_suite
from gateway.compare.grading import Judge

PROMPTFOO = "promptfoo:"


def suite_named(name: str, judge: Judge | None, *, python: bool) -> Suite:
    """`name`: a path, `promptfoo:` and a path, or `public:NAME`. What a suite of promptfoo's loses is told.

    Args:
        judge: who judges where the suite names nobody. python: its code may run.

    Raises:
        DocumentError: it cannot be read. NoSuite: there is no such public suite, or it runs code.
    """
    if name.startswith(PROMPTFOO):
        found = read_promptfoo(Path(name.removeprefix(PROMPTFOO)), judge=judge, python=python)
        for one in found.left_out:
            line = f"{one.file}:{one.line}" if one.line else one.file
            print(printable(f"left out: {line}: {one.path}: {one.why}"), file=sys.stderr)
        return found.suite
    if name.startswith(PUBLIC):
        return _public(name, judge, python=python)
    return read_suite(Path(name), judge=judge, python=python)


def stem_of(name: str) -> str:
    """What a run of it is called."""
    return Path(name.removeprefix(PROMPTFOO).removeprefix(PUBLIC)).stem


def _public(name: str, judge: Judge | None, *, python: bool) -> Suite:
    found = public_suite(name)
    if found.runs_code and not python:
        raise NoSuite(
            f"{name} is graded by running what models write, with your rights: allow it with --python, where nothing "
            "can be harmed (a container without a network)"
        )
    print(found.told, file=sys.stderr)
    return read_suite(found.text, judge=judge, python=python)
