"""The ledger that reports are measured on is one that the gateway could have written, and reports read no more of it
than they say."""

from pathlib import Path

import psutil

from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.ledger.reports import usage
from tests.postgres import postgres_server
from tests.speed.ledgers import Size, copied, month_of_calls
from tests.speed.reports import Clock, measure, plans


def test_reports_over_sums_read_no_calls(tmp_path: Path) -> None:
    size = Size(groups=20, hours=48, calls=20 * 48 * 5, rows=300)
    month_of_calls(tmp_path / "ledger.db", size)
    place = LedgerPlace(tmp_path / "ledger.db")
    (whole,) = usage(place, [])
    assert (whole.calls, whole.input_tokens) == (20 * 48 * 5, 20 * 48 * 5 * 1_200)
    assert sum(row.calls for row in usage(place, ["day", "team"])) == whole.calls
    days, hours, calls = plans(tmp_path / "ledger.db")
    assert "SEARCH usage_days USING PRIMARY KEY (day>? AND day<?)" in days
    assert "SEARCH usage_hours USING PRIMARY KEY (hour>? AND hour<?)" in hours
    assert "calls_by_time (started_ns>? AND started_ns<?)" in calls
    assert not any("calls" in plan.partition(": ")[2] for plan in (days, hours))


def test_every_figure_can_be_had_of_both_stores(tmp_path: Path) -> None:
    size = Size(groups=8, hours=48, calls=8 * 48 * 5, rows=200)
    file = tmp_path / "ledger.db"
    month_of_calls(file, size)
    with postgres_server() as server:
        assert server.process is not None
        url = server.fresh_database()
        copied(file, url)
        kept, copy = LedgerPlace(file), LedgerPlace(file, LedgerOptions(url=url))
        for words in (["team", "hour"], ["outcome"]):
            assert usage(copy, words) == usage(kept, words) != []
        clock = Clock(psutil.Process(server.process.pid))
        figures = [*measure(kept, size, Clock()), *measure(copy, size, clock)]
    assert all(figure.taken.clock_ms > 0 for figure in figures)
