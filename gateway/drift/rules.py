"""Drift of rules and exceptions."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from gateway.access.entries import MODEL_WORDS, Entry
from gateway.access.masks import positions
from gateway.access.reach import Dimension, Reach, World
from gateway.access.rules import AccessFile, PolicyException
from gateway.core.globs import is_glob
from gateway.core.model import USABLE
from gateway.drift.finding import DAY_S, Finding, Kind, Page, days_until
from gateway.policyset import OPERATION_WORDS, PolicySet
from gateway.stores.documents import Text, parse_document
from gateway.stores.wording import nearest
from gateway.stores.yamltree import Path_

EXCEPTION_NOTICE_S = 14 * DAY_S
_NARROWING = ("tenants", "teams", "labels", "environments", "claims", "data_classes", *MODEL_WORDS)
_ABOUT: Mapping[Dimension, tuple[str, ...]] = {
    "callers": ("tenants", "teams", "data_classes"),
    "operations": ("operations",),
    "models": (*MODEL_WORDS, "statuses", "trains_on_inputs"),
}
_THERE_IS_NO: Mapping[Dimension, str] = {
    "callers": "declared team",
    "operations": "operation",
    "models": "target, of a card that may be used now or later,",
}


class _Place(msgspec.Struct, frozen=True):
    page: Page
    path: Path_


def rule_drift(policies: PolicySet, texts: Sequence[Text], providers: Collection[str], now: float) -> Iterator[Finding]:
    """Args:
    texts: of the access files. providers: those of config.yaml; empty: not known.
    """
    yield from _Rules(policies, texts, providers, now).findings()


class _Rules:
    def __init__(self, policies: PolicySet, texts: Sequence[Text], providers: Collection[str], now: float) -> None:
        self._entries, self._now = policies.access.entries, now
        self._routes = policies.catalogue.names
        self._cards = {name for card in policies.cards.cards.values() for name in (card.name, *card.aliases)}
        models = list(policies.catalogue.models.values())
        self._providers = {model.provider for model in models} | set(providers)
        tenants, classes = policies.tenants, policies.tenants.data_classes
        teams = {pair: classes[classes.index(tenants.class_of(*pair)) :] for pair in sorted(tenants.teams)}
        world = World(teams=teams, operations=sorted(OPERATION_WORDS), models=models)
        self._reach = Reach(self._entries, world, now)
        self._places = dict(_places(texts))

    def findings(self) -> Iterator[Finding]:
        for number, one in enumerate(self._entries.all):
            if one.ends <= self._now:
                yield self._over(one)
                continue
            named = [*self._unknown_names(one)]
            yield from named
            unreached = self._reach.out_of_reach(number)
            denies = self._entries.denies >> number & 1
            if unreached is not None:
                # A deny over models that are not there yet is a guard rail; of a name that is nobody's all is said.
                if unreached != "models" or not (denies or named):
                    yield self._out_of_reach(one, unreached)
            elif not denies and not self._entries.audits >> number & 1:
                yield from self._shadowed(number, one)
                yield from self._wide_open(one)
                yield from self._exception(number, one)

    def _finding(self, kind: Kind, one: Entry, path: Path_, reason: str, remedy: str) -> Finding:
        place = self._places[one.id]
        return place.page.finding(kind, (*place.path, *path), reason, remedy)

    def _over(self, one: Entry) -> Finding:
        reason = f"{_called(one)} ended on {one.source.until}, and does nothing any more"
        if isinstance(one.source, PolicyException):
            remedy = "remove it, or have it granted anew, with another `until`"
            return self._finding("exception_over", one, ("until",), reason, remedy)
        return self._finding("rule_over", one, ("until",), reason, "remove it, or give it another `until`")

    def _unknown_names(self, one: Entry) -> Iterator[Finding]:
        for index, word in enumerate(one.source.models or ()):
            if not is_glob(word) and word not in self._cards:
                reason = f"{_called(one)} names the model `{word}`, and no card is called so"
                remedy = f"name a card or one of its aliases{nearest(word, sorted(self._cards))}"
                if word in self._routes:
                    remedy = "it is a route; name the cards of the targets that it leads to"
                yield self._finding("rule_names_nothing", one, ("models", index), reason, remedy)
        for index, word in enumerate(one.source.providers or ()):
            if not is_glob(word) and word not in self._providers:
                reason = f"{_called(one)} names the provider `{word}`, at which no card has a target"
                remedy = f"name a provider of config.yaml{nearest(word, sorted(self._providers))}"
                yield self._finding("rule_names_nothing", one, ("providers", index), reason, remedy)

    def _out_of_reach(self, one: Entry, what: Dimension) -> Finding:
        source = one.source
        asked = [name for name in _ABOUT[what] if getattr(source, name) is not None]
        said = " and ".join(f"{name} {_words(getattr(source, name))}" for name in asked)
        reason = (
            f"{_called(one)} can never match: there is no {_THERE_IS_NO[what]} {f'with {said}' if said else 'at all'}"
        )
        remedy = "change that, or remove it"
        if what == "models" and source.statuses is not None and USABLE.isdisjoint(source.statuses):
            remedy = f"models are refused in such states without asking rules; use {' or '.join(sorted(USABLE))}"
        return self._finding("rule_matches_nothing", one, tuple(asked[:1]), reason, remedy)

    def _shadowed(self, number: int, one: Entry) -> Iterator[Finding]:
        deny = self._reach.shadow(number)
        if deny is not None:
            reason = f"{_called(one)} allows nothing: all that it matches is denied by `{deny.id}`"
            remedy = f"narrow `{deny.id}`, or remove `{one.id}`"
            yield self._finding("rule_shadowed", one, ("id",), reason, remedy)

    def _wide_open(self, one: Entry) -> Iterator[Finding]:
        source = one.source
        narrowed = any(_narrows(getattr(source, name)) for name in _NARROWING)
        if narrowed or source.when or source.trains_on_inputs is not None:
            return
        if source.statuses is not None and not USABLE.issubset(source.statuses):
            return
        what = "" if source.operations is None else f", for {_words(source.operations)}"
        reason = f"{_called(one)} allows every model to everybody{what}"
        remedy = "say for whom (`tenants`, `teams`) and what (`models`, `licence_classes`, `regions`)"
        yield self._finding("rule_wide_open", one, ("id",), reason, remedy)

    def _exception(self, number: int, one: Entry) -> Iterator[Finding]:
        source = one.source
        if not isinstance(source, PolicyException):
            return
        if one.ends - self._now <= EXCEPTION_NOTICE_S:
            reason = f"{_called(one)} ends {days_until(one.ends, self._now)}, on {source.until}"
            remedy = f"ask {source.owner} whether it is still needed; by itself it stops working"
            yield self._finding("exception_ends_soon", one, ("until",), reason, remedy)
        for index, deny in enumerate(source.lifts):
            lifted = self._entries.lifts[number]
            met = (self._entries.all[bit] for bit in positions(lifted) if self._reach.meet(number, bit))
            if deny not in {found.id for found in met}:
                reason = f"{_called(one)} lifts `{deny}`, which denies nothing of what the exception is about"
                yield self._finding("exception_lifts_nothing", one, ("lifts", index), reason, "take it out of `lifts`")


def _places(texts: Sequence[Text]) -> Iterator[tuple[str, _Place]]:
    for text in texts:
        page, file = Page(text.name, text.data), parse_document(text.data, text.name, AccessFile)
        yield from ((rule.id, _Place(page, ("rules", index))) for index, rule in enumerate(file.rules))
        yield from ((one.id, _Place(page, ("exceptions", index))) for index, one in enumerate(file.exceptions))


def _called(one: Entry) -> str:
    return f"the {'exception' if isinstance(one.source, PolicyException) else 'rule'} `{one.id}`"


def _narrows(condition: Sequence[str] | Mapping[str, object] | None) -> bool:
    return condition is not None and "*" not in condition


def _words(value: Sequence[str] | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else " or ".join(f"`{word}`" for word in value)
