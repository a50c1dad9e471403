"""What holds while Redis is away: this worker's part of a limit, nothing, or anything, as each limit says."""

from collections.abc import Callable, Sequence

import msgspec

from gateway.limits.bounds import Bound, Level, Need, Refusal
from gateway.limits.local import LocalCounters, LocalHold

RETRY_S = 1.0
MAX_KNOWN = 200_000


class AwayHold(msgspec.Struct):
    """A reservation in this process. `owed`: calendar bounds that Redis is to hear of once it is back."""

    local: LocalHold
    levels: Sequence[Level]
    warned: Sequence[Bound]
    owed: Sequence[Bound]


class LocalShare:
    """The worker's own counters, and what it last knew.

    Of a sliding window and of what is under way a worker takes the limit divided by the workers last known. Of a
    calendar period it takes that part of what was left when Redis was last heard. So each time that Redis is away, a
    worker can overshoot a budget by its part of what others used since it last heard of that budget; one that never
    heard of it takes the whole for what was left.

    Attributes:
        workers: how many there are, as far as is known. episode: how many times Redis has been away.
        owed: by bound's key: the bound and what was used of it here since Redis went away.
    """

    def __init__(self, local: LocalCounters, workers: int, now: Callable[[], float]) -> None:
        self._local = local
        self._now = now
        self._known: dict[str, tuple[int, float]] = {}
        self.workers = workers
        self.episode = 0
        self.owed: dict[str, tuple[Bound, int]] = {}

    def heard(self, bound: Bound, used: int, reset_s: float) -> None:
        """How full a calendar bound is, by Redis or by the ledger."""
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[bound.key] = (used, self._now() + reset_s)

    def went_away(self) -> None:
        """What is used of a calendar period from now on is a part of what is left now."""
        self.episode += 1

    def decide(self, bounds: Sequence[Bound], need: Need) -> AwayHold | Refusal:
        for bound in bounds:
            # A limit that never refuses does not begin to when nobody counts.
            if bound.on_store_failure == "refuse" and bound.on_exceeded != "warn":
                return Refusal(bound, self._used(bound), RETRY_S, store_away=True)
        shared = [bound for bound in bounds if bound.on_store_failure == "local_share"]
        local = self._local.decide([self._part(bound) for bound in shared], need)
        if isinstance(local, Refusal):
            return local
        levels = iter(local.levels)
        counted = [next(levels) if bound.on_store_failure == "local_share" else self._level(bound) for bound in bounds]
        owed = [bound for bound in bounds if bound.span.kind == "calendar"]
        return AwayHold(local, counted, local.warned, owed)

    def settle(self, hold: AwayHold, used: Need) -> None:
        self._local.settle(hold.local, used)
        for bound in hold.owed:
            if amount := used.of(bound.dimension):
                self.owe(bound, amount)

    def owe(self, bound: Bound, amount: int) -> None:
        self.owed[bound.key] = (bound, self.owed.get(bound.key, (bound, 0))[1] + amount)

    def forget_owed(self, heard: Callable[[Bound], bool]) -> None:
        """Redis has heard of these bounds from somebody who knows it all."""
        self.owed = {key: owed for key, owed in self.owed.items() if not heard(owed[0])}

    def take_owed(self) -> Sequence[tuple[Bound, int]]:
        """What Redis has not heard of, once."""
        owed, self.owed = list(self.owed.values()), {}
        return owed

    def levels(self, bounds: Sequence[Bound]) -> Sequence[Level]:
        return [self._level(bound) for bound in bounds]

    def _used(self, bound: Bound) -> int:
        used, until = self._known.get(bound.key, (0, 0.0))
        return used if self._now() < until else 0

    def _level(self, bound: Bound) -> Level:
        _, until = self._known.get(bound.key, (0, 0.0))
        return Level(bound, self._used(bound), max(0.0, until - self._now()))

    def _part(self, bound: Bound) -> Bound:
        if bound.span.kind != "calendar":
            return msgspec.structs.replace(bound, maximum=max(1, bound.maximum // self.workers))
        left = max(0, bound.maximum - self._used(bound))
        # The next time Redis has heard of what was used now, and it is no longer a part of what is left.
        return msgspec.structs.replace(bound, maximum=left // self.workers, key=f"{bound.key}#{self.episode}")
