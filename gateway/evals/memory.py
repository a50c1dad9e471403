"""The store for the event loop: one call at a time, in a thread of its own."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from gateway.core.faults import Overloaded
from gateway.evals.store import EvalStore

_log = logging.getLogger("gateway.evals")
T = TypeVar("T")
AGAIN_S = 1.0


class Memory:
    """One per worker. `await memory(lambda store: store.get_eval(…))` raises what the store raises, and Overloaded
    while the database cannot be used.

    One thread, and not a lock around any: a task that is cancelled lets go of a lock while its thread goes on, and the
    next one would find itself within that one's transaction.
    """

    def __init__(self, store: EvalStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evals")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    async def insisting(self, work: Callable[[EvalStore], T]) -> T:
        """The same, again and again while the database cannot be used: for what has to be written down some time."""
        while True:
            try:
                return await self(work)
            except Overloaded as away:
                _log.error("evals cannot be read or kept, and it is tried again: %s", away.__cause__)
                await asyncio.sleep(AGAIN_S)

    async def __call__(self, work: Callable[[EvalStore], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._store)
        except sqlite3.Error as error:
            raise Overloaded(
                "evals cannot be read or kept at the moment; send the request again",
                code="evals_unavailable",
                headers={"retry-after": "5"},
            ) from error
