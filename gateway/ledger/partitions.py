"""The partitions of calls, attempts and charges in PostgreSQL: one a month, made before they are needed."""

from collections.abc import Collection

from gateway.ledger.months import TABLES, Month
from gateway.stores.postgres import Connection, run

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
                run(connection, "SELECT pg_advisory_xact_lock(%s)", [LOCK])
                for table in TABLES:
                    _make(connection, table, month)
            self._known.add(month)

    def drop(self, connection: Connection, month: Month) -> None:
        """In the transaction under way. Not for long: who reads the month, or writes, is not kept waiting; then it
        is tried another time. In the order in which a commit asks for the tables, so that neither waits for the
        other."""
        self._known.discard(month)
        run(connection, f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        run(connection, "SELECT pg_advisory_xact_lock(%s)", [LOCK])
        for table in TABLES:
            run(connection, f"DROP TABLE IF EXISTS {table}_{month.suffix}")


def months_of(connection: Connection) -> list[Month]:
    """The months that there are partitions for, oldest first."""
    rows = run(
        connection,
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'calls'::regclass",
    )
    names = (row[0].split("_")[-2:] for row in rows)
    return sorted(Month(int(year), int(month)) for year, month in names)


def _make(connection: Connection, table: str, month: Month) -> None:
    name = f"{table}_{month.suffix}"
    if run(connection, "SELECT to_regclass(%s)", [name]).fetchone() != (None,):
        return
    run(connection, f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
    bounds = f"FROM ('{month.first_id}') TO ('{month.after().first_id}')"
    run(connection, f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}")
