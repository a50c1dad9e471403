"""The contract of every store of replies: in memory, and in a real Redis."""

import asyncio
import signal
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache import redis_entries
from gateway.cache.document import Rule
from gateway.cache.entries import OVERHEAD_BYTES, Entry
from gateway.cache.memory import MemoryEntries
from gateway.cache.redis_entries import Lease
from gateway.cache.tiers import Tiers
from gateway.testing import HandClock
from tests.cache.asking import KEY, OTHER, RULE, entry_of, stream_of
from tests.cache.conftest import MakeTiers, Told
from tests.redis_servers import RedisServer, eventually

ENTRIES = [
    entry_of(b'{"a": 1}'),
    entry_of(b"", cost_nano=None),
    entry_of(b"\x00\xff" * 9_000, told={"x-gateway-target": "p/m"}, model="m", finish_reason="stop"),
    stream_of(b"data: 1\n\n", b"data: \xc3\xa4\n\n", b"data: [DONE]\n\n", at_ms=(0, 20, 41)),
]


async def looked_up(tiers: Tiers, key: bytes, rule: Rule = RULE) -> Entry | None:
    return tiers.near(key) or await tiers.far(key, rule)


@pytest.fixture(params=["memory", "redis"])
def place(request: pytest.FixtureRequest) -> str:
    """Where: the address of a Redis, or nothing."""
    return request.getfixturevalue("fresh_redis").url if request.param == "redis" else ""


@pytest.mark.parametrize("entry", ENTRIES, ids=["whole", "empty", "binary", "stream"])
async def test_what_is_kept_is_found_as_it_was(place: str, entry: Entry, make_tiers: MakeTiers) -> None:
    tiers = await make_tiers(place)
    tiers.keep(KEY, entry, RULE)
    assert await looked_up(tiers, KEY) == entry
    assert await looked_up(tiers, OTHER) is None


async def test_a_newer_answer_takes_the_place_of_an_older_one(place: str, make_tiers: MakeTiers) -> None:
    tiers = await make_tiers(place)
    for body in (b"old", b"new"):
        tiers.keep(KEY, entry_of(body), RULE)
    found = await looked_up(tiers, KEY)
    assert found is not None
    assert found.whole() == b"new"


async def test_what_nobody_can_use_any_more_is_gone(place: str, make_tiers: MakeTiers) -> None:
    tiers = await make_tiers(place)
    short, stale = Rule(id="r", ttl_s=60), Rule(id="r", ttl_s=59, stale_s=60)
    tiers.keep(KEY, entry_of(b"x", age_s=59.9), short)
    tiers.keep(OTHER, entry_of(b"x", age_s=59.9), stale)
    await asyncio.sleep(0.2)
    assert await looked_up(tiers, KEY, short) is None
    assert await looked_up(tiers, OTHER, stale) is not None


async def test_an_answer_of_one_worker_is_found_by_another(fresh_redis: RedisServer, make_tiers: MakeTiers) -> None:
    one, two = await make_tiers(fresh_redis.url), await make_tiers(fresh_redis.url)
    one.keep(KEY, ENTRIES[3], RULE)
    assert two.near(KEY) is None
    assert await looked_up(two, KEY) == ENTRIES[3]
    fresh_redis.client.flushall()
    assert two.near(KEY) == ENTRIES[3], "and it keeps it"


async def test_a_rule_that_has_become_stricter_holds_for_what_was_kept_before(
    fresh_redis: RedisServer, make_tiers: MakeTiers
) -> None:
    one, two = await make_tiers(fresh_redis.url), await make_tiers(fresh_redis.url)
    one.keep(KEY, entry_of(b"x", age_s=30), RULE)
    assert await two.far(KEY, Rule(id="r", ttl_s=20)) is None


async def test_of_several_workers_one_fetches(
    fresh_redis: RedisServer, make_tiers: MakeTiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_entries, "CLAIM_MS", 5_000)
    one, two = await make_tiers(fresh_redis.url), await make_tiers(fresh_redis.url)
    lease = await one.lead(KEY, RULE, lambda entry: True, 5)
    assert isinstance(lease, Lease)
    assert await two.lead(KEY, RULE, lambda entry: True, 0) == "held"
    waiting = asyncio.create_task(two.lead(KEY, RULE, lambda entry: True, 20))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    one.keep(KEY, ENTRIES[0], RULE)
    lease.release()
    assert await waiting == ENTRIES[0]


async def test_a_lease_lasts_as_long_as_its_worker_is_at_it(
    fresh_redis: RedisServer, make_tiers: MakeTiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_entries, "CLAIM_MS", 1_500)
    one, two = [await make_tiers(fresh_redis.url, lease_ms=1_500) for _ in range(2)]
    lease = await one.lead(KEY, RULE, lambda entry: True, 0)
    assert isinstance(lease, Lease)
    await asyncio.sleep(2.0)
    assert await two.lead(KEY, RULE, lambda entry: True, 0) == "held"
    lease.release()
    second = await two.lead(KEY, RULE, lambda entry: True, 5)
    assert isinstance(second, Lease)
    second.release()


async def test_who_finds_an_answer_instead_gives_the_right_back(
    fresh_redis: RedisServer, make_tiers: MakeTiers
) -> None:
    one, two = [await make_tiers(fresh_redis.url) for _ in range(2)]
    one.keep(KEY, ENTRIES[0], RULE)
    assert await two.lead(KEY, RULE, lambda entry: True, 0) == ENTRIES[0]
    lease = await one.lead(KEY, RULE, lambda entry: False, 5)
    assert isinstance(lease, Lease)
    lease.release()


