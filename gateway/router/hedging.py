"""Two targets asked for one call: the first to answer wins, the other is stopped.

Nearly always the first answers in time, and a race that never gets a rival costs next to nothing: the first attempt is
the call's own, in the call's own task, and one timer for all calls tells which of them have waited too long. The rival
has a task, and a leg of the call.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from gateway.core.call import Call, Served
from gateway.core.faults import Fault
from gateway.router.sending import Begun, Sender
from gateway.router.trying import Next, Tried, Trying

# Event loops tell the time in milliseconds: a timer may ring so much before its time.
_EARLY_S = 0.001


class Hedges:
    """The races of one worker that may yet get a rival. A timer for each would cost more than all the rest of it."""

    def __init__(self) -> None:
        self._waiting: dict[Race, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def __len__(self) -> int:
        return len(self._waiting)

    def watch(self, race: "Race", delay_s: float) -> None:
        """After so long `race.late()` is called, unless it is let go before."""
        loop = asyncio.get_running_loop()
        due = loop.time() + delay_s
        self._waiting[race] = due
        if due < self._rings_at:
            self._ring_at(due, loop)

    def let_go(self, race: "Race") -> None:
        # The timer stays: it rings for nobody then, once, which is cheaper than to set it anew for each call.
        self._waiting.pop(race, None)

    def _ring_at(self, due: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = due
        self._timer = loop.call_later(due - loop.time(), self._ring)

    def _ring(self) -> None:
        self._timer, self._rings_at = None, math.inf
        loop = asyncio.get_running_loop()
        now = loop.time() + _EARLY_S
        for race in [race for race, due in self._waiting.items() if due <= now]:
            del self._waiting[race]
            race.late()
        if self._waiting:
            self._ring_at(min(self._waiting.values()), loop)


class _Rival(NamedTuple):
    begun: Begun
    following: Next


class Racing(NamedTuple):
    """What all races of a worker share. `sender` carries their attempts out; `second` says whom to ask if a call's
    first takes long."""

    sender: Sender
    hedges: Hedges
    second: Callable[[Call, Trying], Awaitable[Next | None]]


class Race(msgspec.Struct, eq=False):
    """Of one call: its first attempt, begun, against a rival, if it gets one.

    Attributes:
        begun: how many attempts were made.
    """

    _begun: Begun
    _first: Next
    _trying: Trying
    _racing: Racing
    _headers: dict[str, str]  # what `call.reply_headers` held before the first attempt
    _closings: int  # so many of the call's are older than it
    _task: asyncio.Task[Any] | None = None  # while it waits for the first attempt
    _lost: Tried | None = None
    _running: asyncio.Task[Tried | None] | None = None
    _rival: _Rival | None = None
    _overtaken: bool = False
    begun: int = 1

    async def run(self, delay_s: float) -> tuple[Tried, Next]:
        """The winner's outcome, or that of the last to fail, adopted by the call; and which attempt it was."""
        first, (sender, hedges, _) = self._begun, self._racing
        task = self._task = asyncio.current_task()
        assert task is not None, "a call has a task"
        cancelling = task.cancelling()
        hedges.watch(self, delay_s)
        tried: Tried | None = None
        try:
            try:  # as `carry_out` has it: a coroutine more would cost each call more than these lines
                reply = await sender.sent(first)
            except Fault as fault:
                tried = sender.failed(first, fault)
                if tried is None:
                    raise
            else:
                tried = sender.answered(first, reply)
        except BaseException as error:
            # It may be the rival who has it cancelled. Or the caller has gone, or something broke: then the first
            # attempt stands for the call.
            self._task = None
            ends = not isinstance(error, (Exception, asyncio.CancelledError))  # the process
            if not self._overtaken or task.uncancel() > cancelling or ends:
                await self._stop_rival()
                raise
        else:
            if self._overtaken:
                task.uncancel()
        finally:
            self._task = None
            hedges.let_go(self)
        if self._overtaken or tried is None:
            return self._rivals_answer()
        if self._running is not None and tried.failure is not None:
            return await self._rivals_turn(tried)
        if self.begun > 1 or self._running is not None:
            await self._stop_rival()
        return tried, self._first

    def late(self) -> None:
        """The first has not begun to answer in time."""
        self._running = asyncio.create_task(self._ask_rival())
        self._running.add_done_callback(self._rival_ended)

    async def _ask_rival(self) -> Tried | None:
        """What came of another target; None if there is none to be asked."""
        call, (sender, _, second) = self._begun.call, self._racing
        before = dict(call.reply_headers)
        try:
            following = await second(call, self._trying)
        finally:
            # What limits say of that target is told if it answers: until then the call's headers are the first's.
            told = dict(call.reply_headers.items() - before.items())
            call.reply_headers = before
        if following is None:
            return None
        self._headers = {**self._headers, **told}
        leg = call.leg()
        leg.reply_headers = dict(self._headers)
        begun = sender.begin(leg, following, self._begun.rule)
        if isinstance(begun, Tried):
            return None
        self.begun += 1
        self._rival = _Rival(begun, following)
        if self._lost is not None:
            self._leave_first(self._lost)
        return await sender.carry_out(begun)

    def _rival_ended(self, running: "asyncio.Task[Tried | None]") -> None:
        """If it failed, the first goes on alone; else that is in its way."""
        if self._task is None:
            return  # whoever waits for it looks himself
        broken = running.cancelled() or running.exception() is not None
        tried = None if broken else running.result()
        if broken or (tried is not None and tried.failure is None):
            self._overtaken = True
            self._task.cancel()
            return
        self._running = None
        if tried is not None and self._rival is not None:
            leg = self._rival.begun.call
            self._racing.sender.close_failed(leg, tried)
            leg.close()

    def _rivals_answer(self) -> tuple[Tried, Next]:
        """The rival has overtaken the first."""
        running, self._running = self._running, None
        first, rival = self._begun, self._rival
        assert running is not None, "it has ended"
        try:
            tried = running.result()
        except BaseException:
            self._close_lost(rival)
            self._put_last(first)
            raise
        finally:
            del running  # what it may have failed with knows this frame
        assert tried is not None and rival is not None, "it has answered"  # noqa: PT018
        self._racing.sender.close_lost(first)
        self._forget_first()
        self._adopt(rival)
        return tried, rival.following

    async def _rivals_turn(self, failed: Tried) -> tuple[Tried, Next]:
        """The first has failed, and the rival is under way."""
        running = self._running
        assert running is not None, "it is under way"
        if self._rival is None:
            self._lost = failed
        else:
            self._leave_first(failed)
        try:
            await asyncio.wait({running})
            tried = running.result()
        except BaseException:
            try:
                await _cancelled(running)
            finally:  # the caller may go meanwhile
                if self._rival is not None:
                    self._adopt(self._rival)
            raise
        finally:
            self._running = None
            del running
        if tried is None or self._rival is None:
            return failed, self._first
        self._adopt(self._rival)
        return tried, self._rival.following

    async def _stop_rival(self) -> None:
        """The first attempt stands for the call."""
        running, self._running = self._running, None
        if running is None:
            self._put_last(self._begun)
            return
        try:
            await _cancelled(running)
        finally:  # the caller may go meanwhile
            self._close_lost(self._rival)
            self._put_last(self._begun)

    def _close_lost(self, rival: _Rival | None) -> None:
        if rival is not None:
            # It was stopped because the first was there: that says nothing of its target.
            self._racing.sender.close_unused(rival.begun, "cancelled", "hedge_lost")
            rival.begun.call.close()

    def _leave_first(self, failed: Tried) -> None:
        self._racing.sender.close_failed(self._begun.call, failed)
        self._forget_first()

    def _forget_first(self) -> None:
        """The call is as it was before its first attempt."""
        call = self._begun.call
        call.close(keep=self._closings)
        call.served, call.reply_headers = Served(), dict(self._headers)

    def _adopt(self, rival: _Rival) -> None:
        self._put_last(rival.begun)
        self._begun.call.adopt(rival.begun.call)

    def _put_last(self, begun: Begun) -> None:
        """The call's last attempt is the one that its answer is from."""
        attempts = begun.call.attempts
        if attempts[-1] is not begun.attempt:
            attempts.remove(begun.attempt)
            attempts.append(begun.attempt)


async def _cancelled(task: "asyncio.Task[Tried | None]") -> None:
    task.cancel()
    if not task.done():
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, so that nobody is warned of it
