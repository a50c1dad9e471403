"""A comparison in words: who gains or loses what, for people who read a pull request."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.access.comparing import Comparison, RuleChanges
from gateway.access.grids import Grid
from gateway.access.joining import Row
from gateway.access.representing import CLAIM, LABEL, OTHER
from gateway.access.sides import Side
from gateway.core.target import Target

SAID = {"loses": "loses access", "gains": "gains access", "obligations": "other terms", "audit": "watched otherwise"}
_NUMBER = "max_output_tokens"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A row, with every list in full and in order. `callers`, `data_classes`, `requests`: which of all there are; empty
    for all. `all_teams` …: whether the list is of all that was asked about."""

    change: str
    teams: tuple[str, ...]
    tenants_whole: tuple[str, ...]
    callers: tuple[str, ...]
    data_classes: tuple[str, ...]
    models: tuple[str, ...]
    all_models: bool
    operations: tuple[str, ...]
    all_operations: bool
    requests: tuple[str, ...]
    why: str
    cause: str
    rule: str
    before: str
    after: str

    def who(self, most: int) -> str:
        """The teams, those of a whole tenant together, and which of their callers."""
        words = [f"all teams of {tenant}" for tenant in self.tenants_whole]
        words += [team for team in self.teams if team.partition("/")[0] not in self.tenants_whole]
        told = [few(words, most)]
        if self.callers:
            told.append(few(self.callers, most, " or "))
        if self.data_classes:
            told.append(f"data {', '.join(self.data_classes)}")
        return "; ".join(told)

    def what(self, most: int) -> str:
        return "all models" if self.all_models else few(self.models, most)

    def operated(self) -> str:
        return "all operations" if self.all_operations else ", ".join(self.operations)

    def asked(self, most: int) -> str:
        return few(self.requests, most, " or ") or "any"


def described(found: Comparison, old: Side, new: Side) -> list[Described]:
    """Every row in words."""
    cards: dict[str, set[Target]] = {}
    names: dict[Target, str] = {}
    for side in (old, new):
        for target, model in side.catalogue.models.items():
            names[target] = model.name
    for target in found.targets:
        cards.setdefault(names[target], set()).add(target)
    return [_described(row, found, (old, new), cards) for row in found.rows]


def _described(row: Row, found: Comparison, sides: tuple[Side, Side], cards: Mapping[str, set[Target]]) -> Described:
    tenants = {tenant for tenant, _ in row.teams}
    whole = [
        tenant for tenant in sorted(tenants) if all(team in row.teams for team in found.teams if team[0] == tenant)
    ]
    several = {tenant for tenant in whole if sum(team[0] == tenant for team in found.teams) > 1}
    change = row.change
    return Described(
        change=change.kind,
        teams=tuple(f"{tenant}/{team}" for tenant, team in sorted(row.teams)),
        tenants_whole=tuple(sorted(several)),
        callers=tuple(_caller(part, found.subjects) for part in found.subjects.parts(row.profiles)),
        data_classes=_classes(row, found, sides),
        models=tuple(_models(row.targets, cards)),
        all_models=len(row.targets) == len(found.targets) > 1,
        operations=tuple(sorted(row.operations)),
        all_operations=len(row.operations) == len(found.operations),
        requests=tuple(_request(part, found) for part in found.requests.parts(row.requests)),
        why=_why(row),
        cause=change.cause,
        rule=change.rule,
        before=change.before,
        after=change.after,
    )


def _classes(row: Row, found: Comparison, sides: tuple[Side, Side]) -> tuple[str, ...]:
    """What the calls are classed as, where that matters."""
    if len(row.classes) == len(found.classes):
        return ()
    side = sides[1] if any(team in sides[1].classes for team in row.teams) else sides[0]
    levels = {word: level for level, word in enumerate(side.data_classes)}
    classed = {
        max((side.classes.get(team, ""), said), key=lambda word: levels.get(word, -1))
        for team in row.teams
        for said in row.classes
    }
    return tuple(sorted(classed, key=lambda word: levels.get(word, -1)))


def _models(targets: Collection[Target], cards: Mapping[str, set[Target]]) -> Iterator[str]:
    for name, own in sorted(cards.items()):
        if own <= set(targets):
            yield name
        else:
            yield from (f"{name} ({target})" for target in sorted(map(str, own & set(targets))))


