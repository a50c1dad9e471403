"""policies/models/*.yaml as one catalogue, checked against each other and against what config.yaml wires up."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.catalogue.cards import Card, CardTarget
from gateway.catalogue.lineage import Inherited, LineageError, inherited
from gateway.catalogue.missing import FACTS, missing_facts
from gateway.core.days import begins, ends
from gateway.core.model import Catalogue, Life, Model
from gateway.core.target import Target, parse_target
from gateway.core.wiring import NEW_PROVIDER, NO_WIRING, Wiring
from gateway.stores.documents import Document, Text, load_document
from gateway.stores.wording import nearest


class CardSet(msgspec.Struct, frozen=True):
    """All cards by name, with the files they come from, and what each inherits by lineage."""

    cards: Mapping[str, Card]
    documents: Mapping[str, Document[Card]]
    inherited: Mapping[str, Inherited]


def read_cards(texts: Sequence[Text]) -> CardSet:
    """The cards, one a file.

    Raises:
        DocumentError: as every document, and for names or targets that stand twice, lives out of order, licences that
            are none, and lineages that go round in circles or lead nowhere.
    """
    documents: dict[str, Document[Card]] = {}
    names: dict[str, str] = {}
    targets: dict[str, str] = {}
    for text in texts:
        document = load_document(text, Card)
        card = document.value
        for path, name in [(("name",), card.name), *((("aliases", i), a) for i, a in enumerate(card.aliases))]:
            if name in names:
                raise document.error(path, f"the name `{name}` is taken by the card `{names[name]}`")
            names[name] = card.name
        for index, one in enumerate(card.targets):
            where = ("targets", index, "target")
            if one.target in targets:
                raise document.error(where, f"`{one.target}` is described by the card `{targets[one.target]}`")
            targets[one.target] = card.name
            _check_target(document, where, one.target)
        _check_life(document)
        documents[card.name] = document
    cards = {name: document.value for name, document in documents.items()}
    try:
        return CardSet(cards, documents, inherited(cards))
    except LineageError as error:
        raise documents[error.card].error(error.path, error.reason) from None


def build_catalogue(found: CardSet, wiring: Wiring = NO_WIRING) -> Catalogue:
    """The catalogue that decisions are made on. A name that config.yaml routes goes where config.yaml says.

    Raises:
        DocumentError: a target's provider or a successor does not exist.
    """
    names: dict[str, tuple[Target, ...]] = {}
    models: dict[Target, Model] = {}
    for card in found.cards.values():
        document = found.documents[card.name]
        for index, one in enumerate(card.targets):
            provider = parse_target(one.target).provider
            if wiring.providers and provider not in wiring.providers:
                reason = f"unknown provider `{provider}`{nearest(provider, sorted(wiring.providers), NEW_PROVIDER)}"
                raise document.error(("targets", index, "target"), reason)
        own = [_model(card, one, found.inherited[card.name], wiring) for one in card.targets]
        models.update((model.target, model) for model in own)
        if own:
            names.update(dict.fromkeys((card.name, *card.aliases), tuple(model.target for model in own)))
    names.update(wiring.routes)
    if not wiring.past:
        _check_successors(found, names)
    return Catalogue(names, models)


def _check_target(document: Document[Card], where: tuple[str | int, ...], target: str) -> None:
    try:
        parse_target(target)
    except ValueError as error:
        raise document.error(where, str(error)) from None
    if "*" in target or "?" in target:
        raise document.error(where, "a card describes one target exactly: no wildcards")


def _check_successors(found: CardSet, names: Mapping[str, object]) -> None:
    for card in found.cards.values():
        successor = card.life.deprecated.successor if card.life.deprecated is not None else ""
        if successor and successor not in names:
            where = ("life", "deprecated", "successor")
            reason = f"no model `{successor}` is known here{nearest(successor, sorted(names))}"
            raise found.documents[card.name].error(where, reason)


def _check_life(document: Document[Card]) -> None:
    life = document.value.life
    for event, name in (
        *(("approved", "on"), ("approved", "until"), ("deprecated", "on"), ("deprecated", "sunset")),
        ("revoked", "on"),
    ):
        moment = getattr(getattr(life, event), name, None)
        try:
            _ = moment and begins(moment)
        except ValueError as error:
            raise document.error(("life", event, name), str(error)) from None
    if life.approved is None and life.deprecated is not None:
        raise document.error(("life", "deprecated"), "a model is approved before it is deprecated")
    for index, fact in enumerate(life.approved.despite if life.approved is not None else ()):
        if fact not in FACTS:
            where = ("life", "approved", "despite", index)
            raise document.error(where, f"`{fact}` is no fact of a card{nearest(fact, list(FACTS))}")
    if life.approved is not None and not life.approved.by.strip():
        raise document.error(("life", "approved", "by"), "an approval names who gave it")
    steps = life_of(document.value)
    for early, late, where in (
        (steps.approved_from, steps.approved_until, ("approved", "until")),
        (steps.deprecated_from, steps.sunset, ("deprecated", "sunset")),
    ):
        if early is not None and late is not None and late <= early:
            raise document.error(("life", *where), f"`{where[1]}` is before `on`")


def life_of(card: Card) -> Life:
    """The card's life as moments. A sunset is the first day on which the model is refused."""
    approved, deprecated, revoked = card.life.approved, card.life.deprecated, card.life.revoked
    return Life(
        approved_from=None if approved is None else begins(approved.on),
        approved_until=None if approved is None or approved.until is None else ends(approved.until),
        deprecated_from=None if deprecated is None else begins(deprecated.on),
        sunset=None if deprecated is None or deprecated.sunset is None else begins(deprecated.sunset),
        revoked_from=None if revoked is None else begins(revoked.on),
    )


def _model(card: Card, one: CardTarget, inherits: Inherited, wiring: Wiring) -> Model:
    target = parse_target(one.target)
    return Model(
        name=card.name,
        target=target,
        place=one.target,
        aliases=card.aliases,
        title=card.title,
        publisher=card.publisher,
        hosting=one.hosting,
        region=one.region,
        licence=card.licence.expression if card.licence is not None else "",
        licence_class=inherits.licence_class,
        risk=card.risk,
        retention_days=one.data.retention_days,
        trains_on_inputs=one.data.trains_on_inputs,
        residency=one.data.residency,
        context_tokens=card.context.tokens,
        inputs=card.modalities.input,
        outputs=card.modalities.output,
        tools=card.tools,
        life=life_of(card),
        successor=card.life.deprecated.successor if card.life.deprecated is not None else "",
        revoked_reason=card.life.revoked.reason if card.life.revoked is not None else "",
        unfit=_unfit(card, one, wiring.engines.get(target.provider)),
        missing=missing_facts(card, one),
    )


def _unfit(card: Card, one: CardTarget, weights: str | None) -> str:
    """Why the card cannot vouch for what the target serves. `weights`: digest, where an engine of ours serves it."""
    if weights is None:
        return ""
    if one.hosting != "self-served":
        return "an engine of this gateway serves it, and its card says that it is hosted elsewhere"
    if weights and all(file.sha256 != weights for file in card.provenance.files):
        return "the weights that are served are not among the files of its card"
    return ""
