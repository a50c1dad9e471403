"""What PostgreSQL keeps is what SQLite keeps; and what only a database of several gateways must promise."""

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from ledger_parts import PostgresPlace, SqlitePlace, closed_record

from gateway.core.attempt import Attempt, Charge, Terms
from gateway.core.clock import uuid7
from gateway.core.record import Record
from gateway.core.usage import LARGEST, Usage
from gateway.ledger.chain import CHAIN_BITS, link_digest
from gateway.ledger.months import Month, month_of, month_of_id
from gateway.ledger.options import LedgerOptions
from gateway.ledger.partitions import Partitions
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, CHARGE_COLUMNS, seal_of
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.sums import MOST
from gateway.stores.postgres import PostgresOptions, connect, place_of
from tests.postgres import PostgresServer

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
SUMS = ("decision_hours", "usage_hours", "usage_days", "charge_hours", "charge_days")
INTERNED = {"decision_inputs": "inputs", "usage_inputs": "inputs", "skus": "sku"}


@pytest.fixture
def database(postgres: PostgresServer) -> PostgresPlace:
    return PostgresPlace(postgres.fresh_database())


def some_records(count: int = 300) -> list[Record]:
    """Calls of several months, teams, users and outcomes, some without a price, some with several attempts."""
    chance = random.Random(5)
    found: list[Record] = []
    for number in range(count):
        at = chance.choice((0, HOUR_NS, 20 * DAY_NS, 40 * DAY_NS))
        record = closed_record(number, team=f"team-{number % 3}", user=chance.choice(("", "ann")))
        started_ns = record.started_ns + at
        charges = (
            Charge("input_tokens", 10, 1_000_000, 150_000, 160_000, 1_500, 1_600),
            Charge("output_tokens", number, 1_000_000, None, None, None, None),
        )
        attempts = tuple(
            Attempt(n=n + 1, served=n == 0, started_ns=started_ns, provider="openai", target="openai/small", pricing="priced", charges=charges,
                    raw_usage='{"total": "é\\n"}', terms=Terms(tier=chance.choice(("", "flex")), reported_nano=number or None))
            for n in range(chance.choice((0, 1, 1, 3)))
        )  # fmt: skip
        outcome = chance.choice(("completed", "refused", "cancelled"))
        fields = {"id": uuid7(started_ns, bytes), "started_ns": started_ns, "attempts": attempts, "outcome": outcome}
        found.append(msgspec.structs.replace(record, **fields, list_nano=chance.choice((None, 2_000))))
    return list({record.id: record for record in found}.values())


def test_rows_seals_and_sums_are_those_of_sqlite(database: PostgresPlace, tmp_path: Path) -> None:
    places = (SqlitePlace(tmp_path), database)
    records = some_records()
    for place in places:
        with place.ledger() as store:
            for start in range(0, len(records), 70):
                store.commit(records[start : start + 70], "w-1.jnl", start)
    for table, columns in (
        ("calls", (*CALL_COLUMNS, "seal")),
        ("attempts", ATTEMPT_COLUMNS),
        ("charges", CHARGE_COLUMNS),
    ):
        lite, postgres = ([{name: row[name] for name in columns} for row in place.table(table)] for place in places)
        assert sorted(map(repr, lite)) == sorted(map(repr, postgres))
    for table in SUMS:
        assert resolved(places[0], table) == resolved(places[1], table)


def resolved(place: SqlitePlace | PostgresPlace, table: str) -> list[str]:
    """Sums with the texts that their ids stand for."""
    decisions = table.startswith("decision")
    inputs = {row["id"]: row["digest"] for row in place.table("decision_inputs" if decisions else "usage_inputs")}
    skus = {row["id"]: row["digest"] for row in place.table("skus")}
    rows = [
        {**row, "inputs": inputs[row["inputs"]], "sku": skus[row["sku"]] if "sku" in row else None}
        for row in place.table(table)
    ]
    return sorted(repr(sorted(row.items())) for row in rows)


