"""Which guards look at a call."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from gateway.core.globs import compile_globs
from gateway.core.principal import Principal
from gateway.guard.clean_texts import CleanTexts, Digests
from gateway.guard.detectors import JsonSchemaDetector, LeakDetector
from gateway.guard.document import Guard, Match
from gateway.guard.first_look import FirstLook, first_look
from gateway.guard.words import Detector, Side

MAX_REMEMBERED = 10_000
# What may never come back, whoever sent it: whoever reads an answer need not be who holds the secret.
IRREVERSIBLE = frozenset({"secrets"})
Done = Literal["annotate", "redact", "block"]


class Asked(msgspec.Struct, frozen=True):
    """What guards are chosen by, besides the caller. `models`: names of the cards that the call may go to; `obliged`:
    guards that its permission names."""

    route: str
    operation: str
    data_class: str
    models: tuple[str, ...] = ()
    obliged: frozenset[str] = frozenset()


class Rule(msgspec.Struct, frozen=True):
    """A guard, ready to look.

    Attributes:
        quick: detectors that can say what is found in a beginning. whole: those that judge a text as a whole.
    """

    guard: Guard
    quick: tuple[Detector, ...]
    whole: tuple[Detector, ...]

    @property
    def id(self) -> str:
        return self.guard.id

    @property
    def enforced(self) -> bool:
        return self.guard.mode == "enforce"

    @property
    def late(self) -> bool:
        """Whether it says something of a text only once that is whole."""
        return bool(self.whole) or self.guard.ask is not None

    @property
    def per_call(self) -> bool:
        """Whether it compares with what the call itself says."""
        return any(isinstance(one, LeakDetector) for one in self.whole)

    def of(self, system: str) -> "Rule":
        """For one call: `system`, its instructions."""
        made = tuple(one.of(system) if isinstance(one, LeakDetector) else one for one in self.whole)
        return msgspec.structs.replace(self, whole=made)

    def restores(self, detector: Detector) -> bool:
        """Whether the caller gets to see what is redacted."""
        return self.guard.restore is not False and detector.name not in IRREVERSIBLE


class Applied(msgspec.Struct, frozen=True):
    """The guards of one call, by side.

    Attributes:
        clean: texts in which those of the input found nothing when this caller sent them before.
        repairs: those whose objections to an answer are told to the model, so that it answers once more.
        per_call: whether one of the output compares with what the call itself says.
        enforced: whether one of the input is. asks: the sides on which one asks a judge.
        first_in, first_out: first looks for the detectors of either side.
        all_out: the latter, if nothing else looks at the output.
    """

    input: tuple[Rule, ...] = ()
    output: tuple[Rule, ...] = ()
    ids: frozenset[str] = frozenset()
    clean: CleanTexts | None = None
    repairs: tuple[JsonSchemaDetector, ...] = ()
    per_call: bool = False
    enforced: bool = False
    asks: frozenset[Side] = frozenset()
    first_in: FirstLook | None = None
    first_out: FirstLook | None = None
    all_out: FirstLook | None = None

    def on(self, side: Side) -> tuple[Rule, ...]:
        return self.input if side == "input" else self.output


NONE = Applied()
ANYTHING = Asked("", "", "")


class GuardPolicy:
    """A frozen set of guards; which of them look at a call is remembered.

    Attributes:
        ids: of all guards. for_all: all of them look at every call: `applied` may be asked about `ANYTHING`.
    """

    def __init__(self, rules: Sequence[Rule], version: str) -> None:
        self.rules = tuple(rules)
        self.version = version
        self.ids = frozenset(rule.id for rule in rules)
        self._matching = [(rule, _matcher(rule.guard)) for rule in rules]
        self._remembered: dict[object, Applied] = {}
        self._clean = Digests()
        self._first_looks: dict[tuple[int, ...], FirstLook | None] = {}
        for_all = [one for one in self.rules if one.guard.match == Match() and not one.guard.only_when_obliged]
        self.for_all = len(for_all) == len(self.rules)
        # Most calls have those that all calls have: what looks for them is ready before the first call comes.
        for side in ("input", "output"):
            self._first_look([rule for rule in for_all if side in rule.guard.on])

    def __bool__(self) -> bool:
        return bool(self.rules)

    def applied(self, caller: Principal, asked: Asked) -> Applied:
        """The guards of a call."""
        question = (caller.key_id, caller.tenant, caller.team, caller.facts, asked)
        found = self._remembered.get(question)
        if found is None:
            found = self._applied([rule for rule, matches in self._matching if matches(caller, asked)])
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[question] = found
        return found

    def _applied(self, matching: Sequence[Rule]) -> Applied:
        sent = tuple(rule for rule in matching if "input" in rule.guard.on)
        output = tuple(rule for rule in matching if "output" in rule.guard.on)
        sides: tuple[tuple[Side, Sequence[Rule]], ...] = (("input", sent), ("output", output))
        asks: frozenset[Side] = frozenset(
            side for side, rules in sides if any(rule.guard.ask is not None for rule in rules)
        )
        first_out = self._first_look(output)
        return Applied(
            sent,
            output,
            frozenset(rule.id for rule in matching),
            CleanTexts(self._clean),
            tuple(_repairs(output)),
            any(rule.per_call for rule in output),
            any(rule.enforced for rule in sent),
            asks,
            self._first_look(sent),
            first_out,
            first_out if first_out is not None and first_out.all_of_them and "output" not in asks else None,
        )

    def _first_look(self, rules: Sequence[Rule]) -> FirstLook | None:
        """The same for the same detectors: it is large, and takes milliseconds to make."""
        detectors = [detector for rule in rules for detector in (*rule.quick, *rule.whole)]
        key = tuple(map(id, detectors))
        if key not in self._first_looks:
            self._first_looks[key] = first_look(detectors)
        return self._first_looks[key]


def _repairs(output: Sequence[Rule]) -> Iterator[JsonSchemaDetector]:
    for rule in output:
        if rule.enforced:
            yield from (one for one in rule.whole if isinstance(one, JsonSchemaDetector) and one.repair)


def _matcher(guard: Guard) -> Callable[[Principal, Asked], bool]:
    within = _within(guard.match)

    def matches(caller: Principal, asked: Asked) -> bool:
        if guard.id in asked.obliged:
            return True
        return not guard.only_when_obliged and within(caller, asked)

    return matches


def _within(match: Match) -> Callable[[Principal, Asked], bool]:
    def test(globs: Collection[str] | None) -> Callable[[str], bool]:
        return compile_globs(("*",) if globs is None else tuple(globs))

    tenants, teams, keys = test(match.tenants), test(match.teams), test(match.keys)
    routes, operations, classes = test(match.routes), test(match.operations), test(match.data_classes)
    models = None if match.models is None else compile_globs(match.models)
    wanted: Mapping[str, str] = match.labels or {}
    labels = [(name, compile_globs((glob,))) for name, glob in wanted.items()]

    def matches(caller: Principal, asked: Asked) -> bool:
        return (
            tenants(caller.tenant)
            and teams(caller.team)
            and keys(caller.key_id)
            and routes(asked.route)
            and operations(asked.operation)
            and classes(asked.data_class)
            and (models is None or any(map(models, asked.models)))
            and all(name in caller.labels and fits(caller.labels[name]) for name, fits in labels)
        )

    return matches
