"""Targets with as many calls as they keep up with: others are asked, and where there is none the call is turned away."""

import pytest

from gateway.core.faults import Shed
from gateway.router.choosing import Asking
from gateway.router.loading import read_routes
from gateway.router.router import Router
from gateway.stores.documents import Text
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import A, B, Fleet, fine


def full(fleet: Fleet, place: str, under_way: int, limit: float = 10.0) -> None:
    standing = fleet.router.standings.of(place)
    standing.gradient.limit = limit
    for _ in range(under_way):
        standing.begun(fleet.clock.monotonic())


@pytest.mark.asyncio
async def test_a_full_target_is_passed_over() -> None:
    fleet = Fleet(a=[fine], b=[fine])
    full(fleet, "a/m", 10)
    await fleet.ask(A, B)
    assert fleet.asked == ["b/m"]


@pytest.mark.asyncio
async def test_where_all_are_full_a_call_is_turned_away_at_once() -> None:
    fleet = Fleet(a=[fine], b=[fine])
    full(fleet, "a/m", 10)
    full(fleet, "b/m", 10)
    with pytest.raises(Shed) as turned_away:
        await fleet.ask(A, B)
    fault = turned_away.value
    assert (fault.status, fault.code, fault.headers["retry-after"]) == (503, "overloaded", "1")
    assert fleet.asked == []
    with pytest.raises(Shed):
        await fleet.ask(A)
    assert fleet.router.standings.of("a/m").passed_over == 2
    view = fleet.router.targets()["a/m"]
    assert (view.limit, view.in_flight) == (10, 10)


@pytest.mark.asyncio
@pytest.mark.parametrize(("under_way", "batch_served", "others_served"), [(6, True, True), (7, False, True)])
async def test_batch_is_turned_away_first(under_way: int, batch_served: bool, others_served: bool) -> None:
    for is_batch, served in ((True, batch_served), (False, others_served)):
        fleet = Fleet(a=[fine])
        asking = Asking(lambda call, permit: None, lambda call: {}, is_batch=lambda call, permit, told=is_batch: told)
        fleet.router = Router(fleet.router.providers, fleet.clock, asking=asking)
        full(fleet, "a/m", under_way)
        if served:
            await fleet.ask(A)
        else:
            with pytest.raises(Shed):
                await fleet.ask(A)
        assert fleet.asked == (["a/m"] if served else [])


@pytest.mark.asyncio
async def test_until_one_was_too_slow_the_most_that_the_routes_in_force_allow_may_be_there() -> None:
    fleet = Fleet("overload: {min: 1, max: 3}", a=[fine], b=[fine])
    for _ in range(3):
        fleet.router.standings.of("a/m").begun(fleet.clock.monotonic())
    await fleet.ask(A, B)
    with pytest.raises(Shed):
        await fleet.ask(A)
    fleet.live.value = read_routes(Text("routes.yaml", b"overload: {min: 1, max: 4}"))
    await fleet.ask(A, B)
    assert fleet.asked == ["b/m", "a/m"]


@pytest.mark.asyncio
async def test_a_fallback_serves_what_a_full_target_cannot() -> None:
    fleet = Fleet("routes: {m: {fallbacks: {busy: [other]}}}", a=[fine], b=[fine])
    full(fleet, "a/m", 10)
    call = call_of("chat", model="m")
    call.judge = lambda leg, name: [B]
    await fleet.ask(A, call=call)
    assert fleet.asked == ["b/m"]


@pytest.mark.asyncio
async def test_it_can_be_switched_off() -> None:
    fleet = Fleet("overload: {enabled: false}", a=[fine])
    full(fleet, "a/m", 10_000)
    await fleet.ask(A)
    fleet.router.standings.of("a/m").gradient.limit = None
    await fleet.ask(A)
    assert fleet.asked == ["a/m", "a/m"]
