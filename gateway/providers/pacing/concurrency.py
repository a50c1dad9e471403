"""How many calls may be under way: what the configuration sets, and what is found out where an upstream tells nothing.

Additive increase, multiplicative decrease: a refusal halves it, a round of answers adds one (Chiu, Jain 1989).
"""

from gateway.providers.pacing.meters import FORGET_S, INFINITY

BACK_OFF_S, MAX_BACK_OFF_S = 0.25, 8.0


class Concurrency:
    """Attributes:
    maximum: configured; None for none. learned: None until an upstream has refused. ceiling: the lower of them, or
        infinity. under_way: calls now.
    """

    __slots__ = ("_cut_at", "_refusals", "ceiling", "learned", "maximum", "under_way")

    def __init__(self, maximum: int | None = None) -> None:
        self.maximum = maximum
        self.learned: float | None = None
        self.under_way = 0
        self._cut_at = -1.0
        self._refusals = 0
        self._set_ceiling()

    def _set_ceiling(self) -> None:
        bounds = (INFINITY if self.maximum is None else self.maximum, self.learned or INFINITY)
        self.ceiling = min(bounds)

    @property
    def is_full(self) -> bool:
        return self.under_way + 1 > self.ceiling

    def refused(self, left_at: float, now: float) -> float:
        """The upstream has refused a call that left at a time; the seconds to hold back if it does not say itself.
        Calls that left before the last cut say nothing new."""
        if left_at >= self._cut_at:
            most = self.under_way if self.learned is None else min(self.learned, self.under_way)
            self.learned = max(1.0, most / 2)
            self._cut_at = now
            self._refusals += 1
            self._set_ceiling()
        return min(MAX_BACK_OFF_S, BACK_OFF_S * 2 ** min(10, self._refusals - 1))

    def answered(self, now: float) -> None:
        """The upstream has served a call."""
        self._refusals = 0
        if self.learned is not None:
            self.learned += 1 / self.learned
            # Long without a refusal, and with more room than anybody uses: nothing is learned any more.
            if now - self._cut_at > FORGET_S and self.learned > 2 * self.under_way:
                self.learned = None
            self._set_ceiling()
