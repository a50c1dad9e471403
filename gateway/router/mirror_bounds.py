"""How much of a mirror there may be: so many at once, and so much money a day. Plain figures of one worker."""

from gateway.core.money import NANO
from gateway.router.document import Mirror

DAY_S = 86_400.0


class Bounds:
    """Of one mirror. What one under way may cost is reserved, and settled to the truth.

    Attributes:
        in_flight: under way. spent: nano-units since the day began; reserved: of those under way.
    """

    __slots__ = ("_day", "in_flight", "reserved", "spent")

    def __init__(self) -> None:
        self.in_flight = self.spent = self.reserved = self._day = 0

    def too_dear(self, mirror: Mirror, estimate: int | None, now: float) -> str:
        """Why another must not be made, in a word; empty: it may, and what it may cost is reserved. `estimate`: in
        nano-units, None without a known price; `now`: Unix seconds."""
        if mirror.cost_per_day is None:
            return ""
        if estimate is None:
            return "unpriced"
        self._turn(now)
        if self.spent + self.reserved + estimate > mirror.cost_per_day * NANO:
            return "cost_per_day"
        self.reserved += estimate
        return ""

    def settle(self, mirror: Mirror, estimate: int | None, nano: int | None, now: float) -> None:
        """It is over and costs so much. What it used without a price counts as much as was reserved."""
        if mirror.cost_per_day is None:
            return
        self._turn(now)
        self.reserved = max(0, self.reserved - (estimate or 0))
        self.spent += (estimate or 0) if nano is None else nano

    def _turn(self, now: float) -> None:
        if (day := int(now // DAY_S)) != self._day:
            self._day, self.spent = day, 0
