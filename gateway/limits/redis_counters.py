"""Counters in Redis, shared by all workers of all replicas.

    reserve  one script decides all bounds of a call (in a Cluster: one for each tag, see below) by the server's clock
    settle   collected for a millisecond, then sent together
    renew    calls that are still under way keep their holds; those of a worker that died expire after `hold_s`

How far a limit can be overshot: not at all by what is reserved, from however many workers, because a script is the only
thing that runs in the server. As in one process, by what calls under way turn out to use beyond their estimates.

In a Cluster the bounds of a call may lie on two servers (the tenant's, and those of nobody in particular). Both are
asked at the same time, and where one refuses the other's hold is given back a round trip later: until then it counts,
so that another call may be refused that would have had room. None is admitted that has none.

While a server is away, `away.py` says what holds. What is lost with a server's memory is what `tending.py` cannot seed:
spans shorter than an hour, what a replica that took over had not yet been told, and what had ended and was not yet in
the ledger. Calls that were under way then count in full when they end. Of those that end while a server is away, a
counter that it does not have yet may hear from the ledger and from their worker: they count twice then, rather than not
at all.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, Self

from gateway.core.clock import Clock
from gateway.limits.asking import Admitted, Asking, Question
from gateway.limits.away import AwayHold, LocalShare
from gateway.limits.bounds import NOTHING, Bound, Left, Level, Need, Refusal, tightest
from gateway.limits.lanes import weightier
from gateway.limits.leases import Leased, Leases
from gateway.limits.local import LocalCounters
from gateway.limits.plans import Group, Plan, Plans, load_scripts
from gateway.limits.settling import Settling
from gateway.limits.store_options import LimitsStoreOptions
from gateway.limits.tending import Part, Seeds, Tending
from gateway.stores.redis import RedisOptions
from gateway.stores.redis_link import Link
from gateway.stores.redis_store import RedisStore


class StoreReports(Protocol):
    """What is told of the store. `reason`: a bounded word. An ending is dropped that Redis did not take in time."""

    def limit_store_failed(self, reason: str) -> None: ...

    def limit_store_answered(self, seconds: float) -> None: ...

    def limit_ending_dropped(self) -> None: ...


class RedisHold:
    """A reservation in Redis, and in this process for what could not be asked there."""

    __slots__ = ("_least", "away", "levels", "parts", "settled", "warned")

    def __init__(
        self, levels: Sequence[Level], warned: Sequence[Bound], parts: Sequence[Part], away: AwayHold | None
    ) -> None:
        self.levels = levels
        self._least = tightest(levels)
        self.warned = warned
        self.parts = parts
        self.away = away
        self.settled = False

    def least(self, place: int) -> Left | None:
        return self._least[place]


class RedisCounters:
    """`async with RedisCounters(...) as counters:` counts until the block ends.

    Args:
        worker: a word of its own for this process. workers: how many to take for granted before Redis was heard.
        seeds: what was used before counters began to count. ledger: a word for whose records that is made of; each
            ledger tells each counter once.
    """

    decide = None

    def __init__(
        self,
        options: LimitsStoreOptions,
        redis: RedisOptions,
        clock: Clock,
        reports: StoreReports,
        *,
        worker: str,
        workers: int = 1,
        seeds: Seeds | None = None,
        ledger: str = "ledger",
    ) -> None:
        scripts, timeout_s = load_scripts(), options.timeout_ms / 1000
        self.time = clock.now
        self._clock = clock
        self._reports = reports
        self._share = LocalShare(LocalCounters(clock), workers, clock.now)
        self.store = RedisStore(redis, scripts, timeout_s, self, self._connected, clock.monotonic)
        self._plans = Plans(scripts["reserve"], options.prefix, self.store.clustered)
        self._settling = Settling(self.store, scripts, self._plans.holds_key, reports.limit_ending_dropped)
        self._asking = Asking(self.store, options.hold_s, timeout_s, worker, self._give_back)
        self._tending = Tending(
            *(self.store, scripts, self._plans, self._settling, self._share, clock),
            hold_s=options.hold_s,
            worker=worker,
            seeds=seeds,
            ledger=ledger,
        )
        self._leases = None
        if options.mode == "lease":
            self._leases = Leases(self._asking, self._settling, options.lease_ms / 1000, clock.monotonic)
        self._stack = contextlib.AsyncExitStack()
        self._up = False

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.store)
        await self._stack.enter_async_context(self._tending)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._leases is not None:
            self._leases.close()
        await self._stack.aclose()

    async def reserve(self, bounds: Sequence[Bound], need: Need) -> RedisHold | Leased | Refusal:
        plan = self._plans.plan(bounds, self._clock.now())
        if self._leases is not None and plan.leasable:
            leased = await self._leases.reserve(plan.groups[0], need)
            # Not asked again: it has waited already.
            return await self._reserve(plan, need, asks=False) if leased is None else leased
        return await self._reserve(plan, need)

    async def _reserve(self, plan: Plan, need: Need, *, asks: bool = True) -> RedisHold | Refusal:
        questions: list[Question] = []
        away: list[Group] = []
        for group in plan.groups:
            question = self._asking.ask(group, group.needs(need)) if asks else None
            if question is None:
                away.append(group)
            else:
                questions.append(question)
        admitted: list[tuple[Group, Admitted]] = []
        refused: Refusal | None = None
        for place, question in enumerate(questions):
            try:
                found = await self._asking.answer(question)
            except asyncio.CancelledError:
                for unheard in questions[place:]:
                    unheard.abandon()
                self._undo(admitted)
                raise
            if found is None:
                away.append(question.group)
            elif isinstance(found, Refusal):
                refused = weightier(refused, found)
            else:
                admitted.append((question.group, found))
        instead: AwayHold | None = None
        if refused is None and away:
            decided = self._share.decide([bound for group in away for bound in group.bounds], need)
            if isinstance(decided, Refusal):
                refused = decided
            else:
                instead = decided
        if refused is not None:
            self._undo(admitted)
            return refused
        return self._held(plan, admitted, away, instead)

    def settle(self, hold: Any, used: Need) -> None:
        """Replace the estimate by the truth. A second time changes nothing."""
        if hold.settled:
            return
        hold.settled = True
        if isinstance(hold, Leased):
            assert self._leases is not None, "leased by somebody else"
            self._leases.settle(hold, used)
            return
        for part in hold.parts:
            self._tending.open.pop(part.member, None)
            self._settling.settle(part.group.tag, part.member, part.group.used(used))
        if hold.away is not None:
            self._share.settle(hold.away, used)

    def seed(self, seeds: Iterable[tuple[Bound, float, int]], since: float) -> None:  # noqa: ARG002
        """Tell counters in Redis what was used before. Each knows itself since when it counts, and hears it once."""
        self._tending.tell(list(seeds))

    async def levels(self, bounds: Sequence[Bound]) -> Sequence[Level]:
        plan = self._plans.plan(bounds, self._clock.now())
        questions = [(group, self._asking.look(group)) for group in plan.groups]
        levels: dict[int, Level] = {}
        for group, question in questions:
            found = None if question is None else await self._asking.answer(question)
            known = self._share.levels(group.bounds) if found is None else found.levels
            levels.update(zip(group.places, known, strict=True))
        return [levels[place] for place in range(len(bounds))]

    def changed(self, up: bool) -> None:  # noqa: ARG002  of one link; there may be others
        """A server came or went."""
        if self.store.up != self._up:
            self._up = not self._up
            if self._up:
                self._tending.pay_back()
                self._settling.flush()
            else:
                self._share.went_away()

    def failed(self, reason: str) -> None:
        self._reports.limit_store_failed(reason)

    def answered(self, seconds: float) -> None:
        self._reports.limit_store_answered(seconds)

    async def _connected(self, link: Link) -> None:
        await self._tending.connected(link)

    def _held(
        self, plan: Plan, admitted: Sequence[tuple[Group, Admitted]], away: Sequence[Group], instead: AwayHold | None
    ) -> RedisHold:
        now = self._clock.monotonic()
        parts: list[Part] = []
        warned: list[Bound] = []
        for group, found in admitted:
            part = Part(group, found.member, now)
            self._tending.open[found.member] = part
            parts.append(part)
            for place in group.warning:
                if found.levels[place].used > group.bounds[place].maximum:
                    warned.append(group.bounds[place])
            for place in group.calendar:
                level = found.levels[place]
                self._share.heard(level.bound, level.used, level.reset_s)
        if len(admitted) == 1 and not away:
            return RedisHold(admitted[0][1].levels, warned, parts, None)
        levels: dict[int, Level] = {}
        for group, found in admitted:
            levels.update(zip(group.places, found.levels, strict=True))
        if instead is not None:
            warned.extend(instead.warned)
            levels.update(zip((place for group in away for place in group.places), instead.levels, strict=True))
        return RedisHold([levels[place] for place in range(len(plan.bounds))], warned, parts, instead)

    def _undo(self, admitted: Sequence[tuple[Group, Admitted]]) -> None:
        for group, found in admitted:
            self._give_back(group, found.member)

    def _give_back(self, group: Group, member: bytes) -> None:
        self._settling.settle(group.tag, member, group.used(NOTHING))
