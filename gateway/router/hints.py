"""What one gateway has found broken, the others hear of within a second, through the Redis that they share.

A hint is no finding. It ranks a target behind those that work, and lets it come back by single trials as a finding
does; but a call that nobody else may serve is sent there all the same: a hint never takes a caller's last target away.
Hints never say that something works. While Redis is away there are none, and nothing waits for them.
"""

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

from gateway.limits.plans import evalsha
from gateway.router.standing import Standings
from gateway.stores.redis import RedisOptions
from gateway.stores.redis_link import Link, Script
from gateway.stores.redis_store import RedisStore

POLL_S = 0.25
PATIENCE_S = 1.0
_TAG = b"*"  # as of everything in Redis that is nobody's in particular
Told = tuple[bytes, int]


class Findings:
    """What is to be told of this worker's targets, and what becomes of what was heard. `worker`: a word of its own.
    `providers`: the configured ones; targets of others are nothing to us."""

    def __init__(self, standings: Standings, worker: str, providers: Container[str]) -> None:
        self._standings = standings
        self._worker = worker
        self._providers = providers
        self._told: dict[str, int] = {}
        self._heard: frozenset[bytes] = frozenset()

    def news(self, now: float) -> list[Told]:
        """(member, milliseconds left) of targets that were found broken here since the last time."""
        found: list[Told] = []
        for place, standing in self._standings.all():
            breaker = standing.breaker
            if breaker.opened == self._told.get(place, 0):
                continue
            self._told[place] = breaker.opened
            if breaker.state == "open" and (left_ms := int((breaker.until - now) * 1000)) > 0:
                found.append((f"{place}\0{self._worker}\0{breaker.opened}".encode(), left_ms))
        return found

    def heard(self, hints: Iterable[Told], now: float) -> None:
        """All hints that there are. Each counts once, however long it stands there."""
        members: set[bytes] = set()
        for member, left_ms in hints:
            members.add(member)
            place, _, by = member.decode("utf-8", "replace").partition("\0")
            if member in self._heard or by.startswith(f"{self._worker}\0"):
                continue
            if place.partition("/")[0] in self._providers:
                breaker = self._standings.of(place).breaker
                breaker.heard_open(now + min(left_ms / 1000, breaker.options.max_open_s))
        self._heard = frozenset(members)


async def share(findings: Findings, redis: RedisOptions, prefix: str, now: Callable[[], float]) -> None:
    """Tell and hear until it is cancelled. `prefix`: of all keys; gateways with the same one hear of each other."""
    text = (files("gateway.router") / "hints.lua").read_bytes()
    script = Script(text, sha1(text).hexdigest().encode())  # noqa: S324  the server's own name for it
    key = b"%b:{%b}:|open" % (prefix.encode(), _TAG)
    async with RedisStore(redis, {"hints": script}, PATIENCE_S, _Silent(), _back, now) as store:
        while True:
            # What cannot be told now is not told later: by then it may work again.
            news, link = findings.news(now()), store.link(_TAG)
            if link is not None and link.up:
                words = [word for member, left_ms in news for word in (b"%d" % left_ms, member)]
                answer = await link.ask(evalsha(script, (key,), *words))
                if isinstance(answer, list):
                    findings.heard(_pairs(cast("list[Any]", answer)), now())
                elif isinstance(answer, Exception):
                    link.refused(answer)
            await asyncio.sleep(POLL_S)


def _pairs(answer: Sequence[Any]) -> list[Told]:
    return list(zip(answer[::2], map(int, answer[1::2]), strict=True))


async def _back(link: Link) -> None:
    """There is nothing to be said to a server that is back."""


class _Silent:
    """Whoever counts limits tells how Redis is."""

    def changed(self, up: bool) -> None: ...

    def failed(self, reason: str) -> None: ...

    def answered(self, seconds: float) -> None: ...
