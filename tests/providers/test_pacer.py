"""Calls at the gates of a provider, on a real event loop: turns, refusals, hang-ups, and that nothing is left behind."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.call import Call
from gateway.core.faults import UpstreamBusy
from gateway.core.fields import NoFields
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.core.share import Demand, Share
from gateway.edge.operations import OPERATIONS
from gateway.providers.options import Pace, PacingOptions
from gateway.providers.pacing.lane import Leave
from gateway.providers.pacing.pacer import Pacer
from tests.conftest import within

Left = list[Call]


async def _opened() -> None:
    return


def call(tenant: str = "acme", size: int = 300) -> Call:
    record = Record(id="0-1", started_ns=0, tenant=tenant, team="a", key_id="key_1", operation="chat", bytes_in=size)
    made = Call(operation=OPERATIONS[0], headers={}, record=record, open=_opened, fields=NoFields(), arrived=0.0)
    made.caller = Principal(key_id="key_1", tenant=tenant, team="a")
    return made


def demand_of(one: Call) -> Demand:
    return Demand(Share(one.caller.tenant), one.record.bytes_in // 3, 100)


def pacer(workers: int = 1, **options: Any) -> Pacer:
    return Pacer(PacingOptions(**options), "mock", workers, demand_of, time.monotonic, time.time)


async def turn_of(paced: Pacer, one: Call, model: str = "m") -> Leave:
    return paced.leave(one, model) or await paced.enter(one, model)


def nothing_left(paced: Pacer) -> bool:
    view = paced.view()
    return view["in_flight"] == view["queued"] == 0


@pytest.fixture
async def quickly() -> AsyncIterator[None]:
    async with within(10):
        yield


pytestmark = pytest.mark.usefixtures("quickly")


async def test_who_has_no_limits_leaves_at_once() -> None:
    paced = pacer()
    turns = [paced.leave(call(), "m") for _ in range(1_000)]
    assert None not in turns
    for turn in turns:
        assert turn is not None
        paced.end(turn)
    assert nothing_left(paced)


async def test_as_many_as_are_configured_are_under_way_and_the_next_goes_when_one_ends() -> None:
    paced = pacer(concurrency=2)
    first, _ = await turn_of(paced, call()), await turn_of(paced, call())
    third = asyncio.create_task(turn_of(paced, call()))
    await asyncio.sleep(0.02)
    assert (paced.view()["in_flight"], paced.view()["queued"], third.done()) == (3, 1, False)
    paced.end(first)
    assert (await third).waited_s >= 0.015


async def test_models_have_their_own_figures_beside_the_providers() -> None:
    paced = pacer(concurrency=3, models={"small*": Pace(concurrency=1), "*": Pace(concurrency=2)}, max_wait_s=0.05)
    await turn_of(paced, call(), "small-1")
    await turn_of(paced, call(), "big")
    with pytest.raises(UpstreamBusy):
        await turn_of(paced, call(), "small-1")
    await turn_of(paced, call(), "big")
    with pytest.raises(UpstreamBusy):
        await turn_of(paced, call(), "other")
    assert {model: lane["in_flight"] for model, lane in paced.view()["models"].items()} == {
        "small-1": 1, "big": 2, "other": 0,
    }  # fmt: skip


async def test_each_of_several_workers_keeps_to_its_part() -> None:
    paced = pacer(workers=4, concurrency=8, max_wait_s=0)
    await turn_of(paced, call())
    await turn_of(paced, call())
    with pytest.raises(UpstreamBusy):
        await turn_of(paced, call())


async def test_requests_a_minute_are_spread_evenly() -> None:
    paced = pacer(requests_per_minute=3_000)
    began = time.monotonic()
    await asyncio.gather(*(turn_of(paced, call()) for _ in range(60)))
    assert 0.15 < time.monotonic() - began < 5, "fifty at once and ten more at 50 a second"


async def test_who_cannot_make_it_in_time_is_refused_at_once_and_told_when_to_come_back() -> None:
    paced = pacer(tokens_per_minute=60_000, max_wait_s=3)
    await turn_of(paced, call(size=30_000))
    began = time.monotonic()
    with pytest.raises(UpstreamBusy) as refused:
        await turn_of(paced, call())
    assert time.monotonic() - began < 2, "it does not wait for as long as it might"
    assert (refused.value.status, refused.value.code) == (429, "engine_overloaded")
    assert 8 <= int(refused.value.headers["retry-after"]) <= 10
    assert nothing_left(paced) is False
    assert paced.view()["queued"] == 0


async def test_a_flood_fills_the_queue_for_itself_alone() -> None:
    paced = pacer(concurrency=1, max_queue=5)
    running = await turn_of(paced, call("flood"))
    flood = [asyncio.create_task(turn_of(paced, call("flood"))) for _ in range(9)]
    await asyncio.sleep(0.01)
    assert sum(task.done() for task in flood) == 4, "no room for more of it"
    quiet = asyncio.create_task(turn_of(paced, call("quiet")))
    await asyncio.sleep(0.01)
    assert sum(task.done() for task in flood) == 5, "its newest has made room"
    for _ in range(2):
        paced.end(running)
        await asyncio.sleep(0.01)
        done = next(task for task in [quiet, *flood] if task.done() and not task.exception())
        running = done.result()
    assert quiet.done()
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    assert paced.view()["queued"] == 0


async def test_who_hangs_up_leaves_the_queue_at_once() -> None:
    paced = pacer(concurrency=1)
    running = await turn_of(paced, call())
    waiting = [asyncio.create_task(turn_of(paced, call())) for _ in range(3)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    assert paced.view()["queued"] == 2
    paced.end(running)
    paced.end(await waiting[1])
    paced.end(await waiting[2])
    assert nothing_left(paced)


async def test_a_turn_that_comes_in_the_moment_of_hanging_up_is_given_back() -> None:
    paced = pacer(concurrency=1)
    running = await turn_of(paced, call())
    waiting = asyncio.create_task(turn_of(paced, call()))
    await asyncio.sleep(0.01)
    paced.end(running)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert nothing_left(paced)
    paced.end(await turn_of(paced, call()))


async def test_what_an_upstream_tells_holds_back_and_is_shown() -> None:
    paced = pacer(max_wait_s=0.5)
    turn = await turn_of(paced, call())
    said = [("x-ratelimit-limit-requests", "60"), ("x-ratelimit-remaining-requests", "0")]
    paced.hear(turn, 200, [*said, ("x-ratelimit-reset-requests", "60s")])
    paced.end(turn)
    with pytest.raises(UpstreamBusy):
        await turn_of(paced, call())
    assert paced.view()["models"]["m"]["learned_limits"] == [
        {"limit": "requests_per_minute", "maximum": 60, "remaining": 0}
    ]
    assert (await turn_of(paced, call(), "another model")).waited_s < 0.1


async def test_who_is_told_not_to_learn_does_not() -> None:
    paced = pacer(learn=False, concurrency=100)
    turn = await turn_of(paced, call())
    paced.hear(turn, 429, [("retry-after", "60")])
    assert (await turn_of(paced, call())).waited_s < 0.1


Step = Callable[[], None]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=40),
    st.sampled_from(
        [{"concurrency": 2}, {"tokens_per_minute": 6_000_000, "concurrency": 3}, {"requests_per_minute": 60_000}]
    ),
    st.integers(0, 6),
)
def test_after_all_calls_have_ended_nothing_is_left(
    steps: list[tuple[int, int, int]], figures: dict[str, int], max_queue: int
) -> None:
    """Whatever happens to them: served, refused by the upstream, hung up in the queue or under way, sent away."""

    async def run() -> None:
        paced = pacer(**figures, max_queue=max_queue, max_wait_s=0.05, models={"m": Pace(concurrency=4)})

        async def one(tenant: int, ticks: int, fate: int) -> None:
            turn = await turn_of(paced, call(str(tenant)))
            try:
                if fate == 3:
                    paced.hear(turn, 503, [])
                for _ in range(ticks):
                    await asyncio.sleep(0)
            finally:
                paced.end(turn)

        tasks = [asyncio.create_task(one(*step)) for step in steps]
        for task, (_, ticks, fate) in zip(tasks, steps, strict=True):
            if fate == 4:
                for _ in range(ticks):
                    await asyncio.sleep(0)
                task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, UpstreamBusy | asyncio.CancelledError)
        assert nothing_left(paced)
        await asyncio.sleep(0.002)
        handing_out = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not handing_out, "nobody waits, and so nobody hands out turns"

    asyncio.run(run())
