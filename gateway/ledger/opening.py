"""Which store a gateway writes: one line of config.yaml decides."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from gateway.core.clock import Clock, SystemClock
from gateway.ledger.months import month_of
from gateway.ledger.options import LedgerPlace, why_not_installed
from gateway.ledger.store import LedgerStore, LedgerUnavailable, SqliteLedger
from gateway.stores.files import read_or_create_secret


def open_ledger(place: LedgerPlace, clock: Clock | None = None) -> AbstractContextManager[LedgerStore]:
    """The store, to be entered. PostgreSQL may be away; SQLite is on this machine, and must be there.

    Raises:
        LedgerUnavailable: config.yaml names a database, and what speaks to it is not installed.
    """
    writer = writer_name(place.file.parent)
    if place.options.url is None:
        return SqliteLedger(place.file, clock, writer)
    if why := why_not_installed(place.options):
        raise LedgerUnavailable(why)
    from gateway.ledger.postgres import PostgresLedger  # an extra: not everybody has it

    return PostgresLedger(place.options, writer, clock)


def writer_name(state: Path) -> str:
    """Whose chain of links this state folder's gateway makes: the same after a restart, and no other gateway's."""
    return read_or_create_secret(state / "ledger.writer", "gww-")


def retention(place: LedgerPlace, store: LedgerStore, clock: Clock | None = None) -> Callable[[], bool]:
    """What the drainer does from time to time: true while there is more to do. Only whole months go."""
    clock = clock or SystemClock()
    months = place.options.retention_months

    def tidy() -> bool:
        now = month_of(clock.now_ns())
        return store.tidy(now, None if months is None else now.after(-months))

    return tidy
