"""Borrowing from limits in Redis, so that most calls need not ask: a worker reserves what it expects to need, hands
that out call by call, and returns the rest.

A loan is good for `lease_ms`, and never beyond the slice of the window that it was counted in. What it takes is counted
in Redis before anything is handed out, so a limit is not overshot. What is lent and not yet used is missing elsewhere:
at most what each worker used in the last `lease_ms`, and a quarter more; as a limit comes near, each loan is at most
half of what is left, down to the one call that asks.

Lent are requests and tokens over sliding windows. Calls under limits on money, on calendar periods or on what is under
way ask each time: of those little is at stake in a few milliseconds, and much in being wrong.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from gateway.limits.asking import Admitted, Asking, Question
from gateway.limits.bounds import Bound, Left, Level, Need, Refusal, tightest
from gateway.limits.plans import Group
from gateway.limits.settling import Settling

MORE_THAN_LAST = 1.25
# A refusal holds for whoever asks a moment later for as much.
REFUSED_S = 0.005
MAX_LEASES = 50_000


class Loan:
    """What was borrowed for one group of bounds, and what of it is taken."""

    __slots__ = ("began", "closed", "good_until", "granted", "levels", "member", "taken")

    def __init__(self, found: Admitted, began: float, lease_s: float) -> None:
        self.member = found.member
        self.levels = found.levels
        self.granted = found.granted
        self.taken = [0] * len(found.granted)
        self.began = began
        # From when it was asked for, not from when it came: the server's clock has not waited.
        self.good_until = began + min(lease_s, min(found.good_for_ms) / 1000)
        self.closed = False

    def take(self, needs: Sequence[int], now: float) -> bool:
        if self.closed or now >= self.good_until:
            return False
        taken = self.taken
        for place, need in enumerate(needs):
            if need and taken[place] + need > self.granted[place]:
                return False
        self.give(needs)
        return True

    def give(self, needs: Sequence[int]) -> None:
        for place, need in enumerate(needs):
            self.taken[place] += need


class Lease:
    """A group's loans, one after the other. `usual`: what it takes of each bound in a lease's time, lately; `beside`:
    what calls took for themselves since a loan was returned."""

    __slots__ = ("beside", "borrowing", "group", "loan", "refusal", "refused_needs", "refused_until", "usual")

    def __init__(self, group: Group) -> None:
        self.group = group
        self.loan: Loan | None = None
        self.borrowing = False
        self.usual = [0.0] * len(group.bounds)
        self.beside = [0] * len(group.bounds)
        self.refusal: Refusal | None = None
        self.refused_needs: Sequence[int] = ()
        self.refused_until = 0.0

    def refuses(self, needs: Sequence[int], now: float) -> Refusal | None:
        if self.refusal is None or now >= self.refused_until:
            return None
        as_much = all(need >= refused for need, refused in zip(needs, self.refused_needs, strict=True))
        return self.refusal if as_much else None


class Leased:
    """A call's part of a loan. `amounts`: what it took, in the group's order."""

    __slots__ = ("_least", "amounts", "group", "levels", "loan", "settled", "warned")

    def __init__(self, group: Group, loan: Loan, amounts: Sequence[int]) -> None:
        self.group = group
        self.loan = loan
        self.amounts = amounts
        self.settled = False
        self.levels: Sequence[Level] = [
            Level(level.bound, level.used - granted + taken, level.reset_s)
            for level, granted, taken in zip(loan.levels, loan.granted, loan.taken, strict=True)
        ]
        self._least = tightest(self.levels)
        self.warned: Sequence[Bound] = [
            group.bounds[place] for place in group.warning if self.levels[place].used > group.bounds[place].maximum
        ]

    def least(self, place: int) -> Left | None:
        return self._least[place]


class Leases:
    """Belongs to one event loop."""

    def __init__(self, asking: Asking, settling: Settling, lease_s: float, now: Callable[[], float]) -> None:
        self._asking = asking
        self._settling = settling
        self._lease_s = lease_s
        self._now = now
        self._leases: dict[tuple[bytes, ...], Lease] = {}

    async def reserve(self, group: Group, need: Need) -> Leased | Refusal | None:
        """None: Redis is away."""
        needs = group.needs(need)
        lease = self._lease(group)
        if (known := self._at_hand(lease, needs)) is not None:
            return known
        return await (self._beside(lease, needs) if lease.borrowing else self._borrowed(lease, needs))

    def _at_hand(self, lease: Lease, needs: Sequence[int]) -> Leased | Refusal | None:
        """What can be told without asking; None: nothing."""
        now = self._now()
        loan = lease.loan
        if loan is not None and loan.take(needs, now):
            return Leased(lease.group, loan, needs)
        return lease.refuses(needs, now)

    async def _borrowed(self, lease: Lease, needs: Sequence[int]) -> Leased | Refusal | None:
        found = await self._borrow(lease, needs)
        if not isinstance(found, Loan):
            return found
        # Also where its slice has ended on the way, and nobody else gets of it: Redis decided for the call that asked.
        found.give(needs)
        return Leased(lease.group, found, needs)

    async def _beside(self, lease: Lease, needs: Sequence[int]) -> Leased | Refusal | None:
        """While another borrows: what this call needs and no more. To wait for the loan and ask only if that is not
        enough takes two answers, and near a limit as many as there are calls; and those whose time is over by then must
        not be decided here: Redis is there, and would not hear of them."""
        began = self._now()
        question = self._asking.ask(lease.group, needs, needs)
        found = None if question is None else await self._answer(question)
        if isinstance(found, Refusal):
            # The loan was asked for first, so it is there: what is left of it is missing in Redis.
            known = self._at_hand(lease, needs)
            return self._noted(lease, found, needs) if known is None else known
        if found is None:
            return None
        loan = Loan(found, began, self._lease_s)
        loan.give(needs)
        for place, need in enumerate(needs):
            lease.beside[place] += need
        leased = Leased(lease.group, loan, needs)
        self._return(lease.group, loan)
        return leased

    def settle(self, hold: Leased, used: Need) -> None:
        """While the loan is open, what is left of an estimate can be handed out again."""
        group, loan = hold.group, hold.loan
        truths = group.used(used)
        if not loan.closed:
            for place, (truth, amount) in enumerate(zip(truths, hold.amounts, strict=True)):
                loan.taken[place] += truth - amount
            if any(taken > granted for taken, granted in zip(loan.taken, loan.granted, strict=True)):
                # More was used than was borrowed: Redis is to know at once.
                self._close(self._leases.get(group.keys), loan)
            return
        self._correct(group, loan, truths, hold.amounts)

    def close(self) -> None:
        """Return everything."""
        for lease in self._leases.values():
            self._close(lease, lease.loan)
        self._leases.clear()

    def _lease(self, group: Group) -> Lease:
        lease = self._leases.get(group.keys)
        if lease is None or lease.group is not group:
            if lease is not None:
                self._close(lease, lease.loan)
            if len(self._leases) >= MAX_LEASES:
                self.close()
            lease = self._leases[group.keys] = Lease(group)
        return lease

    async def _borrow(self, lease: Lease, needs: Sequence[int]) -> Loan | Refusal | None:
        asks = [max(need, int(usual * MORE_THAN_LAST)) for need, usual in zip(needs, lease.usual, strict=True)]
        began = self._now()
        question = self._asking.ask(lease.group, needs, asks)
        if question is None:
            return None
        lease.borrowing = True
        try:
            found = await self._answer(question)
        finally:
            lease.borrowing = False
        if isinstance(found, Refusal):
            return self._noted(lease, found, needs)
        if found is None:
            return None
        self._close(lease, lease.loan)
        lease.loan = loan = Loan(found, began, self._lease_s)
        asyncio.get_running_loop().call_later(max(0.0, loan.good_until - self._now()), self._close, lease, loan)
        return loan

    def _noted(self, lease: Lease, refusal: Refusal, needs: Sequence[int]) -> Refusal:
        lease.refusal, lease.refused_needs = refusal, needs
        lease.refused_until = self._now() + min(REFUSED_S, refusal.retry_after_s)
        return refusal

    async def _answer(self, question: Question) -> Admitted | Refusal | None:
        try:
            return await self._asking.answer(question)
        except asyncio.CancelledError:
            question.abandon()
            raise

    def _close(self, lease: Lease | None, loan: Loan | None) -> None:
        """Return what is not taken."""
        if lease is None or loan is None or loan.closed:
            return
        lasted = max(0.001, self._now() - loan.began)
        for place, taken in enumerate(loan.taken):
            # Half of what it was, half of what it is.
            lease.usual[place] = (lease.usual[place] + (taken + lease.beside[place]) * self._lease_s / lasted) / 2
            lease.beside[place] = 0
        if lease.loan is loan:
            lease.loan = None
        self._return(lease.group, loan)

    def _return(self, group: Group, loan: Loan) -> None:
        loan.closed = True
        self._settling.settle(group.tag, loan.member, loan.taken)

    def _correct(self, group: Group, loan: Loan, truths: Sequence[int], amounts: Sequence[int]) -> None:
        """The loan has been settled with the estimate: change the very buckets that it was counted in."""
        _, *held = msgspec.msgpack.decode(loan.member)
        for place, (truth, amount) in enumerate(zip(truths, amounts, strict=True)):
            key, field, _, slices = held[4 * place : 4 * place + 4]
            self._settling.change(group.tag, key, field, truth - amount, slices)
