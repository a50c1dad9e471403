"""The one decision: may this caller use this model at this target for this?

    the model may not be used by anybody         refused  (basis `card`)
    a deny matches, and no exception lifts it    refused  (basis `rule`)
    an allow or an exception matches             allowed  (basis `rule`, or `exception` where it lifted a deny)
    nothing matches                              refused  (basis `no_rule`)

A condition that cannot be evaluated makes its deny match and its allow not. A rule in audit mode decides nothing; a
deny of that kind is named in `would_deny`.
"""

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.access.conditions import ConditionError
from gateway.access.entries import Entries, Entry
from gateway.access.explaining import Considered, Question, considered, values_of
from gateway.access.masks import positions
from gateway.access.obligations import added_up, broken, outside_regions
from gateway.access.refusing import card_refuses, denied, nothing_allows
from gateway.access.rules import PolicyException
from gateway.core.model import USABLE, Attributes, Decision, Model
from gateway.core.principal import Principal

MAX_REMEMBERED = 50_000


class _Sorted(msgspec.Struct, frozen=True):
    """Bits: denies that hold, what allows, exceptions that lift a deny, denies that only watch."""

    denies: int
    allowing: int
    lifting: int
    watched: int


def _unusable(question: Question) -> bool:
    """The model may not be used by anybody."""
    return bool(question.model.unfit) or question.model.life.status(question.now) not in USABLE


def _can_be_met(one: Entry, model: Model) -> bool:
    """Whether some request keeps to what this rule obliges to."""
    return outside_regions([one], model) is None


