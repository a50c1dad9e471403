"""Feedback in PostgreSQL, as statements that go to the server with a commit's others."""

from collections.abc import Mapping, Sequence

from gateway.core.feedback import Feedback
from gateway.ledger.feedback.storing import feedback_row
from gateway.ledger.months import Month
from gateway.ledger.rows import Person
from gateway.stores.postgres import Connection, in_psycopg, postgres_queries, written

_PACKAGE = "gateway.ledger"


def feedback_statements(
    connection: Connection, feedback: Sequence[Feedback], persons: Mapping[Person, int]
) -> list[str]:
    """What inserts it, one by one: it is never as many as calls are."""
    query = in_psycopg(postgres_queries(_PACKAGE)["add_feedback"])
    rows = [feedback_row(one, persons[one.tenant, one.user] if one.user else 0) for one in feedback]
    return [written(connection, query, row) for row in rows]


def dropping(connection: Connection, month: Month) -> str:
    """What drops it, of calls of all months before."""
    return written(connection, in_psycopg(postgres_queries(_PACKAGE)["drop_feedback"]), {"before": month.first_id})
