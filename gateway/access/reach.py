"""What rules can come to match over the callers, operations and models that are declared. All of it is sound: what is
said to be out of reach is so for every call, and what is said to be shadowed is refused for every call.

It is asked of the same tables as decisions are, so it cannot read a condition differently.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from gateway.access.entries import Entries, Entry
from gateway.access.masks import positions
from gateway.access.rules import Matching
from gateway.core.globs import compile_globs, is_glob
from gateway.core.model import USABLE, Life, Model
from gateway.core.principal import Principal

Dimension = Literal["callers", "operations", "models"]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    teams: every declared (tenant, team) → the classes that what it sends may be of.
    """

    teams: Mapping[tuple[str, str], Sequence[str]]
    operations: Sequence[str]
    models: Sequence[Model]


class Reach:
    """The entries of a policy from a moment on. Models count in every state that they may still come to; a draft may be
    approved, and an approval renewed; what is revoked or retired is so for ever."""

    def __init__(self, entries: Entries, world: World, now: float) -> None:
        self._entries = entries
        self._now = now
        self._columns: Mapping[Dimension, tuple[int, ...]] = {
            "callers": _different(_callers(entries, world.teams)),
            "operations": _different(entries.of_operation(one) for one in world.operations),
            "models": _different(entries.of_model(one, now) for model in world.models for one in _states(model, now)),
        }
        self._reached: Mapping[Dimension, int] = {name: _any(columns) for name, columns in self._columns.items()}
        # What an exception may lift, now or later, refuses nothing for sure.
        lifts = (bits for number, bits in entries.lifts.items() if entries.all[number].ends > now)
        self._sure = entries.denies & ~entries.audits & ~entries.conditional & ~_any(lifts)

    def out_of_reach(self, number: int) -> Dimension | None:
        """What there is none of that the entry could be about; None if it can match."""
        return next((name for name, bits in self._reached.items() if not bits >> number & 1), None)

    def shadow(self, number: int) -> Entry | None:
        """The deny that refuses, alone and for certain, all that this entry allows."""
        one, bit = self._entries.all[number], 1 << number
        shadows = self._sure
        for columns in self._columns.values():
            for column in columns:
                if not shadows:
                    return None
                if column & bit:
                    shadows &= column
        since = max(one.begins, self._now)
        for candidate in positions(shadows):
            deny = self._entries.all[candidate]
            if deny.begins <= since and one.ends <= deny.ends and _implied(deny.source, one.source):
                return deny
        return None

    def meet(self, number: int, other: int) -> bool:
        """Whether both may be about the same call. Labels, claims and conditions are not looked at."""
        one, two = self._entries.all[number], self._entries.all[other]
        if max(one.begins, two.begins, self._now) >= min(one.ends, two.ends):
            return False
        both = 1 << number | 1 << other
        return all(any(column & both == both for column in columns) for columns in self._columns.values())


def _callers(entries: Entries, teams: Mapping[tuple[str, str], Sequence[str]]) -> Iterable[int]:
    for (tenant, team), classes in teams.items():
        of_team = entries.of_tenant_and_team(Principal(key_id="", tenant=tenant, team=team))
        yield from (of_team & entries.of_data_class(one) for one in classes)


def _states(model: Model, now: float) -> list[Model]:
    """The model in each state in which rules may yet be asked about it."""
    life = model.life
    if life.status(now) == "revoked" or life.status(now) == "retired":
        return []
    states = {life.status(at) for at in (now, *life.instants()) if at >= now}
    found = states & USABLE or USABLE
    return [msgspec.structs.replace(model, life=_LIVES[status]) for status in sorted(found)]


_LIVES = {"approved": Life(approved_from=0), "deprecated": Life(approved_from=0, deprecated_from=0)}


def _implied(deny: Matching, allow: Matching) -> bool:
    """Whether what the deny asks of labels, environments and claims holds for whatever the allow matches."""
    if deny.environments is not None and not _cover(deny.environments, allow.environments or ("*",)):
        return False
    for name, pattern in (deny.labels or {}).items():
        if name not in (allow.labels or {}) or not _cover((pattern,), ((allow.labels or {})[name],)):
            return False
    return all(
        name in (allow.claims or {}) and _cover(patterns, (allow.claims or {})[name])
        for name, patterns in (deny.claims or {}).items()
    )


def _cover(patterns: Sequence[str], words: Sequence[str]) -> bool:
    """Whether whatever one of the `words`, themselves patterns, matches, one of the `patterns` matches too. Of patterns
    within patterns only the plainest are seen."""
    test = compile_globs(patterns)
    return "*" in patterns or all(word in patterns or (not is_glob(word) and test(word)) for word in words)


def _different(columns: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(columns))


def _any(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
