"""Numbered migrations on PostgreSQL, by the same rules as on SQLite: each in a transaction, never edited once applied.

Replicas that start together take turns by an advisory lock, so that each file is applied once.
"""

from gateway.stores.postgres import Connection, PostgresOptions, connect, errors_named, run
from gateway.stores.sqlite import missing_migrations, read_migrations

# Any number will do, as long as no other program locks the same one in this database.
LOCK = 0x6C65_6467_6572
TIMEOUT_S = 3_600
TABLE = "migrations"
_MADE = 'CREATE TABLE IF NOT EXISTS {} (name text COLLATE "C" PRIMARY KEY, digest text NOT NULL)'


def connect_migrated(url: str, options: PostgresOptions, package: str, table: str = TABLE) -> Connection:
    """A connection to a database with `package`'s migrations_postgres applied. `table`: where it is written down which
    are; packages that may share a database have one each.

    Raises:
        StoreUnavailable: it cannot be opened. MigrationError: it does not belong to this version.
    """
    connection = connect(url, options)
    try:
        with errors_named(url):
            _migrate(connection, package, table)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: Connection, package: str, table: str) -> None:
    migrations = read_migrations(package, "migrations_postgres")
    # Usually there is nothing to do, and then no lock is needed to see it.
    there = run(connection, "SELECT to_regclass(%s)", [table]).fetchone() != (None,)
    if there and not missing_migrations(migrations, _applied(connection, table)):
        return
    with connection.transaction():
        run(connection, f"SET LOCAL statement_timeout = {TIMEOUT_S * 1000}")
        run(connection, "SELECT pg_advisory_xact_lock(%s)", [LOCK])
        run(connection, _MADE.format(table))
        for name, script, digest in missing_migrations(migrations, _applied(connection, table)):
            with connection.transaction():
                run(connection, script)
                run(connection, f"INSERT INTO {table} VALUES (%s, %s)", [name, digest])  # noqa: S608  our own name


def _applied(connection: Connection, table: str) -> dict[str, str]:
    return dict(run(connection, f"SELECT name, digest FROM {table}").fetchall())  # noqa: S608
