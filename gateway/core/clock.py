"""Time, randomness and ids as parameters, so that tests and simulations can own them."""

import os
import time
from collections.abc import Callable
from typing import Protocol


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


def uuid7(unix_ns: int, random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A UUID of version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then random. Sorts by time."""
    value = (unix_ns // 1_000_000 << 80) | int.from_bytes(random_bytes(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
