"""What the ledger knows of the past, in the words of limits."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from gateway.core.live import Live
from gateway.core.model import Catalogue
from gateway.core.principal import principal_from_facts
from gateway.core.target import parse_target
from gateway.ledger.catching_up import wait_until_drained
from gateway.ledger.options import LedgerPlace
from gateway.ledger.spending import Used, used_since
from gateway.limits.bounds import Need, Span
from gateway.limits.matching import Asked
from gateway.limits.periods import period_of
from gateway.limits.seeding import Spending, Spent
from gateway.limits.windows import longest_s

# What a process that has died left behind is in the ledger long before; if not, calls do not wait for it any longer.
DRAINED_WITHIN_S = 3.0


def spent_by_ledger(
    ledger: LedgerPlace, journal: Path, catalogue: Live[Catalogue], spans: Callable[[], Collection[Span]]
) -> Spent:
    """The ledger as what limits count on from.

    Args:
        journal: the folder from which the ledger is filled. spans: what the limits in force count over.
    """

    def spent(since: float, until: float, by: Collection[str]) -> Iterator[Spending]:
        wait_until_drained(journal, DRAINED_WITHIN_S)
        counted = spans()
        cuts = {period_of(span, until)[0] for span in counted if span.kind == "calendar"}
        fine_s = max((longest_s(span) for span in counted if span.kind == "sliding"), default=0.0)
        return (_spending(one, catalogue.value) for one in used_since(ledger, since, until, by, cuts, fine_s))

    return spent


def _spending(used: Used, catalogue: Catalogue) -> Spending:
    """Limits know a model by its card's name; a record, by its target. One whose card has gone keeps the name that was
    asked for."""
    try:
        card = catalogue.models.get(parse_target(used.target))
    except ValueError:
        card = None
    return Spending(
        used.at,
        principal_from_facts(used.tenant, used.team, used.key_id, used.facts, ""),
        used.model if card is None else card.name,
        Asked(used.user, used.prompt.partition("@")[0], used.agent, used.run),
        Need(used.input_tokens, used.output_tokens, used.nano, used.calls),
    )
