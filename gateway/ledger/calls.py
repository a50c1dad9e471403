"""Single calls, for support: a page of them, and one with its attempts and charges. Without content: there is none."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.ledger.adjusting.finding import PACKAGE
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.reports import Filters
from gateway.ledger.slices import LAST_NS, period
from gateway.ledger.summing import people_for
from gateway.ledger.words import FILTERS, FORGOTTEN_PERSON, check_words, conditions
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

# What stands for the store itself: nobody else's business.
_OWN = ("seal", "link", "person")
Row = dict[str, Any]


def calls_page(
    place: LedgerPlace,
    since: datetime | None,
    until: datetime | None,
    filters: Filters,
    before: tuple[int, str] | None,
    limit: int,
) -> list[Row]:
    """Calls of a period, the latest first. `before`: beginning and id of the last one of the page before.

    Raises:
        ValueError: an unknown word, or a period that ends before it begins.
        LedgerUnavailable: the ledger cannot be read.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in filters.items()}
    check_words(wanted, FILTERS, "filter")
    since_ns, until_ns = period(since, until)
    last_ns, last_id = before or (LAST_NS, "")
    with ledger_reader(place) as reader:
        if reader is None:
            return []
        condition, values = conditions(wanted, people_for(reader, (), wanted))
        bounds: Row = {"since_ns": since_ns, "until_ns": until_ns, "last_ns": last_ns, "limit": limit}
        if before is not None:
            condition += " AND (started_ns < :last_ns OR id < :last_id)"
            bounds["last_id"] = last_id
        query = reader.queries["calls_page"].format(filters=condition)
        rows = list(reader.rows(query, {**bounds, **values}))
        users = users_of(reader, {row["person"] for row in rows})
        return [_shown(row, users) for row in rows]


def call_with_attempts(place: LedgerPlace, id: str) -> Row | None:
    """One call with `attempts`, each with its `charges`, and with `adjustments` of what those cost; None if the ledger
    has none of this id.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    with ledger_reader(place) as reader:
        call = None if reader is None or not is_id(id) else reader.one(reader.queries["call_of_id"], {"id": id})
        if reader is None or call is None:
            return None
        attempts = list(reader.rows(reader.queries["attempts_of_call"], {"call": id}))
        charges = list(reader.rows(reader.queries["charges_of_call"], {"call": id}))
        adjusted = reader.rows(named_queries(PACKAGE)["adjustments_of_call"], {"call": id})
        adjustments = [{name: value for name, value in row.items() if name not in ("call", "seal")} for row in adjusted]
        shown = {"attempts": [_attempt(row, charges) for row in attempts], "adjustments": adjustments}
        return {**_shown(call, users_of(reader, {call["person"]})), **shown}


def is_id(text: str) -> bool:
    """PostgreSQL takes nothing else for a UUID."""
    plain = text.replace("-", "")
    return len(text) == 36 and len(plain) == 32 and all(one in "0123456789abcdef" for one in plain)


def _attempt(attempt: Row, charges: Sequence[Row]) -> Row:
    own = [{name: value for name, value in row.items() if name not in ("call", "n", "seq")} for row in charges
           if row["n"] == attempt["n"]]  # fmt: skip
    shown = {name: value for name, value in attempt.items() if name != "call"}
    return {**shown, "served": bool(attempt["served"]), "charges": own}


def users_of(reader: Reader, persons: Collection[int]) -> dict[int, str]:
    """Each asked for once, however many calls are theirs."""
    users = {0: ""}
    for person in persons:
        if person:
            found = reader.one(reader.queries["person_of_id"], {"id": person})
            users[person] = f"{FORGOTTEN_PERSON}{person}" if found is None else found["user"]
    return users


def _shown(row: Mapping[str, Any], users: Mapping[int, str]) -> Row:
    shown = {name: value for name, value in row.items() if name not in _OWN}
    return {**shown, "stream": bool(row["stream"]), "user": users[row["person"]]}
