"""Seals hold for ever: what was sealed before a column was there, and what stands in the column since."""

from hashlib import blake2b

import msgspec
import pytest

from gateway.core.record import Record
from gateway.ledger.rows import CALL_COLUMNS, rows_of

RECORD = Record(id="0199", started_ns=5, tenant="bank", team="ml", key_id="key_1", operation="chat", model="m")


def test_a_call_that_uses_no_later_column_keeps_the_seal_it_had_before_there_were_any() -> None:
    rows = rows_of(RECORD, person=7)
    as_it_was = (rows.call[: CALL_COLUMNS.index("person") + 1], rows.attempts, rows.charges)
    assert rows.seal() == blake2b(msgspec.msgpack.encode(as_it_was), digest_size=16).digest()


@pytest.mark.parametrize(
    ("column", "value"),
    [("route", "fast"), ("variant", "canary"), ("cache", "exact"), ("saved_nano", 1), ("guards", '[{"guard":"pii"}]')],
)
def test_what_stands_in_a_later_column_is_sealed(column: str, value: object) -> None:
    said = rows_of(msgspec.structs.replace(RECORD, **{column: value}), person=7)
    assert said.seal() != rows_of(RECORD, person=7).seal()
    assert said.call[CALL_COLUMNS.index(column)] == value
