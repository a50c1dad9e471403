"""Races whose calls end in every order: nothing is left over, and what a call says of itself is true of one attempt."""

import asyncio
import random
from collections.abc import Callable

import pytest

from gateway.core.attempt import RETRIES
from gateway.core.call import Call, Reply
from gateway.core.faults import Fault, UpstreamTimeout, UpstreamUnreachable
from gateway.core.model import Permit
from gateway.router.hedging import Hedges
from tests.router.test_attempts_made import Fleet, permit
from tests.router.test_hedging import ROUTE, Slow, asked, fleet_of, quick

A, B, C = permit("a/m"), permit("b/m"), permit("c/m")
GONE = UpstreamUnreachable("gone")


class Bell:
    """A race that only waits."""

    def __init__(self) -> None:
        self.rung_at: float | None = None

    def late(self) -> None:
        self.rung_at = asyncio.get_running_loop().time()


async def test_one_timer_rings_for_each_in_its_time_and_for_none_that_was_let_go() -> None:
    hedges, loop = Hedges(), asyncio.get_running_loop()
    began = loop.time()
    delays = [0.03, 0.01, 0.02, 0.01, 0.0]
    bells = [Bell() for _ in delays]
    gone = Bell()
    for bell, delay_s in zip(bells, delays, strict=True):
        hedges.watch(bell, delay_s)  # pyright: ignore[reportArgumentType]
    hedges.watch(gone, 0.005)  # pyright: ignore[reportArgumentType]
    hedges.let_go(gone)  # pyright: ignore[reportArgumentType]
    await asyncio.sleep(0.06)
    assert gone.rung_at is None
    for bell, delay_s in zip(bells, delays, strict=True):
        assert bell.rung_at is not None
        assert delay_s - 0.002 <= bell.rung_at - began
    assert len(hedges) == 0


async def test_of_the_one_that_lost_no_header_stays_but_what_limits_said_does() -> None:
    async def telling(call: Call) -> Reply:
        call.reply_headers["x-gateway-dropped-params"] = "seed"
        call.served.model = "of the first"
        await asyncio.sleep(1)
        raise AssertionError("it is stopped")

    call = asked()
    call.reply_headers["x-ratelimit-limit-requests"] = "1"

    async def admit(other: Permit) -> None:
        assert other is B
        call.reply_headers["x-ratelimit-limit-requests"] = "2"

    call.admit = admit
    await fleet_of(a=telling, b=quick).ask(A, B, call=call)
    assert call.reply_headers == {
        "x-ratelimit-limit-requests": "2",
        "x-gateway-target": "b/m",
        "x-gateway-attempts": "2",
    }
    assert (str(call.target), call.served.model) == ("b/m", "")


@pytest.mark.parametrize("hung_up", [False, True])
async def test_a_rival_that_trips_a_bug_fails_the_call_for_which_the_first_stands(hung_up: bool) -> None:
    async def refuses(call: Call) -> Reply:
        call.served.asked = True
        if hung_up:
            asking.cancel()
        raise ZeroDivisionError

    slow, call = Slow(), asked()
    fleet = fleet_of(a=slow, b=refuses)
    asking = asyncio.ensure_future(fleet.ask(A, B, call=call))
    with pytest.raises(asyncio.CancelledError if hung_up else ZeroDivisionError):
        await asking
    assert slow.stopped
    assert [one.target for one in call.attempts] == ["b/m", "a/m"]
    assert call.attempts[0].account == RETRIES


async def test_a_route_that_allows_an_attempt_so_long_allows_it_beside_a_rival_too() -> None:
    fleet = Fleet("timeout_s: 0.03\nretries: {max_attempts: 2}\nroutes: {m: {hedge: {after_ms: 5}}}")
    fleet.use(a=Slow(), b=Slow())
    call = asked()
    with pytest.raises(UpstreamTimeout):
        await fleet.ask(A, B, call=call)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert {one.outcome for one in call.attempts[:-1]} == {"failed"}


async def test_a_caller_who_hangs_up_as_the_rival_wins_is_gone() -> None:
    async def wins(call: Call) -> Reply:
        call.served.asked = True
        asyncio.get_running_loop().call_soon(asking.cancel)
        return Reply(200, [], b"")

    slow, call = Slow(), asked()
    asking = asyncio.ensure_future(fleet_of(a=slow, b=wins).ask(A, B, call=call))
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert slow.stopped


def provider(chance: random.Random, under_way: list[int], closed: list[int]) -> Callable[[Call], object]:
    """Answers, fails or breaks after a while, or at once; `closed`: how many of its exchanges were given back."""

    async def serve(call: Call) -> Reply:
        await asyncio.sleep(chance.choice((0.0, 0.001, 0.004, 0.008)))
        call.served.asked = True
        under_way[0] += 1
        call.on_close(lambda: closed.append(1))
        await asyncio.sleep(chance.choice((0.0, 0.001, 0.002, 0.006, 0.02)))
        said = chance.choice(("fine", "fine", "fine", "down", "busy"))
        if said == "down":
            raise GONE
        return Reply(503 if said == "busy" else 200, [], str(call.target).encode())

    return serve


@pytest.mark.parametrize("seed", range(6))
async def test_whoever_wins_fails_or_hangs_up_nothing_is_left(seed: int) -> None:
    chance = random.Random(seed)
    fleet = Fleet(f"retries: {{max_attempts: 3, base_ms: 1, max_ms: 2}}\nejection: {{enabled: false}}\n{ROUTE}")
    under_way, closed = [0], list[int]()
    fleet.use(**{name: provider(chance, under_way, closed) for name in "abc"})  # pyright: ignore[reportArgumentType]

    async def one() -> None:
        call = asked()
        asking = asyncio.ensure_future(fleet.ask(A, B, C, call=call))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.choice((0.0, 0.004, 0.005, 0.006, 0.01)))
            asking.cancel()
        try:
            await asking
        except (Fault, asyncio.CancelledError):
            pass
        else:
            last = call.attempts[-1]
            assert (last.target, last.outcome, last.account) == (call.record.target, "open", "")
            assert call.reply_headers["x-gateway-target"] == str(call.target) == last.target
        assert sorted(attempt.n for attempt in call.attempts) == list(range(1, len(call.attempts) + 1))
        assert all(attempt.outcome in ("failed", "cancelled") for attempt in call.attempts[:-1])
        call.close()

    async with asyncio.timeout(20):
        await asyncio.gather(*(one() for _ in range(150)))
    assert [fleet.router.standings.of(f"{name}/m").in_flight for name in "abc"] == [0, 0, 0]
    assert len(closed) == under_way[0]
    assert len(fleet.router._racing.hedges) == 0
    assert len(asyncio.all_tasks()) == 1
