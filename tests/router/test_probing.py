"""Providers of targets that are left alone are asked whether they answer again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from gateway.core.faults import UpstreamUnreachable
from gateway.core.live import Live
from gateway.router.document import Ejection, RoutesFile
from gateway.router.loading import Routes
from gateway.router.probing import Prober
from gateway.router.standing import Standings
from gateway.testing import HandClock
from tests.conftest import within
from tests.router.test_hints import fails

FILE = RoutesFile(ejection=Ejection(consecutive=1, probe_s=0.2))


@contextlib.asynccontextmanager
async def probing(
    probe: Callable[[], Awaitable[bool]], file: RoutesFile = FILE
) -> AsyncGenerator[tuple[Standings, HandClock]]:
    clock = HandClock(1_000.0)
    standings = Standings(Live(Routes(file)))
    running = asyncio.create_task(Prober({"one": probe}, standings, clock.monotonic).run())
    try:
        yield standings, clock
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.asyncio
async def test_targets_of_one_provider_are_asked_about_once_and_come_back_together() -> None:
    answers = [False, True]
    asked: list[bool] = []

    async def probe() -> bool:
        asked.append(answers.pop(0))
        return asked[-1]

    async with probing(probe) as (standings, clock), within(10):
        for place in ("one/a", "one/b", "two/a"):
            fails(standings.of(place), clock)
        while not asked:
            await asyncio.sleep(0.01)
        assert {standing.breaker.state for _, standing in standings.all()} == {"open"}
        clock.advance(0.3)
        while standings.of("one/a").breaker.state == "open":
            await asyncio.sleep(0.01)
    states = {place: standing.breaker.state for place, standing in standings.all()}
    assert states == {"one/a": "half_open", "one/b": "half_open", "two/a": "open"}
    assert asked == [False, True]


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [UpstreamUnreachable("gone"), RuntimeError("a bug")])
async def test_a_probe_that_fails_says_no_and_the_next_is_made(error: Exception) -> None:
    asked: list[int] = []

    async def probe() -> bool:
        asked.append(1)
        if len(asked) < 3:
            raise error
        return True

    async with probing(probe) as (standings, clock), within(10):
        fails(standings.of("one/a"), clock)
        while standings.of("one/a").breaker.state == "open":
            clock.advance(0.1)
            await asyncio.sleep(0.01)
    assert len(asked) == 3


@pytest.mark.asyncio
async def test_nobody_is_asked_where_all_work_or_where_there_are_no_probes() -> None:
    async def probe() -> bool:
        raise AssertionError("asked")

    async with probing(probe) as (standings, clock):
        standing, now = standings.of("one/a"), clock.monotonic()
        standing.answered(standing.begun(now), False, 1.0, now, standings.overload)
        await asyncio.sleep(0.3)
    async with probing(probe, RoutesFile(ejection=Ejection(consecutive=1))) as (standings, clock):
        fails(standings.of("one/a"), clock)
        await asyncio.sleep(0.3)
        assert standings.of("one/a").breaker.state == "open"
