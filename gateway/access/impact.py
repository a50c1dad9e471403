"""What a proposed policy would do to real traffic: which calls it refuses that went through, which it lets through that
were refused, which its audit rules watch, which it binds to less, and which it sends elsewhere.

    newly refused + newly allowed + still allowed + still refused + undecidable  =  all calls
"""

from collections import Counter
from collections.abc import Container, Iterable
from typing import Literal

import msgspec

from gateway.access.replaying import Basis, Judged, Replay, Ruling, Side
from gateway.core.traffic import Traffic

# Of a group's keys, the most used are told by id, and of its reasons the first.
MAX_KEYS = 10
MAX_REASONS = 5
Change = Literal["refused", "allowed", "watched", "obliged", "moved"]


class Sums(msgspec.Struct, kw_only=True):
    """Traffic added up. `inputs`: distinct ones; `recorded`: calls that policy refused at the time."""

    inputs: int = 0
    calls: int = 0
    recorded: int = 0
    cost_nano: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    last_ns: int = 0

    def add(self, row: Traffic) -> None:
        self.inputs += 1
        self.calls += row.calls
        self.recorded += row.refused
        self.cost_nano += row.cost_nano
        self.unpriced += row.unpriced
        self.input_tokens += row.input_tokens
        self.output_tokens += row.output_tokens
        self.last_ns = max(self.last_ns, row.last_ns)


class Cause(msgspec.Struct, frozen=True):
    """What decided. `rule_id` is empty where no rule did; then `basis` and `code` say what."""

    allowed: bool
    rule_id: str
    basis: Basis
    code: str

    @property
    def words(self) -> str:
        if self.rule_id:
            told = {"exception": " (exception)", "condition": " (condition fails)", "obligation": " (obligation)"}
            return self.rule_id + told.get(self.basis, "")
        if self.code == "model_not_found":
            return "no such model"
        return {"undeclared": "team not declared", "no_rule": "no rule", "card": "card"}.get(self.basis, self.basis)


