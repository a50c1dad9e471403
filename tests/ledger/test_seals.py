"""Seals hold for ever: what was sealed before a column was there, and what stands in the column since."""

from hashlib import blake2b

import msgspec
import pytest

from gateway.core.attempt import Attempt, Charge, Terms
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.ledger.rows import CALL_COLUMNS, rows_of

RECORD = Record(id="0199", started_ns=5, tenant="bank", team="ml", key_id="key_1", operation="chat", model="m")

ATTEMPT = Attempt(
    served=True,
    provider="openai",
    pricing="priced",
    usage=Usage(output_tokens=1),
    raw_usage="{}",
    terms=Terms(tier="flex", reported_nano=4),
    charges=(Charge("input_tokens", 3, 1000, 5, 6, 7, 8), Charge("requests", 1)),
)


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


@pytest.mark.parametrize(
    ("more", "seal"),
    [
        ({}, "cdd07e34bff824e7773a8e1447ce4a80"),
        (
            {"stream": True, "user": "ada", "usage": Usage(input_tokens=3, code_sessions=1)},
            "577c84e260abc73554f4ec51d06faec5",
        ),
        ({"saved_nano": 0}, "07d8ad945aadd6d11aa559699ed4b8fa"),
        ({"saved_nano": 0, "prompt_digest": "d", "response_id": "r"}, "1b16c8e097f2527f2fc6f3395660f83a"),
        (
            {"tags": "{}", "response_id": "r", "attempts": (ATTEMPT, msgspec.structs.replace(ATTEMPT, n=2))},
            "ab33fd79d896ca57b583de25c6d01f13",
        ),
    ],
)
def test_seals_are_what_they_were(more: dict[str, object], seal: str) -> None:
    """Every field has the place that it had when the first calls were sealed."""
    assert rows_of(msgspec.structs.replace(RECORD, **more), person=7).seal().hex() == seal
