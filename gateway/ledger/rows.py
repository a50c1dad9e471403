"""A record as rows, and the seal over them: pure, and the same for every store.

    calls      one row a call: who, what became of it, what the team pays for
    attempts   one row an upstream call, with the provider's usage object as it came: any of them can be priced again
    charges    one row a meter of an attempt; disjoint, and they add up to the attempt's cost

Booleans are 0 and 1, as SQLite keeps them, so that what is read back is what was sealed.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import compress
from operator import ne
from typing import Any

import msgspec

from gateway.core.attempt import Attempt, Charge, Terms
from gateway.core.record import Record
from gateway.core.usage import METERS, Usage

# Callers known by a token or a certificate: their key ids are made from who they are, and so are personal.
PERSONAL_KEYS = ("user_", "cert_")
# Columns that came after the first seals were made.
_LATER = (
    *("route", "variant", "cache", "saved_nano", "guards", "obligations", "response_id"),
    *("prompt_digest", "prompt_label", "prompt_variables"),
)
_EMPTY = ("", "", "", None, "", "", "", "", "", "")
_CALL_FIELDS = tuple(
    name for name in Record.__struct_fields__ if name not in ("usage", "user", "attempts", "stream", *_LATER)
)
_ATTEMPT_FIELDS = tuple(
    name for name in Attempt.__struct_fields__ if name not in ("usage", "terms", "charges", "served")
)
_TERMS = Terms.__struct_fields__

CALL_COLUMNS: tuple[str, ...] = (*_CALL_FIELDS, "stream", *METERS, "person", *_LATER)
ATTEMPT_COLUMNS: tuple[str, ...] = ("call", *_ATTEMPT_FIELDS, "served", *_TERMS, "cost_nano", "list_nano")
SEALED_COLUMNS = (*CALL_COLUMNS, "link", "seal")
CHARGE_COLUMNS: tuple[str, ...] = ("call", "n", "seq", *Charge.__struct_fields__)
SEAL_BYTES = 16

Row = tuple[Any, ...]
Stored = Mapping[str, Any]
Person = tuple[str, str]  # tenant and user

# All fields at once: to ask for one after another took three times as long. A usage's are METERS, those of terms and of
# a charge are columns as they are; so are a record's, and an attempt's, up to those that are taken apart.
_fields_of = msgspec.structs.astuple
_NO_METERS = _fields_of(Usage())
_PLAIN, _PLAIN_OF_ATTEMPT = len(_CALL_FIELDS), len(_ATTEMPT_FIELDS)
assert Record.__struct_fields__ == (*_CALL_FIELDS, "stream", "usage", "user", *_LATER, "attempts"), "see `rows_of`"
assert Attempt.__struct_fields__[: _PLAIN_OF_ATTEMPT + 1] == (*_ATTEMPT_FIELDS, "served"), "see `rows_of`"
_FIRST_COLUMNS = len(CALL_COLUMNS) - len(_LATER)
_NANO, _LIST_NANO = CHARGE_COLUMNS.index("nano"), CHARGE_COLUMNS.index("list_nano")
_KEY, _FACTS = CALL_COLUMNS.index("key_id"), CALL_COLUMNS.index("facts")
_SAVED = _LATER.index("saved_nano")
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
    name, usage = record.id, record.usage
    used = _NO_METERS if usage is None else _fields_of(usage)
    fields = _fields_of(record)
    call = (*fields[:_PLAIN], int(record.stream), *used, person, *fields[_PLAIN + 3 : -1])
    attempts: list[Row] = []
    charges: list[Row] = []
    for attempt in record.attempts:
        n, cost, listed = attempt.n, 0, 0
        for seq, charge in enumerate(attempt.charges):
            row: Row = (name, n, seq, *_fields_of(charge))
            charges.append(row)
            cost += row[_NANO] or 0
            listed += row[_LIST_NANO] or 0
        # As the attempt's own cost_nano and list_nano, without asking twice for its charges.
        money = (cost, listed) if attempt.pricing == "priced" else (None, None)
        fields = _fields_of(attempt)[:_PLAIN_OF_ATTEMPT]
        attempts.append((name, *fields, int(attempt.served), *_fields_of(attempt.terms), *money))
    return Rows(call, attempts, charges)


def seal_of(call: Sequence[Any], attempts: Sequence[Sequence[Any]], charges: Sequence[Sequence[Any]]) -> bytes:
    """Of rows as they are in a store. Seals are kept for ever, so what was sealed once has this seal always: columns
    that came later are in it by their names, and only if something stands in them. Callers known by a token have key
    ids made from who they are: those are personal, and in no seal, nor are their facts."""
    first, later = call[:_FIRST_COLUMNS], call[_FIRST_COLUMNS:]
    key_id: str = call[_KEY]
    if key_id.startswith(PERSONAL_KEYS) or key_id == FORGOTTEN:
        first = ["" if place in (_KEY, _FACTS) else value for place, value in enumerate(first)]
    # A number is said also if it is 0; nearly always, what is said is what is not empty.
    spoken = later if later[_SAVED] != 0 else map(ne, later, _EMPTY)
    said = dict(compress(zip(_LATER, later, strict=True), spoken))
    sealed = (first, attempts, charges, said) if said else (first, attempts, charges)
    return blake2b(_encode(sealed), digest_size=SEAL_BYTES).digest()


def seal_of_stored(call: Stored, attempts: Iterable[Stored], charges: Iterable[Stored]) -> bytes:
    """The same, of rows by column, as readers give them."""
    return seal_of(
        [call[name] for name in CALL_COLUMNS],
        [[row[name] for name in ATTEMPT_COLUMNS] for row in attempts],
        [[row[name] for name in CHARGE_COLUMNS] for row in charges],
    )


# What stands in the place of a personal key id that was taken out.
FORGOTTEN = "forgotten"
