"""Pairs of answers, kept within bounds and written off the event loop."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.pairs.keeping import MAX_WAITING, Keeping
from gateway.pairs.store import DAY_NS, Answered, Pair, PairsOptions, PairStore, PairsUnavailable, forget_pairs
from gateway.testing import HandClock

CLOCK = HandClock(1_800_000_000.0)


def pair(id: str, at_s: float = 0.0, size: int = 0, route: str = "m", model: str = "big", **about: str) -> Pair:
    side = Answered(target="a/m", served_model="m-1", ttfb_us=5, duration_us=9, cost_nano=None, answer=b"hello")
    return Pair(
        id=id,
        call=f"call-{id}",
        at_ns=CLOCK.now_ns() + int(at_s * 1e9),
        tenant=about.get("tenant", "acme"),
        user=about.get("user", ""),
        team="x",
        route=route,
        operation="chat",
        stream=True,
        model="m",
        mirror_model=model,
        request=b"r" * size,
        primary=side,
        mirror=side,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PairStore]:
    options = PairsOptions(max_pairs=4, max_bytes=1_000, keep_days=2)
    with PairStore(tmp_path / "mirrors.db", options, CLOCK) as made:
        yield made


def ids(store: PairStore, **filters: str) -> list[str]:
    return [row["id"] for row in store.page(filters)]


def test_the_oldest_go_first_by_number_by_bytes_and_by_days(store: PairStore) -> None:
    store.put([pair(f"p{number}", number) for number in range(6)])
    assert ids(store) == ["p5", "p4", "p3", "p2"]
    store.put([pair("large", 10, size=975)])
    assert ids(store) == ["large", "p5"]
    store.put([pair("old", -3 * 86_400), pair("too-large", 11, size=2_000)])
    assert ids(store) == []
    assert DAY_NS == 86_400 * 10**9


def test_a_list_tells_nothing_of_what_was_said_and_one_pair_tells_all(store: PairStore) -> None:
    store.put([pair("p1", size=3)])
    (row,) = store.page({})
    assert not {"request", "primary_answer", "mirror_answer"} & row.keys()
    assert (row["stream"], row["size"], row["primary_target"], row["mirror_cost_nano"]) == (True, 13, "a/m", None)
    found = store.get("p1")
    assert found is not None
    assert (found["request"], found["mirror_answer"]) == ("rrr", "hello")
    assert store.get("p2") is None


def test_pages_go_on_where_the_last_one_ended_and_filters_hold(store: PairStore) -> None:
    store.put([pair("p1", 1), pair("p2", 1), pair("p3", 0, model="small"), pair("p4", 2, route="other")])
    first = store.page({}, limit=2)
    last = (first[-1]["at_ns"], first[-1]["id"])
    assert [row["id"] for row in first] + [row["id"] for row in store.page({}, last)] == ["p4", "p2", "p1", "p3"]
    assert (ids(store, model="small"), ids(store, route="other"), ids(store, tenant="no")) == (["p3"], ["p4"], [])


def test_of_somebody_who_is_forgotten_nothing_is_left_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "mirrors.db"
    with PairStore(path, PairsOptions(), CLOCK) as store, PairStore(path, PairsOptions(), CLOCK) as other:
        pairs = [pair(f"p{user}{tenant}", size=9_000, user=user, tenant=tenant) for user in "jk" for tenant in "ab"]
        store.put([*(msgspec.structs.replace(one, request=one.id.encode() * 3_000) for one in pairs), pair("nobody's")])
        assert (other.forget("j", "a"), ids(store)) == (1, ["pkb", "pka", "pjb", "nobody's"])
        assert (other.forget("j", None), ids(store)) == (1, ["pkb", "pka", "nobody's"])
        assert other.forget("j", None) == 0
        left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert (b"pja" in left, b"pjb" in left, b"pka" in left) == (False, False, True)


def test_a_store_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mirrors.db"
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(PairsUnavailable, match="not a database"):
        forget_pairs(PairStore(path, PairsOptions(), CLOCK), "j", None)


def test_a_batch_is_kept_as_a_whole_or_not_at_all(store: PairStore) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.put([pair("p1"), msgspec.structs.replace(pair("p2"), tenant=None)])  # pyright: ignore[reportArgumentType]
    assert ids(store) == []
    store.put([pair("p3")])
    assert ids(store) == ["p3"]


async def test_what_is_offered_is_there_after_the_end_and_told_of(store: PairStore) -> None:
    told: list[str] = []
    async with Keeping(store, told.append) as keeping:
        keeping.offer(pair("p1"))
        keeping.offer(pair("p2"))
    assert ids(store) == ["p2", "p1"]
    assert told == ["kept", "kept"]


async def test_two_workers_write_to_one_file(tmp_path: Path) -> None:
    stores = [PairStore(tmp_path / "mirrors.db", PairsOptions(), CLOCK) for _ in range(2)]
    with stores[0], stores[1]:
        async with Keeping(stores[0], print) as one, Keeping(stores[1], print) as other:
            for number in range(40):
                (one, other)[number % 2].offer(pair(f"p{number:02}"))
        assert len(await asyncio.to_thread(stores[0].page, {})) == 40


async def test_what_has_no_room_to_wait_is_left_out(store: PairStore) -> None:
    told: list[str] = []
    async with Keeping(store, told.append) as keeping:
        for number in range(MAX_WAITING + 5):
            keeping.offer(pair(f"p{number:03}"))
        assert told == ["full"] * 5
    assert told.count("kept") == MAX_WAITING


async def test_figures_that_do_not_fit_do_not_end_the_keeping(store: PairStore) -> None:
    told: list[str] = []
    async with Keeping(store, told.append) as keeping:
        keeping.offer(msgspec.structs.replace(pair("p1"), at_ns=2**70))
        async with asyncio.timeout(5):
            while not told:
                await asyncio.sleep(0.01)
        keeping.offer(pair("p2"))
    assert (told, ids(store)) == (["failed", "kept"], ["p2"])


async def test_a_disk_that_takes_nothing_is_told_of_and_does_not_end_the_keeping(
    store: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    async with Keeping(store, told.append) as keeping:
        with monkeypatch.context() as broken:

            def full(_: object) -> None:
                raise sqlite3.OperationalError("disk is full")

            broken.setattr(store, "put", full)
            keeping.offer(pair("p1"))
            async with asyncio.timeout(5):
                while not told:
                    await asyncio.sleep(0.01)
        keeping.offer(pair("p2"))
    assert (told, ids(store)) == (["failed", "kept"], ["p2"])
