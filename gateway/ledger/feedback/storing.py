"""Feedback as a row of the ledger: pure, and the same for every store."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.core.feedback import Feedback
from gateway.ledger.rows import Person


def feedback_row(one: Feedback, person: int) -> dict[str, Any]:
    """`person`: the id under which the ledger keeps `one.user` apart; 0 for nobody."""
    row = msgspec.structs.asdict(one)
    del row["user"]
    return {**row, "person": person}


def people_in(feedback: Iterable[Feedback]) -> set[Person]:
    """Who said it, where that is known."""
    return {(one.tenant, one.user) for one in feedback if one.user}
