"""Time, randomness and ids as parameters, so that tests and simulations can own them."""

import os
import time
from collections.abc import Callable
from typing import Protocol

POOL_BYTES = 4096
IDS_AT_ONCE = 64
# Which of the bits of an id's random half say what kind of UUID it is, and so are not random.
_VERSION = bytes(0x70 | byte & 0x0F for byte in range(256))
_VARIANT = bytes(0x80 | byte & 0x3F for byte in range(256))


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
    return _stamp(unix_ns // 1_000_000) + _random_halves(random_bytes(10))[0]


class Ids:
    """The same for one who needs many, in half the time: the random halves are made many at once, the other once a
    millisecond. For one thread, and not across a fork."""

    __slots__ = ("_fetch", "_halves", "_ms", "_stamp")

    def __init__(self, fetch: Callable[[int], bytes] = os.urandom) -> None:
        self._fetch = fetch
        self._halves: list[str] = []
        self._ms = -1
        self._stamp = ""

    def __call__(self, unix_ns: int) -> str:
        ms = unix_ns // 1_000_000
        if ms != self._ms:
            self._ms, self._stamp = ms, _stamp(ms)
        if not self._halves:
            self._halves = _random_halves(self._fetch(10 * IDS_AT_ONCE))
        return self._stamp + self._halves.pop()


def _stamp(unix_ms: int) -> str:
    digits = f"{unix_ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-"


def _random_halves(noise: bytes) -> list[str]:
    """What follows the stamp, of each ten random bytes."""
    bits = bytearray(noise)
    bits[0::10] = bits[0::10].translate(_VERSION)
    bits[2::10] = bits[2::10].translate(_VARIANT)
    digits = bits.hex()
    return [
        f"{digits[at : at + 4]}-{digits[at + 4 : at + 8]}-{digits[at + 8 : at + 20]}"
        for at in range(0, len(digits), 20)
    ]
