"""Counting on after a restart: what was used before this process counted comes from the ledger.

Counters of an hour and longer start with what the ledger's records say was used in their span; shorter ones start
empty. A limit that a reload brings in starts the same way. What had not reached the ledger when it was asked (calls
that were under way at a reload) is not in it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from itertools import chain, pairwise
from typing import Protocol

import msgspec

from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.limits.bounds import Bound, Need
from gateway.limits.local import LONG_S
from gateway.limits.matching import Asked
from gateway.limits.rules import LimitPolicy
from gateway.limits.windows import longest_s

_log = logging.getLogger("gateway.limits")
TICK_S = 0.5


class Spending(msgspec.Struct, frozen=True):
    """What one caller used of one model about one time.

    Attributes:
        at: Unix seconds; of several calls added up, about when they began: to the hour, and rather too late.
        model: the card's name, as limits match it. need: added up; `requests`: how many calls, of those that were
            sent or answered. nano: of priced calls.
    """

    at: float
    caller: Principal
    model: str
    asked: Asked
    need: Need


# (since, until, by): what was used by calls that began at or after `since` and before `until`, in Unix seconds. `by`:
# what has to be kept apart besides tenant, team, key and model: `user`, `prompt`, `agent`, `run`, `facts` (labels and
# claims); the rest may be left empty. It blocks, and is asked in a thread.
Spent = Callable[[float, float, Collection[str]], Iterable[Spending]]


class Seedable(Protocol):
    """Counters that can be told what was used before they counted. `time`: Unix seconds, as they count by."""

    time: Callable[[], float]

    def seed(self, seeds: Iterable[tuple[Bound, float, int]], since: float) -> None: ...


class Seeding:
    """Seeds counters when asked, and again whenever the limits have changed.

    Args:
        failed: told when the ledger could not be asked. Counters start empty then; the next change asks again.
    """

    def __init__(
        self,
        counters: Seedable,
        limits: Live[LimitPolicy],
        spent: Spent,
        failed: Callable[[Exception], None],
    ) -> None:
        self._counters = counters
        self._limits = limits
        self._spent = spent
        self._failed = failed
        self._version = ""

    async def seed(self, since: float) -> None:
        """Ask for everything before `since`, from when on the limits in force are counted here."""
        policy = self._limits.value
        self._version = policy.version
        try:
            seeds = await asyncio.to_thread(seeds_of, policy, self._spent, since)
        except Exception as error:  # noqa: BLE001  a border: a ledger that cannot be read must not stop calls
            _log.error("what was used before cannot be read from the ledger; limits start from nothing: %s", error)
            self._failed(error)
            return
        self._counters.seed(seeds, since)

    async def watch(self) -> None:
        """Look for changed limits, for ever. A limit counts from the reload on; what was used before the last look is
        the ledger's to tell, so at most what was used between the two is missed."""
        while True:
            looked = self._counters.time()
            await asyncio.sleep(TICK_S)
            if self._limits.value.version != self._version:
                await self.seed(looked)


def seeds_of(
    policy: LimitPolicy, spent: Spent, until: float, began: float | None = None
) -> list[tuple[Bound, float, int]]:
    """(bound, Unix seconds, amount) for everything that counters of long spans would have counted before `until`.

    Args:
        began: since when some of them may have been counting (Unix seconds): nothing is added up across that moment.
    """
    spans = [longest_s(span) for span in policy.spans if longest_s(span) >= LONG_S]
    if not spans:
        return []
    found: list[tuple[Bound, float, int]] = []
    since = until - max(spans)
    cuts = [since, until] if began is None or not since < began < until else [since, began, until]
    for one in chain.from_iterable(spent(first, last, policy.kept_apart) for first, last in pairwise(cuts)):
        for bound in policy.found(one.caller, one.model, until, one.asked):
            amount = one.need.of(bound.dimension)
            if amount and bound.dimension != "concurrent_requests" and longest_s(bound.span) >= LONG_S:
                found.append((bound, one.at, amount))
    return found
