"""Calls that a limit keeps waiting: first come, first served, no longer than it says, and gone with their client."""

import asyncio
import time

import pytest

from gateway.core.clock import SystemClock
from gateway.limits.bounds import NOTHING, Bound, Hold, Need, Refusal
from gateway.limits.local import LocalCounters, LocalHold
from gateway.limits.waiting import Waiting
from tests.limits.making import NOW, bound


class Site:
    def __init__(self) -> None:
        self.counters = LocalCounters(SystemClock())
        self.told: list[tuple[str, float]] = []
        self.waiting = Waiting(
            self.counters, time.monotonic, lambda one, seconds: self.told.append((one.limit_id, seconds))
        )

    async def enter(self, *bounds: Bound) -> Hold | Refusal:
        return await self.waiting.reserve(bounds, Need())

    def leave(self, hold: Hold | Refusal, *bounds: Bound) -> None:
        assert isinstance(hold, LocalHold)
        self.counters.settle(hold, Need())
        self.waiting.freed(bounds)


def one_at_once(queue_s: float = 5.0, **fields: str) -> Bound:
    return bound(1, NOW, dimension="concurrent_requests", on_exceeded="queue", queue_s=queue_s, **fields)


async def test_who_came_first_goes_first_and_nobody_passes_the_line() -> None:
    site, limit = Site(), one_at_once()
    first = await site.enter(limit)
    order: list[int] = []

    async def call(number: int) -> None:
        hold = await site.enter(limit)
        order.append(number)
        await asyncio.sleep(0)
        site.leave(hold, limit)

    calls = list[asyncio.Task[None]]()
    for number in range(20):
        calls.append(asyncio.create_task(call(number)))
        await asyncio.sleep(0)
    assert len(site.waiting) == 20
    site.leave(first, limit)
    async with asyncio.timeout(5):
        await asyncio.gather(*calls)
    assert order == list(range(20))
    assert (len(site.waiting), site.counters.holds) == (0, 0)
    assert [name for name, _ in site.told] == ["a"] * 20


async def test_the_refusal_comes_when_the_time_is_over_for_the_head_and_for_who_stands_behind() -> None:
    site, limit = Site(), one_at_once(queue_s=0.08)
    first = await site.enter(limit)
    began = time.monotonic()
    found = await asyncio.gather(site.enter(limit), site.enter(limit), site.enter(limit))
    assert all(isinstance(one, Refusal) and one.bound == limit for one in found)
    assert time.monotonic() - began >= 0.08
    site.leave(first, limit)
    assert len(site.waiting) == 0


async def test_a_client_that_hangs_up_leaves_the_line_and_holds_nothing() -> None:
    site, limit = Site(), one_at_once()
    first = await site.enter(limit)
    head, behind, last = (asyncio.create_task(site.enter(limit)) for _ in range(3))
    await asyncio.sleep(0.01)
    for gone in (head, behind):
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    site.leave(first, limit)
    async with asyncio.timeout(5):
        site.leave(await last, limit)
    assert (len(site.waiting), site.counters.holds) == (0, 0)


async def test_a_limit_that_refuses_is_not_waited_for_and_a_line_of_one_scope_holds_up_no_other() -> None:
    site = Site()
    ours, theirs = one_at_once(key="ours"), one_at_once(key="theirs")
    hard = bound(1, limit_id="hard")
    held = await site.enter(ours)
    waits = asyncio.create_task(site.enter(ours))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        other = await site.enter(theirs, hard)
        site.leave(other, theirs)
        refused = await site.enter(theirs, hard)
    assert isinstance(refused, Refusal)
    assert refused.bound == hard
    site.leave(held, ours)
    site.leave(await waits, ours)


async def test_room_that_another_process_made_is_found_without_being_told() -> None:
    site, limit = Site(), one_at_once()
    first = await site.enter(limit)
    waits = asyncio.create_task(site.enter(limit))
    await asyncio.sleep(0.01)
    site.counters.settle(first, NOTHING)  # nobody says so here
    async with asyncio.timeout(5):
        site.leave(await waits, limit)
