"""A server kept connected: up, or away. Who asks while it is away hears so at once; nobody waits until it is back."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from gateway.stores.redis import Address, RedisServers, RedisUnreachable
from gateway.stores.redis_wire import LOST, Done, Wire, pack

_log = logging.getLogger("gateway.redis")
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 2.0
# Errors that say: this is not, or not now, the server to write to.
_GO_AWAY = ("READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN")


class LinkReports(Protocol):
    """What a link tells. `reason`: a bounded word."""

    def changed(self, up: bool) -> None: ...

    def failed(self, reason: str) -> None: ...

    def answered(self, seconds: float) -> None: ...


class Script(msgspec.Struct, frozen=True):
    """A Lua script and its name in the server's cache."""

    text: bytes
    sha: bytes


def retry_s(failures: int, chance: float) -> float:
    """Seconds before another try after so many failures in a row: doubled each time, and somewhere in the upper half
    of that (`chance` from 0 to 1), so that replicas do not come back all at once."""
    most = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(failures, 10))
    return most * (0.5 + chance / 2)


class Link:
    """`run` keeps it connected until it is cancelled.

    Args:
        find: where the server is now.
        back: awaited with the link whenever it is connected, before it counts as up.

    Attributes:
        up: whether it may be asked. problem: why not, for operators.
    """

    def __init__(
        self,
        servers: RedisServers,
        find: Callable[[], Awaitable[Address]],
        scripts: Mapping[str, Script],
        patience_s: float,
        reports: LinkReports,
        back: Callable[["Link"], Awaitable[None]],
        now: Callable[[], float],
    ) -> None:
        self._servers = servers
        self._find = find
        self._scripts = scripts
        self._patience_s = patience_s
        self._reports = reports
        self._back = back
        self._now = now
        self._wire: Wire | None = None
        self._gone = asyncio.Event()
        self._first_try = asyncio.Event()
        self._ended = False
        self._loading: asyncio.Future[bool] | None = None
        self.up = False
        self.address: Address | None = None
        self.problem = "not connected yet"

    def send(self, packed: bytes, done: Done) -> None:
        if self._wire is None:
            done(LOST)
        else:
            self._wire.send(packed, done)

    async def ask(self, packed: bytes) -> Any:
        return LOST if self._wire is None else await self._wire.ask(packed)

    async def load(self) -> bool:
        """Put the scripts into the server's cache (someone may have emptied it): all at once, for whoever waits for it
        has little time, and once for all who found them missing."""
        if self._loading is None or self._loading.done():
            self._loading = asyncio.ensure_future(self._load())
        return await asyncio.shield(self._loading)

    async def _load(self) -> bool:
        scripts = self._scripts.values()
        found = await asyncio.gather(*(self.ask(pack(b"SCRIPT", b"LOAD", script.text)) for script in scripts))
        return all(answer == script.sha for answer, script in zip(found, scripts, strict=True))

    def refused(self, error: Exception) -> None:
        """The server answered with an error: count it, and leave a server that is not the one to write to."""
        word = str(error).partition(" ")[0]
        self._reports.failed(word.lower() if word.isupper() and len(word) < 20 else "error")
        self.problem = str(error)[:200]
        if word in _GO_AWAY and self._wire is not None:
            self._wire.close(word.lower())

    async def tried(self) -> None:
        """Until the first attempt to connect has ended, either way."""
        await self._first_try.wait()

    def end(self) -> None:
        """Not to connect again. `run` ends when it is cancelled; should that get lost, after this try."""
        self._ended = True

    async def run(self) -> None:
        failures = 0
        try:
            while not self._ended:
                self._gone.clear()
                try:
                    await self._connect()
                except RedisUnreachable as error:
                    self._say_away(str(error), "connect")
                    self._first_try.set()
                    failures += 1
                    await asyncio.sleep(retry_s(failures, random.random()))  # noqa: S311  no secret
                    continue
                if self._ended:
                    return
                failures = 0
                self._first_try.set()
                await self._gone.wait()
                # What made it fail may last a moment; and not every replica should come at the same one.
                await asyncio.sleep(retry_s(0, random.random()))  # noqa: S311
        finally:
            self.up = False
            if self._wire is not None:
                self._wire.close("closed")

    async def _connect(self) -> None:
        address = await self._find()
        wire = await self._servers.connect(
            address, lambda: Wire(self._patience_s, self._lost, self._reports.answered, self._now)
        )
        self._wire, self.address = wire, address
        if not await self.load():
            wire.close("scripts")
            raise RedisUnreachable(f"{address}: does not take scripts")
        await self._back(self)
        if not wire.open:
            raise RedisUnreachable(f"{address}: went away again")
        self.up, self.problem = True, ""
        self._reports.changed(True)
        _log.info("redis at %s is there", address)

    def _lost(self, reason: str) -> None:
        self._wire = None
        if self.up:
            self._say_away(f"{self.address}: {reason}", reason)
        self._gone.set()

    def _say_away(self, problem: str, reason: str) -> None:
        if self.up or not self._first_try.is_set():
            _log.warning("redis is away: %s", problem)
        self.up, self.problem = False, problem
        self._reports.changed(False)
        self._reports.failed(reason)
