"""What was bought in a period, call by call: for pricing it again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from gateway.core.attempt import Attempt, Charge, Terms
from gateway.core.bought import Bought
from gateway.ledger.reports import period
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.sqlite import named_queries, open_database

_one_attempt = itemgetter("call", "n")


def bought(database: Path, since: datetime | None, until: datetime | None) -> Iterator[Bought]:
    """Every upstream call of the period that was billed, in the order of their calls; read as it is asked for. A ledger
    that does not exist yet has none.

    Raises:
        ValueError: a period that ends before it begins.
        LedgerUnavailable: the ledger cannot be read.
    """
    since_ns, until_ns = period(since, until)
    if not database.exists():
        return
    try:
        with closing(open_database(database, read_only=True)) as connection:
            values = {"since_ns": since_ns, "until_ns": until_ns}
            rows = connection.execute(named_queries("gateway.ledger")["bought"], values)
            for _, several in groupby(rows, _one_attempt):
                yield _bought(list(several))
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger {database} cannot be read: {error}") from error


def _bought(rows: list[sqlite3.Row]) -> Bought:
    """From an attempt's rows, one for each of its charges."""
    row = rows[0]
    charges = [Charge(*(one[name] for name in Charge.__struct_fields__)) for one in rows if one["meter"] is not None]
    attempt = Attempt(
        n=row["n"],
        role=row["role"],
        started_ns=row["started_ns"],
        provider=row["provider"],
        target=row["target"],
        served_model=row["served_model"],
        duration_us=row["duration_us"],
        account=row["account"],
        pricing=row["pricing"],
        price_version=row["price_version"],
        terms=Terms(**{name: row[name] for name in Terms.__struct_fields__}),
        charges=tuple(charges),
    )
    return Bought(row["tenant"], row["team"], row["model"], attempt)
