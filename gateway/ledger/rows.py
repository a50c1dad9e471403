"""A record as rows, and the seal over them: pure, and the same for every store.

    calls      one row a call: who, what became of it, what the team pays for
    attempts   one row an upstream call, with the provider's usage object as it came: any of them can be priced again
    charges    one row a meter of an attempt; disjoint, and they add up to the attempt's cost

Booleans are 0 and 1, as SQLite keeps them, so that what is read back is what was sealed.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from gateway.core.attempt import Attempt
from gateway.core.record import Record
from gateway.core.usage import METERS, Usage

# Callers known by a token or a certificate: their key ids are made from who they are, and so are personal.
PERSONAL_KEYS = ("user_", "cert_")
_NOTHING = Usage()
_CALL_FIELDS = tuple(name for name in Record.__struct_fields__ if name not in ("usage", "user", "attempts"))
_ATTEMPT_FIELDS = tuple(name for name in Attempt.__struct_fields__ if name not in ("usage", "terms", "charges"))
_TERMS = ("tier", "region", "image_size", "image_quality", "reported_nano")

CALL_COLUMNS: tuple[str, ...] = (*_CALL_FIELDS, *METERS, "person")
ATTEMPT_COLUMNS: tuple[str, ...] = ("call", *_ATTEMPT_FIELDS, *_TERMS, "cost_nano", "list_nano")
CHARGE_COLUMNS: tuple[str, ...] = (
    *("call", "n", "seq", "meter", "quantity", "per", "rate", "list_rate", "nano", "list_nano"),
)
SEAL_BYTES = 16

Row = tuple[Any, ...]
_get_call = tuple(Record.__struct_fields__.index(name) for name in _CALL_FIELDS)
_get_attempt = tuple(Attempt.__struct_fields__.index(name) for name in _ATTEMPT_FIELDS)
_STREAM = CALL_COLUMNS.index("stream")
_SERVED = ATTEMPT_COLUMNS.index("served")
_KEY, _FACTS = CALL_COLUMNS.index("key_id"), CALL_COLUMNS.index("facts")
_encode = msgspec.msgpack.Encoder().encode


class Rows(msgspec.Struct, frozen=True, gc=False):
    """What one record becomes: `call` in the order of CALL_COLUMNS, and so on."""

    call: Row
    attempts: list[Row]
    charges: list[Row]

    def seal(self) -> bytes:
        """16 bytes over everything but what is personal: that can be taken out without breaking the seal."""
        return seal_of(self.call, self.attempts, self.charges)


def rows_of(record: Record, person: int) -> Rows:
    """`person`: the id under which the ledger keeps `record.user` apart; 0 for nobody."""
    fields = msgspec.structs.astuple(record)
    call = [fields[index] for index in _get_call]
    call[_STREAM] = int(record.stream)
    call.extend(msgspec.structs.astuple(record.usage or _NOTHING))
    call.append(person)
    attempts: list[Row] = []
    charges: list[Row] = []
    for attempt in record.attempts:
        attempts.append(_attempt_row(record.id, attempt))
        charges.extend(
            (record.id, attempt.n, seq, *msgspec.structs.astuple(charge)) for seq, charge in enumerate(attempt.charges)
        )
    return Rows(tuple(call), attempts, charges)


def _attempt_row(call: str, attempt: Attempt) -> Row:
    fields, terms = msgspec.structs.astuple(attempt), attempt.terms
    row = [call, *(fields[index] for index in _get_attempt)]
    row[_SERVED] = int(attempt.served)
    row += (terms.tier, terms.region, terms.image_size, terms.image_quality, terms.reported_nano)
    row += (attempt.cost_nano, attempt.list_nano)
    return tuple(row)


def seal_of(call: Sequence[Any], attempts: Iterable[Sequence[Any]], charges: Iterable[Sequence[Any]]) -> bytes:
    """Of rows as they are in a store. Seals are kept for ever, so this may never change: new columns get a seal of
    their own."""
    sealed = list(call)
    if sealed[_KEY].startswith(PERSONAL_KEYS) or sealed[_KEY] == FORGOTTEN:
        sealed[_KEY] = sealed[_FACTS] = ""
    return blake2b(_encode((sealed, list(attempts), list(charges))), digest_size=SEAL_BYTES).digest()


# What stands in the place of a personal key id that was taken out.
FORGOTTEN = "forgotten"