def test_seals_and_links_can_be_made_again_from_what_is_stored(database: PostgresPlace) -> None:
    with database.ledger() as store:
        for start in range(0, 300, 50):
            store.commit(some_records()[start : start + 50], "w-1.jnl", start)
    attempts, charges = database.table("attempts"), database.table("charges")
    seals: dict[int, dict[str, bytes]] = {}
    for call in database.table("calls"):
        row = [call[name] for name in CALL_COLUMNS]
        below = (
            [[one[name] for name in columns] for one in rows if one["call"] == call["id"]]
            for rows, columns in ((sorted(attempts, key=by_place), ATTEMPT_COLUMNS), (sorted(charges, key=by_place), CHARGE_COLUMNS))
        )  # fmt: skip
        assert seal_of(row, *below) == call["seal"]
        seals.setdefault(call["link"], {})[call["id"]] = call["seal"]
    before = b""
    for link in sorted(database.table("links"), key=lambda link: link["seq"]):
        sealed = seals.get(link["seq"], {})
        in_order = [seal for _, seal in sorted(sealed.items())]
        before = link_digest(before, link["seq"], link["writer"], in_order)
        assert (link["digest"], link["calls"]) == (before, len(sealed))


def by_place(row: dict[str, object]) -> tuple[object, ...]:
    return (row["n"], row.get("seq", 0))


def test_each_gateway_has_a_chain_and_offsets_of_its_own(database: PostgresPlace) -> None:
    with database.ledger("one") as one, database.ledger("two") as two:
        for start in range(4):
            one.commit([closed_record(2 * start)], "same.jnl", start)
            two.commit([closed_record(2 * start + 1)], "same.jnl", 10 + start)
        assert (one.offsets(), two.offsets()) == ({"same.jnl": 3}, {"same.jnl": 13})
        one.forget("same.jnl")
        assert (one.offsets(), two.offsets()) == ({}, {"same.jnl": 13})
    chains: dict[int, list[int]] = {}
    for link in sorted(database.table("links"), key=lambda link: link["seq"]):
        chains.setdefault(link["seq"] >> CHAIN_BITS, []).append(link["seq"] % (1 << CHAIN_BITS))
    assert list(chains.values()) == [[1, 2, 3, 4], [1, 2, 3, 4]]


def test_gateways_commit_at_once_without_a_deadlock_and_what_both_have_is_there_once(database: PostgresPlace) -> None:
    """Two gateways, the same teams and hours, each with its own order; every fifth call is in both journals."""
    mine = [some_records(400), some_records(400)]
    numbers = {record.id: number for number, record in enumerate(mine[0])}
    mine[0] = [record for record in mine[0] if numbers[record.id] % 2 == 0 or numbers[record.id] % 5 == 0]
    mine[1] = [record for record in mine[1] if numbers[record.id] % 2 == 1 or numbers[record.id] % 5 == 0]
    mine[1].reverse()
    new: list[int] = [0, 0]

    def work(who: int) -> None:
        with database.ledger(f"gateway-{who}") as store:
            for start in range(0, len(mine[who]), 20):
                new[who] += store.commit(mine[who][start : start + 20], "w-1.jnl", start)

    with ThreadPoolExecutor() as threads:
        list(threads.map(work, (0, 1)))
    everyone = {record.id for records in mine for record in records}
    assert sum(new) == len(everyone) == len(database.calls())
    assert sum(row["calls"] for row in database.table("usage_days")) == len(everyone)


def test_sums_stop_at_what_64_bits_hold(database: PostgresPlace) -> None:
    """An upstream's nonsense must not keep other calls out of the ledger."""
    with database.ledger() as store:
        store.commit([closed_record(1, usage=Usage(images=LARGEST))], "w-1.jnl", 1)
        database.execute(f"UPDATE usage_hours SET images = {MOST - 5}")
        store.commit([closed_record(2, usage=Usage(images=LARGEST))], "w-1.jnl", 2)
        store.commit([closed_record(3, usage=Usage(images=LARGEST), cost_nano=-LARGEST)], "w-1.jnl", 3)
    (row,) = database.table("usage_hours")
    assert (row["images"], row["calls"]) == (MOST, 3)
    assert row["cost_nano"] == 2 * 1_500 - LARGEST


# Months.


