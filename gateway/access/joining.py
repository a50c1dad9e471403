"""Many small differences as few rows: those that differ in one respect only are joined, again and again."""

from collections.abc import Iterable

import msgspec

from gateway.access.changes import KINDS, Change
from gateway.core.target import Target


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, for every combination of these.

    Attributes:
        teams: (tenant, team). profiles, requests: numbers of points of the comparison's grids.
            Among the requests may be some that both versions refuse, where fewer words describe them so.
        classes: what the request says that it sends; empty for nothing.
    """

    teams: frozenset[tuple[str, str]]
    profiles: frozenset[int]
    classes: frozenset[str]
    targets: frozenset[Target]
    operations: frozenset[str]
    requests: frozenset[int]
    change: Change


# In this order: what is usually alike is joined first.
_JOINED = ("operations", "classes", "requests", "teams", "profiles", "targets")


def joined(rows: Iterable[Row]) -> list[Row]:
    """The same differences in fewer rows, those that matter most first."""
    found = list(dict.fromkeys(rows))
    count = -1
    while len(found) != count:
        count = len(found)
        for name in _JOINED:
            found = _join(found, name)
    return sorted(found, key=_order)


def _join(rows: list[Row], name: str) -> list[Row]:
    place = Row.__struct_fields__.index(name)
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        values = msgspec.structs.astuple(row)
        groups.setdefault((*values[:place], *values[place + 1 :]), []).append(row)
    return [
        group[0]
        if len(group) == 1
        else msgspec.structs.replace(
            group[0], **{name: frozenset[object]().union(*(getattr(row, name) for row in group))}
        )
        for group in groups.values()
    ]


def _order(row: Row) -> tuple[object, ...]:
    targets = sorted(map(str, row.targets))
    rest = (sorted(row.operations), sorted(row.classes), sorted(row.profiles), sorted(row.requests))
    return (KINDS.index(row.change.kind), row.change, sorted(row.teams), targets, *rest)
