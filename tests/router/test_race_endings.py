"""A race whose caller goes at the worst moment: nothing stays open, whoever was being stopped."""

import asyncio

import pytest

from gateway.core.call import Call, Reply
from tests.conftest import within
from tests.router.test_attempts_made import permit
from tests.router.test_hedging import asked, fleet_of

A, B = permit("a/m"), permit("b/m")


class Race:
    """Of `a`, which answers when told, and `b`, which needs a few turns of the loop to stop."""

    def __init__(self, turns_to_stop: int) -> None:
        self.go, self.begun = asyncio.Event(), asyncio.Event()
        self.turns_to_stop = turns_to_stop
        self.closed: list[str] = []
        self.fleet = fleet_of(a=self._a, b=self._b)
        self.call = asked()
        self.task = asyncio.ensure_future(self.fleet.ask(A, B, call=self.call))

    async def _a(self, call: Call) -> Reply:
        call.served.asked = True
        call.on_close(lambda: self.closed.append("a"))
        await self.go.wait()
        return Reply(200, [], b"a")

    async def _b(self, call: Call) -> Reply:
        call.served.asked = True
        call.on_close(lambda: self.closed.append("b"))
        self.begun.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(self.turns_to_stop):
                await asyncio.sleep(0)

    async def over(self) -> None:
        """The caller has gone, for one reason or for two."""
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        self.call.close()
        await asyncio.sleep(0)

    def assert_nothing_is_left(self) -> None:
        assert [self.fleet.router.standings.of(name).in_flight for name in ("a/m", "b/m")] == [0, 0]
        assert sorted(self.closed) == ["a", "b"]
        made = [(one.target, one.outcome, one.account) for one in self.call.attempts]
        assert made == [("b/m", "cancelled", "gateway:retries"), ("a/m", "open", "")], "the last is the call's own"


@pytest.mark.parametrize("turns_to_stop", [0, 1, 3])
@pytest.mark.parametrize("turns_later", [0, 1, 2])
async def test_the_caller_goes_just_as_the_first_has_answered(turns_to_stop: int, turns_later: int) -> None:
    race = Race(turns_to_stop)
    await race.begun.wait()
    race.go.set()
    for _ in range(turns_later):
        await asyncio.sleep(0)
    await race.over()
    race.assert_nothing_is_left()


@pytest.mark.parametrize("turns_between", [0, 1, 2])
async def test_the_caller_is_given_up_twice(turns_between: int) -> None:
    race = Race(3)
    await race.begun.wait()
    race.task.cancel()
    for _ in range(turns_between):
        await asyncio.sleep(0)
    await race.over()
    race.assert_nothing_is_left()


async def test_a_rival_that_lost_says_nothing_of_its_target() -> None:
    """Else a gateway that stalls would close its own fallbacks, one hedge after the other."""
    begun = asyncio.Event()

    async def a(call: Call) -> Reply:
        call.served.asked = True
        await begun.wait()
        return Reply(200, [], b"a")

    async def b(call: Call) -> Reply:
        call.served.asked = True
        begun.set()
        return await asyncio.get_running_loop().create_future()

    fleet, lost = fleet_of(a=a, b=b), 0
    for _ in range(8):
        begun.clear()
        call = asked()
        async with within(10):
            await fleet.ask(A, B, call=call)
        call.close()
        lost += any(one.error_code == "hedge_lost" for one in call.attempts)
    assert lost >= 5, "so many failures would have done"
    assert fleet.router.standings.of("b/m").breaker.state == "closed"
