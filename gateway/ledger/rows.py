"""A record as rows, and the seal over them: pure, and the same for every store.

    calls      one row a call: who, what became of it, what the team pays for
    attempts   one row an upstream call, with the provider's usage object as it came: any of them can be priced again
    charges    one row a meter of an attempt; disjoint, and they add up to the attempt's cost

Booleans are 0 and 1, as SQLite keeps them, so that what is read back is what was sealed.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import msgspec

from gateway.core.attempt import Attempt, Charge
from gateway.core.record import Record
from gateway.core.usage import METERS, Usage

# Callers known by a token or a certificate: their key ids are made from who they are, and so are personal.
PERSONAL_KEYS = ("user_", "cert_")
_NOTHING = Usage()
# Columns that came after the first seals were made.
_LATER = (
    *("route", "variant", "cache", "saved_nano", "guards", "obligations", "response_id"),
    *("prompt_digest", "prompt_label", "prompt_variables"),
)
_UNSAID = ("", "", "", None, "", "", "", "", "", "")
_CALL_FIELDS = tuple(
    name for name in Record.__struct_fields__ if name not in ("usage", "user", "attempts", "stream", *_LATER)
)
_ATTEMPT_FIELDS = tuple(
    name for name in Attempt.__struct_fields__ if name not in ("usage", "terms", "charges", "served")
)
_TERMS = ("tier", "region", "image_size", "image_quality", "reported_nano")

CALL_COLUMNS: tuple[str, ...] = (*_CALL_FIELDS, "stream", *METERS, "person", *_LATER)
ATTEMPT_COLUMNS: tuple[str, ...] = ("call", *_ATTEMPT_FIELDS, "served", *_TERMS, "cost_nano", "list_nano")
SEALED_COLUMNS = (*CALL_COLUMNS, "link", "seal")
CHARGE_COLUMNS: tuple[str, ...] = ("call", "n", "seq", *Charge.__struct_fields__)
SEAL_BYTES = 16

Row = tuple[Any, ...]
Stored = Mapping[str, Any]
Person = tuple[str, str]  # tenant and user
_of_call, _of_attempt, _of_terms = attrgetter(*_CALL_FIELDS), attrgetter(*_ATTEMPT_FIELDS), attrgetter(*_TERMS)
# A usage's fields are METERS, and a charge's its columns.
_fields_of, _of_later = msgspec.structs.astuple, attrgetter(*_LATER)
_FIRST_COLUMNS = len(CALL_COLUMNS) - len(_LATER)
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
    name = record.id
    used = _fields_of(record.usage or _NOTHING)
    call = (*_of_call(record), int(record.stream), *used, person, *_of_later(record))
    attempts: list[Row] = []
    charges: list[Row] = []
    for attempt in record.attempts:
        n, cost, listed = attempt.n, 0, 0
        for seq, charge in enumerate(attempt.charges):
            charges.append((name, n, seq, *_fields_of(charge)))
            cost += charge.nano or 0
            listed += charge.list_nano or 0
        # As the attempt's own cost_nano and list_nano, without asking twice for its charges.
        money = (cost, listed) if attempt.pricing == "priced" else (None, None)
        attempts.append((name, *_of_attempt(attempt), int(attempt.served), *_of_terms(attempt.terms), *money))
    return Rows(call, attempts, charges)


def seal_of(call: Sequence[Any], attempts: Sequence[Sequence[Any]], charges: Sequence[Sequence[Any]]) -> bytes:
    """Of rows as they are in a store. Seals are kept for ever, so what was sealed once has this seal always: columns
    that came later are in it by their names, and only if something stands in them. Callers known by a token have key
    ids made from who they are: those are personal, and in no seal, nor are their facts."""
    first, later = call[:_FIRST_COLUMNS], call[_FIRST_COLUMNS:]
    key_id: str = call[_KEY]
    if key_id.startswith(PERSONAL_KEYS) or key_id == FORGOTTEN:
        first = ["" if place in (_KEY, _FACTS) else value for place, value in enumerate(first)]
    sealed: tuple[Any, ...] = (first, attempts, charges)
    if tuple(later) != _UNSAID:
        sealed = (*sealed, {name: value for name, value in zip(_LATER, later, strict=True) if value not in (None, "")})
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
