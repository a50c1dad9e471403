"""Limits on Redis behind Sentinels, and on a Redis Cluster."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.limits.bounds import NOTHING, Need, Refusal
from gateway.limits.redis_counters import RedisCounters
from gateway.stores.redis import ClusterOptions, RedisOptions, SentinelOptions
from gateway.stores.redis_store import slot_of
from tests.limits.bounding import MINUTE, MONTH, NOW, ONE, bound
from tests.limits.conftest import MakeCounters, Told, eventually_used, used
from tests.ports import free_port
from tests.redis_servers import RedisServer, cluster, eventually, running

SENTINEL_PASSWORD = "of-the-sentinel"
SERVER_PASSWORD = "of-the-servers"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer, RedisServer]]:
    """(master, replica, Sentinel)."""
    secrets = (f"requirepass {SERVER_PASSWORD}", f"masterauth {SERVER_PASSWORD}")
    master = RedisServer(tmp_path / "master", *secrets)
    replica = RedisServer(
        tmp_path / "replica", *secrets, f"replicaof 127.0.0.1 {master.port}", "repl-diskless-sync-delay 0"
    )
    sentinel = RedisServer(
        tmp_path / "sentinel",
        f"requirepass {SENTINEL_PASSWORD}",
        f"sentinel monitor limits 127.0.0.1 {master.port} 1",
        f"sentinel auth-pass limits {SERVER_PASSWORD}",
        "sentinel down-after-milliseconds limits 300",
        "sentinel failover-timeout limits 2000",
        sentinel=True,
    )
    servers = (master, replica, sentinel)
    for server in servers[:2]:
        server.client = type(server.client)(port=server.port, password=SERVER_PASSWORD)
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.kill()


async def test_after_a_failover_limits_go_on_where_they_were(
    watched: tuple[RedisServer, RedisServer, RedisServer], redis_counters: MakeCounters
) -> None:
    master, replica, sentinel = watched
    await eventually(lambda: replica.client.info("replication").get("master_link_status") == "up", 20)
    # A Sentinel hears of a master's replicas every ten seconds only.
    sentinel.client = type(sentinel.client)(port=sentinel.port, password=SENTINEL_PASSWORD, decode_responses=True)
    await eventually(lambda: int(sentinel.client.sentinel_master("limits")["num-slaves"]) == 1, 20)
    names = SentinelOptions(
        nodes=(f"127.0.0.1:{free_port()}", f"127.0.0.1:{sentinel.port}"), master="limits", password=SENTINEL_PASSWORD
    )
    counters = await redis_counters(
        RedisOptions(sentinel=names, password=SERVER_PASSWORD, connect_s=5), timeout_ms=500, workers=1
    )
    await eventually(lambda: counters.store.up)
    limit = bound("cost", MONTH, 100)
    hold = await counters.reserve((limit,), Need(0, 0, 60))
    written = master.client.info("replication")["master_repl_offset"]
    await eventually(lambda: replica.client.info("replication")["slave_repl_offset"] >= written)
    master.kill()
    await eventually(lambda: not counters.store.up)
    assert not isinstance(await counters.reserve((limit,), Need(0, 0, 10)), Refusal)
    await eventually(lambda: counters.store.up, 30)
    assert counters.store.links[0].address is not None
    assert counters.store.links[0].address.port == replica.port
    assert isinstance(await counters.reserve((limit,), Need(0, 0, 41)), Refusal), "the hold went over with the data"
    counters.settle(hold, Need(0, 0, 5))
    await eventually_used(counters, [5], limit)


# All that the gateway says to a server.
ALLOWED = (
    "~gateway:* +evalsha +script|load +time +get +setnx +del +hget +hset +hmget +hsetnx +hdel +hexists +hgetall +hkeys "
    "+hincrby +pexpire +pexpireat +pttl +zadd +zrem +zcard +zrangebyscore +zremrangebyscore +client +select"
)


async def test_a_user_that_may_do_what_is_needed_and_no_more(tmp_path: Path, redis_counters: MakeCounters) -> None:
    acl = ("user default off", f"user limits on >{SERVER_PASSWORD} {ALLOWED}")
    bounds = (bound("requests", MINUTE, 10), bound("cost", MONTH, 10), bound("concurrent_requests", NOW, 2))

    async def seeds(until: float, began: float) -> list[tuple[object, float, int]]:
        return [(bounds[0], until - 1, 1), (bounds[1], until - 1, 1)]

    with running(tmp_path / "redis", *acl) as server:
        told = Told()
        counters = await redis_counters(
            RedisOptions(url=server.url, username="limits", password=SERVER_PASSWORD, connect_s=5),
            told=told,
            seeds=seeds,
            hold_s=3,
        )
        hold = await counters.reserve(bounds, Need(0, 0, 1))
        await asyncio.sleep(2.2)
        counters.settle(hold, Need(0, 0, 2))
        assert await used(counters, *bounds) == [2, 3, 0]
        assert told.reasons == []


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[RedisServer]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture
def fresh_nodes(nodes: Sequence[RedisServer]) -> Sequence[RedisServer]:
    for node in nodes:
        node.client.flushall()
    return nodes


def options(nodes: Sequence[RedisServer]) -> RedisOptions:
    return RedisOptions(cluster=ClusterOptions((f"127.0.0.1:{nodes[0].port}",)), connect_s=5)


def owner(nodes: Sequence[RedisServer], tag: str) -> RedisServer:
    return nodes[slot_of(tag.encode()) * 3 // 16_384]


def tenants(nodes: Sequence[RedisServer]) -> list[str]:
    """A tenant on each node."""
    names = [f"tenant-{number}" for number in range(100)]
    return [next(name for name in names if owner(nodes, name) is node) for node in nodes]


async def test_each_tenants_counters_live_together(
    fresh_nodes: Sequence[RedisServer], redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(options(fresh_nodes))
    for tenant in tenants(fresh_nodes):
        bounds = (bound("requests", MINUTE, 10, scope=tenant), bound("cost", MONTH, 10, scope=tenant))
        assert not isinstance(await counters.reserve(bounds, Need(0, 0, 1)), Refusal)
        here = {key for key in owner(fresh_nodes, tenant).key_names() if f"{{{tenant}}}" in key}
        assert here == {
            *(f"gateway:{{{tenant}}}:{one.key}" for one in bounds),
            f"gateway:{{{tenant}}}:|holds",
        }


async def test_bounds_of_two_tags_admit_together_or_not_at_all(
    fresh_nodes: Sequence[RedisServer], redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(options(fresh_nodes))
    everybodys = bound("requests", MINUTE, 4, scope="", limit_id="all")
    theirs = [bound("requests", MINUTE, 3, scope=tenant) for tenant in tenants(fresh_nodes)]
    for one in theirs:
        assert not isinstance(await counters.reserve((one, everybodys), ONE), Refusal)
    mine, yours, _ = theirs
    hold = await counters.reserve((mine, everybodys), ONE)
    assert [level.used for level in hold.levels] == [2, 4]
    refused = await counters.reserve((yours, everybodys), ONE)
    assert isinstance(refused, Refusal)
    assert refused.bound.limit_id == "all"
    assert await used(counters, yours, everybodys) == [1, 4], "what the other server took is given back"
    counters.settle(hold, NOTHING)
    assert await used(counters, mine, everybodys) == [1, 3]


async def test_five_hundred_at_once_across_servers_and_workers(
    fresh_nodes: Sequence[RedisServer], redis_counters: MakeCounters
) -> None:
    workers = [await redis_counters(options(fresh_nodes)) for _ in range(2)]
    everybodys = bound("requests", MINUTE, 100, scope="", limit_id="all")
    theirs = [bound("concurrent_requests", NOW, 1000, scope=tenant) for tenant in tenants(fresh_nodes)]
    found = await asyncio.gather(
        *(workers[number % 2].reserve((theirs[number % 3], everybodys), ONE) for number in range(500))
    )
    admitted = [one for one in found if not isinstance(one, Refusal)]
    assert len(admitted) == 100
    for counters in workers:
        held = await used(counters, *theirs)
    assert sum(held) == 100


async def test_one_server_away_is_felt_by_its_tenants_alone(tmp_path: Path, redis_counters: MakeCounters) -> None:
    with cluster(tmp_path) as nodes:
        counters = await redis_counters(options(nodes), timeout_ms=500)
        gone, *others = tenants(nodes)
        refuse = {
            tenant: bound("requests", MINUTE, 9, scope=tenant, on_store_failure="refuse") for tenant in tenants(nodes)
        }
        owner(nodes, gone).kill()
        await eventually(lambda: not counters.store.up)
        away = await counters.reserve((refuse[gone],), ONE)
        assert isinstance(away, Refusal)
        assert away.store_away
        for tenant in others:
            assert not isinstance(await counters.reserve((refuse[tenant],), ONE), Refusal)
        # Of bounds on both, the others' are still asked.
        share = bound("requests", MINUTE, 2, scope=gone, limit_id="share")
        hold = await counters.reserve((share, refuse[others[0]]), ONE)
        assert [level.used for level in hold.levels] == [1, 2]
        counters.settle(hold, NOTHING)
        assert await used(counters, refuse[others[0]]) == [1]
        owner(nodes, gone).start()
        await eventually(lambda: counters.store.up, 20)
        await eventually_admitted(counters, refuse[gone])


async def eventually_admitted(counters: RedisCounters, limit: object) -> None:
    for _ in range(100):
        if not isinstance(await counters.reserve((limit,), ONE), Refusal):  # type: ignore[arg-type]
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it is still refused")


async def test_a_slot_that_moves_is_followed(fresh_nodes: Sequence[RedisServer], redis_counters: MakeCounters) -> None:
    """The slot changes hands while it is empty; calls meanwhile live by what the limit says."""
    counters = await redis_counters(options(fresh_nodes), timeout_ms=1000)
    source, target, _ = fresh_nodes
    tenant = tenants(fresh_nodes)[0]
    limit = bound("requests", MINUTE, 100, scope=tenant, on_store_failure="refuse")
    slot = slot_of(tenant.encode())
    ids = {node: str(node.client.execute_command("CLUSTER MYID").decode()) for node in (source, target)}
    try:
        for node in (target, source):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target])
        await eventually_admitted(counters, limit)
        assert f"gateway:{{{tenant}}}:{limit.key}" in target.key_names()
    finally:
        target.client.flushall()
        for node in (source, target):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[source])
