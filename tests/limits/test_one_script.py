"""What a reservation costs Redis: one script for all of a call's bounds, and one packet for all calls of a turn."""

import asyncio

import pytest

from gateway.limits.bounds import Counters, Need, Refusal
from tests.limits.bounding import DAY, HOUR, MINUTE, MONTH, NOW, bound
from tests.limits.conftest import MakeCounters
from tests.redis_servers import RedisServer

CALLS = 16
BOUNDS = (
    bound("requests", MINUTE, 1_000, limit_id="key"),
    bound("input_tokens", HOUR, 100_000, limit_id="key"),
    bound("output_tokens", DAY, 100_000, limit_id="team"),
    bound("cost", MONTH, 100_000, limit_id="tenant"),
    bound("concurrent_requests", NOW, 100, limit_id="key"),
)


def counted(server: RedisServer) -> tuple[int, int]:
    """Scripts that were run, and packets that were read."""
    scripts = server.client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    return scripts, server.client.info("stats")["total_reads_processed"]


async def reserve(counters: Counters) -> None:
    hold = await counters.reserve(BOUNDS, Need(7, 2, 5))
    assert not isinstance(hold, Refusal)
    assert len(hold.levels) == len(BOUNDS)


@pytest.mark.parametrize("at_once", [True, False], ids=["in one turn", "one after another"])
async def test_calls_of_one_turn_leave_together_each_as_one_script(
    fresh_redis: RedisServer, redis_counters: MakeCounters, at_once: bool
) -> None:
    counters = await redis_counters(fresh_redis.url)
    await reserve(counters)
    scripts, packets = counted(fresh_redis)
    if at_once:
        await asyncio.gather(*(reserve(counters) for _ in range(CALLS)))
    else:
        for _ in range(CALLS):
            await reserve(counters)
    scripts_after, packets_after = counted(fresh_redis)
    assert scripts_after - scripts == CALLS
    # A packet or two are of the question itself, or of who says that this worker lives.
    assert (packets_after - packets < CALLS / 2) is at_once
