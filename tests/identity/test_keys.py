"""Keys: recognised from memory, followed from the store, kept when the store is away."""

import asyncio
import contextlib
import sqlite3
import stat
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from gateway.core.clock import SystemClock
from gateway.core.faults import Conflict
from gateway.core.principal import Principal
from gateway.identity.feed import KeyFeed
from gateway.identity.keys import KeySnapshot, OperatorCredentials, digest_of, make_key
from gateway.identity.keystore import KeyRequest, KeyStore
from gateway.identity.roles import Operator
from gateway.stores.files import read_or_create_secret

CLOCK = SystemClock()
REQUEST = KeyRequest(tenant="t", team="a", owner="o", labels={"env": "dev"})


def feed(folder: Path) -> KeyFeed:
    return KeyFeed(folder / "identity.db", folder / "identity.snapshot", CLOCK, poll_s=0.02)


async def eventually(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


def test_a_key_is_256_random_bits_and_never_in_a_repr() -> None:
    keys = {make_key().clear for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {3 + 43}
    key = make_key()
    assert key.clear not in repr(key)


def test_an_expired_key_is_like_an_unknown_one() -> None:
    snapshot = KeySnapshot({digest_of(b"gw-x"): Principal(key_id="k", tenant="t", team="a", expires_at=100.0)})
    assert snapshot.verify(b"gw-x", 99.9) is not None
    assert snapshot.verify(b"gw-x", 100.0) is None
    assert snapshot.verify(b"gw-y", 0) is None


async def test_operators_credentials_do_not_mix() -> None:
    operators = OperatorCredentials("gwa-1", "gwm-1", {"gwo-1": Operator("eve", "viewer"), "": Operator("x", "admin")})
    assert await operators.operator(b"gwa-1") == Operator("admin", "admin")
    assert await operators.operator(b"gwo-1") == Operator("eve", "viewer")
    assert [await operators.operator(one) for one in (b"gwm-1", b"", b"gwo-2")] == [None] * 3
    assert (operators.may_read_metrics(b"gwm-1"), operators.may_read_metrics(b"gwa-1")) == (True, True)
    assert not operators.may_read_metrics(b"")
    assert not operators.may_read_metrics(b"gwo-1")


def test_the_audit_log_only_grows(tmp_path: Path) -> None:
    with KeyStore(tmp_path / "identity.db", CLOCK) as store:
        info, _ = store.create(REQUEST, "eve")
        store.note("frank", "policy.activate", "policies", {"digest": "abc"})
        before = store.audit()
        assert [(line.actor, line.action, line.object) for line in before] == [
            ("eve", "key.create", info.id),
            ("frank", "policy.activate", "policies"),
        ]
        assert before[1].details == {"digest": "abc"}
        with contextlib.closing(sqlite3.connect(tmp_path / "identity.db")) as other:
            for change in (
                "UPDATE audit SET actor = 'mallory'",
                "DELETE FROM audit",
                "DELETE FROM audit WHERE id = 1",
                "INSERT OR REPLACE INTO audit VALUES (1, 0, 'mallory', 'a', 'o', '{}')",
                "REPLACE INTO audit SELECT id, at, 'mallory', action, object, details FROM audit",
            ):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    other.execute(change)
        assert store.audit() == before


def test_a_database_from_before_the_log_was_guarded_is_guarded_when_it_is_opened(tmp_path: Path) -> None:
    migrations = files("gateway.identity") / "migrations"
    first = (migrations / "0001_keys.sql").read_text()
    with contextlib.closing(sqlite3.connect(tmp_path / "identity.db")) as old:
        old.executescript(first)
        old.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT")
        old.execute("INSERT INTO migrations VALUES ('0001_keys.sql', ?)", (sha256(first.encode()).hexdigest(),))
        old.execute("INSERT INTO audit VALUES (1, 0, 'eve', 'key.create', 'key_1', '{}')")
        old.commit()
    with KeyStore(tmp_path / "identity.db", CLOCK) as store:
        store.note("eve", "a", "b", {})
        assert [line.id for line in store.audit()] == [1, 2]
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store._connection.execute("DELETE FROM audit")


async def test_the_feed_follows_another_connection(tmp_path: Path) -> None:
    with KeyStore(tmp_path / "identity.db", CLOCK) as store:
        async with feed(tmp_path) as keys:
            info, key = store.create(REQUEST, "test")
            await eventually(lambda: keys.keys.value.verify(key.clear.encode(), CLOCK.now()))
            found = keys.keys.value.verify(key.clear.encode(), CLOCK.now())
            assert found is not None
            assert (found.key_id, found.labels) == (info.id, {"env": "dev"})
            store.revoke(info.id, "test")
            await eventually(lambda: keys.keys.value.verify(key.clear.encode(), CLOCK.now()) is None)


async def test_with_the_store_away_known_keys_go_on_and_it_recovers(tmp_path: Path) -> None:
    database = tmp_path / "identity.db"
    with KeyStore(database, CLOCK) as store:
        _, key = store.create(REQUEST, "test")
    async with feed(tmp_path) as keys:
        assert keys.keys.value.verify(key.clear.encode(), 0) is not None
        away = tmp_path / "away.db"
        database.rename(away)
        await eventually(lambda: keys.last_error)
        assert keys.keys.value.verify(key.clear.encode(), 0) is not None
        away.rename(database)
        await eventually(lambda: not keys.last_error)
    database.unlink()
    async with feed(tmp_path) as keys:
        assert keys.last_error
        assert keys.keys.value.verify(key.clear.encode(), 0) is not None, "known from the kept snapshot"


async def test_a_damaged_store_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    with KeyStore(tmp_path / "identity.db", CLOCK) as store:
        _, key = store.create(REQUEST, "test")
    async with feed(tmp_path):
        pass
    (tmp_path / "identity.db").write_bytes(b"not a database at all" * 100)
    async with feed(tmp_path) as keys:
        assert keys.last_error
        assert keys.keys.value.verify(key.clear.encode(), 0) is not None


def test_nothing_on_disk_holds_a_key_and_nobody_else_may_read(tmp_path: Path) -> None:
    with KeyStore(tmp_path / "identity.db", CLOCK) as store:
        _, key = store.create(REQUEST, "test")
        for path in tmp_path.iterdir():
            assert key.clear.encode() not in path.read_bytes()
    assert stat.S_IMODE((tmp_path / "identity.db").stat().st_mode) == 0o600


def test_rotation_keeps_rights_and_ends_the_old_key_after_the_overlap(tmp_path: Path) -> None:
    with KeyStore(tmp_path / "identity.db", CLOCK) as store:
        info, _ = store.create(KeyRequest(tenant="t", team="a", owner="o", expires_in_s=1000), "test")
        new, _ = store.rotate(info.id, 60, "test")
        assert (new.tenant, new.team, new.owner) == ("t", "a", "o")
        assert new.expires_at == pytest.approx(info.expires_at, abs=2)
        old = store.get(info.id)
        assert old.rotated_to == new.id
        assert old.expires_at == pytest.approx(CLOCK.now() + 60, abs=2)
        with pytest.raises(Conflict):
            store.rotate(info.id, 60, "test")
        assert [line.action for line in store.audit()] == ["key.create", "key.rotate"]


def test_a_change_that_fails_leaves_neither_change_nor_audit_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeyStore(tmp_path / "identity.db", CLOCK) as store:

        def broken(*_: object) -> None:
            raise sqlite3.OperationalError("disk full")

        monkeypatch.setattr(store, "_audit", broken)
        with pytest.raises(sqlite3.OperationalError):
            store.create(REQUEST, "test")
        assert store.page() == []
        assert store.audit() == []


def test_a_secret_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "admin.key"
    first = read_or_create_secret(path, "gwa-")
    assert (first[:4], read_or_create_secret(path, "gwa-")) == ("gwa-", first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
