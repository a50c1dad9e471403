"""The ledger as reports read it, wherever it is: `with ledger_reader(place) as reader`."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from gateway.ledger.options import LedgerPlace, why_no_ledger, why_not_installed
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.reading import Reader, SqliteReader, StoreUnavailable

_PACKAGE = "gateway.ledger"
# Tables of the newest migrations that reports need.
_NEEDED = ("decision_hours", "reseals", "adjustments", "feedback")
_NEWEST_COLUMN = ("usage_days", "saved_nano")


@contextmanager
def ledger_reader(
    place: LedgerPlace, functions: Mapping[str, Callable[..., Any]] | None = None
) -> Generator[Reader | None]:
    """One snapshot of the ledger for all that is read, though it is written meanwhile; None if there is none yet.

    `functions`: what queries call besides SQLite's own; PostgreSQL has functions of the same names (its migrations).

    Raises:
        LedgerUnavailable: the ledger cannot be read, at first or later on.
    """
    if why := why_no_ledger(place.options) or why_not_installed(place.options):
        raise LedgerUnavailable(why)
    if place.options.url is None and not place.file.exists():
        yield None
        return
    try:
        with _reader(place, functions) as reader:
            if reader.kind == "postgres" and not reader.has_table("migrations"):
                yield None
                return
            if not (all(map(reader.has_table, _NEEDED)) and reader.has_column(*_NEWEST_COLUMN)):
                reason = "an older version of the gateway wrote it; start this version of the gateway once"
                raise LedgerUnavailable(f"the ledger {place.name} cannot be read: {reason}")
            yield reader
    except StoreUnavailable as error:
        raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error


def _reader(place: LedgerPlace, functions: Mapping[str, Callable[..., Any]] | None) -> Reader:
    options = place.options
    if options.url is None:
        return SqliteReader(place.file, _PACKAGE, functions)
    from gateway.ledger.connecting import bounds_of  # an extra: not everybody has it
    from gateway.stores.postgres import PostgresReader

    return PostgresReader(options.read_url or options.url, bounds_of(options, options.report_timeout_s), _PACKAGE)
