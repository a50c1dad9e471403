"""Endings on their way to Redis: holds to settle, amounts to correct. They are collected for a moment and sent
together; what Redis did not answer is kept and sent again."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.limits.plans import evalsha
from gateway.stores.redis_link import Link, Script
from gateway.stores.redis_store import RedisStore
from gateway.stores.redis_wire import LOST, packed_word

_log = logging.getLogger("gateway.limits")
GATHER_S = 0.001
AT_ONCE = 200
MAX_WAITING = 100_000
MAX_TRIES = 60
# What a server answers before a script has begun: what the script was to change can be sent again.
NOT_BEGUN = (
    *("NOSCRIPT", "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING", "BUSY", "OOM"),
    *("NOAUTH", "NOPERM", "NOREPLICAS", "MISCONF"),
)
_encode = msgspec.msgpack.encode


class Ending:
    """A hold and what was used of each of its counters. `asked`: a server may have settled it already."""

    __slots__ = ("asked", "member", "tries", "used")

    def __init__(self, member: bytes, used: list[int]) -> None:
        self.member = member
        self.used = used
        self.asked = 0
        self.tries = 0

    @property
    def packed(self) -> bytes:
        return packed_word(self.member) + packed_word(_encode([self.asked, *self.used]))


class Settling:
    """Belongs to one event loop.

    Args:
        holds_key: of a tag. dropped: told of each ending that cannot be kept any longer. Its hold expires, so that what
            it used is missing in Redis.
    """

    def __init__(
        self,
        store: RedisStore,
        scripts: Mapping[str, Script],
        holds_key: Callable[[bytes], bytes],
        dropped: Callable[[], None],
    ) -> None:
        self._store = store
        self._settle, self._adjust = scripts["settle"], scripts["adjust"]
        self._holds_key = holds_key
        self._dropped = dropped
        self._loading: asyncio.Task[bool] | None = None
        self._endings: dict[bytes, list[Ending]] = {}
        # (key, field, slices or starts) → by how much, for each tag.
        self._changes: dict[bytes, dict[tuple[str, Any, Any], int]] = {}
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._waiting

    def settle(self, tag: bytes, member: bytes, used: list[int]) -> None:
        self._keep(tag, Ending(member, used))
        self._soon()

    def change(self, tag: bytes, key: str, field: int | str, by: int, slices: object) -> None:
        """Correct an amount that no hold stands for. An empty field: that of the running period among the starts in
        `slices`."""
        if by:
            changes = self._changes.setdefault(tag, {})
            what = (key, field, slices)
            changes[what] = changes.get(what, 0) + by
            self._soon()

    def flush(self) -> None:
        """Send what can be sent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for tag in [tag for tag, endings in self._endings.items() if endings]:
            link = self._store.link(tag)
            if link is None or not link.up:
                continue
            endings, self._endings[tag] = self._endings[tag], []
            self._waiting -= len(endings)
            for first in range(0, len(endings), AT_ONCE):
                self._send(tag, link, endings[first : first + AT_ONCE])
        for tag in list(self._changes):
            link = self._store.link(tag)
            if link is not None and link.up:
                self._send_changes(tag, link, self._changes.pop(tag))

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self.flush)

    def _keep(self, tag: bytes, ending: Ending) -> None:
        if self._waiting >= MAX_WAITING:
            self._dropped()
            return
        self._endings.setdefault(tag, []).append(ending)
        self._waiting += 1

    def _send(self, tag: bytes, link: Link, endings: list[Ending]) -> None:
        head = evalsha(self._settle, (self._holds_key(tag),), more=2 * len(endings))

        def done(answer: Any) -> None:
            if answer is LOST:
                for ending in endings:
                    ending.asked = 1
                    self._keep(tag, ending)
            elif isinstance(answer, Exception):
                # A script that was refused has not begun.
                self.failed(link, answer)
                for ending in endings:
                    ending.tries += 1
                    if ending.tries < MAX_TRIES:
                        self._keep(tag, ending)
                    else:
                        self._dropped()

        link.send(head + b"".join([ending.packed for ending in endings]), done)

    def _send_changes(self, tag: bytes, link: Link, changes: dict[tuple[str, Any, Any], int]) -> None:
        told = [what for what in changes.items() if what[1]]
        for first in range(0, len(told), AT_ONCE):
            self._send_some_changes(tag, link, told[first : first + AT_ONCE])

    def _send_some_changes(self, tag: bytes, link: Link, changes: list[tuple[tuple[str, Any, Any], int]]) -> None:
        def done(answer: Any) -> None:
            """Without an answer they are not sent again: they may have been made, and twice would be wrong too."""
            if isinstance(answer, Exception):
                self.failed(link, answer)
                if str(answer).partition(" ")[0] in NOT_BEGUN:
                    waiting = self._changes.setdefault(tag, {})
                    for what, by in changes:
                        waiting[what] = waiting.get(what, 0) + by

        words = [packed_word(_encode([key, field, by, slices])) for (key, field, slices), by in changes]
        link.send(evalsha(self._adjust, (self._holds_key(tag),), more=len(words)) + b"".join(words), done)

    def failed(self, link: Link, error: Exception) -> None:
        """A server answered with an error: do what helps against it."""
        said = str(error)
        if said.startswith("NOSCRIPT"):
            self._loading = asyncio.create_task(link.load())
        elif said.startswith(("MOVED", "ASK ", "TRYAGAIN")):
            self._store.moved()
        else:
            link.refused(error)
