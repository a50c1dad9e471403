"""The sheet on live traffic: a line for each arm, in columns that stay, and no formula."""

import csv
import io
import json
import re
from decimal import Decimal

import pytest

from gateway.compare.reporting.live.sheet import COLUMNS, live_sheet
from tests.compare.live_reported import FOUR, live_of, measures_of, stopped
from tests.compare.reporting.live.test_live_page import hostile
from tests.conftest import ROOT

MEASURES = measures_of()
BASE, BAD, *_ = FOUR
FOUND = stopped(live_of(FOUR, 3_000, MEASURES), BAD, "worse")
TEXTS = {"route", "prompt", "since", "until", "unit", "metric", "arm", "stopped", "currency", "base", "word", "guards"}


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_line_for_each_arm() -> None:
    read = {line["arm"]: line for line in lines(live_sheet(FOUND))}
    assert list(read) == list(FOUR)
    for arm in FOUND.arms:
        line = read[arm.arm]
        assert (line["calls"], line["failed"]) == (str(arm.calls), str(arm.failed))
        assert Decimal(line["cost"]) == Decimal(arm.cost_nano).scaleb(-9)
        assert (line["route"], line["metric"], line["currency"]) == ("fast", "success", "EUR")
    one = FOUND.differences[0]
    line = read[BAD]
    assert one.interval is not None
    assert (line["base"], line["judged"], line["word"], line["stopped"]) == (BASE, "1", "worse", "worse")
    assert float(line["difference"]) == pytest.approx(one.interval.estimate)
    assert float(line["difference_low"]) < float(line["difference"]) < float(line["difference_high"]) < 0
    guards = json.loads(line["guards"])
    assert [(name, guard["state"]) for name, guard in guards.items()] == [(one.metric, one.state) for one in one.guards]
    assert read[BASE]["base"] == read[BASE]["word"] == read[BASE]["difference"] == read[BASE]["pairs"] == ""


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(begin: str) -> None:
    attack = begin + 'cmd|"/C calc"!A1\n,"x'
    found, _ = hostile(FOUND, MEASURES, attack)
    read = lines(live_sheet(found))
    assert len(read) == len(FOUR)
    assert all(line.keys() == COLUMNS.keys() for line in read)
    for line in read:
        for column, cell in line.items():
            if column in TEXTS:
                assert not re.match(r"[=+\-@\t\r]", cell)
            else:
                assert not cell or float(cell) == float(cell)
    assert read[0]["arm"] == f"'{attack}{BASE}"


def test_the_columns_are_those_that_are_documented() -> None:
    page = (ROOT / "gateway" / "compare" / "live" / "LIVE.md").read_text()
    table = page[page.index("| column | what it holds |") :]
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)) == dict(COLUMNS)
