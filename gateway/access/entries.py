"""Rules and exceptions compiled: each a bit, each condition a table from words to bits."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.access.conditions import Condition
from gateway.access.masks import PairMasks, WordMasks
from gateway.access.rules import Matching, PolicyException, Rule
from gateway.core.days import begins, ends
from gateway.core.model import Model
from gateway.core.principal import Principal

# Facts that a card may not tell. What is not told counts against the model: a deny that asks for it matches, an allow
# does not.
MAY_BE_UNKNOWN = ("publishers", "regions", "licences", "licence_classes", "risks")
# The conditions on what a card tells, and what it tells.
MODEL_WORDS: Mapping[str, Callable[[Model], Sequence[str]]] = {
    "models": lambda model: (model.name, *model.aliases),
    "providers": lambda model: (model.provider,),
    "publishers": lambda model: (model.publisher,),
    "hosting": lambda model: (model.hosting,),
    "regions": lambda model: (model.region,),
    "licences": lambda model: (model.licence,),
    "licence_classes": lambda model: (model.licence_class or "",),
    "risks": lambda model: (model.risk or "",),
}
WORDS = ("tenants", "teams", "environments", *MODEL_WORDS, "statuses", "data_classes", "operations")


class Entry(msgspec.Struct, frozen=True):
    """A rule or an exception. `begins`, `ends`: Unix seconds; the first moment it is in force, the first it is not."""

    source: Rule | PolicyException
    begins: float
    ends: float
    condition: Condition | None = None

    @property
    def id(self) -> str:
        return self.source.id


def entry(source: Rule | PolicyException, condition: Condition | None = None) -> Entry:
    """Raises:
    ValueError: `from` or `until` is no day.
    """
    start = float("-inf") if source.from_ is None else begins(source.from_)
    end = float("inf") if source.until is None else ends(source.until)
    return Entry(source, start, end, condition)


class Entries:
    """All entries, by id: so that which of several is named does not depend on their order in the files.

    Attributes:
        allows, denies, exceptions, audits: bits of each kind; conditional: those with a `when`.
        lifts: an exception's bit number → the denies it lifts.
    """

    def __init__(self, found: Sequence[Entry]) -> None:
        self.all = tuple(sorted(found, key=lambda one: one.id))
        self.allows = self.denies = self.exceptions = self.audits = self.conditional = 0
        self.lifts: dict[int, int] = {}
        self._trains = {True: 0, False: 0}
        self._words: Mapping[str, WordMasks] = {name: WordMasks() for name in WORDS}
        self._labels, self._claims = PairMasks(), PairMasks()
        bits = {one.id: 1 << number for number, one in enumerate(self.all)}
        for number, one in enumerate(self.all):
            bit = 1 << number
            self._sort(one, number, bit, bits)
            self._compile(one.source, bit)
        self.every = (1 << len(self.all)) - 1

    def _sort(self, one: Entry, number: int, bit: int, bits: Mapping[str, int]) -> None:
        source = one.source
        if isinstance(source, PolicyException):
            self.exceptions |= bit
            self.lifts[number] = sum(bits[rule] for rule in set(source.lifts))
        elif source.effect == "allow":
            self.allows |= bit
        else:
            self.denies |= bit
        if isinstance(source, Rule) and source.mode == "audit":
            self.audits |= bit
        if one.condition is not None:
            self.conditional |= bit

    def _compile(self, source: Matching, bit: int) -> None:
        for name, masks in self._words.items():
            words: tuple[str, ...] | None = getattr(source, name)
            if words is not None:
                masks.add(bit, words)
        for name, pattern in (source.labels or {}).items():
            self._labels.add(bit, name, (pattern,))
        for name, patterns in (source.claims or {}).items():
            self._claims.add(bit, name, patterns)
        if source.trains_on_inputs is not None:
            self._trains[source.trains_on_inputs] |= bit

    def in_force(self, now: float) -> int:
        """The entries whose time it is."""
        return sum(1 << number for number, one in enumerate(self.all) if one.begins <= now < one.ends)

    def instants(self) -> list[float]:
        """The moments at which that changes."""
        return [at for one in self.all for at in (one.begins, one.ends) if abs(at) != float("inf")]

    def of_subject(self, principal: Principal) -> int:
        """The entries that may be about this caller."""
        missed = self._words["tenants"].missed((principal.tenant,))
        missed |= self._words["teams"].missed((principal.team,))
        missed |= self._words["environments"].missed((principal.environment,))
        missed |= self._labels.missed({name: (value,) for name, value in principal.labels.items()})
        return self.every & ~(missed | self._claims.missed(principal.claims))

    def of_tenant_and_team(self, principal: Principal) -> int:
        """The entries that are about this caller's tenant and team, whatever else they ask for."""
        missed = self._words["tenants"].missed((principal.tenant,)) | self._words["teams"].missed((principal.team,))
        return self.every & ~missed

    def of_model(self, model: Model, now: float) -> int:
        """The entries that may be about this model."""
        missed = self._trains[model.trains_on_inputs is False]
        missed |= self._words["statuses"].missed((model.life.status(now),))
        for name, words_of in MODEL_WORDS.items():
            words = words_of(model)
            wrong = self._words[name].missed(words)
            missed |= wrong & ~self.denies if name in MAY_BE_UNKNOWN and not words[0] else wrong
        return self.every & ~missed

    def of_name(self, model: Model) -> int:
        """The entries that name this model, or no model at all, whatever else they ask for."""
        return self.every & ~self._words["models"].missed(MODEL_WORDS["models"](model))

    def of_operation(self, operation: str) -> int:
        return self.every & ~self._words["operations"].missed((operation,))

    def of_data_class(self, data_class: str) -> int:
        return self.every & ~self._words["data_classes"].missed((data_class,))
