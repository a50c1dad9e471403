"""Two targets asked for one call: the first to answer wins, the other is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.core.attempt import Attempt
from gateway.core.call import Call
from gateway.router.trying import Next, Tried

KEPT = 200  # durations of each route
AT_LEAST = 20  # before anything is usual
MOST_ROUTES = 1_000
OF_100 = 95


class Patience:
    """How long the calls of each route usually wait for their first token."""

    __slots__ = ("_took", "_usual")

    def __init__(self) -> None:
        self._took: dict[str, list[float]] = {}
        self._usual: dict[str, float] = {}

    def took(self, route: str, seconds: float) -> None:
        lately = self._took.setdefault(route, [])
        lately.append(seconds)
        if len(lately) % AT_LEAST == 0:
            lately[:] = lately[-KEPT:]
            self._usual[route] = sorted(lately)[len(lately) * OF_100 // 100]
        if len(self._took) > MOST_ROUTES:
            self._took.clear()
            self._usual.clear()

    def usual_s(self, route: str) -> float | None:
        """What 95 of 100 of the last calls kept to; None: too few to say."""
        return self._usual.get(route)


class _Runner(NamedTuple):
    leg: Call
    following: Next
    task: "asyncio.Task[Tried]"


class Race:
    """`attempt` carries one attempt out on a leg of the call. `lost` is told of one that was stopped, `failed` of one
    that failed while the other went on.

    Attributes:
        begun: how many attempts were made.
    """

    def __init__(
        self,
        call: Call,
        attempt: Callable[[Call, Next], Awaitable[Tried]],
        lost: Callable[[Call, Attempt], None],
        failed: Callable[[Call, Tried], None],
    ) -> None:
        self._call = call
        self._attempt = attempt
        self._lost = lost
        self._failed = failed
        self._runners: list[_Runner] = []
        self.begun = 0

    async def run(
        self, first: Next, second: Callable[[], Awaitable[Next | None]], delay_s: float
    ) -> tuple[Tried, Next]:
        """The winner's outcome, or that of the last to fail, adopted by the call; and which attempt it was."""
        try:
            self._start(first)
            done, _ = await asyncio.wait({self._runners[0].task}, timeout=delay_s)
            if not done and (other := await second()) is not None:
                self._start(other)
            return await self._first_good()
        except BaseException:
            # The caller has gone, or something broke: the first attempt stands for the call.
            while len(self._runners) > 1:
                await self._stop(self._runners[-1])
            if self._runners:
                (left,) = self._runners
                await _cancelled(left.task)
                self._adopt(left, self._attempt_of(left))
            raise

    def _start(self, following: Next) -> None:
        leg = self._call.leg()
        leg.reply_headers = dict(self._call.reply_headers)
        task = asyncio.ensure_future(self._attempt(leg, following))
        self._runners.append(_Runner(leg, following, task))

    async def _first_good(self) -> tuple[Tried, Next]:
        while True:
            await asyncio.wait({one.task for one in self._runners}, return_when=asyncio.FIRST_COMPLETED)
            for runner in [one for one in self._runners if one.task.done()]:
                tried = runner.task.result()
                if tried.failure is None or len(self._runners) == 1:
                    return await self._won(runner, tried)
                self.begun += tried.attempt is not None
                self._failed(runner.leg, tried)
                runner.leg.close()
                self._runners.remove(runner)

    async def _won(self, winner: _Runner, tried: Tried) -> tuple[Tried, Next]:
        for other in [one for one in self._runners if one is not winner]:
            await self._stop(other)
        self.begun += tried.attempt is not None
        self._adopt(winner, tried.attempt)
        return tried, winner.following

    def _adopt(self, winner: _Runner, attempt: Attempt | None) -> None:
        """The call's last attempt is the one that its answer is from."""
        attempts = self._call.attempts
        if attempt is not None:
            attempts.remove(attempt)
            attempts.append(attempt)
        self._call.adopt(winner.leg)

    def _attempt_of(self, runner: _Runner) -> Attempt | None:
        place = runner.following.permit.model.place
        return next((one for one in self._call.attempts if one.target == place), None)

    async def _stop(self, runner: _Runner) -> None:
        await _cancelled(runner.task)
        self._runners.remove(runner)
        attempt = self._attempt_of(runner)
        if attempt is not None:
            self.begun += 1
            self._lost(runner.leg, attempt)
        runner.leg.close()


async def _cancelled(task: "asyncio.Task[Tried]") -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, so that nobody is warned of it
