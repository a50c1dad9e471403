"""What was bought in a period, call by call: for pricing it again."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from gateway.core.attempt import Attempt, Charge, Terms
from gateway.core.bought import Bought
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.reports import period

_one_attempt = itemgetter("call", "n")


def bought(place: LedgerPlace, since: datetime | None, until: datetime | None) -> Iterator[Bought]:
    """Every upstream call of the period that was billed, in the order of their calls; read as it is asked for. A ledger
    that does not exist yet has none.

    Raises:
        ValueError: a period that ends before it begins.
        LedgerUnavailable: the ledger cannot be read.
    """
    since_ns, until_ns = period(since, until)
    with ledger_reader(place) as reader:
        if reader is None:
            return
        rows = reader.rows(reader.queries["bought"], {"since_ns": since_ns, "until_ns": until_ns})
        for _, several in groupby(rows, _one_attempt):
            yield _bought(list(several))


def _bought(rows: Sequence[dict[str, Any]]) -> Bought:
    """From an attempt's rows, one for each of its charges."""
    charges = [Charge(*(row[name] for name in Charge.__struct_fields__)) for row in rows if row["meter"] is not None]
    return bought_of(rows[0], charges, rows[0]["target"], rows[0]["served_model"])


def bought_of(row: Mapping[str, Any], charges: Sequence[Charge], target: str, served_model: str) -> Bought:
    """`row`: an attempt's columns beside its call's tenant, team and model."""
    attempt = Attempt(
        n=row["n"],
        role=row["role"],
        served=bool(row["served"]),
        started_ns=row["started_ns"],
        provider=row["provider"],
        target=target,
        served_model=served_model,
        duration_us=row["duration_us"],
        account=row["account"],
        pricing=row["pricing"],
        price_version=row["price_version"],
        terms=Terms(**{name: row[name] for name in Terms.__struct_fields__}),
        charges=tuple(charges),
    )
    return Bought(row["tenant"], row["team"], row["model"], attempt)
