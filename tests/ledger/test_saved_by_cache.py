"""What the cache saved is in every report of usage, as exactly as what was paid."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from keeping import all_findings, call, edit, where
from ledger_parts import Place
from spending import HOUR_NS, OCTOBER_NS

from gateway.core.record import Record
from gateway.ledger.reading import ledger_reader
from gateway.ledger.rendering import as_json, table
from gateway.ledger.reports import usage
from gateway.ledger.store import LedgerUnavailable

KINDS = ("sqlite", "postgres")
SAVED = 13_000


def hit(number: int, **fields: Any) -> Record:
    """An answer from the cache, in an hour of its own; a correction of prices changes nothing about it."""
    kept = {"cache": "exact", "saved_nano": SAVED, "pricing": "none", "cost_nano": None, "list_nano": None}
    at = OCTOBER_NS + number * HOUR_NS + 5
    return call(number, started_ns=at, team=f"t{number % 2}", attempts=(), **{**kept, **fields})


def filled(place: Place) -> None:
    records = [*(hit(number) for number in range(30)), hit(30, saved_nano=None, cache=""), hit(31, saved_nano=0)]
    with place.ledger() as store:
        store.commit(records[:20], "w-1.jnl", 1)
        store.commit(records[20:], "w-1.jnl", 2)


def test_it_is_added_up_by_every_word_and_at_every_edge(place: Place) -> None:
    filled(place)
    kept = where(place)
    assert {row.group["team"]: row.saved_nano for row in usage(kept, ["team"])} == {"t0": 15 * SAVED, "t1": 15 * SAVED}
    assert {row.group["cache"]: row.saved_nano for row in usage(kept, ["cache"])} == {"": 0, "exact": 30 * SAVED}
    by_hour = usage(kept, ["hour", "team"], zone="Asia/Kathmandu")
    assert sum(row.saved_nano for row in by_hour) == 30 * SAVED
    at = [datetime.fromtimestamp(OCTOBER_NS / 1e9 + hours * 3600, UTC) for hours in (2.5, 27.5)]
    (row,) = usage(kept, [], *at)
    assert (row.calls, row.saved_nano) == (25, 25 * SAVED)
    with ledger_reader(kept) as reader:
        assert reader is not None
        assert all_findings(reader) == []


def test_it_is_shown_where_there_is_any(place: Place) -> None:
    filled(place)
    rows = usage(where(place), ["team"])
    headings, lines = table(rows, ["team"])
    assert dict(zip(headings, lines[-1], strict=True))["saved_usd"] == "0.000390000"
    assert [one["saved_usd"] for one in as_json(rows)] == ["0.000195000", "0.000195000"]
    none = usage(where(place), ["cache"], filters={"cache": ""})
    assert "saved_usd" not in table(none, ["cache"])[0]
    assert as_json(none)[0]["saved_nano"] == 0


def test_a_ledger_from_before_tells_it_of_the_calls_that_it_has(place: Place) -> None:
    filled(place)
    edit(
        cast(Any, SimpleNamespace(place=place)),
        "ALTER TABLE usage_hours DROP COLUMN saved_nano",
        "ALTER TABLE usage_days DROP COLUMN saved_nano",
        "DELETE FROM migrations WHERE name LIKE '0014%'",
    )
    with pytest.raises(LedgerUnavailable, match="start this version of the gateway once"):
        usage(where(place), [])
    with place.ledger() as store:
        store.offsets()
    rows = usage(where(place), ["team"])
    assert {row.group["team"]: row.saved_nano for row in rows} == {"t0": 15 * SAVED, "t1": 15 * SAVED}
    with ledger_reader(where(place)) as reader:
        assert reader is not None
        assert all_findings(reader) == []