def test_a_month_is_a_range_of_ids() -> None:
    for ns in (0, 1_700_000_000_000_000_000, 4_102_444_800_000_000_000 - 1):
        month, call = month_of(ns), uuid7(ns)
        assert month.first_id <= call < month.after().first_id
        assert month_of_id(call) == month
    assert Month(2026, 12).after() == Month(2027, 1)
    assert Month(2026, 1).after(-13) == Month(2024, 12)
    with pytest.raises(ValueError, match="no time"):
        month_of_id("ffffffff-ffff-7000-8000-000000000000")


def months(database: PostgresPlace) -> list[Month]:
    from gateway.ledger.partitions import months_of

    with contextlib.closing(connect(database.url, PostgresOptions())) as connection:
        return months_of(connection)


def test_months_are_made_ahead_and_on_demand(database: PostgresPlace) -> None:
    records = some_records()
    with database.ledger() as store:
        store.tidy(Month(2030, 12), None)
        assert months(database) == [Month(2030, 12), Month(2031, 1)]
        store.commit(records, "w-1.jnl", 1)
    assert set(months(database)) == {Month(2030, 12), Month(2031, 1), *(month_of(one.started_ns) for one in records)}
    assert database.read("SELECT count(*) AS calls FROM ONLY calls") == [{"calls": 0}]


def test_gateways_that_make_the_same_month_at_once_make_it_once(database: PostgresPlace) -> None:
    with database.ledger() as store:
        store.offsets()
    wanted = [Month(2027, month) for month in range(1, 7)]

    def make(_: int) -> None:
        with contextlib.closing(connect(database.url, PostgresOptions())) as connection:
            Partitions().cover(connection, wanted)

    with ThreadPoolExecutor() as threads:
        list(threads.map(make, range(4)))
    assert months(database) == wanted


def test_a_store_that_remembers_a_month_that_another_dropped_makes_it_again(database: PostgresPlace) -> None:
    with database.ledger("one") as one, database.ledger("two") as two:
        one.commit([closed_record(1)], "w-1.jnl", 1)
        assert two.tidy(Month(2026, 11), Month(2026, 1)) is False
        with pytest.raises(LedgerUnavailable, match="no partition"):
            one.commit([closed_record(2)], "w-1.jnl", 2)
        assert one.commit([closed_record(2)], "w-1.jnl", 2) == 1


# Getting there.


def test_gateways_that_start_together_migrate_once(postgres: PostgresServer) -> None:
    place = PostgresPlace(postgres.fresh_database())

    def start(number: int) -> None:
        with place.ledger(f"gateway-{number}") as store:
            store.offsets()

    with ThreadPoolExecutor() as threads:
        list(threads.map(start, range(5)))
    assert len(place.table("writers")) == 5


def test_a_database_of_a_newer_version_is_refused(database: PostgresPlace) -> None:
    with database.ledger() as store:
        store.offsets()
        database.execute("INSERT INTO migrations VALUES ('9999_future.sql', '')")
    with database.ledger() as store, pytest.raises(LedgerUnavailable, match="upgrade"):
        store.offsets()


def test_errors_hold_no_secret(postgres: PostgresServer) -> None:
    for url, said in [
        (f"postgresql://someone:hunter2@127.0.0.1:{postgres.port}/nothing", "does not exist"),
        ("postgresql://someone:hunter2@127.0.0.1:1/nothing", "refused"),
        ("postgresql://someone:hunter2@127.0.0.1:1/nothing?sslmode=hunter2", "sslmode"),
    ]:
        with pytest.raises(LedgerUnavailable) as caught, PostgresPlace(url, connect_timeout_s=2).ledger() as store:
            store.offsets()
        assert said in str(caught.value)
        assert "hunter2" not in str(caught.value) + str(caught.value.__cause__)
    assert "hunter2" not in place_of("postgresql://someone:hunter2@db.example/ledger")
    assert "hunter2" not in repr(LedgerOptions(url="postgresql://someone:hunter2@db.example/ledger"))


def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer) -> None:
    other = PostgresPlace(postgres.url("postgres"))
    with contextlib.suppress(Exception):
        other.execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with PostgresPlace(postgres.url("latin")).ledger() as store, pytest.raises(LedgerUnavailable, match="UTF8"):
        store.offsets()
