"""What comes after an attempt that failed: a decision without a clock or a wire."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.core.attempt import Role
from gateway.core.model import Permit
from gateway.router.document import Fallback, Retries, Trouble
from gateway.router.troubles import REMEDIES, undone


class Failure(msgspec.Struct, frozen=True):
    """How an attempt failed. `status`: of the upstream's answer, 0 without one; `after_s`: its `retry-after`."""

    trouble: Trouble
    status: int = 0
    after_s: float | None = None


class Next(msgspec.Struct, frozen=True):
    """The next attempt: whom to ask, in which role, and after how many seconds."""

    permit: Permit
    role: Role
    after_s: float = 0.0


class Trying:
    """The attempts of one call.

    Attributes:
        rest: targets that were not asked yet, best first. names: fallbacks by trouble, not yet judged.
    """

    __slots__ = ("_names", "_repeatable", "_retries", "again", "count", "rest")

    def __init__(
        self,
        plan: Sequence[Permit],
        retries: Retries,
        fallbacks: Mapping[Fallback, tuple[str, ...]],
        *,
        repeatable: bool,
    ) -> None:
        self.rest = list(plan)
        self.count = self.again = 0
        self._retries = retries
        self._names = fallbacks
        self._repeatable = repeatable

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
        names = self._names
        if not names:
            return ()
        found = (*names.get(failure.trouble, ()), *names.get("any", ()))
        self._names = {trouble: others for trouble, others in names.items() if trouble not in (failure.trouble, "any")}
        return found

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
