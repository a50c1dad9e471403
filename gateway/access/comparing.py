"""Two versions of the policies compared by what they decide, not by how they are written.

Every declared team, with each combination of labels and claims that a rule of either version tells apart, sending each
class of data, is asked about for every target and operation, with requests that stand for all others
(`representing.py`). Masks make that few questions: callers, models and operations that the same rules are about are
one, and where no rule that matches has changed, nothing is asked at all.
"""

from collections.abc import Iterator, Sequence

import msgspec

from gateway.access.changes import Change, changes_between
from gateway.access.entries import Entry
from gateway.access.grids import Grid
from gateway.access.joining import Row, joined
from gateway.access.policy import AccessPolicy
from gateway.access.representing import facts, requests, subjects
from gateway.access.rules import Rule
from gateway.access.sides import Pair, Reduced, Side, Subject
from gateway.core.principal import Principal
from gateway.core.target import Target


class RuleChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of rules and exceptions. `stop`: denies that no longer enforce, `start`: those that begin to. `dormant`:
    those of the changed ones that are not in force at the moment that is compared."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    dormant: tuple[str, ...] = ()

    @property
    def touched(self) -> frozenset[str]:
        return frozenset((*self.added, *self.removed, *self.changed))


class NameChange(msgspec.Struct, frozen=True):
    """A name that leads elsewhere: its targets before and after, best first; none: it does not exist."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What differs.

    Attributes:
        rows: who gains or loses what, and what is allowed on other terms.
        subjects, requests: the combinations that rows name by number. classes: what a request may say that it sends;
            empty for nothing. teams, targets, operations: all that was asked about.
        left_out: what was not looked at, in words.
    """

    rows: tuple[Row, ...]
    names: tuple[NameChange, ...]
    rules: RuleChanges
    subjects: Grid
    requests: Grid
    classes: tuple[str, ...]
    teams: tuple[tuple[str, str], ...]
    targets: tuple[Target, ...]
    operations: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Nothing is decided differently; rules may be written differently."""
        return not self.rows and not self.names

    @property
    def asked(self) -> int:
        """How many questions stand behind it."""
        subjects = len(self.teams) * len(self.subjects.points) * len(self.classes)
        return subjects * len(self.targets) * len(self.operations) * len(self.requests.points)


def compare(old: Side, new: Side, operations: Sequence[str], now: float) -> Comparison:
    """What differs between the two at this moment. `now`: Unix seconds."""
    rules = _rule_changes(old.policy, new.policy, now)
    entries = _both(old.policy, new.policy)
    callers, asked = subjects(entries, rules.touched), requests(entries)
    known = set(old.policy.data_classes) & set(new.policy.data_classes)
    classes = ("", *(word for word in old.policy.data_classes if word in known))
    pair = Pair(old, new, now, rules.touched)
    teams = tuple(sorted({*old.classes, *new.classes}))
    reduced = pair.reduced_subjects(_subjects(teams, callers))
    rows = joined(_rows(pair, reduced, classes, operations, asked))
    return Comparison(
        rows=tuple(rows),
        names=tuple(_name_changes(old, new)),
        rules=rules,
        subjects=callers,
        requests=asked,
        classes=classes,
        teams=teams,
        targets=pair.targets,
        operations=tuple(operations),
        left_out=tuple(_left_out(callers, asked, old.policy, new.policy)),
    )


def _rows(
    pair: Pair, callers: Sequence[Reduced[Subject]], classes: Sequence[str], operations: Sequence[str], asked: Grid
) -> Iterator[Row]:
    """What differs, for each kind of caller, class, model and operation; models of one kind of change together."""
    models, kinds = pair.reduced_models(), pair.reduced_operations(operations)
    for caller in callers:
        found: dict[tuple[frozenset[str], frozenset[str], Change, frozenset[int]], set[Target]] = {}
        for effective, said in pair.effective(caller.one, classes).items():
            for model in models:
                if pair.untouched(caller, effective, model):
                    continue
                for kind in kinds:
                    for change, numbers in pair.changes(caller, effective, model, kind, asked, changes_between):
                        key = (said, frozenset(kind.members), change, numbers)
                        found.setdefault(key, set()).update(model.members)
        profiles: dict[tuple[str, str], set[int]] = {}
        for subject in caller.members:
            profiles.setdefault(subject.team, set()).add(subject.profile)
        for (said, kind, change, numbers), targets in found.items():
            for team, own in profiles.items():
                yield Row(
                    teams=frozenset((team,)),
                    profiles=frozenset(own),
                    classes=said,
                    targets=frozenset(targets),
                    operations=kind,
                    requests=numbers,
                    change=change,
                )


def _subjects(teams: Sequence[tuple[str, str]], callers: Grid) -> Iterator[Subject]:
    found = [facts(callers.values(number)) for number in range(len(callers.points))]
    for team in teams:
        for profile, (labels, claims) in enumerate(found):
            principal = Principal(key_id="", tenant=team[0], team=team[1], labels=labels, claims=claims)
            yield Subject(team, profile, principal)


def _both(old: AccessPolicy, new: AccessPolicy) -> list[Entry]:
    """The entries of both, by id; of one that was changed, both versions, in an order that is the same both ways."""
    every = [*old.entries.all, *new.entries.all]
    return sorted(every, key=lambda one: (one.id, repr(one.source)))


def _rule_changes(old: AccessPolicy, new: AccessPolicy, now: float) -> RuleChanges:
    before = {one.id: one for one in old.entries.all}
    after = {one.id: one for one in new.entries.all}
    both = [name for name in before if name in after]
    changed = [name for name in both if before[name].source != after[name].source]
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    touched = [one for name in (*added, *removed, *changed) for side in (before, after) if (one := side.get(name))]
    awake = {one.id for one in touched if one.begins <= now < one.ends}
    return RuleChanges(
        added=tuple(added),
        removed=tuple(removed),
        changed=tuple(changed),
        stop=tuple(name for name in changed if _enforces(before[name]) and not _enforces(after[name])),
        start=tuple(name for name in changed if _enforces(after[name]) and not _enforces(before[name])),
        dormant=tuple(sorted({one.id for one in touched} - awake)),
    )


def _enforces(one: Entry) -> bool:
    return isinstance(one.source, Rule) and one.source.mode == "enforce"


def _name_changes(old: Side, new: Side) -> Iterator[NameChange]:
    before, after = old.catalogue.names, new.catalogue.names
    for name in sorted({*before, *after}):
        was, is_ = (tuple(str(target) for target in names.get(name, ())) for names in (before, after))
        if was != is_:
            yield NameChange(name, was, is_)


def _left_out(callers: Grid, asked: Grid, old: AccessPolicy, new: AccessPolicy) -> Iterator[str]:
    for grid, what in ((callers, "labels and claims"), (asked, "requests")):
        if grid.left_out:
            axes = ", ".join(f"{axis.name.partition(' ')[2] or axis.name}: {len(axis.values)}" for axis in grid.axes)
            looked = f"{len(grid.points)} combinations of {what} were looked at"
            yield f"{looked}, {grid.left_out} were not (values: {axes})"
    only = sorted(set(old.data_classes) ^ set(new.data_classes))
    if only:
        yield f"data classes that only one version has, where a request names them: {', '.join(only)}"
