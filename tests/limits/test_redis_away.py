"""Redis goes away in every way there is: what holds meanwhile, that nobody waits for it, and how it comes back."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.clock import SystemClock
from gateway.limits import settling
from gateway.limits.bounds import Need, Refusal
from gateway.limits.redis_counters import RedisCounters
from gateway.reporting import Reports
from gateway.telemetry.log import LogOptions, RequestLog
from gateway.telemetry.metrics import Metrics
from tests.limits.bounding import HOUR, MINUTE, MONTH, NOW, ONE, bound, tokens
from tests.limits.conftest import MakeCounters, Told, eventually_used, used
from tests.ports import free_port
from tests.redis_servers import RedisServer, Road, eventually

TIMEOUT_MS = 400
# Far above the patience that is asked for, far below any patience that is not.
SOON_S = 2.5


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that the test may do anything to."""
    server = RedisServer(tmp_path / "redis").start()
    try:
        yield server
    finally:
        server.kill()


async def timed(counters: RedisCounters, *bounds: object, need: Need = ONE) -> tuple[object, float]:
    began = time.monotonic()
    return await counters.reserve(bounds, need), time.monotonic() - began  # type: ignore[arg-type]


@pytest.mark.parametrize("gone", ["stopped", "killed", "reset"])
async def test_each_limit_says_what_holds_while_redis_is_away(
    gone: str, own_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    async with Road(own_redis.port).open() as road:
        told = Told()
        counters = await redis_counters(road.url, timeout_ms=TIMEOUT_MS, told=told)
        await eventually(lambda: counters.store.up)
        share = bound("requests", MINUTE, 3, limit_id="share")
        refuse = bound("requests", MINUTE, 3, limit_id="refuse", on_store_failure="refuse")
        allow = bound("requests", MINUTE, 1, limit_id="allow", on_store_failure="allow")
        before = await counters.reserve((share, refuse, allow), ONE)
        assert not isinstance(before, Refusal)

        if gone == "stopped":
            own_redis.signal(signal.SIGSTOP)
        elif gone == "killed":
            own_redis.kill()
        else:
            road.cut()
        found = await asyncio.gather(*(timed(counters, allow) for _ in range(50)))
        assert all(not isinstance(hold, Refusal) and took < SOON_S for hold, took in found)
        await eventually(lambda: not counters.store.up)
        shared = [await timed(counters, share) for _ in range(4)]
        refused, _ = await timed(counters, allow, refuse)
        assert [isinstance(hold, Refusal) for hold, _ in shared] == [False, False, False, True]
        assert isinstance(refused, Refusal)
        assert (refused.store_away, refused.bound.limit_id) == (True, "refuse")
        assert shared[-1][0].store_away is False, "the share is a limit like any other"  # type: ignore[union-attr]
        # Once it is known to be away, nobody asks: that takes no longer than deciding here does.
        assert sum(took for _, took in shared) < TIMEOUT_MS / 1000

        if gone == "stopped":
            own_redis.signal(signal.SIGCONT)
        elif gone == "killed":
            own_redis.start()
        else:
            road.mend()
        await eventually(lambda: counters.store.up)
        assert told.reasons, "each failure is counted by its reason"
        assert not isinstance(await counters.reserve((refuse,), ONE), Refusal)
        for hold, _ in shared[:3]:
            counters.settle(hold, ONE)
        counters.settle(before, ONE)
        await eventually(lambda: len(counters._settling) == 0)


async def test_redis_may_be_away_when_a_worker_starts(tmp_path: Path, redis_counters: MakeCounters) -> None:
    port = free_port()
    counters = await redis_counters(f"redis://127.0.0.1:{port}", timeout_ms=TIMEOUT_MS, workers=2)
    limit = bound("requests", MINUTE, 4)
    assert [isinstance(await counters.reserve((limit,), ONE), Refusal) for _ in range(3)] == [False, False, True]
    assert counters.store.problem
    server = RedisServer(tmp_path / "redis", port=port).start()
    try:
        await eventually(lambda: counters.store.up)
        assert not isinstance(await counters.reserve((limit,), ONE), Refusal)
        assert await used(counters, limit) == [1]
    finally:
        server.kill()


async def test_each_counter_of_one_limit_is_told_of_for_itself(redis_counters: MakeCounters) -> None:
    counters = await redis_counters(f"redis://127.0.0.1:{free_port()}", timeout_ms=TIMEOUT_MS)
    large, small = (bound("requests", MINUTE, 9, scope=group) for group in ("large", "small"))
    await counters.reserve((small,), ONE)
    hold = await counters.reserve((large, small), ONE)
    assert not isinstance(hold, Refusal)
    assert [(level.bound.key, level.used) for level in hold.levels] == [(large.key, 1), (small.key, 2)]


async def test_workers_share_a_limit_by_how_many_there_were(
    own_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    first, second = [await redis_counters(own_redis.url, timeout_ms=TIMEOUT_MS) for _ in range(2)]
    await eventually(lambda: first._share.workers == second._share.workers == 2)
    own_redis.kill()
    await eventually(lambda: not first.store.up and not second.store.up)
    limit, single = bound("requests", MINUTE, 10), bound("concurrent_requests", NOW, 1)
    for counters in (first, second):
        found = [await counters.reserve((limit,), ONE) for _ in range(6)]
        assert [isinstance(one, Refusal) for one in found] == [False] * 5 + [True]
        assert not isinstance(await counters.reserve((single,), ONE), Refusal), "a share is at least one"


async def test_of_a_budget_workers_share_what_was_left(own_redis: RedisServer, redis_counters: MakeCounters) -> None:
    """And Redis hears of what was spent meanwhile."""
    async with Road(own_redis.port).open() as road:
        first, second = [await redis_counters(road.url, timeout_ms=TIMEOUT_MS) for _ in range(2)]
        await eventually(lambda: first._share.workers == second._share.workers == 2)
        budget = bound("cost", MONTH, 100)
        for counters in (first, second):
            counters.settle(await counters.reserve((budget,), Need(0, 0, 30)), Need(0, 0, 30))
        assert await used(first, budget) == [60]
        await used(second, budget)
        road.cut()
        await eventually(lambda: not first.store.up and not second.store.up)
        # The second was the last to hear of the budget: 60 used, 40 left, 20 for each.
        assert isinstance(await second.reserve((budget,), Need(0, 0, 21)), Refusal)
        hold = await second.reserve((budget,), Need(0, 0, 20))
        assert not isinstance(hold, Refusal)
        second.settle(hold, Need(0, 0, 15))
        assert isinstance(await second.reserve((budget,), Need(0, 0, 6)), Refusal)
        road.mend()
        await eventually(lambda: first.store.up and second.store.up)
        await asyncio.sleep(1.2)
        await eventually_used(first, [75], budget)


async def test_a_budget_that_only_warns_may_have_nothing_left_for_a_worker_and_is_told_of_all_the_same(
    own_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(own_redis.url, timeout_ms=TIMEOUT_MS)
    budget = bound("cost", MONTH, 100, on_exceeded="warn")
    counters.settle(await counters.reserve((budget,), Need(0, 0, 100)), Need(0, 0, 100))
    await counters.reserve((budget,), Need(0, 0, 1))
    own_redis.kill()
    await eventually(lambda: not counters.store.up)
    hold = await counters.reserve((budget,), Need(0, 0, 1))
    assert not isinstance(hold, Refusal)
    with Metrics() as metrics:
        reports = Reports(metrics, RequestLog(LogOptions()), None, SystemClock())
        reports.counted(hold.levels)
        assert reports._budgets == {("l", "cost_per_month"): 1.0}


async def test_a_redis_that_comes_back_empty_is_told_what_the_ledger_knows(
    own_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    budget, hourly, minutely = bound("cost", MONTH, 100), bound("tokens", HOUR, 100), bound("requests", MINUTE, 100)
    spent: list[tuple[object, float, int]] = []
    asked: list[float] = []

    async def seeds(until: float, began: float) -> list[tuple[object, float, int]]:
        asked.append(until)
        return [one for one in spent if one[1] < until]

    counters = await redis_counters(own_redis.url, timeout_ms=TIMEOUT_MS, seeds=seeds)
    hold = await counters.reserve((budget, hourly, minutely), Need(10, 0, 90))
    counters.settle(hold, Need(10, 0, 90))
    assert await used(counters, budget, hourly, minutely) == [90, 10, 1]
    spent += [(budget, time.time(), 90), (hourly, time.time(), 10)]
    own_redis.kill()
    await eventually(lambda: not counters.store.up)
    own_redis.start()
    await eventually(lambda: counters.store.up)
    assert await used(counters, budget, hourly, minutely) == [90, 10, 0]
    assert isinstance(await counters.reserve((budget,), Need(0, 0, 20)), Refusal)

    # The same ledger tells it once, whoever asks and how often; another replica's ledger adds its own.
    same = await redis_counters(own_redis.url, seeds=seeds)
    assert await used(same, budget) == [90]
    other = await redis_counters(own_redis.url, seeds=seeds, ledger="other")
    assert await used(other, budget) == [180]
    assert len(asked) >= 3


async def test_what_was_spent_while_it_was_away_is_told_to_an_empty_redis_once(
    own_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    budget = bound("cost", MONTH, 100)
    ledger: list[tuple[object, float, int]] = []

    async def seeds(until: float, began: float) -> list[tuple[object, float, int]]:
        return [one for one in ledger if one[1] < until]

    counters = await redis_counters(own_redis.url, timeout_ms=TIMEOUT_MS, seeds=seeds)
    own_redis.kill()
    await eventually(lambda: not counters.store.up)
    counters.settle(await counters.reserve((budget,), Need(0, 0, 30)), Need(0, 0, 25))
    ledger.append((budget, time.time(), 25))
    own_redis.start()
    await eventually(lambda: counters.store.up)
    await asyncio.sleep(1.2)
    await eventually_used(counters, [25], budget)


async def test_a_ledger_that_cannot_be_read_does_not_stop_limits(
    own_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    budget, asked = bound("cost", MONTH, 100), 0

    async def seeds(until: float, began: float) -> list[tuple[object, float, int]]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise OSError("no such ledger")
        return [(budget, until - 1, 40)]

    counters = await redis_counters(own_redis.url, seeds=seeds)
    assert counters.store.up
    assert not isinstance(await counters.reserve((bound("requests", MINUTE, 1),), ONE), Refusal)
    await eventually(lambda: asked >= 3)
    await eventually_used(counters, [40], budget)


async def test_keys_that_are_lost_under_way_are_noticed(own_redis: RedisServer, redis_counters: MakeCounters) -> None:
    budget = bound("cost", MONTH, 100)

    async def seeds(until: float, began: float) -> list[tuple[object, float, int]]:
        return [(budget, until - 1, 70)]

    counters = await redis_counters(own_redis.url, seeds=seeds)
    assert await used(counters, budget) == [70]
    counters.settle(await counters.reserve((budget,), Need(0, 0, 10)), Need(0, 0, 10))
    assert await used(counters, budget) == [80], "what was counted since is not told again"
    own_redis.client.flushall()
    await eventually_used(counters, [70], budget)


async def test_a_server_that_forgot_the_scripts_is_given_them_again(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(fresh_redis.url)
    limit = bound("tokens", MINUTE, 100)
    hold = await counters.reserve((limit,), tokens(10))
    fresh_redis.client.script_flush()
    assert not isinstance(await counters.reserve((limit,), tokens(10)), Refusal)
    fresh_redis.client.script_flush()
    counters.settle(hold, tokens(1))
    await eventually_used(counters, [11], limit)


async def test_what_a_server_refuses_to_correct_is_sent_again(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(fresh_redis.url, mode="lease", lease_ms=20)
    limit = bound("tokens", MINUTE, 100)
    hold = await counters.reserve((limit,), tokens(10))
    assert await used(counters, limit) == [10]  # what it was lent from has been returned: what it used is a correction
    fresh_redis.client.script_flush()
    counters.settle(hold, tokens(60))
    await eventually_used(counters, [60], limit)


async def test_more_than_can_be_packed_is_counted_as_much_where_a_limit_only_warns(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(fresh_redis.url)
    limit = bound("cost", MONTH, 100, on_exceeded="warn")
    hold = await counters.reserve((limit,), Need(0, 0, 2**70))
    assert not isinstance(hold, Refusal)
    assert list(hold.warned) == [limit]
    counters.settle(hold, Need(0, 0, 7))
    assert await used(counters, limit) == [7]


async def test_endings_wait_for_redis_to_come_back(own_redis: RedisServer, redis_counters: MakeCounters) -> None:
    async with Road(own_redis.port).open() as road:
        counters = await redis_counters(road.url, timeout_ms=TIMEOUT_MS)
        bounds = (bound("tokens", MINUTE, 1000), bound("concurrent_requests", NOW, 10))
        holds = [await counters.reserve(bounds, tokens(100)) for _ in range(5)]
        road.cut()
        for hold in holds:
            counters.settle(hold, tokens(7))
        await eventually(lambda: not counters.store.up)
        road.mend()
        await eventually(lambda: counters.store.up and len(counters._settling) == 0)
        assert await used(counters, *bounds) == [35, 0]


async def test_the_holds_of_a_worker_that_died_expire_and_those_of_long_calls_do_not(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    living, dying = [await redis_counters(fresh_redis.url, hold_s=3) for _ in range(2)]
    bounds = (bound("concurrent_requests", NOW, 2), bound("cost", MONTH, 100))
    long_call = await living.reserve(bounds, Need(0, 0, 10))
    assert not isinstance(await dying.reserve(bounds, Need(0, 0, 50)), Refusal)
    assert isinstance(await living.reserve(bounds, Need(0, 0, 1)), Refusal)
    assert dying._tending._task is not None
    dying._tending._task.cancel()
    await asyncio.sleep(4.0)
    again = await living.reserve(bounds, Need(0, 0, 90))
    assert not isinstance(again, Refusal)
    assert [level.used for level in again.levels] == [2, 100]
    living.settle(long_call, Need(0, 0, 5))
    living.settle(again, Need(0, 0, 5))
    assert await used(living, *bounds) == [0, 10]


async def test_a_hold_that_had_expired_counts_what_was_used_after_all(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    """A worker that stood still for longer than its holds live."""
    stalled, other = [await redis_counters(fresh_redis.url, hold_s=3) for _ in range(2)]
    budget = bound("cost", MONTH, 100)
    hold = await stalled.reserve((budget,), Need(0, 0, 60))
    assert stalled._tending._task is not None
    stalled._tending._task.cancel()
    await asyncio.sleep(3.2)
    other.settle(await other.reserve((budget,), Need(0, 0, 1)), Need(0, 0, 1))
    assert await used(other, budget) == [1]
    stalled.settle(hold, Need(0, 0, 40))
    assert await used(stalled, budget) == [41]


async def test_endings_that_cannot_be_kept_are_told_of(
    own_redis: RedisServer, redis_counters: MakeCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "MAX_WAITING", 2)
    metrics = Metrics()
    reports = Reports(metrics, RequestLog(LogOptions()), None, SystemClock())
    counters = await redis_counters(own_redis.url, timeout_ms=TIMEOUT_MS, told=reports)
    budget = bound("cost", MONTH, 100)
    holds = [await counters.reserve((budget,), Need(0, 0, 10)) for _ in range(5)]
    own_redis.kill()
    await eventually(lambda: not counters.store.up)
    for hold in holds:
        counters.settle(hold, Need(0, 0, 10))
    assert b"gateway_limit_endings_dropped_total 3.0" in metrics.exposition()[0]
