"""The sheet: a line for each answer, in columns that stay, and no formula."""

import csv
import io
import json
import re
from decimal import Decimal

import msgspec
import pytest

from gateway.compare.reporting.sheet import COLUMNS, sheet
from tests.compare.reported import results_of
from tests.conftest import ROOT


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_line_for_each_answer() -> None:
    found = results_of(20, {"old": 0.6, "new": 0.9}, repeats=2, never_break=(3,))
    read = lines(sheet([found]))
    assert len(read) == 20 * 2 * 2
    assert sum(line["passed"] == "1" for line in read if line["arm"] == "new") == found.summaries[1].passed
    cost = sum(Decimal(line["cost"]) for line in read if line["cost"])
    assert cost == Decimal(found.cost_nano).scaleb(-9)
    assert {line["repeat"] for line in read} == {"0", "1"}
    assert sum(line["never_break"] == "1" for line in read) == 4
    assert json.loads(next(line["metrics"] for line in read if line["metrics"])).keys() == {"routing"}
    silent = [line for line in read if line["error"]]
    assert len(silent) == sum(one.errors for one in found.summaries) > 0
    assert all(line["cost"] == line["latency_s"] == line["answer"] == "" for line in silent)


def test_several_runs_have_one_line_of_headings() -> None:
    one = results_of(5)
    other = msgspec.structs.replace(one, id="other")
    read = lines(sheet([one, other]))
    assert [line["run"] for line in read].count("other") == 10
    assert lines(sheet([])) == []


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(begin: str) -> None:
    attack = begin + 'cmd|"/C calc"!A1\n,"x'
    found = results_of(4)
    cases = tuple(
        msgspec.structs.replace(case, description=attack, tags=(attack,), source=attack) for case in found.cases
    )
    graded = tuple(
        msgspec.structs.replace(
            one, reason=attack, trial=msgspec.structs.replace(one.trial, sample=one.trial.sample and msgspec.structs.replace(one.trial.sample, text=attack))
        )
        for one in found.graded
    )  # fmt: skip
    read = lines(sheet([msgspec.structs.replace(found, suite=attack, cases=cases, graded=graded, currency=attack)]))
    assert len(read) == 8
    assert all(line.keys() == COLUMNS.keys() for line in read)
    assert not [cell for line in read for cell in line.values() if re.match(r"[=+\-@\t\r]", cell)]
    assert read[0]["answer"] == f"'{attack}"


def test_the_columns_are_those_that_are_documented() -> None:
    page = (ROOT / "gateway" / "compare" / "running" / "RUNNING.md").read_text()
    table = page[page.index("| column | what it holds |") :]
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)) == dict(COLUMNS)
