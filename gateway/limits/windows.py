"""A sliding-window counter: two aligned buckets, the older one counted by how much of it the window still covers.

    used(now) = current + previous × (1 − how far now is into the current bucket)

Admitting only while `used + amount <= limit` keeps every aligned window within the limit, because `current` alone
never exceeds it. A burst at the end of one bucket and another at the start of the next cannot both be full, because
the first is still counted against the second. It takes two numbers a counter, whatever the rate.
"""

import msgspec


class Window(msgspec.Struct):
    """One counter. `index`: number of the current bucket since the epoch of the clock that is used."""

    seconds: float
    index: int = -1
    current: int = 0
    previous: int = 0

    def roll(self, now: float) -> None:
        """Move to the bucket of `now`. A clock that steps back changes nothing."""
        index = int(now // self.seconds)
        if index <= self.index:
            return
        self.previous = self.current if index == self.index + 1 else 0
        self.current = 0
        self.index = index

    def used(self, now: float) -> float:
        """What counts against the limit at `now`. Call `roll` first."""
        if not self.previous:
            return self.current
        into = min(1.0, max(0.0, now / self.seconds - self.index))
        return self.current + self.previous * (1.0 - into)

    def wait_s(self, now: float, amount: int, limit: int) -> float:
        """Seconds until `amount` more would fit, if nothing else comes; a window's length if never."""
        over = self.used(now) + amount - limit
        if over <= 0:
            return 0.0
        left = (self.index + 1) * self.seconds - now
        # Within this bucket only the previous one shrinks; after it, what is now current does.
        if self.previous and over <= self.previous * left / self.seconds:
            return over * self.seconds / self.previous
        rest = self.current + amount - limit
        if rest <= 0:
            return left
        if amount > limit or not self.current:
            return self.seconds
        return left + rest * self.seconds / self.current

    def correct(self, taken_in: int, difference: int) -> None:
        """Settle a reservation made in bucket `taken_in`: add what was used beyond it, or give back (negative)."""
        if taken_in == self.index:
            self.current = max(0, self.current + difference)
        elif taken_in == self.index - 1:
            self.previous = max(0, self.previous + difference)
