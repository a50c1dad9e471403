"""Open-loop load: calls leave when their time has come, whether or not earlier ones were answered.

A closed loop would send less the slower the answers come, and so hide the very queues that are to be seen. Latency is
from the moment a call is sent. Nothing that is measured can make a call leave late, only this process can; how late it
was is told (`lag_s`), so that a busy machine is not mistaken for a slow gateway.
"""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from typing import cast

import msgspec

from tests.fleet import answers
from tests.speed.http_reading import AnswerReader, Malformed, request_bytes

PATH = "/v1/chat/completions"


class Aim(msgspec.Struct, frozen=True):
    """What is asked for (`route`, a model's name), and under which name it is counted (`group`)."""

    route: str
    group: str
    stream: bool = False


class Shot(msgspec.Struct, frozen=True):
    """One call. `sent_s`: since the load began. `wrong`: what was wrong with its answer, in a few words; empty if
    nothing. `lag_s`: how much later than planned it was sent."""

    group: str
    sent_s: float
    took_s: float
    wrong: str
    lag_s: float


class Connection(asyncio.Protocol):
    """One of the load's connections: idle in its pool, or with one call under way."""

    def __init__(self, load: "OpenLoop") -> None:
        self._load = load
        self._reader: AnswerReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it

    def send(self, call: "Sent", request: bytes) -> None:
        self._call, self._reader = call, AnswerReader()
        call.connection = self
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            return
        try:
            reader.feed(data)
        except Malformed as error:
            self.give_up(str(error))
            return
        if reader.complete:
            self._reader = None
            self._load.answered(self._call, reader)
            if reader.closes:
                self.transport.close()
            else:
                self._load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._load.idle:
            self._load.idle.remove(self)
        self.give_up("the connection was closed before the answer was complete")

    def give_up(self, wrong: str) -> None:
        """Hang up; nothing happens where nothing is under way."""
        if self._reader is not None:
            self._reader = None
            self._load.ended(self._call, wrong)
            self.transport.abort()


class Sent:
    """A call under way."""

    __slots__ = ("aim", "at", "connection", "lag_s", "nonce", "timer")

    def __init__(self, aim: Aim, nonce: str, at: float, lag_s: float) -> None:
        self.aim, self.nonce, self.at, self.lag_s = aim, nonce, at, lag_s
        self.connection: Connection | None = None
        self.timer: asyncio.TimerHandle | None = None


class OpenLoop:
    """`await OpenLoop(port, key, timeout_s).run(aims, rate_per_s, seconds)`.

    Attributes:
        timeout_s: a caller's patience: without a whole answer by then it hangs up, and the call has failed.
        shots: those that ended so far.
    """

    def __init__(self, port: int, key: str, timeout_s: float = 5.0, seed: int = 1) -> None:
        self.timeout_s = timeout_s
        self.idle: list[Connection] = []
        self.shots: list[Shot] = []
        self.began = 0.0
        self._port = port
        self._headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        self._chance = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._under_way: set[Sent] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._number = 0

    async def run(self, aims: Sequence[Aim], rate_per_s: float, seconds: float, *, poisson: bool = True) -> list[Shot]:
        """Ask for one aim after the other, so many calls a second in all (`poisson`: at random moments), and wait for
        what is under way at the end."""
        self.began = time.perf_counter()
        at = 0.0
        while True:
            at += self._chance.expovariate(rate_per_s) if poisson else 1 / rate_per_s
            if at >= seconds:
                break
            early_s = self.began + at - time.perf_counter()
            if early_s > 0:
                await asyncio.sleep(early_s)
            self._send(aims[self._number % len(aims)], at)
            if self._number % 64 == 0:
                await asyncio.sleep(0)  # a load that is late still reads its answers
        left_s = seconds - (time.perf_counter() - self.began)
        if left_s > 0:
            await asyncio.sleep(left_s)
        while self._under_way:
            await asyncio.sleep(0.01)
        for connection in tuple(self.idle):
            connection.transport.abort()
        await asyncio.sleep(0)
        return self.shots

    def _send(self, aim: Aim, at: float) -> None:
        self._number += 1
        nonce = f"{aim.group}-{self._number}"
        now = time.perf_counter()
        call = Sent(aim, nonce, now, now - self.began - at)
        self._under_way.add(call)
        call.timer = self._loop.call_later(self.timeout_s, self._out_of_patience, call)
        body = answers.question(aim.route, nonce, stream=aim.stream)
        request = request_bytes(self._port, "POST", PATH, body, self._headers)
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                connection.send(call, request)
                return
        task = asyncio.create_task(self._connect(call, request))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, call: Sent, request: bytes) -> None:
        try:
            _, connection = await self._loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
        except OSError as error:
            self.ended(call, f"no connection: {os.strerror(error.errno or 0)}")
            return
        if call in self._under_way:
            connection.send(call, request)
        else:
            connection.transport.abort()

    def _out_of_patience(self, call: Sent) -> None:
        if call.connection is None:
            self.ended(call, "no answer in time")
        else:
            call.connection.give_up("no answer in time")

    def answered(self, call: Sent, answer: AnswerReader) -> None:
        if answer.status != 200:
            self.ended(call, f"status {answer.status}")
        else:
            self.ended(call, answers.wrong_with(answer.payload(), call.nonce, stream=call.aim.stream))

    def ended(self, call: Sent, wrong: str) -> None:
        if call not in self._under_way:
            return
        self._under_way.discard(call)
        assert call.timer is not None, "set before it was sent"
        call.timer.cancel()
        took_s = time.perf_counter() - call.at
        self.shots.append(Shot(call.aim.group, call.at - self.began, took_s, wrong, call.lag_s))
