"""The money of a run: asked for before it is spent."""

import asyncio

import msgspec


class Reservation(msgspec.Struct, frozen=True, eq=False):
    """Money put aside for one asking. `who`: whose answers it is judged by; `nano`: how much, by the dearest of all
    where none of its own has come; 0: nobody knows."""

    who: str
    nano: int


class Purse:
    """Keeps what is spent, and what is put aside for those under way, below a ceiling.

    What an answer of an arm will cost is taken to be what its dearest so far has cost. As long as none has come, one
    question at a time is asked of it, and counts for as much as the dearest of any arm: that is the only one that
    nobody could foresee.

    Attributes:
        ceiling: nano-units; None: there is none. spent: nano-units, so far. unpriced: answers without a price.
    """

    def __init__(self, ceiling: int | None = None) -> None:
        self.ceiling = ceiling
        self.spent = 0
        self.unpriced = 0
        self._dearest: dict[str, int] = {}
        self._expected: dict[str, int] = {}
        self._open: set[Reservation] = set()
        self._changed = asyncio.Event()
        self._closed = False

    def learn(self, who: str, cost: int) -> None:
        """What an answer of an earlier part has cost."""
        self._dearest[who] = max(cost, self._dearest.get(who, 0))

    def expect(self, who: str, cost: int) -> None:
        """What a first answer is thought to cost, of one who is much like others: then that one is foreseen, too."""
        self._expected[who] = cost

    def under(self, ceiling: int | None) -> "Purse":
        """The same money and the same experience below another ceiling: open, with nothing under way."""
        purse = Purse(ceiling)
        purse.spent, purse.unpriced = self.spent, self.unpriced
        purse._dearest, purse._expected = dict(self._dearest), dict(self._expected)
        return purse

    async def wait_for(self, who: str) -> Reservation | None:
        """Money for one more question, as soon as those under way have left some; None: there is none left, or the
        purse was closed."""
        while not self._closed:
            if not self._must_wait(who):
                if (reservation := self._reserve(who)) is not None:
                    return reservation
                if not self._open:
                    return None
            changed = self._changed
            await changed.wait()
        return None

    def settle(self, reservation: Reservation, cost: int | None, *, teaches: bool = True) -> None:
        """It is over. `cost`: None: no price is known, and it counts as nothing. `teaches`: there is an answer, from
        which the next one's cost can be foreseen."""
        self._open.discard(reservation)
        if cost is None:
            self.unpriced += 1
        else:
            self.spent += cost
            if teaches:
                self.learn(reservation.who, cost)
        self._tell()

    def close(self) -> None:
        """Nobody gets any more of it."""
        self._closed = True
        self._tell()

    def _tell(self) -> None:
        """Wake all who wait; whoever comes to wait from now on waits for the next change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _must_wait(self, who: str) -> bool:
        """Whether an answer that is under way has to say first what one costs."""
        if self.ceiling is None or who in self._dearest:
            return False
        return any(one.who == who for one in self._open)

    def _put_aside(self) -> int:
        dearest = max(self._dearest.values(), default=0)
        return sum(self._dearest.get(one.who, dearest) for one in self._open)

    def _reserve(self, who: str) -> Reservation | None:
        known = self._dearest.get(who)
        nano = max(self._dearest.values(), default=0) if known is None else known
        if self.ceiling is not None:
            # What an unforeseen answer costs is known afterwards only; but where nothing is left, none is asked for.
            least = max(1, self._expected.get(who, 0)) if known is None else nano
            if least and self.spent + self._put_aside() + least > self.ceiling:
                return None
        reservation = Reservation(who, nano)
        self._open.add(reservation)
        return reservation