async def test_a_worker_that_died_leaves_its_lease_to_the_next(fresh_redis: RedisServer, make_tiers: MakeTiers) -> None:
    one, two = [await make_tiers(fresh_redis.url, lease_ms=200) for _ in range(2)]
    lease = await one.lead(KEY, RULE, lambda entry: True, 0)
    assert isinstance(lease, Lease)
    lease._timer.cancel()  # it says no more that it is there
    second = await two.lead(KEY, RULE, lambda entry: True, 10)
    assert isinstance(second, Lease)
    second.release()


async def test_a_right_that_is_given_when_nobody_waits_for_it_any_longer_is_soon_free(
    fresh_redis: RedisServer, make_tiers: MakeTiers
) -> None:
    one, two = [await make_tiers(fresh_redis.url, lease_ms=60_000, timeout_ms=20) for _ in range(2)]
    fresh_redis.client.config_resetstat()
    fresh_redis.signal(signal.SIGSTOP)
    assert await one.lead(KEY, RULE, lambda entry: True, 0) == "away"
    fresh_redis.signal(signal.SIGCONT)
    await eventually(lambda: "cmdstat_set" in fresh_redis.client.info("commandstats"))
    async with asyncio.timeout(10):
        while not isinstance(lease := await two.lead(KEY, RULE, lambda entry: True, 1), Lease):
            await asyncio.sleep(0.05)
    lease.release()


@pytest.mark.parametrize("gone", ["stopped", "killed"])
async def test_a_redis_that_is_away_has_nothing(gone: str, tmp_path: Path, make_tiers: MakeTiers) -> None:
    server, told = RedisServer(tmp_path / "redis").start(), Told()
    try:
        tiers = await make_tiers(server.url, told, timeout_ms=5)
        await eventually(lambda: told.up[-1:] == [True])
        if gone == "stopped":
            server.signal(signal.SIGSTOP)
        else:
            server.kill()
        for _ in range(3):
            tiers.keep(OTHER, ENTRIES[0], RULE)
            assert await tiers.far(KEY, RULE) is None
            assert await tiers.lead(KEY, RULE, lambda entry: True, 20) == "away"
        assert tiers.near(OTHER) == ENTRIES[0]
        await eventually(lambda: told.up[-1] is False)
        assert told.reasons
        if gone == "stopped":
            assert "late" in told.reasons
            server.signal(signal.SIGCONT)
        else:
            server.start()
        await eventually(lambda: told.up[-1] is True)
    finally:
        server.kill()


async def test_what_cannot_be_read_is_not_there(fresh_redis: RedisServer, make_tiers: MakeTiers) -> None:
    told = Told()
    tiers = await make_tiers(fresh_redis.url, told)
    tiers.keep(KEY, ENTRIES[0], RULE)
    other = await make_tiers(fresh_redis.url, told)
    assert await other.far(KEY, RULE) is not None
    (name,) = fresh_redis.key_names()
    fresh_redis.client.set(name, b"\x93nonsense")
    assert await other.far(KEY, RULE) is None
    fresh_redis.client.delete(name)
    fresh_redis.client.lpush(name, b"a list")
    assert await other.far(KEY, RULE) is None
    assert told.reasons == ["unreadable", "wrongtype"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4_000)), max_size=40))
def test_memory_is_bounded_in_bytes_and_keeps_what_was_used_last(puts: list[tuple[int, int]]) -> None:
    clock, room = HandClock(1_000.0), 10_000
    memory = MemoryEntries(room, clock.now)
    model: list[tuple[bytes, int]] = []
    for number, size in puts:
        key, entry = b"%d" % number, entry_of(b"", headers=(("n", "x" * size),))
        memory.put(key, entry, 2_000.0)
        model = [one for one in model if one[0] != key] + [(key, OVERHEAD_BYTES + 1 + size)]
        while sum(held for _, held in model) > room:
            model.pop(0)
    assert memory.held_bytes == sum(held for _, held in model) <= room
    assert [key for key in map(b"%d".__mod__, range(10)) if memory.get(key) is not None] == sorted(
        key for key, _ in model
    )
    clock.advance(1_000.0)
    assert all(memory.get(key) is None for key, _ in model)
    assert (memory.held_bytes, len(memory)) == (0, 0)


@pytest.mark.parametrize(("pieces", "size"), [(1, 20_000), (50, 250), (5_000, 300), (20_000, 40)])
def test_what_is_held_takes_no_more_memory_than_it_counts_for(pieces: int, size: int) -> None:
    memory, rounds = MemoryEntries(10**9, HandClock(0.0).now), max(2, 200 // pieces)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(rounds):
            at_ms = tuple(range(300, 300 + pieces))
            entry = stream_of(*[b"%0*d" % (size, number) for _ in range(pieces)], at_ms=at_ms)
            memory.put(b"%032d" % number, entry, 9.0)
            del at_ms, entry
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken <= memory.held_bytes


def test_what_was_asked_for_last_goes_last() -> None:
    memory = MemoryEntries(3 * OVERHEAD_BYTES, HandClock(0.0).now)
    for key in (b"a", b"b", b"c"):
        memory.put(key, entry_of(b"", headers=()), 9.0)
    assert memory.get(b"a") is not None
    memory.put(b"d", entry_of(b"", headers=()), 9.0)
    assert [memory.get(key) is not None for key in (b"a", b"b", b"c", b"d")] == [True, False, True, True]
    memory.put(b"e", entry_of(b"", headers=(("x", "y" * 10_000),)), 9.0)
    assert memory.get(b"e") is None, "what is larger than all the room takes nobody's"
    assert len(memory) == 3