class KeyUse(msgspec.Struct, frozen=True):
    id: str
    calls: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One team's calls that change in the same way.

    Attributes:
        details: rules that newly watch; what calls are newly held to; `targets before → targets after`.
        cut: of newly obliged calls, those that ask for more than they would get; others do not say how much.
        models, operations, keys: most called first; keys: the first MAX_KEYS of `key_count`.
        reasons_before, reasons_after: in words; the first few, where they are many.
    """

    change: Change
    tenant: str
    team: str
    before: Cause
    after: Cause
    details: tuple[str, ...]
    sums: Sums
    cut: int
    models: tuple[str, ...]
    operations: tuple[str, ...]
    keys: tuple[KeyUse, ...]
    key_count: int
    reasons_before: tuple[str, ...]
    reasons_after: tuple[str, ...]


class Undecidable(msgspec.Struct, frozen=True, kw_only=True):
    """Calls whose record does not say enough to decide them again."""

    tenant: str
    team: str
    reason: str
    sums: Sums


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """`teams`: that called at all; `teams_changed`: that have calls newly refused or newly allowed. A call may be
    watched, obliged or moved besides. `groups`: by change, most calls first."""

    looked_at: Sums
    newly_refused: Sums
    newly_allowed: Sums
    still_allowed: Sums
    still_refused: Sums
    undecidable: Sums
    watched: Sums
    obliged: Sums
    moved: Sums
    teams: int
    teams_changed: int
    groups: tuple[Group, ...]
    undecidables: tuple[Undecidable, ...]

    def of(self, change: Change) -> list[Group]:
        return [group for group in self.groups if group.change == change]


def impact_of(rows: Iterable[Traffic], before: Side, after: Side, operations: Container[str], now: float) -> Impact:
    """What `after` does to these calls that `before` does not, both as of `now` (Unix seconds). `operations`: the
    words that endpoints have."""
    replay, gathering = Replay(before, after, operations, now), _Gathering()
    for row in rows:
        judged = replay.judge(row)
        if isinstance(judged, str):
            gathering.put_aside(row, judged)
        else:
            gathering.take(row, judged)
    return gathering.impact()


_ORDER: tuple[Change, ...] = ("refused", "allowed", "watched", "obliged", "moved")
_GroupKey = tuple[Change, str, str, Cause, Cause, tuple[str, ...]]


class _Gathered:
    """A group while it grows."""

    def __init__(self) -> None:
        self.sums = Sums()
        self.cut = 0
        self.models: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.reasons: tuple[dict[str, None], dict[str, None]] = ({}, {})

    def add(self, row: Traffic, judged: Judged, *, cut: bool) -> None:
        self.sums.add(row)
        self.cut += row.calls * cut
        self.models[row.model] += row.calls
        self.operations[row.operation] += row.calls
        self.keys[row.key_id] += row.calls
        for kept, ruling in zip(self.reasons, (judged.before, judged.after), strict=True):
            if len(kept) < MAX_REASONS:
                kept[ruling.reason] = None

    def group(self, key: _GroupKey) -> Group:
        change, tenant, team, before, after, details = key
        return Group(
            change=change,
            tenant=tenant,
            team=team,
            before=before,
            after=after,
            details=details,
            sums=self.sums,
            cut=self.cut,
            models=_most_first(self.models),
            operations=_most_first(self.operations),
            keys=tuple(KeyUse(key_id, self.keys[key_id]) for key_id in _most_first(self.keys)[:MAX_KEYS]),
            key_count=len(self.keys),
            reasons_before=tuple(self.reasons[0]),
            reasons_after=tuple(self.reasons[1]),
        )


class _Gathering:
    """All groups while they grow."""

    def __init__(self) -> None:
        self._all, self._undecidable = Sums(), Sums()
        self._effects = {(was, is_): Sums() for was in (True, False) for is_ in (True, False)}
        self._changes: dict[Change, Sums] = {change: Sums() for change in _ORDER}
        self._teams: set[tuple[str, str]] = set()
        self._groups: dict[_GroupKey, _Gathered] = {}
        self._aside: dict[tuple[str, str, str], Sums] = {}

    def put_aside(self, row: Traffic, reason: str) -> None:
        self._teams.add((row.tenant, row.team))
        self._all.add(row)
        self._undecidable.add(row)
        self._aside.setdefault((row.tenant, row.team, reason), Sums()).add(row)

    def take(self, row: Traffic, judged: Judged) -> None:
        before, after = judged.before, judged.after
        self._teams.add((row.tenant, row.team))
        self._all.add(row)
        self._effects[before.allowed, after.allowed].add(row)
        if before is after:
            return
        if before.allowed != after.allowed:
            self._add("allowed" if after.allowed else "refused", row, judged)
        if after.allowed and (watching := tuple(sorted({*after.would_deny} - {*before.would_deny}))):
            self._add("watched", row, judged, watching)
        if before.allowed and after.allowed:
            if held := _newly_held(before, after, judged.asked):
                self._add("obliged", row, judged, held)
            if before.places != after.places:
                self._add("moved", row, judged, (f"{', '.join(before.places)} → {', '.join(after.places)}",))

    def _add(self, change: Change, row: Traffic, judged: Judged, details: tuple[str, ...] = ()) -> None:
        self._changes[change].add(row)
        key = (change, row.tenant, row.team, _cause(judged.before), _cause(judged.after), details)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Gathered()
        cap = judged.after.cap
        group.add(row, judged, cut=change == "obliged" and cap is not None and judged.asked > cap)

    def impact(self) -> Impact:
        groups = [gathered.group(key) for key, gathered in self._groups.items()]
        groups.sort(key=lambda one: (_ORDER.index(one.change), -one.sums.calls, one.tenant, one.team, one.details))
        aside = [
            Undecidable(tenant=tenant, team=team, reason=reason, sums=sums)
            for (tenant, team, reason), sums in self._aside.items()
        ]
        return Impact(
            looked_at=self._all,
            newly_refused=self._effects[True, False],
            newly_allowed=self._effects[False, True],
            still_allowed=self._effects[True, True],
            still_refused=self._effects[False, False],
            undecidable=self._undecidable,
            watched=self._changes["watched"],
            obliged=self._changes["obliged"],
            moved=self._changes["moved"],
            teams=len(self._teams),
            teams_changed=len({(one.tenant, one.team) for one in groups if one.change in ("refused", "allowed")}),
            groups=tuple(groups),
            undecidables=tuple(sorted(aside, key=lambda one: (-one.sums.calls, one.tenant, one.team, one.reason))),
        )


def _newly_held(before: Ruling, after: Ruling, asked: int) -> tuple[str, ...]:
    """What an allowed call is newly held to, in words; nothing where it keeps to that by itself."""
    held: list[str] = []
    cap = after.cap
    if cap is not None and (before.cap is None or cap < before.cap) and not 0 < asked <= cap:
        held.append(f"at most {cap} output tokens" + ("" if before.cap is None else f", was {before.cap}"))
    if after.no_content and not before.no_content:
        held.append("nothing of what is said is kept")
    held += [f"the guard {guard} looks at it" for guard in after.guards if guard not in before.guards]
    return tuple(held)


def _cause(ruling: Ruling) -> Cause:
    return Cause(ruling.allowed, ruling.rule_id, ruling.basis, ruling.code)


def _most_first(counted: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(counted, key=lambda word: (-counted[word], word)))
