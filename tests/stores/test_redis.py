"""Connections to Redis: TLS, users, what options may say, and that no secret is ever said."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.stores.redis import (
    Address,
    ClusterOptions,
    RedisOptions,
    RedisServers,
    RedisTls,
    RedisUnreachable,
    SentinelOptions,
    address_of,
    why_invalid,
)
from gateway.stores.redis_link import retry_s
from gateway.stores.redis_wire import LOST, Wire, pack
from tests.authority import Authority
from tests.redis_servers import RedisServer, Road, eventually, running

SECRET = "correct-horse-battery"
PATIENCE_S = 5.0


@pytest.fixture(scope="module")
def acl_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that only the user `gateway` may use, and only for keys of its own."""
    acl = (
        "user default off",
        f"user gateway on >{SECRET} ~gateway:* +@all",
        "user admin on >admin-of-the-tests ~* +@all",
    )
    with running(tmp_path_factory.mktemp("redis"), *acl) as server:
        yield server


async def ask(options: RedisOptions, *words: bytes, address: Address | None = None) -> Any:
    import time

    servers = RedisServers(options)
    lost: list[str] = []
    wire = await servers.connect(
        address or await servers.master(), lambda: Wire(PATIENCE_S, lost.append, lambda _: None, time.monotonic)
    )
    try:
        return await wire.ask(pack(*words))
    finally:
        wire.close()
        assert lost == ["closed"]


async def test_a_user_logs_in_with_a_password(acl_redis: RedisServer) -> None:
    by_options = RedisOptions(url=acl_redis.url, username="gateway", password=SECRET, connect_s=PATIENCE_S)
    by_url = RedisOptions(url=acl_redis.url.replace("//", f"//gateway:{SECRET}@"), connect_s=PATIENCE_S)
    for options in (by_options, by_url):
        assert await ask(options, b"ACL", b"WHOAMI") == b"gateway"
        assert "NOPERM" in str(await ask(options, b"GET", b"of-somebody-else"))


@pytest.mark.parametrize("password", ["", "wrong-" + SECRET])
async def test_who_is_not_known_is_told_so_without_its_secret(acl_redis: RedisServer, password: str) -> None:
    options = RedisOptions(url=acl_redis.url, username="gateway", password=password, connect_s=PATIENCE_S)
    with pytest.raises(RedisUnreachable) as refused:
        await ask(options, b"PING")
    assert str(acl_redis.port) in str(refused.value)
    assert SECRET not in str(refused.value)


async def test_tls_with_an_authority_and_a_certificate_of_our_own(acl_redis: RedisServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    ours, key = map(str, authority.issue("gateway"))
    async with Road(acl_redis.port, context).open() as road:
        url = f"rediss://localhost:{road.port}"
        login: dict[str, Any] = {"username": "gateway", "password": SECRET, "connect_s": PATIENCE_S}
        good = RedisTls(ca_file=str(authority.file), cert_file=ours, key_file=key)
        assert await ask(RedisOptions(url=url, tls=good, **login), b"ACL", b"WHOAMI") == b"gateway"
        large = b"x" * 300_000
        assert await ask(RedisOptions(url=url, tls=good, **login), b"SET", b"gateway:large", large) == b"OK"
        assert await ask(RedisOptions(url=url, tls=good, **login), b"GET", b"gateway:large") == large

        with pytest.raises(RedisUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(RedisOptions(url=url, **login), b"PING")
        with pytest.raises(RedisUnreachable):
            await ask(RedisOptions(url=url.replace("localhost", "127.0.0.1"), tls=good, **login), b"PING")
        any_name = msgspec.structs.replace(good, check_hostname=False)
        options = RedisOptions(url=url.replace("localhost", "127.0.0.1"), tls=any_name, **login)
        assert await ask(options, b"PING") == b"PONG"


async def test_the_database_in_the_url_is_used(tmp_path: Path) -> None:
    with running(tmp_path / "redis") as server:
        await ask(RedisOptions(url=server.url.replace("/0", "/3"), connect_s=PATIENCE_S), b"SET", b"a", b"1")
        assert server.client.info("keyspace").keys() == {"db3"}


async def test_a_wire_that_is_not_answered_is_lost_and_so_is_what_waits(acl_redis: RedisServer) -> None:
    import signal
    import time

    options = RedisOptions(url=acl_redis.url, username="gateway", password=SECRET, connect_s=PATIENCE_S)
    servers, lost = RedisServers(options), []
    wire = await servers.connect(await servers.master(), lambda: Wire(1.0, lost.append, lambda _: None, time.monotonic))
    assert await wire.ask(pack(b"PING")) == b"PONG"
    acl_redis.signal(signal.SIGSTOP)
    try:
        answers: list[Any] = []
        for _ in range(3):
            wire.send(pack(b"PING"), answers.append)
        await eventually(lambda: len(answers) == 3)
        assert (answers, lost) == ([LOST] * 3, ["timeout"])
        assert await wire.ask(pack(b"PING")) is LOST, "what is sent after is lost at once"
    finally:
        acl_redis.signal(signal.SIGCONT)


def test_secrets_are_in_no_representation() -> None:
    sentinel = SentinelOptions(nodes=("a:1",), master="m", username="u", password=SECRET)
    for options in (
        RedisOptions(url=f"redis://user:{SECRET}@host", password=SECRET),
        RedisOptions(sentinel=sentinel, password=SECRET),
    ):
        assert SECRET not in repr(options)
        assert SECRET not in repr(options.sentinel)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "exactly one of"),
        ({"url": "redis://a", "cluster": ClusterOptions(("a:1",))}, "exactly one of"),
        ({"url": "http://a"}, "redis:// or rediss://"),
        ({"url": f"redis://u:{SECRET}@a:port"}, "cannot be read"),
        ({"cluster": ClusterOptions(())}, "at least one node"),
        ({"cluster": ClusterOptions(("a:99999",))}, "is no address"),
        ({"cluster": ClusterOptions(("a:1",)), "db": 2}, "only database 0"),
        ({"url": f"redis://u:{SECRET}@a/9999999999999"}, "no such database"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], said: str) -> None:
    found = why_invalid(RedisOptions(**options))
    assert found is not None
    assert said in found[1]
    assert SECRET not in found[1]


def test_options_that_can_work() -> None:
    assert why_invalid(RedisOptions(url="rediss://user:pass@host:6380/2")) is None
    assert why_invalid(RedisOptions(sentinel=SentinelOptions(nodes=("a:1", "b"), master="m"))) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [("host:7000", Address("host", 7000)), ("host", Address("host", 6379)), ("[::1]:7", Address("::1", 7))],
)
def test_addresses(text: str, address: Address) -> None:
    assert address_of(text) == address


def test_retries_back_off_up_to_a_bound_and_apart_from_each_other() -> None:
    assert [retry_s(failures, 1.0) for failures in range(7)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
    assert retry_s(50, 0.0) == 1.0
