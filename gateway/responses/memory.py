"""The store for the event loop: one call at a time, in a thread; a failure to keep a response fails no call."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from gateway.responses.store import ResponseStore, Stored

_log = logging.getLogger("gateway.responses")
SWEEP_S = 600.0
T = TypeVar("T")


class Memory:
    """One per worker."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self._turn = asyncio.Lock()

    async def chain(self, tenant: str, id: str) -> list[Stored]:
        """As `ResponseStore.chain`."""
        return await self._run(lambda: self._store.chain(tenant, id))

    async def get(self, tenant: str, id: str) -> Stored | None:
        return await self._run(lambda: self._store.get(tenant, id))

    async def delete(self, tenant: str, id: str) -> bool:
        return await self._run(lambda: self._store.delete(tenant, id))

    async def put(self, stored: Stored) -> None:
        """Keep a response. The answer is worth more than its copy: what cannot be kept is told in the log."""
        try:
            await self._run(lambda: self._store.put(stored))
        except sqlite3.Error as error:
            _log.error("a response was not stored: %s", error)

    async def sweep_for_ever(self) -> None:
        while True:
            try:
                await self._run(self._store.sweep)
            except sqlite3.Error as error:
                _log.error("expired responses were not swept: %s", error)
            await asyncio.sleep(SWEEP_S)

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(work)
