"""How the ledger's parts use their PostgreSQL database: for how long they wait, and whose chain they add to."""

from collections.abc import Mapping

from gateway.ledger.chain import CHAIN_BITS
from gateway.ledger.options import LedgerOptions
from gateway.stores.postgres import Connection, PostgresOptions, run


def bounds_of(options: LedgerOptions, statement_timeout_s: float) -> PostgresOptions:
    return PostgresOptions(
        connect_timeout_s=options.connect_timeout_s,
        statement_timeout_s=statement_timeout_s,
        silence_timeout_s=options.silence_timeout_s,
    )


def writer_id(connection: Connection, queries: Mapping[str, str], name: str) -> int:
    """The number of this writer's chain; a new one gets the next."""
    run(connection, queries["add_writer"], {"name": name})
    found = run(connection, queries["writer_id"], {"name": name}).fetchone()
    assert found is not None, "just added"
    return found[0]


def chain_of(writer: int) -> dict[str, int]:
    """What queries about a writer's chain name: its links have numbers after `first`, up to `last`."""
    first = writer << CHAIN_BITS
    return {"writer": writer, "first": first, "last": first + (1 << CHAIN_BITS) - 1}
