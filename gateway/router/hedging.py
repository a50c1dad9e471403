"""Two targets asked for one call: the first to answer wins, the other is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.core.call import Call
from gateway.router.loading import RouteRule
from gateway.router.sending import Begun, Sender
from gateway.router.trying import Next, Tried


class _Runner(NamedTuple):
    begun: Begun
    following: Next
    task: "asyncio.Task[Tried]"


class Race:
    """Of one call. `sender` carries its attempts out, each on a leg of its own.

    Attributes:
        begun: how many attempts were made.
    """

    def __init__(self, call: Call, sender: Sender, rule: RouteRule) -> None:
        self._call = call
        self._sender = sender
        self._rule = rule
        self._runners: list[_Runner] = []
        self.begun = 0

    async def run(
        self, first: Next, second: Callable[[], Awaitable[Next | None]], delay_s: float
    ) -> tuple[Tried, Next]:
        """The winner's outcome, or that of the last to fail, adopted by the call; and which attempt it was."""
        if (kept_from := self._start(first)) is not None:
            return kept_from, first
        try:
            done, _ = await asyncio.wait({self._runners[0].task}, timeout=delay_s)
            if not done and (other := await second()) is not None:
                self._start(other)
            return await self._first_good()
        except BaseException:
            # The caller has gone, or something broke: the first attempt stands for the call.
            while len(self._runners) > 1:
                await self._stop(self._runners[-1])
            for left in self._runners:
                await _cancelled(left.task)
                self._adopt(left)
            raise

    def _start(self, following: Next) -> Tried | None:
        """What is told instead if the target is not asked."""
        leg = self._call.leg()
        leg.reply_headers = dict(self._call.reply_headers)
        begun = self._sender.begin(leg, following, self._rule)
        if isinstance(begun, Tried):
            return begun
        self.begun += 1
        task = asyncio.create_task(self._sender.carry_out(begun))
        self._runners.append(_Runner(begun, following, task))
        return None

    async def _first_good(self) -> tuple[Tried, Next]:
        while True:
            if not any(one.task.done() for one in self._runners):
                await asyncio.wait({one.task for one in self._runners}, return_when=asyncio.FIRST_COMPLETED)
            for runner in [one for one in self._runners if one.task.done()]:
                tried = runner.task.result()
                if tried.failure is None or len(self._runners) == 1:
                    for other in [one for one in self._runners if one is not runner]:
                        await self._stop(other)
                    self._adopt(runner)
                    return tried, runner.following
                self._runners.remove(runner)
                self._sender.close_failed(runner.begun.call, tried)
                runner.begun.call.close()

    def _adopt(self, winner: _Runner) -> None:
        """The call's last attempt is the one that its answer is from."""
        attempts, begun = self._call.attempts, winner.begun
        attempts.remove(begun.attempt)
        attempts.append(begun.attempt)
        self._call.adopt(begun.call)

    async def _stop(self, runner: _Runner) -> None:
        await _cancelled(runner.task)
        self._runners.remove(runner)
        self._sender.close_lost(runner.begun)
        runner.begun.call.close()


async def _cancelled(task: "asyncio.Task[Tried]") -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, so that nobody is warned of it
