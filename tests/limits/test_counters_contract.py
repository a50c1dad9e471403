"""What every kind of counters does, wherever it counts: one suite for this process, for Redis, and for leases from it."""

import asyncio
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.clock import SystemClock
from gateway.limits.bounds import NOTHING, Counters, Need, Refusal
from gateway.limits.local import LocalCounters
from tests.limits.bounding import DAY, HOUR, MINUTE, MONTH, NOW, ONE, SECOND, bound, tokens
from tests.limits.conftest import MakeCounters, eventually_used, used
from tests.redis_servers import RedisServer


@pytest.mark.parametrize("span", [MINUTE, HOUR, MONTH, DAY], ids=lambda span: f"{span.kind}-{span.unit}")
async def test_as_much_is_admitted_as_there_is(counters: Counters, span) -> None:
    limit = bound("requests", span, 3)
    holds = [await counters.reserve((limit,), ONE) for _ in range(3)]
    refused = await counters.reserve((limit,), ONE)
    assert not any(isinstance(hold, Refusal) for hold in holds)
    assert isinstance(refused, Refusal)
    assert (refused.bound.key, refused.current, refused.store_away) == (limit.key, 3, False)
    assert 0 < refused.retry_after_s <= 32 * 86_400


async def test_levels_are_told_in_the_bounds_order(counters: Counters) -> None:
    bounds = (bound("requests", MINUTE, 10), bound("tokens", MINUTE, 1000))
    hold = await counters.reserve(bounds, Need(7, 13, 0))
    assert not isinstance(hold, Refusal)
    assert [(level.bound.name, level.used, level.remaining) for level in hold.levels] == [
        ("requests_per_minute", 1, 9),
        ("tokens_per_minute", 20, 980),
    ]
    assert all(0 < level.reset_s <= 80_000 for level in hold.levels)


async def test_a_call_that_one_bound_refuses_counts_in_none(counters: Counters) -> None:
    roomy, tight = bound("requests", MINUTE, 10), bound("tokens", MINUTE, 5)
    assert isinstance(await counters.reserve((roomy, tight), tokens(6)), Refusal)
    assert await used(counters, roomy, tight) == [0, 0]


async def test_of_several_refusals_the_one_that_holds_longest_is_told(counters: Counters) -> None:
    queueing = bound("tokens", HOUR, 5, on_exceeded="queue", queue_s=1.0)
    minute, month = bound("input_tokens", MINUTE, 5), bound("input_tokens", MONTH, 5)
    refused = await counters.reserve((queueing, minute, month), tokens(6))
    assert isinstance(refused, Refusal)
    assert refused.bound.name == month.name


async def test_the_truth_takes_the_estimates_place(counters: Counters) -> None:
    bounds = (
        bound("tokens", MINUTE, 100),
        bound("tokens", HOUR, 100),
        bound("cost", MONTH, 100),
        bound("requests", DAY, 9),
    )
    hold = await counters.reserve(bounds, Need(60, 0, 60))
    assert not isinstance(hold, Refusal)
    assert isinstance(await counters.reserve(bounds, Need(60, 0, 60)), Refusal)
    counters.settle(hold, Need(10, 5, 20))
    assert await used(counters, *bounds) == [15, 15, 20, 1]
    counters.settle(hold, Need(50, 50, 50))
    assert await used(counters, *bounds) == [15, 15, 20, 1], "a second time changes nothing"
    assert not isinstance(await counters.reserve(bounds, Need(60, 0, 60)), Refusal)


async def test_what_was_used_beyond_the_estimate_counts(counters: Counters) -> None:
    limit = bound("tokens", MINUTE, 100)
    hold = await counters.reserve((limit,), tokens(10))
    counters.settle(hold, tokens(150))  # type: ignore[arg-type]
    assert await used(counters, limit) == [150]
    assert isinstance(await counters.reserve((limit,), tokens(1)), Refusal)


async def test_a_call_of_which_nothing_was_asked_gives_all_back(counters: Counters) -> None:
    bounds = (bound("requests", MINUTE, 1), bound("tokens", MONTH, 10), bound("concurrent_requests", NOW, 1))
    hold = await counters.reserve(bounds, tokens(10))
    counters.settle(hold, NOTHING)  # type: ignore[arg-type]
    assert await used(counters, *bounds) == [0, 0, 0]
    assert not isinstance(await counters.reserve(bounds, tokens(10)), Refusal)


async def test_what_is_under_way_is_bounded_and_given_back(counters: Counters) -> None:
    limit = bound("concurrent_requests", NOW, 2)
    first, second = [await counters.reserve((limit,), ONE) for _ in range(2)]
    refused = await counters.reserve((limit,), ONE)
    assert isinstance(refused, Refusal)
    assert (refused.current, refused.retry_after_s) == (2, 1.0)
    counters.settle(first, ONE)  # type: ignore[arg-type]
    assert await used(counters, limit) == [1]
    assert not isinstance(await counters.reserve((limit,), ONE), Refusal)
    counters.settle(second, ONE)  # type: ignore[arg-type]


