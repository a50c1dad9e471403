"""Counters in Redis, shared by all workers of all replicas.

    reserve  one script decides all bounds of a call (in a Cluster: one for each tag; see below) by the server's clock
    settle   collected for a millisecond, then sent together
    renew    calls that are still under way keep their holds; those of a worker that died expire after `hold_s`

How far a limit can be overshot: not at all by what is reserved, from however many workers, because a script is the only
thing that runs in the server. As in one process, by what calls under way turn out to use beyond their estimates.
In a Cluster the bounds of a call may lie on two servers (the tenant's, and those of nobody in particular). Both are asked
at the same time, and where one refuses the other's hold is given back a round trip later: until then it counts, so that
another call may be refused that would have had room. Never is one admitted that has none.
While a server is away, `away.py` says what holds.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, Self

import msgspec

from gateway.limits.away import AwayHold, LocalShare
from gateway.limits.bounds import NOTHING, Bound, Level, Need, Refusal
from gateway.limits.plans import Group, Plans, evalsha, load_scripts, starts_ms
from gateway.limits.settling import Settling
from gateway.limits.store_options import LimitsStoreOptions
from gateway.stores.redis import RedisOptions
from gateway.stores.redis_link import Link
from gateway.stores.redis_store import RedisStore
from gateway.stores.redis_wire import LOST, packed_word

_log = logging.getLogger("gateway.limits")
BEAT_S = 1.0
WORKER_TTL_MS = 5_000
# What was used before these counters counted: (bound, Unix seconds, amount), of calls that began before `until`.
Seeds = Callable[[float], Awaitable[Sequence[tuple[Bound, float, int]]]]
_encode = msgspec.msgpack.encode


class StoreReports(Protocol):
    """What is told of the store. `reason`: a bounded word."""

    def limit_store_changed(self, up: bool) -> None: ...

    def limit_store_failed(self, reason: str) -> None: ...

    def limit_store_answered(self, seconds: float) -> None: ...


class Part:
    """What a hold has on one server."""

    __slots__ = ("group", "member", "renewed")

    def __init__(self, group: Group, member: bytes, renewed: float) -> None:
        self.group = group
        self.member = member
        self.renewed = renewed


class RedisHold:
    """A reservation in Redis, and in this process for what could not be asked there."""

    __slots__ = ("away", "levels", "parts", "settled", "warned")

    def __init__(self, levels: Sequence[Level], warned: Sequence[Bound], parts: Sequence[Part], away: AwayHold | None) -> None:
        self.levels = levels
        self.warned = warned
        self.parts = parts
        self.away = away
        self.settled = False
