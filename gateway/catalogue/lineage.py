"""What a model inherits from the models it was made from: the strictest of their licences, and all that they forbid."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.catalogue.cards import Ancestor, Card, Licence
from gateway.catalogue.licences import STRICTNESS, parse_licence
from gateway.core.model import LicenceClass
from gateway.stores.wording import nearest

_Path = tuple[str | int, ...]
# More names of cards than this help nobody in an error.
_LISTED = 20


class LineageError(ValueError):
    """A card whose lineage or licence makes no sense. `path`: where in the card (`("lineage", "base_models", 0)`)."""

    def __init__(self, card: str, path: _Path, reason: str) -> None:
        super().__init__(f"card `{card}`: {reason}")
        self.card = card
        self.path = path
        self.reason = reason


class Restriction(msgspec.Struct, frozen=True):
    """What may not be done with a model. `of`: the card that says so, the model's own or an ancestor's."""

    text: str
    of: str


class Inherited(msgspec.Struct, frozen=True, kw_only=True):
    """What counts for a model, its whole lineage taken together.

    Attributes:
        licence_class: the strictest of all; None if any of them is not known.
        at_least: the strictest of those that are known.
        through: the ancestors from the model to the one `at_least` comes from, that one last: names of cards, and the
            source of one without a card. Empty if it is the model's own.
        restrictions: the model's own first; the same text is told once.
        unknown: the card itself and its ancestors that have no licence here.
    """

    licence_class: LicenceClass | None = None
    at_least: LicenceClass | None = None
    through: tuple[str, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    unknown: tuple[str, ...] = ()


def inherited(cards: Mapping[str, Card]) -> Mapping[str, Inherited]:
    """For every card, by its name, what it inherits.

    Raises:
        LineageError: an ancestor that no card describes, one that is described twice or not at all, a model made from
            itself, or a licence that is none.
    """
    found: dict[str, Inherited] = {}
    for name in _eldest_first(cards):
        found[name] = _of(name, cards[name], found)
    return found


def _of(name: str, card: Card, elders: Mapping[str, Inherited]) -> Inherited:
    """What one card inherits from ancestors already known."""
    own = _alone(name, ("licence",), name, card.licence)
    restrictions = {text: Restriction(text, name) for text in card.use.restrictions}
    unknown = dict.fromkeys(own.unknown)
    claims: list[tuple[LicenceClass | None, tuple[str, ...]]] = [(own.at_least, ())]
    for index, ancestor in enumerate(card.lineage.base_models):
        path = ("lineage", "base_models", index, "licence")
        elder = elders[ancestor.card] if ancestor.card else _alone(name, path, ancestor.source, ancestor.licence)
        claims.append((elder.at_least, (ancestor.card or ancestor.source, *elder.through)))
        unknown.update(dict.fromkeys(elder.unknown))
        for one in elder.restrictions:
            restrictions.setdefault(one.text, one)
    known: list[tuple[LicenceClass, tuple[str, ...]]]
    known = [(licence_class, through) for licence_class, through in claims if licence_class is not None]
    # Of equally strict ones the nearest, for that is the one that a reader can check first.
    at_least: LicenceClass | None = None
    through: tuple[str, ...] = ()
    if known:
        at_least, through = max(known, key=lambda one: (STRICTNESS.index(one[0]), -len(one[1])))
    return Inherited(
        licence_class=None if unknown else at_least,
        at_least=at_least,
        through=through,
        restrictions=tuple(restrictions.values()),
        unknown=tuple(unknown),
    )


def _alone(card: str, path: _Path, name: str, licence: Licence | None) -> Inherited:
    """What a licence says for itself."""
    if licence is None:
        return Inherited(unknown=(name,))
    try:
        terms = parse_licence(licence)
    except ValueError as error:
        raise LineageError(card, path, str(error)) from None
    return Inherited(licence_class=terms.licence_class, at_least=terms.licence_class)


def _eldest_first(cards: Mapping[str, Card]) -> list[str]:
    """The names, every one after all it is made from. A loop of our own, for lineages may be longer than a stack."""
    order: list[str] = []
    done: set[str] = set()
    for start in cards:
        if start in done:
            continue
        # Keys: the way from `start` to here. Values: the elders of each that are still to be looked at.
        way: dict[str, Iterator[tuple[int, str]]] = {start: _elders(start, cards)}
        while way:
            name, elders = next(reversed(way.items()))
            index, elder = next(elders, (0, ""))
            if not elder:
                way.popitem()
                done.add(name)
                order.append(name)
            elif elder in way:
                raise LineageError(name, ("lineage", "base_models", index), _circle([*way], elder))
            elif elder not in done:
                way[elder] = _elders(elder, cards)
    return order


def _elders(name: str, cards: Mapping[str, Card]) -> Iterator[tuple[int, str]]:
    """The cards that this one says it is made from, with their places in its list."""
    for index, ancestor in enumerate(cards[name].lineage.base_models):
        _check(name, index, ancestor, cards)
        if ancestor.card:
            yield index, ancestor.card


def _check(name: str, index: int, ancestor: Ancestor, cards: Mapping[str, Card]) -> None:
    path = ("lineage", "base_models", index)
    if ancestor.card and (ancestor.source or ancestor.licence):
        raise LineageError(name, path, "`card` says it all; `source` and `licence` are for models without a card here")
    if not ancestor.card and not ancestor.source:
        raise LineageError(name, path, "a base model is a `card` of this catalogue, or a `source`")
    if ancestor.card and ancestor.card not in cards:
        hint = nearest(ancestor.card, sorted(cards))
        if not hint.startswith("; did") and len(cards) > _LISTED:
            hint = ""
        reason = f"there is no card `{ancestor.card}`{hint}; for a model without a card here, write `source`"
        raise LineageError(name, (*path, "card"), reason)


def _circle(way: Sequence[str], again: str) -> str:
    return f"`{again}` is made from itself: {' → '.join([*way[way.index(again) :], again])}"
