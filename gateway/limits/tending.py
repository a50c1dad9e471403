"""What keeps counters in Redis right between calls: holds of long calls are renewed, workers say that they live,
counters of a server that began empty are told what the ledger knows, and what was counted here while it was away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, cast

import msgspec

from gateway.core.clock import Clock
from gateway.limits.away import LocalShare
from gateway.limits.bounds import Bound
from gateway.limits.plans import Group, Plans, described, evalsha
from gateway.limits.settling import Settling
from gateway.stores.redis_link import Link, Script
from gateway.stores.redis_store import RedisStore
from gateway.stores.redis_wire import LOST, packed_word

_log = logging.getLogger("gateway.limits")
BEAT_S = 1.0
WORKER_TTL_MS = 5_000
AT_ONCE = 50
SEEDING_S = 10.0
# (until, began), Unix seconds: what was used by calls that began before `until`, as (bound, Unix seconds, amount), with
# nothing added up across `began`, since when counters may have been counting.
Seeds = Callable[[float, float], Awaitable[Sequence[tuple[Bound, float, int]]]]


class Part:
    """What a hold has on one server. `renewed`: when it was last sure to be kept there, in monotonic seconds."""

    __slots__ = ("group", "member", "renewed")

    def __init__(self, group: Group, member: bytes, renewed: float) -> None:
        self.group = group
        self.member = member
        self.renewed = renewed


class Tending:
    """`async with Tending(...):` tends until the block ends.

    Attributes:
        open: parts of holds that are not settled, by member.
    """

    def __init__(
        self,
        store: RedisStore,
        scripts: Mapping[str, Script],
        plans: Plans,
        settling: Settling,
        share: LocalShare,
        clock: Clock,
        *,
        hold_s: float,
        worker: str,
        seeds: Seeds | None,
        ledger: str,
    ) -> None:
        self._store = store
        self._scripts = scripts
        self._plans = plans
        self._settling = settling
        self._share = share
        self._clock = clock
        self._hold_s = hold_s
        self._worker = worker.encode()
        self._seeds = seeds
        self._ledger = ledger
        self._seeded: dict[bytes, bytes] = {}
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[object]] = set()
        self.open: dict[bytes, Part] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None, "left before it was entered"
        self._task.cancel()
        for task in self._telling:
            task.cancel()
        await asyncio.gather(self._task, *self._telling, return_exceptions=True)
        self._settling.flush()
        for link in self._store.links:
            if link.up:
                await self._beat(link, 0)

    async def connected(self, link: Link) -> None:
        """A server was connected to. If it began empty, it hears what the ledger knows before anybody counts there."""
        tag, incarnation = await self._beat(link, WORKER_TTL_MS)
        if incarnation and self._seeded.get(tag) != incarnation and await self._seed(link, tag, incarnation):
            # The ledger knows what was used while this server was away as well: it must not be told twice.
            self._share.forget_owed(lambda bound: self._store.link(self._plans.tag(bound)) is link)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            for link in self._store.links:
                if link.up:
                    await self._tend(link)
            self.pay_back()
            self._settling.flush()

    async def _tend(self, link: Link) -> None:
        tag, incarnation = await self._beat(link, WORKER_TTL_MS)
        if incarnation and self._seeded.get(tag) != incarnation and not self._telling:
            # Its keys were lost under way, or the ledger could not be read before.
            self._soon(self._seed(link, tag, incarnation))
        await self._renew(link)

    async def _beat(self, link: Link, ttl_ms: int) -> tuple[bytes, bytes]:
        """→ the link's tag and its incarnation; empty: not known."""
        tag = self._store.tag_for(link)
        if not tag:
            return b"", b""
        keys = (self._plans.own_key(tag, b"workers"), self._plans.own_key(tag, b"incarnation"))
        word = f"{self._clock.now_ns():x}".encode()
        answer = await link.ask(evalsha(self._scripts["beat"], keys, self._worker, b"%d" % ttl_ms, word))
        if not isinstance(answer, list):
            self._failed(link, answer)
            return tag, b""
        workers, incarnation = cast("list[Any]", answer)
        self._share.workers = max(1, workers)
        return tag, incarnation

    async def _renew(self, link: Link) -> None:
        now = self._clock.monotonic()
        due: dict[bytes, list[Part]] = {}
        for part in self.open.values():
            if now - part.renewed >= self._hold_s / 3 and self._store.link(part.group.tag) is link:
                due.setdefault(part.group.holds, []).append(part)
        ttl = b"%d" % int(self._hold_s * 1000)
        for holds, parts in due.items():
            for first in range(0, len(parts), AT_ONCE):
                some = parts[first : first + AT_ONCE]
                answer = await link.ask(evalsha(self._scripts["renew"], (holds,), ttl, *(part.member for part in some)))
                if not isinstance(answer, int):
                    self._failed(link, answer)
                    return
                for part in some:
                    part.renewed = now

    def tell(self, seeds: Sequence[tuple[Bound, float, int]]) -> None:
        """Tell all servers that are up; the others ask when they are."""
        for link in self._store.links:
            if link.up:
                self._soon(self._tell(link, seeds))

    def _soon(self, telling: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _seed(self, link: Link, tag: bytes, incarnation: bytes) -> bool:
        """→ whether the server has been told."""
        if self._seeds is None:
            return False
        try:
            async with asyncio.timeout(SEEDING_S):
                # The word for a server's memory is the moment at which a worker first found it empty.
                seeds = await self._seeds(self._clock.now(), int(incarnation, 16) / 1e9)
        except Exception as error:  # noqa: BLE001  a border: a ledger that cannot be read must not stop calls
            _log.error("what was used before cannot be read from the ledger; limits in Redis go on without: %s", error)
            return False
        await self._tell(link, seeds)
        self._seeded[tag] = incarnation
        return True

    async def _tell(self, link: Link, seeds: Sequence[tuple[Bound, float, int]]) -> None:
        now = self._clock.now()
        spent: dict[bytes, tuple[Bound, list[int]]] = {}
        for bound, at, amount in seeds:
            if bound.span.kind != "now" and self._store.link(self._plans.tag(bound)) is link:
                spent.setdefault(self._plans.key(bound), (bound, []))[1].extend((int(at * 1000), amount))
        words: dict[bytes, list[bytes]] = {}
        for key, (bound, amounts) in spent.items():
            kind, _, _, *rest = described(bound, now)
            words.setdefault(self._plans.tag(bound), []).append(
                packed_word(msgspec.msgpack.encode([key.decode(), kind, *rest, amounts]))
            )
        for tag, all_words in words.items():
            for first in range(0, len(all_words), AT_ONCE):
                some = all_words[first : first + AT_ONCE]
                head = evalsha(
                    self._scripts["seed"], (self._plans.holds_key(tag),), self._ledger.encode(), more=len(some)
                )
                answer = await link.ask(head + b"".join(some))
                if not isinstance(answer, int):
                    self._failed(link, answer)
                    return

    def pay_back(self) -> None:
        """Tell Redis what was used of calendar periods while it was away."""
        for bound, amount in self._share.take_owed():
            tag = self._plans.tag(bound)
            link = self._store.link(tag)
            if link is None or not link.up:
                self._share.owe(bound, amount)
                continue
            starts = described(bound, self._clock.now())[3]
            self._settling.change(tag, self._plans.key(bound).decode(), "", amount, starts)

    def _failed(self, link: Link, answer: Any) -> None:
        if answer is not LOST and isinstance(answer, Exception):
            self._settling.failed(link, answer)
