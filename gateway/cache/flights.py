"""One upstream call for all that ask the same at once.

waiting call     leader's answer is kept            → takes it
                 leader's stream has begun          → reads it as it comes
                 leader failed, or hung up          → the first in line leads now; the others wait on
                 leader's answer may not be shared  → all ask for themselves
                 waited too long                    → asks for itself
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from gateway.cache.entries import Entry
from gateway.cache.sharing import SharedStream


class Word(Enum):
    """What a waiting call is told where there is no answer for it. LEAD: to ask the upstream in the leader's place.
    ALONE: to ask for itself."""

    LEAD = "lead"
    ALONE = "alone"


class Found(NamedTuple):
    """An answer that is given. `by_meaning`: it is a like question's."""

    entry: Entry
    by_meaning: bool = False


Given = Found | SharedStream | Word


class Flight:
    """The calls that wait for one answer. The leader says once how its call went; a leader after it, once again."""

    __slots__ = ("_flights", "_key", "_stream", "_waiting")

    def __init__(self, key: bytes, flights: dict[bytes, "Flight"]) -> None:
        self._key = key
        self._flights = flights
        self._stream: SharedStream | None = None
        self._waiting: deque[asyncio.Future[Given]] = deque()

    async def join(self, timeout_s: float) -> Given:
        """What the call is to do. Whoever is told to lead says how that went."""
        if self._stream is not None:
            return _still(self._stream)
        given: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        self._waiting.append(given)
        try:
            async with asyncio.timeout(timeout_s):
                return _still(await given)
        except TimeoutError:
            self._left(given)
            return Word.ALONE
        except asyncio.CancelledError:
            self._left(given)
            raise

    def kept(self, found: Found) -> None:
        self._end(found)

    def streams(self, stream: SharedStream) -> None:
        """The answer has begun. Calls that come before it has ended join it."""
        self._stream = stream
        self._tell(stream)

    def failed(self) -> None:
        """There is no answer: the next in line tries."""
        for given in self._next():
            given.set_result(Word.LEAD)
            return
        self._end(Word.ALONE)

    def dissolve(self) -> None:
        """The answer is for the leader alone, and so will be those of the others."""
        self._end(Word.ALONE)

    def _left(self, given: "asyncio.Future[Given]") -> None:
        """Somebody waits no longer: what it was told just then is for the next."""
        if given.done() and not given.cancelled() and given.result() is Word.LEAD:
            self.failed()

    def _next(self) -> "Iterator[asyncio.Future[Given]]":
        while self._waiting:
            given = self._waiting.popleft()
            if not given.done():
                yield given

    def _tell(self, word: Given) -> None:
        for given in self._next():
            given.set_result(word)

    def _end(self, word: Given) -> None:
        if self._flights.get(self._key) is self:
            del self._flights[self._key]
        self._tell(word)


def _still(given: Given) -> Given:
    """What is told may be over when it is heard: nobody would feed who reads a stream that all others have left."""
    return Word.ALONE if isinstance(given, SharedStream) and not given.joinable else given


class Flights:
    """All of a worker's."""

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def under_way(self, key: bytes) -> Flight | None:
        return self._flights.get(key)

    def begin(self, key: bytes) -> Flight:
        """A flight whose leader the caller is."""
        flight = self._flights[key] = Flight(key, self._flights)
        return flight
