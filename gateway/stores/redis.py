"""Redis: where it is, and a connection to it. What is kept there is for the rooms above to say.

redis-py finds the server (standalone, by Sentinel, in a Cluster), does TLS and logs in. What is said on an open
connection goes past it (`redis_wire.py`): its pipeline costs several times what a limit may.
"""

import asyncio
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from gateway.stores.redis_wire import Wire, let_go

DEFAULT_PORT = 6379


class RedisTls(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """PEM files. `ca_file`: authorities to trust instead of the system's. `cert_file`, `key_file`: the client's own.
    `check_hostname`: whether the certificate must be for the name that was asked for."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    check_hostname: bool = True


class SentinelOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`nodes`: `host:port` of the Sentinels. `master`: the name they know the server by. `username`, `password`: of the
    Sentinels themselves."""

    nodes: tuple[str, ...]
    master: str
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"SentinelOptions(nodes={self.nodes!r}, master={self.master!r})"


class ClusterOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`nodes`: `host:port` of some nodes; the others are found through them."""

    nodes: tuple[str, ...]


class RedisOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `url`, `sentinel` and `cluster`.

    Attributes:
        url: `redis://host:port/db`, or `rediss://` for TLS; credentials in it count too.
        username, password: of an ACL user.
        tls: of connections to the servers and Sentinels; with `{}` the system's authorities are trusted.
        db: number of the database; a Cluster has only 0.
        connect_s: for a connection to open and log in; no request ever waits for that.
    """

    url: str = ""
    sentinel: SentinelOptions | None = None
    cluster: ClusterOptions | None = None
    username: str = ""
    password: str = ""
    tls: RedisTls | None = None
    db: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
    connect_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0

    def __repr__(self) -> str:
        kind = "sentinel" if self.sentinel else "cluster" if self.cluster else "url"
        return f"RedisOptions({kind})"


class RedisUnreachable(Exception):
    """No connection. The text names addresses and reasons, never credentials."""


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def missing_extra(options: RedisOptions | None) -> str:
    """The extra that these options need and that is not installed; empty if nothing is missing."""
    installed = all(importlib.util.find_spec(name) for name in ("redis", "hiredis"))
    return "" if options is None or installed else "redis"


def why_invalid(options: RedisOptions) -> tuple[str, str] | None:
    """(field, reason) if the options cannot work."""
    given = [name for name in ("url", "sentinel", "cluster") if getattr(options, name)]
    if len(given) != 1:
        return given[1] if given else "", "redis needs exactly one of `url`, `sentinel`, `cluster`"
    if options.url and not options.url.startswith(("redis://", "rediss://")):
        return "url", "redis.url starts with redis:// or rediss://"
    nodes = (options.sentinel or options.cluster or ClusterOptions(())).nodes
    for node in nodes:
        try:
            address_of(node)
        except ValueError as error:
            return given[0], str(error)
    if not options.url and not nodes:
        return given[0], f"redis.{given[0]} needs at least one node"
    if options.url:
        try:
            if not 0 <= _url_parts(options.url)["db"] < 2**31:
                return "url", "there is no such database as redis.url names"
        except ValueError:
            # What urllib says of it would repeat it, credentials and all.
            return "url", "redis.url cannot be read: redis://host:port/db"
    if options.cluster and options.db:
        return "db", "a Redis Cluster has only database 0"
    return None


def address_of(text: str) -> Address:
    """`host:port`, `[v6]:port` or a host alone.

    Raises:
        ValueError: it is none of these.
    """
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(DEFAULT_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"`{text}` is no address; write host:port")
    return Address(host, int(port))


class RedisServers:
    """Finds the servers and connects to them. Holds no connection itself."""

    def __init__(self, options: RedisOptions, name: str = "llm-gateway") -> None:
        """`name`: what `CLIENT LIST` shows of us."""
        self._options = options
        self._name = name
        self._known: tuple[Address, ...] = ()

    @property
    def clustered(self) -> bool:
        return self._options.cluster is not None

    async def master(self) -> Address:
        """The server to speak to now: after a failover another one.

        Raises:
            RedisUnreachable: no Sentinel knows.
        """
        from redis.asyncio.sentinel import Sentinel
        from redis.exceptions import RedisError

        options = self._options.sentinel
        if options is None:
            return _url_address(self._options.url)
        nodes = [(address.host, address.port) for address in map(address_of, options.nodes)]
        own = {**self._settings(), **_credentials(options.username, options.password)}
        sentinel: Any = Sentinel(nodes, sentinel_kwargs={**own, **_ssl_flag(own)})
        try:
            found = await sentinel.discover_master(options.master)
        except (RedisError, OSError) as error:
            raise RedisUnreachable(f"no Sentinel knows the master `{options.master}`: {_said(error)}") from None
        finally:
            for client in sentinel.sentinels:
                await client.aclose()
        return Address(str(found[0]), int(found[1]))

    async def slots(self) -> Sequence[tuple[int, int, Address]]:
        """Of a Cluster: (first slot, last slot, the master that has them).

        Raises:
            RedisUnreachable: no node answers.
        """
        from redis.asyncio import Redis
        from redis.exceptions import RedisError

        assert self._options.cluster is not None, "asked for slots outside a Cluster"
        reasons: list[str] = []
        for address in dict.fromkeys((*self._known, *map(address_of, self._options.cluster.nodes))):
            own = {**self._settings(), **self._login()}
            client: Any = Redis(host=address.host, port=address.port, **own, **_ssl_flag(own))
            try:
                found = _slot_table(await client.execute_command("CLUSTER", "SLOTS"), address)
            except (RedisError, OSError, ValueError) as error:
                reasons.append(f"{address}: {_said(error)}")
            else:
                self._known = tuple(dict.fromkeys(owner for _, _, owner in found))
                return found
            finally:
                await client.aclose()
        raise RedisUnreachable(f"no node of the Cluster answers: {'; '.join(reasons)}")

    async def connect(self, address: Address, make: Callable[[], Wire]) -> Wire:
        """An open, logged-in connection.

        Raises:
            RedisUnreachable: it was refused, took too long, or the server does not know us.
        """
        from redis.asyncio.connection import Connection, SSLConnection
        from redis.exceptions import RedisError

        settings = {**self._settings(), **self._login(), "client_name": self._name, "db": self._db()}
        kind: Any = SSLConnection if self._tls() else Connection
        connection = kind(host=address.host, port=address.port, **settings)
        try:
            async with asyncio.timeout(self._options.connect_s):
                await connection.connect()
        except BaseException as error:
            let_go(connection)
            if isinstance(error, RedisError | OSError):
                raise RedisUnreachable(f"{address}: {_said(error)}") from None
            raise
        wire = make()
        # From here on the transport is ours: nothing is outstanding, so the stream reader behind it holds nothing.
        transport = connection._writer.transport
        wire.take_over(transport, connection)
        return wire

    def _tls(self) -> bool:
        return self._options.tls is not None or self._options.url.startswith("rediss://")

    def _db(self) -> int:
        return self._options.db or (_url_parts(self._options.url)["db"] if self._options.url else 0)

    def _login(self) -> dict[str, Any]:
        in_url = _url_parts(self._options.url) if self._options.url else {}
        username = self._options.username or in_url.get("username") or ""
        return _credentials(username, self._options.password or in_url.get("password") or "")

    def _settings(self) -> dict[str, Any]:
        """What every connection has in common, as redis-py names it."""
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        wait_s = self._options.connect_s
        # RESP2: the replies that are read past redis-py are all of its types.
        settings: dict[str, Any] = {"protocol": 2, "socket_timeout": wait_s, "socket_connect_timeout": wait_s}
        settings["retry"] = Retry(NoBackoff(), 0)
        if self._tls():
            tls = self._options.tls or RedisTls()
            settings |= {"ssl_check_hostname": tls.check_hostname, "ssl_cert_reqs": "required"}
            settings |= {"ssl_ca_certs": tls.ca_file, "ssl_certfile": tls.cert_file, "ssl_keyfile": tls.key_file}
        return settings


def _ssl_flag(settings: Mapping[str, Any]) -> dict[str, Any]:
    """redis-py's clients want to be told; its connections have a class for it."""
    return {"ssl": True} if "ssl_cert_reqs" in settings else {}


def _credentials(username: str, password: str) -> dict[str, Any]:
    return {"username": username or None, "password": password or None} if username or password else {}


def _url_parts(url: str) -> dict[str, Any]:
    """host, port, db, username, password.

    Raises:
        ValueError: a port or a database that is no number.
    """
    from urllib.parse import unquote, urlsplit

    found = urlsplit(url)
    return {
        "host": found.hostname or "127.0.0.1",
        "port": found.port or DEFAULT_PORT,
        "db": int(found.path.strip("/") or 0),
        "username": unquote(found.username or ""),
        "password": unquote(found.password or ""),
    }


def _url_address(url: str) -> Address:
    found = _url_parts(url)
    return Address(found["host"], found["port"])


def _said(error: BaseException) -> str:
    """The error's kind and first line; an authentication error's is the server's own and holds no credentials."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _slot_table(answer: Any, asked: Address) -> Sequence[tuple[int, int, Address]]:
    """CLUSTER SLOTS: [first slot, last slot, [host, port, …] of the master, … of its replicas] each. A node that does
    not know its own name gives none: it is the one that was asked.

    Raises:
        ValueError: it is something else.
    """
    try:
        return [
            (int(first), int(last), Address(master[0].decode() or asked.host, int(master[1])))
            for first, last, master, *_ in answer
        ]
    except (AttributeError, LookupError, TypeError):
        raise ValueError("does not say which slots there are") from None
