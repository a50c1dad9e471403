"""The store of responses: per tenant, in chains, until they expire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.responses.store import DAY_S, ResponsesOptions, ResponseStore, Stored
from gateway.testing import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> Iterator[ResponseStore]:
    with ResponseStore(tmp_path / "responses.db", ResponsesOptions(keep_days=2), clock) as made:
        yield made


def stored(id: str, previous: str = "", tenant: str = "acme", said: bytes = b"{}") -> Stored:
    return Stored(tenant=tenant, id=id, previous=previous, target="p/m", native=False, input=b"[]", response=said)


def ids(chain: list[Stored]) -> list[str]:
    return [one.id for one in chain]


def test_a_tenant_finds_its_own_only(store: ResponseStore) -> None:
    store.put(stored("r1", said=b'{"a":1}'))
    store.put(stored("r1", tenant="other", said=b'{"b":2}'))
    found = store.get("acme", "r1"), store.get("other", "r1")
    assert [one and one.response for one in found] == [b'{"a":1}', b'{"b":2}']
    assert store.get("third", "r1") is None
    assert not store.delete("third", "r1")
    assert store.delete("acme", "r1")
    assert store.get("acme", "r1") is None
    assert store.get("other", "r1") is not None


def test_what_is_there_is_not_replaced(store: ResponseStore) -> None:
    store.put(stored("r1", said=b'{"first":1}'))
    store.put(stored("r1", said=b'{"second":1}'))
    found = store.get("acme", "r1")
    assert found is not None
    assert found.response == b'{"first":1}'


def test_a_chain_is_whole_and_of_one_tenant(store: ResponseStore) -> None:
    store.put(stored("r1"))
    store.put(stored("r2", "r1"))
    store.put(stored("r3", "r2"))
    store.put(stored("r2", tenant="other"))
    assert ids(store.chain("acme", "r3")) == ["r1", "r2", "r3"]
    assert ids(store.chain("acme", "r1")) == ["r1"]
    assert ids(store.chain("other", "r2")) == ["r2"]
    assert store.chain("other", "r3") == []
    store.delete("acme", "r1")
    assert store.chain("acme", "r3") == [], "half a conversation is none"
    assert ids(store.chain("other", "r2")) == ["r2"]


def test_a_ring_ends(store: ResponseStore) -> None:
    """No client can make one, as ids are given after what they go on from; a broken file could."""
    store.put(stored("r1", "r2"))
    store.put(stored("r2", "r1"))
    assert store.chain("acme", "r1") == []


def test_it_expires_unless_it_is_gone_on_with(store: ResponseStore, clock: HandClock) -> None:
    store.put(stored("old"))
    store.put(stored("r1"))
    clock.advance(1.5 * DAY_S)
    store.put(stored("r2", "r1"))
    assert ids(store.chain("acme", "r2")) == ["r1", "r2"]
    clock.advance(1.5 * DAY_S)
    assert store.get("acme", "old") is None
    assert ids(store.chain("acme", "r2")) == ["r1", "r2"], "kept anew with the conversation"
    clock.advance(2.5 * DAY_S)
    assert store.get("acme", "r2") is None
    assert store.chain("acme", "r2") == []
    assert not store.delete("acme", "r2")


def test_what_has_expired_is_swept_away(store: ResponseStore, clock: HandClock) -> None:
    store.put(stored("old"))
    clock.advance(1 * DAY_S)
    store.put(stored("new"))
    clock.advance(1.5 * DAY_S)
    store.sweep()
    clock.advance(-2.5 * DAY_S)
    assert store.get("acme", "old") is None
    assert store.get("acme", "new") is not None


def test_it_is_there_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    for _ in range(2):
        with ResponseStore(tmp_path / "kept.db", ResponsesOptions(), clock) as made:
            assert made.get("acme", "r1") is None or made.delete("acme", "r1")
            made.put(stored("r1"))
    with ResponseStore(tmp_path / "kept.db", ResponsesOptions(), clock) as made:
        assert made.get("acme", "r1") == stored("r1")
