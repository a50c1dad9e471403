"""Time, randomness and ids as parameters, so that tests and simulations can own them."""

import os
import time
from collections.abc import Callable
from typing import Protocol

POOL_BYTES = 4096
# Of a random digit the two low bits stay, the two high ones say which kind of UUID it is.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Clock(Protocol):
    def now(self) -> float:
        """Unix time in seconds. May step."""
        ...

    def now_ns(self) -> int:
        """Unix time in nanoseconds. May step."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed point. Never steps back."""
        ...


class SystemClock:
    """The machine's clocks, without a Python frame in between: the hot path reads them several times a call."""

    now = staticmethod(time.time)
    now_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


class Noise:
    """Random bytes for ids, fetched from the system for hundreds of ids at once: asking it costs more than all the rest
    of an id. Not for secrets; for one thread, and not across a fork."""

    __slots__ = ("_at", "_fetch", "_held")

    def __init__(self, fetch: Callable[[int], bytes] = os.urandom) -> None:
        self._fetch = fetch
        self._held = b""
        self._at = 0

    def __call__(self, size: int) -> bytes:
        begin, end = self._at, self._at + size
        if end > len(self._held):
            self._held = self._fetch(max(size, POOL_BYTES))
            begin, end = 0, size
        self._at = end
        return self._held[begin:end]


def uuid7(unix_ns: int, random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A UUID of version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then random. Sorts by time."""
    noise, stamp = random_bytes(10).hex(), f"{unix_ns // 1_000_000:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7{noise[1:4]}-{_VARIANT[noise[4]]}{noise[5:8]}-{noise[8:]}"
