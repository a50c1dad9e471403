"""An event loop that runs late: calls that wait for it count, a worker that nobody waits for is not overloaded."""

import asyncio
import time
from typing import Any

from gateway.core.live import Live
from gateway.edge.inflight import TICK_S, InFlight, PatienceOptions
from gateway.edge.peer import AsgiPeer
from gateway.limits.shedding import OverloadOptions, Shedding
from gateway.router.loading import NO_ROUTES
from gateway.router.standing import Standings
from gateway.shedding import telling


async def nothing(*_: object) -> Any:
    return await asyncio.get_running_loop().create_future()


async def test_what_is_told_of_a_tick_is_how_late_it_was_and_whether_a_call_waited() -> None:
    flights = InFlight(PatienceOptions(), time.monotonic)
    told: list[tuple[float, bool]] = []
    looking = asyncio.create_task(flights.look_after(lambda seconds, now, waited: told.append((seconds, waited))))
    for flying in (False, True):
        if flying:
            flights.board(AsgiPeer(nothing, nothing))
        await asyncio.sleep(2 * TICK_S)
        told.clear()
        time.sleep(0.3)
        await asyncio.sleep(2 * TICK_S)
        assert told[0][0] > 0.3 - TICK_S
        assert {waited for _, waited in told} == {flying}
    looking.cancel()


def test_a_worker_without_calls_that_gets_no_cpu_turns_nobody_away_afterwards() -> None:
    shedding, standings = Shedding(OverloadOptions()), Standings(Live(NO_ROUTES))
    late = telling(shedding, standings)
    for second in range(100, 110):
        late(1.0, float(second), False)
    assert (shedding.level, shedding.refuses(True, bool)) == (0.0, False)
    assert standings.own_s >= 1.0  # what it asks of an upstream now is late by its own fault all the same
    for second in range(110, 120):
        late(1.0, float(second), True)
    assert shedding.level > 1
    assert shedding.refuses(True, bool)
    for second in range(120, 130):  # and what had begun is over as soon as nobody waits
        late(1.0, float(second), False)
    assert shedding.level == 0.0
