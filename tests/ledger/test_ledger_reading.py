"""The same queries on both databases: parameters, sums, times of a zone, one snapshot, nothing written."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from keeping import where
from ledger_parts import Place, PostgresPlace, closed_record

from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.postgres import in_psycopg, why_no_url
from gateway.stores.reading import Reader

KINDS = ("sqlite", "postgres")


@contextmanager
def reading(place: Place) -> Iterator[Reader]:
    with ledger_reader(where(place)) as reader:
        assert reader is not None
        yield reader


@pytest.fixture
def filled(place: Place) -> Place:
    with place.ledger() as store:
        store.commit(
            [closed_record(number, team=f"t{number % 3}", user="ann") for number in range(2_500)], "w-1.jnl", 1
        )
    return place


def test_there_is_nothing_to_read_before_the_first_record(place: Place) -> None:
    with ledger_reader(where(place)) as reader:
        assert reader is None


def test_parameters_filters_and_sums(filled: Place) -> None:
    query = """
        SELECT team AS g0, count(*) AS calls, sum(cost_nano) AS nano, count(*) FILTER (WHERE status > :status) AS odd
        FROM calls WHERE started_ns >= :since AND (:team IS NULL OR team = :team) GROUP BY team ORDER BY g0 LIMIT :limit
    """
    asked = {"status": 200, "since": 0, "team": None, "limit": 2}
    with reading(filled) as reader:
        assert list(reader.rows(query, asked)) == [
            {"g0": "t0", "calls": 834, "nano": 834 * 1_500, "odd": 0},
            {"g0": "t1", "calls": 833, "nano": 833 * 1_500, "odd": 0},
        ]
        assert reader.one(query, {**asked, "team": "t'2\"; --"}) is None
        (person,) = reader.rows('SELECT tenant, "user" FROM people WHERE "user" = :user', {"user": "ann"})
        assert person == {"tenant": "acme", "user": "ann"}


def test_many_rows_come_as_they_are_read_and_queries_may_take_turns(filled: Place) -> None:
    with reading(filled) as reader:
        calls = reader.rows("SELECT id, seal FROM calls ORDER BY id")
        for number, row in enumerate(calls):
            assert row["id"] == closed_record(number).id
            if number % 1_000 == 0:
                found = reader.one("SELECT seal FROM calls WHERE id = :id", {"id": row["id"]})
                assert found == {"seal": row["seal"]}
        assert number == 2_499


def test_a_reader_sees_one_state_and_changes_nothing(filled: Place) -> None:
    count = "SELECT count(*) AS calls FROM calls"
    with reading(filled) as reader:
        before = reader.one(count)
        with filled.ledger() as store:
            store.commit([closed_record(9_999)], "w-1.jnl", 2)
        assert reader.one(count) == before
    with reading(filled) as reader:
        assert reader.one(count) == {"calls": 2_501}
        assert reader.has_table("calls")
        assert not reader.has_table("cals")
    with (
        pytest.raises(LedgerUnavailable, match=r"read-only|readonly|syntax|DELETE"),
        reading(filled) as reader,
    ):
        reader.one("DELETE FROM calls")
    assert len(filled.calls()) == 2_501


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
def test_postgres_tells_the_time_of_a_zone_as_python_does(place: Place, zone: str) -> None:
    if not isinstance(place, PostgresPlace):
        pytest.skip("in SQLite, reports bring their own functions")
    with place.ledger() as store:
        store.offsets()
    moments = [datetime(2026, month, day, hour, 15, tzinfo=UTC) for month in (1, 3, 7, 10) for day in (25, 29) for hour in range(24)]  # fmt: skip
    query = """
        SELECT local_month(:quarter, :zone) AS m, local_day(:quarter, :zone) AS d, local_hour(:quarter, :zone) AS h
    """
    with reading(place) as reader:
        for moment in moments:
            here = moment.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
            hour = here.replace(minute=0).isoformat(timespec="minutes").replace("+00:00", "Z")
            told = reader.one(query, {"quarter": int(moment.timestamp()) // 900, "zone": zone})
            assert told == {"m": here.strftime("%Y-%m"), "d": here.strftime("%Y-%m-%d"), "h": hour}


def test_reports_are_read_from_the_replica_if_there_is_one(filled: Place, tmp_path: Path) -> None:
    if not isinstance(filled, PostgresPlace):
        pytest.skip("SQLite has no replicas")
    away = LedgerOptions(url="postgresql://nobody@127.0.0.1:1/nothing", read_url=filled.url)
    with ledger_reader(LedgerPlace(tmp_path / "ledger.db", away)) as reader:
        assert reader is not None
        assert reader.one("SELECT count(*) AS calls FROM calls") == {"calls": 2_500}


def test_a_url_that_the_environment_does_not_hold_is_no_sqlite(tmp_path: Path) -> None:
    empty = LedgerPlace(tmp_path / "ledger.db", LedgerOptions(url=""))
    with pytest.raises(LedgerUnavailable, match="is empty"), ledger_reader(empty):
        pass


def test_only_parameters_are_taken_for_parameters() -> None:
    query = "SELECT ':a', \":b\", x::int, 7 % :c -- :d\n"
    assert in_psycopg(query) == "SELECT ':a', \":b\", x::int, 7 %% %(c)s -- :d\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:hunter2@h/d", ""),
        ("postgresql://u:hunter2@h/d?sslmode=verify-full&target_session_attrs=read-write", ""),
        ("", "empty"),
        ("mysql://u:hunter2@h/d", "postgresql://"),
        ("postgresql://u:hunter2@h/d?hunter2=1", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_showing_it(url: str, said: str) -> None:
    assert said in why_no_url(url)
    assert "hunter2" not in why_no_url(url)
    assert bool(why_no_url(url)) == bool(said)
