"""The partitions of calls, attempts and charges in PostgreSQL: one a month, made before they are needed."""

from collections.abc import Collection

from gateway.ledger.months import TABLES, Month
from gateway.stores.postgres import Connection

# Another number than that of migrations: see `stores/postgres_migrating.py`.
LOCK = 0x6C65_6467_6573
LOCK_TIMEOUT_MS = 2_000


class Partitions:
    """Which months the database has; what is remembered is true for one database."""

    def __init__(self) -> None:
        self._known: set[Month] = set()

    def forget(self) -> None:
        self._known.clear()

    def cover(self, connection: Connection, months: Collection[Month]) -> None:
        """Make what is missing for these months. A table is made by itself and then attached, which stops neither
        readers nor writers of the others."""
        for month in sorted(set(months) - self._known):
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
                for table in TABLES:
                    _make(connection, table, month)
            self._known.add(month)

    def drop_before(self, connection: Connection, month: Month) -> list[Month]:
        """Drop the months before this one, oldest first, each in a transaction; those that were dropped. Somebody who
        reads a month keeps it until the next time."""
        dropped: list[Month] = []
        for old in months_of(connection):
            if old >= month:
                break
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
                for table in reversed(TABLES):
                    connection.execute(f"DROP TABLE IF EXISTS {table}_{old.suffix}".encode())
            self._known.discard(old)
            dropped.append(old)
        return dropped


def months_of(connection: Connection) -> list[Month]:
    """The months that there are partitions for, oldest first."""
    rows = connection.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'calls'::regclass"
    )
    names = (row[0].split("_")[-2:] for row in rows)
    return sorted(Month(int(year), int(month)) for year, month in names)


def _make(connection: Connection, table: str, month: Month) -> None:
    name = f"{table}_{month.suffix}"
    if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
        return
    connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)".encode())
    bounds = f"FROM ('{month.first_id}') TO ('{month.after().first_id}')"
    connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}".encode())
