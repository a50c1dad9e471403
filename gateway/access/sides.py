"""Two versions side by side: which callers, models and operations are the same to both, and what both decide."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from gateway.access.asking import judge
from gateway.access.changes import Answer, Change
from gateway.access.conditions import model_values
from gateway.access.grids import Grid
from gateway.access.masks import positions
from gateway.access.policy import AccessPolicy
from gateway.access.refusing import TOOLS
from gateway.access.representing import attributes
from gateway.core.model import USABLE, Catalogue, Model
from gateway.core.principal import Principal
from gateway.core.target import Target

T = TypeVar("T")
Between = Callable[[Answer, Answer], Iterable[Change]]
Changes = tuple[tuple[Change, frozenset[int]], ...]


class Side(msgspec.Struct, frozen=True):
    """One version. `classes`: every declared (tenant, team), with the class of what it sends."""

    policy: AccessPolicy
    catalogue: Catalogue
    classes: Mapping[tuple[str, str], str]

    @property
    def data_classes(self) -> tuple[str, ...]:
        return self.policy.data_classes


class Subject(msgspec.Struct, frozen=True):
    """A caller: of this team, with the labels and claims of this profile."""

    team: tuple[str, str]
    profile: int
    principal: Principal


class Reduced(msgspec.Struct, Generic[T], frozen=True):
    """Several that neither version tells apart, and one of them.

    Attributes:
        masks: the entries of the old and the new version that may be about them.
        facts: what conditions see of them, by variable, old and new.
    """

    one: T
    members: tuple[Any, ...]
    masks: tuple[int, int]
    facts: tuple[Mapping[str, Any], Mapping[str, Any]]
    state: tuple[object, ...] = ()


class Pair:
    """Both versions at one moment."""

    def __init__(self, old: Side, new: Side, now: float, touched: frozenset[str]) -> None:
        """`touched`: ids of the rules that are not the same in both."""
        self.sides = (old, new)
        self.now = now
        self._levels = [{word: level for level, word in enumerate(side.data_classes)} for side in self.sides]
        self._same_classes = old.data_classes == new.data_classes
        entries = [side.policy.entries for side in self.sides]
        self._in_force = [one.in_force(now) for one in entries]
        self._conditional = [one.conditional for one in entries]
        self._touched = [
            sum(1 << number for number, one in enumerate(side.all) if one.id in touched) for side in entries
        ]
        self._tools = [one.of_operation(TOOLS) for one in entries]
        self._classed: list[dict[str, int]] = [{}, {}]
        self._names: list[dict[int, tuple[str, ...]]] = [{}, {}]
        self._remembered: dict[tuple[object, ...], Changes] = {}
        reached = [{target for targets in side.catalogue.names.values() for target in targets} for side in self.sides]
        self._models = [
            {target: model for target, model in side.catalogue.models.items() if target in found}
            for side, found in zip(self.sides, reached, strict=True)
        ]
        self.targets = tuple(sorted({*self._models[0], *self._models[1]}, key=str))

    def reduced_subjects(self, subjects: Iterable[Subject]) -> list[Reduced[Subject]]:
        """Callers, less those that are like another to both versions."""
        found: dict[tuple[object, ...], list[Subject]] = {}
        made: dict[tuple[object, ...], tuple[tuple[int, int], tuple[dict[str, Any], dict[str, Any]]]] = {}
        for subject in subjects:
            principal = subject.principal
            masks = self._both(lambda side, who=principal: side.policy.entries.of_subject(who))
            values = {
                "subject.tenant": principal.tenant,
                "subject.team": principal.team,
                "subject.environment": principal.environment,
                "subject.labels": principal.facts,
                "subject.claims": principal.facts,
            }
            facts = (self._seen(0, masks[0], values), self._seen(1, masks[1], values))
            own = tuple(side.classes.get(subject.team) for side in self.sides)
            key = (masks, own, *(tuple(one.items()) for one in facts))
            found.setdefault(key, []).append(subject)
            made[key] = (masks, facts)
        return [Reduced(several[0], tuple(several), *made[key]) for key, several in found.items()]

    def reduced_models(self) -> list[Reduced[tuple[Model | None, Model | None]]]:
        """Targets, less those that are like another to both versions."""
        found: dict[tuple[object, ...], list[Target]] = {}
        made: dict[tuple[object, ...], Any] = {}
        for target in self.targets:
            models = (self._models[0].get(target), self._models[1].get(target))
            masks: list[int] = []
            facts: list[dict[str, Any]] = []
            state: list[object] = [models[0] == models[1]]
            for number, model in enumerate(models):
                entries = self.sides[number].policy.entries
                masks.append(0 if model is None else entries.of_model(model, self.now))
                facts.append({} if model is None else self._seen(number, masks[-1], _hashable(model, self.now)))
                state.append(None if model is None else (model.unfit, model.life.status(self.now), model.region))
            key = (*masks, *state, *(tuple(one.items()) for one in facts))
            found.setdefault(key, []).append(target)
            made[key] = Reduced(models, (), (masks[0], masks[1]), (facts[0], facts[1]), tuple(state))
        return [msgspec.structs.replace(made[key], members=tuple(several)) for key, several in found.items()]

    def reduced_operations(self, operations: Sequence[str]) -> list[Reduced[str]]:
        """Operations, less those that are like another to both versions."""
        looked_at = any(
            "request.operation" in one.condition.names
            for side in self.sides
            for one in side.policy.entries.all
            if one.condition is not None
        )
        found: dict[tuple[object, ...], list[str]] = {}
        for word in operations:
            masks = self._both(lambda side, word=word: side.policy.entries.of_operation(word))
            found.setdefault((masks, word if looked_at else ""), []).append(word)
        return [
            Reduced(
                words[0],
                tuple(words),
                self._both(lambda side, word=words[0]: side.policy.entries.of_operation(word)),
                ({"request.operation": words[0]}, {"request.operation": words[0]}),
            )
            for words in found.values()
        ]

    def effective(self, subject: Subject, said: Sequence[str]) -> dict[tuple[str, str], frozenset[str]]:
        """What a request's class comes to in each version, by what it says."""
        found: dict[tuple[str, str], list[str]] = {}
        for word in said:
            found.setdefault((self._highest(0, subject, word), self._highest(1, subject, word)), []).append(word)
        return {pair: frozenset(words) for pair, words in found.items()}

    def _highest(self, number: int, subject: Subject, said: str) -> str:
        own = self.sides[number].classes.get(subject.team, "")
        levels = self._levels[number]
        return max((own, said), key=lambda word: levels.get(word, -1))

    def untouched(self, caller: Reduced[Subject], classes: tuple[str, str], model: Reduced[Any]) -> bool:
        """Whether both versions must decide alike: no rule that may match has changed, nor what rules look at."""
        own = [side.classes.get(caller.one.team) for side in self.sides]
        if not model.state[0] or not self._same_classes or classes[0] != classes[1] or None in own:
            return own == [None, None]
        masks = self._matching(caller, classes, model)
        return not (masks[0] & self._touched[0] or masks[1] & self._touched[1])

    def changes(
        self,
        caller: Reduced[Subject],
        classes: tuple[str, str],
        model: Reduced[tuple[Model | None, Model | None]],
        kind: Reduced[str],
        asked: Grid,
        between: Between,
    ) -> Changes:
        """How each of these requests is decided differently. Remembered by all that decisions follow from."""
        masks = self._matching(caller, classes, model)
        key: list[object] = [*model.state[1:]]
        for number, side in enumerate(self.sides):
            matched, tools = masks[number] & kind.masks[number], masks[number] & self._tools[number]
            key += [matched, tools, caller.one.team in side.classes]
            if conditional := (matched | tools) & self._conditional[number]:
                level = self._levels[number].get(classes[number], len(self._levels[number]))
                values = {
                    **caller.facts[number],
                    **model.facts[number],
                    **kind.facts[number],
                    "request.data_class": classes[number],
                    "request.data_level": level,
                }
                key += [values.get(name) for name in self._looked_at(number, conditional)]
        remembered = tuple(key)
        found = self._remembered.get(remembered)
        if found is None:
            found = self._found(caller.one, classes, model.one, kind.one, asked, between)
            self._remembered[remembered] = found
        return found

    def _found(
        self,
        subject: Subject,
        classes: tuple[str, str],
        models: tuple[Model | None, Model | None],
        operation: str,
        asked: Grid,
        between: Between,
    ) -> Changes:
        found: dict[Change, set[int]] = {}
        refused: set[int] = set()
        for number in range(len(asked.points)):
            point = asked.values(number)
            before, after = (
                self._answer(side, subject, classes[side], models[side], operation, point) for side in (0, 1)
            )
            if not before.allowed and not after.allowed:
                refused.add(number)
            for change in between(before, after):
                found.setdefault(change, set()).add(number)
        # What both versions refuse need not be told apart: "any request" then is any that is allowed.
        return tuple((change, asked.widened(numbers, refused)) for change, numbers in found.items())

    def _answer(
        self,
        number: int,
        subject: Subject,
        data_class: str,
        model: Model | None,
        operation: str,
        point: Mapping[str, Any],
    ) -> Answer:
        side = self.sides[number]
        if subject.team not in side.classes:
            return Answer(None, "team")
        if model is None:
            return Answer(None, "model")
        request = attributes(point, data_class)
        decision = judge(side.policy, subject.principal, model, operation, request, self.now)
        status = model.life.status(self.now)
        return Answer(decision, status=status if status not in USABLE else "unfit" if model.unfit else "")

    def _matching(self, caller: Reduced[Subject], classes: tuple[str, str], model: Reduced[Any]) -> tuple[int, int]:
        of_class = self._of_class
        return (
            self._in_force[0] & caller.masks[0] & of_class(0, classes[0]) & model.masks[0],
            self._in_force[1] & caller.masks[1] & of_class(1, classes[1]) & model.masks[1],
        )

    def _of_class(self, number: int, data_class: str) -> int:
        found = self._classed[number].get(data_class)
        if found is None:
            found = self.sides[number].policy.entries.of_data_class(data_class)
            self._classed[number][data_class] = found
        return found

    def _looked_at(self, number: int, conditional: int) -> tuple[str, ...]:
        """The variables that the conditions of these entries look at."""
        found = self._names[number].get(conditional)
        if found is None:
            entries = self.sides[number].policy.entries.all
            conditions = [entries[position].condition for position in positions(conditional)]
            found = tuple(sorted({name for one in conditions if one is not None for name in one.names}))
            self._names[number][conditional] = found
        return found

    def _seen(self, number: int, mask: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the values that conditions of these entries look at."""
        conditional = mask & self._conditional[number]
        return {name: values[name] for name in self._looked_at(number, conditional) if name in values}

    def _both(self, of: Callable[[Side], int]) -> tuple[int, int]:
        return of(self.sides[0]), of(self.sides[1])


def _hashable(model: Model, now: float) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType]
        for name, value in model_values(model, now).items()
    }
