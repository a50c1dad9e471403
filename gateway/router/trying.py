"""What comes after an attempt that failed: a decision without a clock or a wire."""

from collections.abc import Sequence

import msgspec

from gateway.core.attempt import Attempt, Role
from gateway.core.call import Call, Reply
from gateway.core.faults import Fault
from gateway.core.model import Permit
from gateway.router.document import NO_FALLBACKS, Trouble
from gateway.router.loading import RouteRule
from gateway.router.troubles import REMEDIES, repeatable, undone


class Failure(msgspec.Struct, frozen=True):
    """How an attempt failed. `status`: of the upstream's answer, 0 without one; `after_s`: its `retry-after`; `ours`:
    this process was too late itself, which says nothing of the target."""

    trouble: Trouble
    status: int = 0
    after_s: float | None = None
    ours: bool = False


class Next(msgspec.Struct, frozen=True):
    """The next attempt: whom to ask, in which role, and after how many seconds."""

    permit: Permit
    role: Role
    after_s: float = 0.0


class Tried(msgspec.Struct):
    """How an attempt ended: a reply or a fault, and what of the upstream's was wrong, if anything was. `attempt`: None
    if the target was not even asked."""

    attempt: Attempt | None = None
    reply: Reply | None = None
    fault: Fault | None = None
    failure: Failure | None = None


class Trying(msgspec.Struct, eq=False):
    """The attempts of one call, by the rule of its route.

    Attributes:
        rule: of its route. rest: targets that were not asked yet, best first. count: attempts made; again: of those,
            how many asked the same target again. told: troubles whose other models were asked about.
    """

    call: Call
    rest: list[Permit]
    rule: RouteRule
    count: int = 0
    again: int = 0
    told: tuple[str, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether only one more attempt may be made."""
        return self.count == self.rule.retries.max_attempts - 1

    def allowed(self, failure: Failure) -> bool:
        """Whether there may be another attempt at all."""
        if self.count >= self.rule.retries.max_attempts:
            return False
        return repeatable(self.call) or undone(failure.trouble, failure.status)

    def elsewhere(self, failed: Permit, failure: Failure) -> Permit | None:
        """The best target left that may do better, taken out; None if there is none."""
        remedy = REMEDIES[failure.trouble]
        for place, permit in enumerate(self.rest):
            if remedy.other_model and not _reads_more(failed, permit, failure.trouble):
                continue
            return self.rest.pop(place)
        return None

    def names(self, failure: Failure) -> Sequence[str]:
        """Other models to ask about; each trouble's once."""
        fallbacks = self.rule.route.fallbacks
        if fallbacks is NO_FALLBACKS:
            return ()
        told = [trouble for trouble in (failure.trouble, "any") if trouble not in self.told]
        self.told += (*told,)
        return [name for trouble in told for name in getattr(fallbacks, trouble)]

    def wait_s(self, failure: Failure, thrown: float) -> float | None:
        """How long to wait before the same target is asked again; None: not at all. `thrown`: 0 to 1."""
        retries = self.rule.retries
        if not REMEDIES[failure.trouble].again:
            return None
        if failure.after_s is not None:
            return failure.after_s if failure.after_s * 1000 <= retries.max_ms else None
        return thrown * min(retries.max_ms, retries.base_ms * 2**self.again) / 1000


def _reads_more(failed: Permit, other: Permit, trouble: Trouble) -> bool:
    """Whether another target may take what this one's model did not."""
    if other.model.name == failed.model.name:
        return False
    if trouble != "context_too_long":
        return True
    mine, its = failed.model.context_tokens, other.model.context_tokens
    return mine is None or its is None or its > mine
