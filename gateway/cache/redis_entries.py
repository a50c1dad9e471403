"""Replies in Redis, for all workers of all replicas. Its own connection: a large reply must not hold up the limits.

    <prefix>:{<key>}:reply1   an entry, until nobody can use it any more
    <prefix>:{<key>}:lease    one worker is fetching the answer; it says again and again that it still is

Nothing here is an error for a call: a server that is away, late or says something else has no reply.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, Literal, Protocol, Self

from gateway.cache.entries import Entry, decode_entry, encode_entry
from gateway.cache.options import CacheOptions
from gateway.stores.redis import RedisOptions
from gateway.stores.redis_link import Link
from gateway.stores.redis_store import RedisStore
from gateway.stores.redis_wire import LOST, pack

# After so long without an answer the connection counts as dead; a call has long gone on by then.
PATIENCE_S = 1.0
# A server that was away takes commands that nobody waits for any longer: a lease lasts so long before its worker has
# said for the first time that it is at it.
CLAIM_MS = 500
_LATE: Final = object()


class RedisReports(Protocol):
    """`reason`: a bounded word."""

    def cache_store_up(self, up: bool) -> None: ...

    def cache_store_failed(self, reason: str) -> None: ...


class Lease:
    """This worker fetches the answer; it holds until `release`."""

    def __init__(self, extend: Callable[[], None], drop: Callable[[], None], first_s: float, every_s: float) -> None:
        self._extend = extend
        self._drop = drop
        self._every_s = every_s
        self._timer = asyncio.get_running_loop().call_later(first_s, self._again)

    def release(self) -> None:
        """A second time changes nothing."""
        if not self._timer.cancelled():
            self._timer.cancel()
            self._drop()

    def _again(self) -> None:
        self._extend()
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._again)


class RedisEntries:
    """`async with RedisEntries(...) as entries:`"""

    def __init__(
        self, options: CacheOptions, redis: RedisOptions, reports: RedisReports, now: Callable[[], float]
    ) -> None:
        self._options = options
        self._reports = reports
        self._prefix = options.prefix.encode()
        self._claim_ms = min(CLAIM_MS, options.lease_ms)
        self._stack = contextlib.AsyncExitStack()
        self._up: bool | None = None
        self.store = RedisStore(redis, {}, PATIENCE_S, self, self._connected, now)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.store)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def get(self, key: bytes) -> Entry | None:
        answer = await self._ask(key, pack(b"GET", self._name(key, b"reply1")))
        if not isinstance(answer, bytes):
            return None
        entry = decode_entry(answer)
        if entry is None:
            self._reports.cache_store_failed("unreadable")
        return entry

    def put(self, key: bytes, entry: Entry, ttl_s: float) -> None:
        """Keep it; nobody waits for that."""
        ttl_ms = b"%d" % max(1, int(ttl_s * 1000))
        self._tell(key, pack(b"SET", self._name(key, b"reply1"), encode_entry(entry), b"PX", ttl_ms))

    async def lease(self, key: bytes) -> Lease | Literal["held", "away"]:
        """The right to fetch the answer. `held`: another worker has it. `away`: nobody could be asked."""
        name = self._name(key, b"lease")
        answer = await self._ask(key, pack(b"SET", name, b"1", b"NX", b"PX", b"%d" % self._claim_ms))
        if answer is None:
            return "held"
        if answer != b"OK":
            return "away"
        return Lease(
            lambda: self._tell(key, pack(b"PEXPIRE", name, b"%d" % self._options.lease_ms)),
            lambda: self._tell(key, pack(b"DEL", name)),
            self._claim_ms / 3000,
            self._options.lease_ms / 3000,
        )

    def _name(self, key: bytes, kind: bytes) -> bytes:
        return b"%b:{%b}:%b" % (self._prefix, key.hex().encode(), kind)

    async def _ask(self, key: bytes, packed: bytes) -> Any:
        """The answer, or LOST: there is none, or not in time."""
        link = self.store.link(key.hex().encode())
        if link is None or not link.up:
            return LOST
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[Any] = loop.create_future()

        def hear(answer: Any) -> None:
            if not heard.done():
                heard.set_result(answer)

        timer = loop.call_later(self._options.timeout_ms / 1000, hear, _LATE)
        link.send(packed, hear)
        try:
            answer = await heard
        finally:
            timer.cancel()
        if answer is _LATE:
            self._reports.cache_store_failed("late")
            return LOST
        return self._understood(link, answer)

    def _tell(self, key: bytes, packed: bytes) -> None:
        link = self.store.link(key.hex().encode())
        if link is not None and link.up:
            link.send(packed, lambda answer: self._understood(link, answer))

    def _understood(self, link: Link, answer: Any) -> Any:
        if not isinstance(answer, Exception):
            return answer
        if str(answer).startswith(("MOVED", "ASK ", "TRYAGAIN")):
            self.store.moved()
        link.refused(answer)
        return LOST

    async def _connected(self, link: Link) -> None:  # noqa: ARG002  nothing is to be caught up with
        return

    # What the links tell

    def changed(self, up: bool) -> None:  # noqa: ARG002  of one link; there may be others
        if self.store.up != self._up:
            self._up = self.store.up
            self._reports.cache_store_up(self._up)

    def failed(self, reason: str) -> None:
        self._reports.cache_store_failed(reason)

    def answered(self, seconds: float) -> None: ...
