"""The ledger's bench itself: it drains what it says into both stores; speed is not judged here."""

from gateway.ledger.entries import encode_closed
from tests.postgres import needs_postgres
from tests.speed import ledger


def test_both_stores_are_measured() -> None:
    needs_postgres()
    found = ledger.rates(count=300, rounds=1)
    assert [rate.store for rate in found] == ["SQLite", "PostgreSQL"]
    assert all(rate.records_per_s > 0 and rate.cpu_us > 0 for rate in found)


def test_its_records_are_of_the_size_that_is_said() -> None:
    sizes = [len(encode_closed(record)) for record in ledger.records(50, 1_700_000_000_000_000_000)]
    assert 1_500 < min(sizes) <= max(sizes) < 1_800
