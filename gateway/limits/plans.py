"""How the bounds of a call are asked for in Redis: which script decides which, with everything packed that does not
change from call to call.

Keys: `prefix:{tag}:counter`. What stands in braces decides where a Cluster keeps a key, so all counters of one tenant
are on one server. There one script decides over one tag; on a single server it decides over all bounds at once.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.limits.bounds import PLACES, Bound, Need, Span
from gateway.limits.periods import period_of
from gateway.stores.redis_link import Script
from gateway.stores.redis_wire import pack

SCRIPTS = ("reserve", "settle", "adjust", "renew", "seed", "beat")
MAX_REMEMBERED = 50_000
_STRICTNESS = {"refuse": 2, "queue": 1, "warn": 0}
_NOBODYS = b"*"  # the tag of what is nobody's in particular; no quoted tenant is called so
# Of one call more counts as this: a script's numbers are exact so far, and what is packed has 64 bits.
MOST = 2**53
_encode = msgspec.msgpack.encode


def load_scripts() -> Mapping[str, Script]:
    """The Lua scripts beside this file, each with what they share in front."""
    folder = files("gateway.limits") / "scripts"
    shared = (folder / "common.lua").read_bytes()
    texts = {name: shared + (folder / f"{name}.lua").read_bytes() for name in SCRIPTS}
    # The server's own name for a script in its cache.
    return {name: Script(text, sha1(text).hexdigest().encode()) for name, text in texts.items()}  # noqa: S324


def evalsha(script: Script, keys: Sequence[bytes], *fixed: bytes, more: int = 0) -> bytes:
    """The command, or its head if `more` packed words follow."""
    return pack(b"EVALSHA", script.sha, b"%d" % len(keys), *keys, *fixed, more=more)


def starts_ms(span: Span, now: float) -> tuple[int, int, int, int]:
    """The starts of the period before `now`'s, of `now`'s, of the next, and its end. The server chooses by its own
    clock, which may already be in the next period or still in the one before."""
    begin, end = period_of(span, now)
    before, _ = period_of(span, begin - 1)
    _, after = period_of(span, end + 1)
    return int(before * 1000), int(begin * 1000), int(end * 1000), int(after * 1000)


class Group(msgspec.Struct, frozen=True):
    """Bounds that one script decides together.

    Attributes:
        tag: where they are. holds: the key of their reservations.
        places: their positions among the call's bounds. keys: their counters.
        head: the command, but for its last word. warning: those of them that only warn, by position in here.
        calendar: those with a calendar span, by position in here → the starts that the command names.
    """

    tag: bytes
    holds: bytes
    bounds: tuple[Bound, ...]
    places: tuple[int, ...]
    keys: tuple[bytes, ...]
    head: bytes
    warning: tuple[int, ...]
    calendar: Mapping[int, tuple[int, int, int, int]]

    def needs(self, need: Need) -> list[int]:
        """What a call takes of each bound."""
        amounts = need.amounts()
        return [min(MOST, amounts[PLACES[bound.dimension]]) for bound in self.bounds]

    def used(self, used: Need) -> list[int]:
        """What it has used of each when it has ended: nothing is under way any more."""
        amounts = used.amounts()
        return [0 if bound.span.kind == "now" else min(MOST, amounts[PLACES[bound.dimension]]) for bound in self.bounds]


class Plan(msgspec.Struct, frozen=True):
    """`until`: Unix seconds; a period that it names is over then. `leasable`: nothing but rates, one script's all."""

    bounds: Sequence[Bound]
    groups: tuple[Group, ...]
    until: float
    leasable: bool


class Plans:
    """Plans by the bounds they are for. Policies hand out the same tuple again and again, so it is known by its parts'
    identities; the plan keeps them alive, so that no other bound can take one."""

    def __init__(self, reserve: Script, prefix: str, clustered: bool) -> None:
        self._reserve = reserve
        self._prefix = prefix.encode()
        self._clustered = clustered
        self._plans: dict[tuple[int, ...], Plan] = {}

    def plan(self, bounds: Sequence[Bound], now: float) -> Plan:
        known = tuple(map(id, bounds))
        plan = self._plans.get(known)
        if plan is None or now >= plan.until:
            if len(self._plans) >= MAX_REMEMBERED:
                self._plans.clear()
            plan = self._plans[known] = self._make(tuple(bounds), now)
        return plan

    def key(self, bound: Bound) -> bytes:
        return b"%b:{%b}:%b" % (self._prefix, _tag(bound), bound.key.encode())

    def holds_key(self, tag: bytes) -> bytes:
        """Of a tag's reservations."""
        return self.own_key(tag, b"holds")

    def own_key(self, tag: bytes, name: bytes) -> bytes:
        """A key that is no counter: no limit's id is empty, so none is called like it."""
        return b"%b:{%b}:|%b" % (self._prefix, tag, name)

    def tag(self, bound: Bound) -> bytes:
        """What its counter is kept by: without a Cluster there is one place for all."""
        return _tag(bound) if self._clustered else _NOBODYS

    def _make(self, bounds: tuple[Bound, ...], now: float) -> Plan:
        tags: dict[bytes, list[int]] = {}
        for place, bound in enumerate(bounds):
            tags.setdefault(self.tag(bound), []).append(place)
        groups = tuple(self._group(tag, bounds, places, now) for tag, places in tags.items())
        ends = [starts[2] / 1000 for group in groups for starts in group.calendar.values()]
        rates = all(bound.span.kind == "sliding" and bound.dimension != "cost" for bound in bounds)
        return Plan(bounds, groups, min(ends, default=float("inf")), rates and len(groups) == 1)

    def _group(self, tag: bytes, all_bounds: tuple[Bound, ...], places: Sequence[int], now: float) -> Group:
        bounds = tuple(all_bounds[place] for place in places)
        calendar = {n: starts_ms(bound.span, now) for n, bound in enumerate(bounds) if bound.span.kind == "calendar"}
        keys = tuple(map(self.key, bounds))
        fixed = _encode([described(bound, now) for bound in bounds])
        holds = self.holds_key(tag)
        return Group(
            tag=tag,
            holds=holds,
            bounds=bounds,
            places=tuple(places),
            keys=keys,
            head=evalsha(self._reserve, (holds, *keys), fixed, more=1),
            warning=tuple(n for n, bound in enumerate(bounds) if bound.on_exceeded == "warn"),
            calendar=calendar,
        )


def _tag(bound: Bound) -> bytes:
    return quote(bound.tag, safe="").encode() or _NOBODYS


def described(bound: Bound, now: float) -> list[Any]:
    """As reserve.lua reads it: kind, strictness, maximum, and of a span slice in ms and slices, or starts."""
    fixed = [_STRICTNESS[bound.on_exceeded], bound.maximum]
    if bound.span.kind == "sliding":
        return [1, *fixed, bound.span.seconds * 1000 / bound.span.slices, bound.span.slices]
    if bound.span.kind == "calendar":
        return [2, *fixed, starts_ms(bound.span, now)]
    return [0, *fixed]