async def test_a_limit_that_warns_lets_pass_and_counts(counters: Counters) -> None:
    soft, hard = bound("tokens", MINUTE, 10, on_exceeded="warn"), bound("requests", MINUTE, 100)
    under = await counters.reserve((soft, hard), tokens(10))
    over = await counters.reserve((soft, hard), tokens(5))
    assert not isinstance(under, Refusal)
    assert not isinstance(over, Refusal)
    assert ([*under.warned], [one.name for one in over.warned]) == ([], [soft.name])
    assert await used(counters, soft) == [15]


async def test_a_free_call_passes_a_full_budget(counters: Counters) -> None:
    budget = bound("cost", MONTH, 10)
    await counters.reserve((budget,), Need(0, 0, 10))
    assert isinstance(await counters.reserve((budget,), Need(0, 0, 1)), Refusal)
    assert not isinstance(await counters.reserve((budget,), Need(0, 0, 0)), Refusal)


async def test_scopes_do_not_share_a_counter(counters: Counters) -> None:
    mine, yours, everybodys = (bound("requests", MINUTE, 1, scope=scope) for scope in ("acme", "bank", ""))
    for one in (mine, yours, everybodys):
        assert not isinstance(await counters.reserve((one,), ONE), Refusal)


async def test_a_window_slides(counters: Counters) -> None:
    """A second after it was full there is room again, little by little."""
    limit = bound("requests", SECOND, 10)
    began = time.time()
    admitted = 0
    while time.time() - began < 3.0:
        if not isinstance(await counters.reserve((limit,), ONE), Refusal):
            # What is told later may have been counted in a fifth window.
            admitted += time.time() - began < 3.0
        await asyncio.sleep(0.005)
    # Three seconds touch four whole windows at most; each holds ten.
    assert 20 <= admitted <= 40


async def test_money_is_exact_to_the_last_unit(counters: Counters) -> None:
    """A large organisation's budget, in nano-units, is beyond what doubles can tell apart. It may be told rounded to the
    next of them; it is kept exactly."""
    most = 50_000_000 * 1_000_000_000
    budget = bound("cost", MONTH, most)
    holds = [await counters.reserve((budget,), Need(0, 0, 9_000_000_000_000_001)) for _ in range(5)]
    assert await used(counters, budget) == pytest.approx([45_000_000_000_000_005], abs=4)
    for hold in holds:
        counters.settle(hold, Need(0, 0, 9_000_000_000_000_000))  # type: ignore[arg-type]
    assert await used(counters, budget) == [45_000_000_000_000_000]


async def test_five_hundred_at_once_do_not_get_past_a_budget_for_a_hundred(counters: Counters) -> None:
    bounds = (bound("requests", MINUTE, 100), bound("cost", MONTH, 100_000))
    found = await asyncio.gather(*(counters.reserve(bounds, Need(10, 10, 1_000)) for _ in range(500)))
    admitted = [one for one in found if not isinstance(one, Refusal)]
    assert len(admitted) == 100
    for hold in admitted:
        counters.settle(hold, Need(10, 10, 500))
    assert await used(counters, *bounds) == [100, 50_000]


async def test_a_cancelled_caller_has_reserved_nothing(counters: Counters) -> None:
    limit = bound("concurrent_requests", NOW, 10)
    task = asyncio.ensure_future(counters.reserve((limit,), ONE))
    await asyncio.sleep(0)
    if task.done():
        pytest.skip("these decide at once")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually_used(counters, [0], limit)


AMOUNTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60), st.booleans()), min_size=1, max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=AMOUNTS)
async def test_redis_decides_as_this_process_does(
    calls: list[tuple[int, int, bool]], redis_counters: MakeCounters, fresh_redis: RedisServer
) -> None:
    """The same calls in the same order: the same answers, the same levels."""
    fresh_redis.client.flushall()
    here, there = LocalCounters(SystemClock()), await redis_counters(fresh_redis.url)
    bounds = (bound("tokens", MINUTE, 100), bound("requests", HOUR, 12), bound("cost", MONTH, 300))
    for needed, truth, settles in calls:
        need = Need(needed, 0, needed * 2)
        found = [await one.reserve(bounds, need) for one in (here, there)]
        assert isinstance(found[0], Refusal) == isinstance(found[1], Refusal)
        if isinstance(found[0], Refusal):
            assert found[0].bound.name == found[1].bound.name
            assert found[0].current == found[1].current
            assert found[0].retry_after_s == pytest.approx(found[1].retry_after_s, abs=2.0)
        else:
            assert [level.used for level in found[0].levels] == [level.used for level in found[1].levels]
            if settles:
                for counters, hold in zip((here, there), found, strict=True):
                    counters.settle(hold, Need(truth, 0, truth * 2))
                await asyncio.sleep(0.005)
    assert await used(here, *bounds) == await used(there, *bounds)
