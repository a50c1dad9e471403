"""Feedback for operators: a page of it without what people wrote, and all of one call with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from gateway.ledger.calls import is_id, users_of
from gateway.ledger.feedback.joining import PACKAGE, bounds_of
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.slices import period
from gateway.stores.sqlite import named_queries

Row = dict[str, Any]
FILTERS = ("tenant", "team", "metric")
_FLAGS = ("has_comment", "has_correction", "replaced")
TEXTS = ("comment", "correction")


def feedback_page(
    place: LedgerPlace,
    since: datetime | None,
    until: datetime | None,
    filters: Mapping[str, str],
    before: tuple[str, str] | None,
    limit: int,
) -> list[Row]:
    """Feedback on calls that began in the period, on the latest calls first; also what was replaced, and what is about
    calls that are not in the ledger, or not those of whoever said it. `before`: call and id of the last one of the page
    before.

    Raises:
        ValueError: a period that ends before it begins. LedgerUnavailable: the ledger cannot be read.
    """
    queries, values = named_queries(PACKAGE), {name: value for name, value in filters.items() if name in FILTERS}
    bounds: Row = {**bounds_of(*period(since, until)), "limit": limit, **values}
    condition = "".join(f" AND feedback.{name} = :{name}" for name in values)
    if before is not None:
        condition += " AND feedback.call <= :last_call AND (feedback.call < :last_call OR feedback.id < :last_id)"
        bounds |= {"last_call": before[0], "last_id": before[1]}
    with ledger_reader(place) as reader:
        if reader is None:
            return []
        query = queries["page"].format(later=queries["later"], condition=condition)
        rows = list(reader.rows(query, bounds))
        users = users_of(reader, {row["person"] for row in rows})
    return [_shown(row, users) for row in rows]


def feedback_of_call(place: LedgerPlace, call: str) -> list[Row]:
    """All that its own team said of a call, in the order in which it was said, with what people wrote.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    queries = named_queries(PACKAGE)
    with ledger_reader(place) as reader:
        if reader is None or not is_id(call):
            return []
        rows = list(reader.rows(queries["of_call"].format(later=queries["later"]), {"call": call}))
        users = users_of(reader, {row["person"] for row in rows})
    return [_shown(row, users) for row in rows]


def without_texts(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in TEXTS}


def _shown(row: Row, users: Mapping[int, str]) -> Row:
    shown = {name: bool(value) if name in _FLAGS else value for name, value in row.items() if name != "person"}
    labels = msgspec.json.decode(row["labels"] or "{}", type=dict[str, str])
    return {**shown, "labels": labels, "user": users[row["person"]]}
