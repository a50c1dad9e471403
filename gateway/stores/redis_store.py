"""Whatever Redis there is, as links: one to a standalone server or to the master that Sentinels name, one to each
master of a Cluster."""

import asyncio
import binascii
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self

from gateway.stores.redis import Address, RedisOptions, RedisServers, RedisUnreachable
from gateway.stores.redis_link import Link, LinkReports, Script

_log = logging.getLogger("gateway.redis")
SLOTS = 16_384
LOOK_AGAIN_S = 30.0
LOOK_AGAIN_AWAY_S = 0.5
FIRST_TRY_S = 1.0
CANCEL_AGAIN_S = 0.1


def slot_of(tag: bytes) -> int:
    """The slot of all keys with this hash tag (CRC-16/XMODEM, the Cluster specification)."""
    return binascii.crc_hqx(tag, 0) % SLOTS


class RedisStore:
    """`async with RedisStore(...) as store:` keeps links. An away server is no error: its link says so.

    Args:
        patience_s: how long a command may go unanswered.
        scripts: by name; in the cache of every server that is up.
    """

    def __init__(
        self,
        options: RedisOptions,
        scripts: Mapping[str, Script],
        patience_s: float,
        reports: LinkReports,
        back: Callable[[Link], Awaitable[None]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = RedisServers(options)
        self._scripts = scripts
        self._patience_s = patience_s
        self._reports = reports
        self._back = back
        self._now = now
        self._links: dict[Address | None, Link] = {}
        self._tasks: dict[Address | None, asyncio.Task[None]] = {}
        self._slots: list[Link | None] = []
        self._following: asyncio.Task[None] | None = None
        self._stale = asyncio.Event()
        self._looked = asyncio.Event()
        self._only: Link | None = None
        self._problem = ""

    @property
    def clustered(self) -> bool:
        """Whether keys with different hash tags may be on different servers."""
        return self._servers.clustered

    @property
    def links(self) -> Sequence[Link]:
        return list(self._links.values())

    @property
    def up(self) -> bool:
        """Whether every server is there."""
        return bool(self._links) and all(link.up for link in self._links.values())

    @property
    def problem(self) -> str:
        """What is wrong, for operators; empty: nothing."""
        said = [link.problem or "redis is away" for link in self._links.values() if not link.up]
        if not self._links and not self._problem:
            return "redis is not connected yet"
        return "; ".join([self._problem, *said] if self._problem else said)

    def link(self, tag: bytes) -> Link | None:
        """The link to the server of keys with this hash tag; None: no server is known for it."""
        if self._only is not None:
            return self._only
        return self._slots[slot_of(tag)] if self._slots else None

    def tag_for(self, link: Link) -> bytes:
        """A hash tag that is kept by this link's server; empty: it keeps none any more."""
        if self._only is link:
            return b"*"
        numbered = (b"*%d" % number for number in range(SLOTS))
        return next((tag for tag in numbered if self._slots and self._slots[slot_of(tag)] is link), b"")

    def moved(self) -> None:
        """A server said that it does not have a slot (any more): look again."""
        self._stale.set()

    async def __aenter__(self) -> Self:
        """Gives the first attempt to connect a moment, so that a gateway that is ready usually has its store."""
        if self.clustered:
            self._slots = [None] * SLOTS
            self._following = asyncio.create_task(self._follow())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_TRY_S):
                    await self._looked.wait()
        else:
            self._only = self._add(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_TRY_S):
                for link in self.links:
                    await link.tried()
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = {*self._tasks.values(), *([self._following] if self._following else [])}
        while tasks:
            for task in tasks:
                task.cancel()
            # redis-py loses a cancellation that comes at certain moments of connecting: once is not enough.
            tasks = (await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S))[1]

    def _add(self, address: Address | None) -> Link:
        async def find() -> Address:
            return await self._servers.master() if address is None else address

        link = Link(self._servers, find, self._scripts, self._patience_s, self._reports, self._back, self._now)
        self._links[address] = link
        self._tasks[address] = asyncio.create_task(link.run())
        return link

    async def _follow(self) -> None:
        """Keep the table of a Cluster's slots: now and then, at once when a server says that a slot moved, and often
        while one is away, for then another may take its place."""
        while True:
            try:
                self._use(await self._servers.slots())
                self._problem = ""
            except RedisUnreachable as error:
                if not self._problem:
                    _log.warning("redis is away: %s", error)
                self._problem = str(error)
                self._reports.failed("connect")
            self._looked.set()
            self._stale.clear()
            await self._look_again()

    async def _look_again(self) -> None:
        """Until it is time to look at the table again."""
        deadline = self._now() + LOOK_AGAIN_S
        while self._now() < deadline:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_AWAY_S):
                    await self._stale.wait()
                    # Many calls may say so at once.
                    await asyncio.sleep(0.05)
                    return
            if not self.up:
                return

    def _use(self, table: Sequence[tuple[int, int, Address]]) -> None:
        owners = {address for _, _, address in table}
        for address in owners - set(self._links):
            self._add(address)
        for address in [address for address in self._links if address not in owners]:
            self._links.pop(address).end()
            self._tasks.pop(address).cancel()
        slots: list[Link | None] = [None] * SLOTS
        for first, last, address in table:
            slots[first : last + 1] = [self._links[address]] * (last + 1 - first)
        self._slots = slots
