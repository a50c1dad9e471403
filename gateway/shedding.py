"""What a worker does that has too much to do: which calls it turns away, out of its policies."""

from collections.abc import Callable

from gateway.core.call import Call
from gateway.limits.matching import NOTHING_ASKED
from gateway.limits.shedding import Shedding
from gateway.pipeline.rate_limit import asked_of
from gateway.policyfeed import PolicyFeed
from gateway.router.standing import Standings


def is_batch(call: Call, model: str, policies: PolicyFeed) -> bool:
    """Whether a call to a model, by its card's name, has the priority `batch`."""
    shares = policies.limits.value.shares
    asked = asked_of(call) if shares.asks else NOTHING_ASKED
    return shares.share_of(call.caller, model, asked).priority == "batch"


def turning_away(shedding: Shedding, policies: PolicyFeed) -> Callable[[Call], bool]:
    """The test for calls of recognised callers that nobody has judged yet."""

    def of_batch(call: Call) -> bool:
        return is_batch(call, _card_name(call.model, policies), policies)

    def turns_away(call: Call) -> bool:
        if shedding.refuses(call, of_batch):
            return True
        if (over := shedding.begun()) is not None:
            call.on_close(over)
        return False

    return turns_away


def telling(shedding: Shedding, standings: Standings) -> Callable[[float, float, bool], None]:
    """What hears how late the event loop was, when, and whether calls were under way meanwhile. Without any it was
    others' work that kept the core: a worker that had nothing to do turns nobody away for that."""

    def late(seconds: float, now: float, waited: bool) -> None:
        shedding.late(seconds if waited else 0.0, now)
        standings.late(seconds)

    return late


def _card_name(name: str, policies: PolicyFeed) -> str:
    """Of the model that a caller names: an alias is another name of a card."""
    catalogue = policies.catalogue.value
    targets = catalogue.names.get(name) or ()
    model = next((found for _, found in catalogue.of(targets) if found is not None), None)
    return name if model is None else model.name
