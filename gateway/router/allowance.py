"""How many attempts besides the first there may be: so that retries never multiply an outage."""

from gateway.router.document import RetryBudget

# Of so many seconds' traffic the share is saved up.
WINDOW_S = 10.0


class Allowance:
    """A bucket of attempts: each call puts its share in, each attempt besides the first takes one out."""

    __slots__ = ("_at", "_calls", "level")

    def __init__(self, budget: RetryBudget, now: float) -> None:
        self.level = float(budget.at_least)
        self._calls = 0.0  # that came lately: each counts for one, and fades over a window
        self._at = now

    def called(self, now: float, budget: RetryBudget) -> None:
        """A call came; `budget`: in force. What is saved up is bounded by the share of a window's calls, as they come
        lately."""
        passed = now - self._at
        self._at = now
        windows, share, at_least = passed / WINDOW_S, budget.share, budget.at_least
        calls = self._calls = 1.0 if windows >= 1 else 1.0 + self._calls * (1 - windows)
        level, most = self.level + share + windows * at_least, at_least + share * calls
        self.level = min(most, level)

    def take(self) -> bool:
        """Whether there may be one more attempt now; it is counted then."""
        if self.level < 1:
            return False
        self.level -= 1
        return True