class AccessPolicy:
    """A frozen set of rules, asked about the models of one catalogue: a target is always described alike.

    Decisions are remembered until the next moment at which a rule, an exception or a model's life begins or ends, so
    asking again costs a dictionary lookup.

    Attributes:
        version: digest of everything decisions follow from. hide: refuse as if the model did not exist.
        data_classes: the classifications, lowest first. fields: the attributes of requests that conditions read.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        version: str,
        *,
        data_classes: Sequence[str] = (),
        instants: Sequence[float] = (),
        hide: bool = False,
    ) -> None:
        """`instants`: moments at which models' lives change."""
        self.entries = Entries(entries)
        self.version = version
        self.hide = hide
        self.data_classes = tuple(data_classes)
        self._levels = {word: level for level, word in enumerate(data_classes)}
        self._instants = sorted({*instants, *self.entries.instants()})
        conditions = [one.condition for one in self.entries.all if one.condition is not None]
        self.fields = tuple(sorted({field for condition in conditions for field in condition.fields}))
        self._from = self._until = float("-inf")
        self._in_force = 0
        self._remembered: dict[tuple[object, ...], Decision] = {}
        self._kept: dict[tuple[object, ...], Any] = {}
        self._kept_of: object = None
        self._possible: dict[tuple[str, ...], bool] = {}
        self._subjects: dict[tuple[str, str, str], int] = {}
        self._models: dict[str, int] = {}
        self._operations: dict[str, int] = {}
        self._classes: dict[str, int] = {}

    @property
    def looks_at(self) -> frozenset[str]:
        """The attributes of requests that decisions follow from, besides the class of data: what conditions read, and
        what obligations forbid or ask for."""
        return frozenset({*self.fields, "tools", "prompt"})

    def kept(self, catalogue: object, now: float) -> dict[tuple[object, ...], Any]:
        """Where to remember what follows from decisions about a catalogue's models and a moment (Unix seconds): as
        empty as at the beginning once a rule, an exception or a model's life has begun or ended, and for another
        catalogue. Whoever puts something there sees to it that it does not grow beyond MAX_REMEMBERED."""
        if not self._from <= now < self._until:
            self._turn(now)
        if self._kept_of is not catalogue:
            self._kept, self._kept_of = {}, catalogue
        return self._kept

    def decide(
        self, principal: Principal, model: Model, operation: str, attributes: Attributes, now: float
    ) -> Decision:
        """The decision for one hop of one call. `operation`: an endpoint's word, or `tools`. `now`: Unix seconds."""
        if not self._from <= now < self._until:
            self._turn(now)
        fields = self.fields
        asked = (
            principal.tenant,
            principal.team,
            principal.facts,
            model.place,
            operation,
            attributes.data_class,
            tuple([getattr(attributes, name) for name in fields]) if fields else None,
        )
        decision = self._remembered.get(asked)
        if decision is None:
            decision = self._judge(self.question(principal, model, operation, attributes, now))
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[asked] = decision
        if decision.allowed and (found := broken(decision, model, attributes)) is not None:
            return found
        return decision

    def may_ever(
        self, principal: Principal, model: Model, operations: Sequence[str], data_class: str, now: float
    ) -> bool:
        """Whether some request of this caller's, for one of these operations, may be allowed: exactly so, but that
        conditions on requests are each taken for what they would best be."""
        if not self._from <= now < self._until:
            self._turn(now)
        asked = (principal.tenant, principal.team, principal.facts, model.place, data_class, *operations)
        found = self._possible.get(asked)
        if found is None:
            attributes = Attributes(data_class=data_class)
            questions = (self.question(principal, model, one, attributes, now) for one in operations)
            found = any(self._possibly(question) for question in questions)
            if len(self._possible) >= MAX_REMEMBERED:
                self._possible.clear()
            self._possible[asked] = found
        return found

    def _possibly(self, question: Question) -> bool:
        if _unusable(question):
            return False
        entries, model = self.entries, question.model
        matched = self._statically(question)
        # A condition on requests holds for some of them. So a deny with one need not match; and what allows with one
        # may match, which helps unless its own obligations can never be met.
        unsure = sum(
            1 << number
            for number in positions(matched & entries.conditional)
            if (condition := entries.all[number].condition) is not None and condition.fields
        )
        helpful = sum(1 << number for number in positions(unsure) if _can_be_met(entries.all[number], model))
        matched &= ~unsure | (helpful & ~entries.denies)
        if matched & entries.conditional & ~unsure:
            matched, _ = self._conditions(matched, values_of(question), entries.conditional & ~unsure)
        found = self._sort_out(matched)
        if found.denies or not found.allowing:
            return False
        return all(_can_be_met(entries.all[number], model) for number in positions(found.allowing))

    def question(
        self, principal: Principal, model: Model, operation: str, attributes: Attributes, now: float
    ) -> Question:
        level = self._levels.get(attributes.data_class, len(self._levels))
        return Question(
            principal=principal, model=model, operation=operation, attributes=attributes, now=now, data_level=level
        )

    def explain(self, question: Question) -> list[Considered]:
        """Every rule and exception, and why it does or does not match. For operators: it shows other tenants' too."""
        return [considered(one, question) for one in self.entries.all]

    def deciders(self, question: Question) -> tuple[str, ...]:
        """The ids of all that this decision follows from, where a decision names the first of them only: the denies
        that hold; else what allows, and what only watches and would decide otherwise."""
        if not self._from <= question.now < self._until:
            self._turn(question.now)
        if _unusable(question):
            return ()
        matched, _ = self._matched(question)
        found = self._sort_out(matched)
        idle = matched & self.entries.audits & self.entries.allows
        allowing = found.allowing | found.watched if found.allowing else 0
        bits = (found.denies or allowing) | idle
        return tuple(self.entries.all[number].id for number in positions(bits))

    def _turn(self, now: float) -> None:
        """Forget everything: another set of entries may be in force."""
        after = bisect.bisect_right(self._instants, now)
        self._from = self._instants[after - 1] if after else float("-inf")
        self._until = self._instants[after] if after < len(self._instants) else float("inf")
        self._in_force = self.entries.in_force(now)
        self._remembered.clear()
        self._possible.clear()
        self._models.clear()
        # Not cleared: whoever asked about the time before and is not done puts it where nobody finds it any more.
        self._kept = {}

    def _statically(self, question: Question) -> int:
        """The entries in force whose conditions hold, but for those in CEL."""
        principal, model, operation = question.principal, question.model, question.operation
        data_class = question.attributes.data_class
        entries = self.entries
        who = (principal.tenant, principal.team, principal.facts)
        subject = self._subjects.get(who)
        if subject is None:
            if len(self._subjects) >= MAX_REMEMBERED:
                self._subjects.clear()
            subject = self._subjects[who] = entries.of_subject(principal)
        about = self._models.get(model.place)
        if about is None:
            about = self._models[model.place] = entries.of_model(model, question.now)
        asked = self._operations.get(operation)
        if asked is None:
            asked = self._operations[operation] = entries.of_operation(operation)
        classed = self._classes.get(data_class)
        if classed is None:
            classed = self._classes[data_class] = entries.of_data_class(data_class)
        return self._in_force & subject & about & asked & classed

    def _judge(self, question: Question) -> Decision:
        model, entries = question.model, self.entries
        if _unusable(question):
            return card_refuses(model, model.life.status(question.now))
        matched, failed = self._matched(question)
        found = self._sort_out(matched)
        if found.denies:
            sure = found.denies & ~failed
            return denied(self._first(sure or found.denies), model, failed=not sure)
        if not found.allowing:
            return nothing_allows(entries, self._in_force, question)
        allowers = [entries.all[number] for number in positions(found.allowing)]
        if (elsewhere := outside_regions(allowers, model)) is not None:
            return elsewhere
        decider = self._first(found.lifting or found.allowing & entries.allows or found.allowing)
        return Decision(
            allowed=True,
            rule_id=decider.id,
            basis="exception" if isinstance(decider.source, PolicyException) else "rule",
            reason=decider.source.reason,
            obligations=added_up([one.source.obligations for one in allowers]),
            would_deny=tuple(entries.all[number].id for number in positions(found.watched)),
        )

    def _matched(self, question: Question) -> tuple[int, int]:
        """The entries that match, and which of them only because their conditions cannot be evaluated."""
        matched = self._statically(question)
        if matched & self.entries.conditional:
            return self._conditions(matched, values_of(question), self.entries.conditional)
        return matched, 0

    def _sort_out(self, matched: int) -> "_Sorted":
        """What the entries that match come to."""
        entries = self.entries
        enforced = matched & ~entries.audits
        lifted = lifting = 0
        for number in positions(enforced & entries.exceptions):
            lifted |= entries.lifts[number]
            if entries.lifts[number] & enforced:
                lifting |= 1 << number
        return _Sorted(
            denies=enforced & entries.denies & ~lifted,
            allowing=enforced & (entries.allows | entries.exceptions),
            lifting=lifting,
            watched=matched & entries.audits & entries.denies & ~lifted,
        )

    def _conditions(self, matched: int, values: Mapping[str, Any], asked: int) -> tuple[int, int]:
        """What of the entries still matches once the conditions of those `asked` are evaluated, and which of that only
        because its condition cannot be."""
        entries, failed = self.entries, 0
        for number in positions(matched & asked):
            bit, condition = 1 << number, entries.all[number].condition
            assert condition is not None, "only those with a condition have this bit"
            try:
                holds = condition.holds(values)
            except ConditionError:
                holds = bool(bit & entries.denies)
                failed |= bit
            if not holds:
                matched &= ~bit
        return matched, failed & matched

    def _first(self, bits: int) -> Entry:
        return self.entries.all[next(positions(bits))]
