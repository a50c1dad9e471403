"""The bench's own load generator: so many connections, each sends its next request when its answer is complete.

Every answer is looked at: status, framing, and the body byte for byte where the contestant promises that, so that
errors cannot look like speed.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import cast

import msgspec

from tests.speed.http_reading import AnswerReader, Malformed

FINISH_WITHIN_S = 20.0
Check = Callable[[AnswerReader], str]
"""What is wrong with a complete answer, in a few words; empty if nothing."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a load saw. `wrong`: what was wrong with how many answers; latencies of right answers in µs."""

    answers: int
    wrong: dict[str, int]
    seconds: float
    p50_us: float
    p99_us: float

    @property
    def requests_per_s(self) -> float:
        return self.answers / self.seconds if self.seconds else 0.0


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; 0 of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


class Tally:
    """What all connections of one load add up to. `until`: monotonic time after which nothing new is sent."""

    def __init__(self, request: bytes, check: Check, until: float, connections: int) -> None:
        self.request = request
        self.check = check
        self.until = until
        self.latencies_us: list[float] = []
        self.wrong: Counter[str] = Counter()
        self.idle = asyncio.Event()
        self.open: set[asyncio.Transport] = set()
        self.busy = connections

    def retire(self) -> None:
        self.busy -= 1
        if not self.busy:
            self.idle.set()


class Connection(asyncio.Protocol):
    """One of the load's connections."""

    def __init__(self, tally: Tally, reconnect: Callable[[], None]) -> None:
        self._tally = tally
        self._reconnect = reconnect
        self._answer: AnswerReader | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it
        self._tally.open.add(self._transport)
        self._send()

    def _send(self) -> None:
        self._answer = AnswerReader()
        self._sent_at = time.perf_counter()
        self._transport.write(self._tally.request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            return
        try:
            answer.feed(data)
        except Malformed as error:
            self._end(str(error))
            return
        if not answer.complete:
            return
        took_us = (time.perf_counter() - self._sent_at) * 1e6
        if wrong := self._tally.check(answer):
            self._tally.wrong[wrong] += 1
        else:
            self._tally.latencies_us.append(took_us)
        if time.monotonic() >= self._tally.until:
            self._end()
        elif answer.closes:
            self._answer = None
            self._transport.close()
            self._reconnect()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.open.discard(self._transport)
        if self._answer is not None:
            self._end("the connection was closed before the answer was complete")

    def _end(self, wrong: str = "") -> None:
        if wrong:
            self._tally.wrong[wrong] += 1
        self._answer = None
        self._transport.close()
        self._tally.retire()


async def load(
    port: int, request: bytes, check: Check, connections: int, seconds: float, spread_s: float = 0.0
) -> Loaded:
    """Keep `connections` busy for `seconds`, then let what is under way finish; they begin spread over `spread_s`."""
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    tally = Tally(request, check, began + seconds, connections)
    tasks: set[asyncio.Task[None]] = set()

    async def connect() -> None:
        try:
            await loop.create_connection(lambda: Connection(tally, open_another), "127.0.0.1", port)
        except OSError as error:
            tally.wrong[f"no connection: {error.strerror}"] += 1
            tally.retire()

    def open_another() -> None:
        task = asyncio.create_task(connect())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for number in range(connections):
        loop.call_later(spread_s * number / connections, open_another)
    try:
        async with asyncio.timeout(seconds + FINISH_WITHIN_S):
            await tally.idle.wait()
    except TimeoutError:
        tally.wrong["no complete answer in time"] += tally.busy
    latencies = sorted(tally.latencies_us)
    seen = Loaded(
        answers=len(latencies),
        wrong=dict(tally.wrong),
        seconds=time.monotonic() - began,
        p50_us=percentile(latencies, 0.5),
        p99_us=percentile(latencies, 0.99),
    )
    for transport in tuple(tally.open):
        transport.abort()
    await asyncio.sleep(0)
    return seen
