"""The store for the event loop: pairs are offered, and written by one task in a thread."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway.pairs.store import Pair, PairStore

_log = logging.getLogger("gateway.pairs")
# What waits to be written, while the disk is slow.
MAX_WAITING, MAX_WAITING_BYTES = 200, 32 * 1024 * 1024
GATHER_S = 0.2
T = TypeVar("T")


class Keeping:
    """`async with Keeping(store, kept)`, one per worker. `kept` is told of each pair: `kept`, or `failed`. On exit what
    waits is written."""

    def __init__(self, store: PairStore, kept: Callable[[str], None]) -> None:
        self._store = store
        self._kept = kept
        self._waiting: list[Pair] = []
        self._bytes = 0
        self._come = asyncio.Event()
        self._turn = asyncio.Lock()
        self._closing = False
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writing = asyncio.create_task(self._write_until_closed())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._come.set()
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    def offer(self, pair: Pair) -> None:
        """Keep it soon; told of as `full` if too much waits already."""
        if len(self._waiting) >= MAX_WAITING or self._bytes + pair.size > MAX_WAITING_BYTES:
            self._kept("full")
            return
        self._waiting.append(pair)
        self._bytes += pair.size
        self._come.set()

    async def page(
        self, filters: Mapping[str, str], before: tuple[int, str] | None, limit: int
    ) -> list[dict[str, Any]]:
        """As `PairStore.page`."""
        return await self._run(lambda: self._store.page(filters, before, limit))

    async def get(self, id: str) -> dict[str, Any] | None:
        """As `PairStore.get`."""
        return await self._run(lambda: self._store.get(id))

    async def _write_until_closed(self) -> None:
        """Never cancelled: what a thread writes cannot be stopped, and the store must not close before it has."""
        while True:
            await self._come.wait()
            self._come.clear()
            if not self._closing:
                await asyncio.sleep(GATHER_S)  # many in one transaction
            await self._write()
            if self._closing:
                return

    async def _write(self) -> None:
        pairs, self._waiting, self._bytes = self._waiting, [], 0
        if not pairs:
            return
        result = "kept"
        try:
            await self._run(lambda: self._store.put(pairs))
        except (sqlite3.Error, OverflowError) as error:  # the latter of figures that no upstream in its senses tells
            result = "failed"
            _log.error("%d pairs of answers were not kept: %s", len(pairs), error)
        for _ in pairs:
            self._kept(result)

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(work)
