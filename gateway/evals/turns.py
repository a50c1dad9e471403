"""Whose run goes next: of those who wait, the tenant with the fewest runs under way; of his, the first that came."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncGenerator


class Turns:
    """`async with turns.of(tenant):` waits for one of `most` places. A tenant's many runs keep no other's few waiting
    longer than until the next place is free."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @contextlib.asynccontextmanager
    async def of(self, tenant: str) -> AsyncGenerator[None]:
        await self._take(tenant)
        try:
            yield
        finally:
            self._give_back(tenant)

    async def _take(self, tenant: str) -> None:
        if self._free:
            self._free -= 1
            self._taken[tenant] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given a moment ago
                self._give_back(tenant)
            raise

    def _give_back(self, tenant: str) -> None:
        self._taken[tenant] -= 1
        for waiting in sorted(self._waiting, key=lambda one: self._taken[one]):
            queue = self._waiting[waiting]
            while queue:
                if not (turn := queue.popleft()).done():
                    self._taken[waiting] += 1
                    turn.set_result(None)
                    return
            del self._waiting[waiting]
        self._free += 1
