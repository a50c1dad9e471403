"""Looking for calls from the event loop: one look at a time, in a thread; whoever comes meanwhile is in the next.

So a worker has one connection to the ledger for it, however much is said at once.
"""

import asyncio
from collections.abc import Callable, Sequence

from gateway.core.faults import Overloaded
from gateway.ledger.feedback.finding import Found
from gateway.ledger.feedback.wanting import Wanted

# In one look, and waiting for one.
AT_ONCE, MOST_WAITING = 32, 1_000


class Looking:
    """One per worker. `look` is blocking, and answers in the order in which it is asked."""

    def __init__(self, look: Callable[[Sequence[Wanted]], list[Found]]) -> None:
        self._look = look
        self._waiting: list[tuple[Wanted, asyncio.Future[Found]]] = []
        self._task: asyncio.Task[None] | None = None

    async def find(self, wanted: Wanted) -> Found:
        """Raises:
        Overloaded: too many wait already.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise Overloaded("too much feedback at once; send it again", headers={"retry-after": "1"})
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, found))
        if self._task is None:
            self._task = asyncio.create_task(self._look_until_none_waits())
        return await found

    async def _look_until_none_waits(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._answer(batch)
        finally:
            self._task = None

    async def _answer(self, batch: Sequence[tuple[Wanted, asyncio.Future[Found]]]) -> None:
        try:
            found = await asyncio.to_thread(self._look, list(dict.fromkeys(wanted for wanted, _ in batch)))
        except Exception as error:  # noqa: BLE001  whoever asked is told, and the next are looked for all the same
            for _, asked in batch:
                if not asked.done():
                    asked.set_exception(error)
            return
        answers = dict(zip(dict.fromkeys(wanted for wanted, _ in batch), found, strict=True))
        for wanted, asked in batch:
            if not asked.done():
                asked.set_result(answers[wanted])
