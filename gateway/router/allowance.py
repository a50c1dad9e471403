"""How many attempts besides the first there may be: so that retries never multiply an outage."""

from gateway.router.document import RetryBudget

# Of so many seconds' traffic the share is saved up.
WINDOW_S = 10.0


class Allowance:
    """A bucket of attempts: each call puts its share in, each attempt besides the first takes one out."""

    __slots__ = ("_at", "_calls_per_s", "level")

    def __init__(self, budget: RetryBudget, now: float) -> None:
        self.level = float(budget.at_least)
        self._calls_per_s = 0.0
        self._at = now

    def called(self, now: float, budget: RetryBudget) -> None:
        """A call came; `budget`: in force. What is saved up is bounded by the share of a window's calls, as they come
        lately."""
        passed = now - self._at
        self._at = now
        # A moving rate: each call adds 1/window, and fades over a window.
        faded = self._calls_per_s * (1 - passed / WINDOW_S) if passed < WINDOW_S else 0.0
        self._calls_per_s = faded + 1 / WINDOW_S
        most = budget.at_least + budget.share * self._calls_per_s * WINDOW_S
        self.level += budget.share + passed * budget.at_least / WINDOW_S
        if self.level > most:
            self.level = most

    def take(self) -> bool:
        """Whether there may be one more attempt now; it is counted then."""
        if self.level < 1:
            return False
        self.level -= 1
        return True
