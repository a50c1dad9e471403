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


class Trying:
    """The attempts of one call, by the rule of its route.

    Attributes:
        rule: of its route. rest: targets that were not asked yet, best first. count: attempts made; again: of those,
            how many asked the same target again.
    """

    __slots__ = ("_call", "_fallbacks", "_retries", "_told", "again", "count", "rest", "rule")

    def __init__(self, call: Call, plan: Sequence[Permit], rule: RouteRule) -> None:
        self.rest = list(plan)
        self.count = self.again = 0
        self._call = call
        self.rule = rule
        self._retries = rule.retries
        self._fallbacks = rule.route.fallbacks
        self._told: tuple[str, ...] = ()

    @property
    def _repeatable(self) -> bool:
        # Nearly always nobody asks.
        return repeatable(self._call)

    @property
    def may_hedge(self) -> bool:
        """Whether another may be asked while one is at work: asking twice does nothing twice, and is allowed."""
        return self._retries.max_attempts > 1 and self._repeatable

    @property
    def is_last(self) -> bool:
        """Whether only one more attempt may be made."""
        return self.count == self._retries.max_attempts - 1

    def allowed(self, failure: Failure) -> bool:
        """Whether there may be another attempt at all."""
        return self.count < self._retries.max_attempts and (self._repeatable or undone(failure.trouble, failure.status))

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
        if self._fallbacks is NO_FALLBACKS:
            return ()
        told = [trouble for trouble in (failure.trouble, "any") if trouble not in self._told]
        self._told += (*told,)
        return [name for trouble in told for name in getattr(self._fallbacks, trouble)]

    def wait_s(self, failure: Failure, thrown: float) -> float | None:
        """How long to wait before the same target is asked again; None: not at all. `thrown`: 0 to 1."""
        retries = self._retries
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