def _caller(part: Mapping[str, tuple[Any, ...]], grid: Grid) -> str:
    """`env=prod and groups=a|b`; `env not prod`, where that is shorter."""
    words: list[str] = []
    for axis in grid.axes:
        if axis.name not in part:
            continue
        name = axis.name.removeprefix(LABEL).removeprefix(CLAIM)
        shown = [_value(value) for value in part[axis.name]]
        others = [text for value in axis.values if (text := _value(value)) not in shown]
        if len(others) < len(shown):
            words.append(f"{name} not {'|'.join(others)}" if all(others) else _alternatives(name, shown))
        else:
            words.append(_alternatives(name, shown))
    return " and ".join(words)


def _alternatives(name: str, shown: Sequence[str]) -> str:
    """`env=a|b or no env`; the empty value is for none."""
    given = [value for value in shown if value]
    told = [f"{name}={'|'.join(given)}"] if given else []
    return " or ".join([*told, f"no {name}"] if len(given) < len(shown) else told)


def _value(value: Any) -> str:
    """A label's value, or a claim's words."""
    words: Sequence[str] = (value,) if isinstance(value, str) else value or ()
    return "+".join("(another)" if word == OTHER else word for word in words)


def _request(part: Mapping[str, tuple[Any, ...]], found: Comparison) -> str:
    words: list[str] = []
    for axis, values in part.items():
        if axis in ("tools", "stream"):
            said = {"tools": ("without tools", "with tools"), "stream": ("not streamed", "streamed")}[axis]
            words.append(said[bool(values[0])])
        elif axis == "prompt":
            words.append(_prompts(values, len(next(one.values for one in found.requests.axes if one.name == axis))))
        elif axis == "hosted_tools":
            words.append("hosted tools " + " or ".join("+".join(kinds) or "none" for kinds in values))
        else:
            every = next(one.values for one in found.requests.axes if one.name == axis)
            words.append(_span(values, every))
    return ", ".join(words)


def _prompts(values: tuple[str, ...], of: int) -> str:
    if values == ("",):
        return "not from a prompt"
    if "" not in values and len(values) == of - 1:
        return "from a prompt"
    return "from the prompt " + " or ".join({"": "none", OTHER: "(another)"}.get(one, one) for one in values)


def _span(values: tuple[int, ...], every: tuple[int, ...]) -> str:
    """Numbers that were asked about, as a range where they are one; 0 is for a request that does not say."""
    start, end = every.index(values[0]), every.index(values[-1])
    if end - start + 1 != len(values):
        return f"{_NUMBER} {', '.join(str(value) if value else 'not said' for value in values)}"
    if not values[-1]:
        return f"no {_NUMBER}"
    low, high = values[0], values[-1]
    if not low:
        return f"{_NUMBER} up to {high} or not said"
    if end == len(every) - 1:
        return f"{_NUMBER} from {low}"
    return f"{_NUMBER} {low}" if low == high else f"{_NUMBER} {low} to {high}"


def _why(row: Row) -> str:
    change = row.change
    if change.kind == "obligations":
        return f"obliged to {change.after or 'nothing'}; before: {change.before or 'nothing'}"
    if change.kind == "audit":
        return f"would be refused by {change.after or 'nothing'}; before: {change.before or 'nothing'}"
    lost = change.kind == "loses"
    return {
        "deny": f"{'denied' if lost else 'no longer denied'} by {change.rule}",
        "allow": f"{'no longer allowed' if lost else 'allowed'} by {change.rule}",
        "condition": f"the condition of {change.rule} {'cannot' if lost else 'can'} be evaluated",
        "obligation": f"{change.rule} {'asks' if lost else 'no longer asks'} for what they do not keep to",
        "card": f"the card {'is' if lost else 'is no longer'} {change.rule}",
        "model": f"the target {'has no card any more' if lost else 'is new'}",
        "team": f"the team is {'no longer declared' if lost else 'new'}",
    }[change.cause]


def rules_in_words(rules: RuleChanges) -> list[str]:
    """How rules are written differently, a line for each respect."""
    counts = ((len(rules.added), "added"), (len(rules.removed), "removed"), (len(rules.changed), "changed"))
    told = [f"rules and exceptions: {', '.join(f'{count} {word}' for count, word in counts)}"]
    for ids, does in ((rules.stop, "stop enforcing"), (rules.start, "start enforcing")):
        if ids:
            told.append(
                f"{counted(len(ids), 'rule')} {does if len(ids) > 1 else does.replace(' ', 's ', 1)}: {few(ids, 12)}"
            )
    if rules.dormant:
        told.append(f"not in force at this moment, and so without effect here: {few(rules.dormant, 12)} (--at TIME)")
    return told


def counted(count: int, word: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def few(words: Sequence[str], most: int, between: str = ", ") -> str:
    if len(words) <= most + 1:  # `and 1 more` is no shorter
        return between.join(words)
    return f"{between.join(words[:most])} and {len(words) - most} more"
