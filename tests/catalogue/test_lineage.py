"""What models inherit: the strictest licence of their lineage and through whom, restrictions, and what is not known."""

import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalogue.cards import Ancestor, Card, Licence, Lineage, Use
from gateway.catalogue.licences import STRICTNESS
from gateway.catalogue.lineage import LineageError, Restriction, inherited
from gateway.core.model import LicenceClass

EXPRESSIONS: dict[LicenceClass, str] = {
    "open": "MIT",
    "open-weights-restricted": "SSPL-1.0",
    "commercial-terms": "BUSL-1.1",
    "non-commercial": "CC-BY-NC-4.0",
}


def card(name: str, licence: LicenceClass | None, *elders: Ancestor, restrictions: tuple[str, ...] = ()) -> Card:
    return Card(
        name=name,
        licence=None if licence is None else Licence(expression=EXPRESSIONS[licence]),
        use=Use(restrictions=restrictions),
        lineage=Lineage(base_models=elders),
    )


def of(name: str) -> Ancestor:
    return Ancestor(relation="finetune", card=name)


def named(*cards: Card) -> dict[str, Card]:
    return {one.name: one for one in cards}


def test_the_strictest_of_several_generations_counts_and_the_way_to_it_is_told() -> None:
    base = Ancestor(relation="quantized", source="hf://example/base", licence=Licence(expression="CC-BY-NC-4.0"))
    found = inherited(
        named(
            card("tuned", "open", of("chat"), of("other"), restrictions=("no advice on medicine",)),
            card("other", "commercial-terms"),
            card("chat", "open", base, restrictions=("no spam", "no advice on medicine")),
        )
    )
    assert found["tuned"].licence_class == "non-commercial"
    assert found["tuned"].through == ("chat", "hf://example/base")
    assert found["tuned"].restrictions == (
        Restriction("no advice on medicine", "tuned"),
        Restriction("no spam", "chat"),
    )
    assert found["other"].licence_class == "commercial-terms"
    assert found["other"].through == ()


def test_one_unknown_licence_makes_all_that_comes_after_unknown() -> None:
    found = inherited(
        named(
            card("grandchild", "open", of("child")),
            card("child", "open", of("known"), Ancestor(relation="merge", source="hf://example/who-knows")),
            card("known", "open-weights-restricted"),
            card("unlicensed", None),
        )
    )
    assert found["grandchild"].licence_class is None
    assert found["grandchild"].unknown == ("hf://example/who-knows",)
    assert found["grandchild"].at_least == "open-weights-restricted"
    assert found["grandchild"].through == ("child", "known")
    assert found["known"].licence_class == "open-weights-restricted"
    assert (found["unlicensed"].licence_class, found["unlicensed"].unknown) == (None, ("unlicensed",))


@pytest.mark.parametrize(
    ("cards", "where", "says"),
    [
        (
            named(card("a", "open", of("b")), card("b", "open", of("c")), card("c", "open", of("b"))),
            ("c", ("lineage", "base_models", 0)),
            "`b` is made from itself: b → c → b",
        ),
        (named(card("a", "open", of("a"))), ("a", ("lineage", "base_models", 0)), "a → a"),
        (
            named(card("smollm2", "open"), card("a", "open", of("smollm2"), of("smolm2"))),
            ("a", ("lineage", "base_models", 1, "card")),
            "there is no card `smolm2`; did you mean `smollm2`?",
        ),
        (
            named(card("a", "open", Ancestor(relation="merge"))),
            ("a", ("lineage", "base_models", 0)),
            "a `card` of this catalogue, or a `source`",
        ),
        (
            named(card("a", "open", Ancestor(relation="merge", card="a", source="hf://example/a"))),
            ("a", ("lineage", "base_models", 0)),
            "`card` says it all",
        ),
        (
            named(Card(name="a", licence=Licence(expression="MTI"))),
            ("a", ("licence",)),
            "did you mean `MIT`?",
        ),
        (
            named(
                card("a", "open", Ancestor(relation="merge", source="s", licence=Licence(expression="LicenseRef-s")))
            ),
            ("a", ("lineage", "base_models", 0, "licence")),
            "say so with `class`",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(cards: Mapping[str, Card], where: tuple[str, object], says: str) -> None:
    with pytest.raises(LineageError) as raised:
        inherited(cards)
    assert (raised.value.card, raised.value.path) == where
    assert says in raised.value.reason


@st.composite
def families(draw: st.DrawFn) -> dict[str, Card]:
    """Any acyclic lineage, its cards in any order."""
    classes = st.sampled_from([None, *STRICTNESS, *STRICTNESS])
    made: list[Card] = []
    for number in range(draw(st.integers(1, 9))):
        parents = draw(st.lists(st.sampled_from(made), max_size=3)) if made else []
        elders = [of(parent.name) for parent in parents]
        if draw(st.booleans()):
            kind = draw(classes)
            licence = None if kind is None else Licence(expression=EXPRESSIONS[kind])
            elders.append(Ancestor(relation="merge", source=f"hf://example/{number}", licence=licence))
        restrictions = tuple(draw(st.lists(st.sampled_from("pqrs"), unique=True, max_size=2)))
        made.append(card(f"m{number}", draw(classes), *elders, restrictions=restrictions))
    return named(*draw(st.permutations(made)))


def lines(name: str, cards: Mapping[str, Card]) -> list[tuple[tuple[str, ...], Licence | None]]:
    """Every way up from a card, by plain recursion, with the licence at its end."""
    found: list[tuple[tuple[str, ...], Licence | None]] = [((), cards[name].licence)]
    for elder in cards[name].lineage.base_models:
        if elder.card:
            found += [((elder.card, *way), licence) for way, licence in lines(elder.card, cards)]
        else:
            found.append(((elder.source,), elder.licence))
    return found


@settings(max_examples=300, deadline=None)
@given(families())
def test_it_is_what_every_way_up_says_taken_together(cards: dict[str, Card]) -> None:
    kinds = {expression: kind for kind, expression in EXPRESSIONS.items()}
    for name, found in inherited(cards).items():
        ways = lines(name, cards)
        known = {way: STRICTNESS.index(kinds[licence.expression]) for way, licence in ways if licence is not None}
        strictest = max(known.values(), default=-1)
        assert (-1 if found.at_least is None else STRICTNESS.index(found.at_least)) == strictest
        if known:
            assert known[found.through] == strictest
            assert len(found.through) == min(len(way) for way, kind in known.items() if kind == strictest)
        assert set(found.unknown) == {(way or (name,))[-1] for way, licence in ways if licence is None}
        assert found.licence_class == (None if found.unknown else found.at_least)
        elders = {way[-1] if way else name for way, _ in ways} & set(cards)
        said = {(text, elder) for elder in elders for text in cards[elder].use.restrictions}
        assert {one.text for one in found.restrictions} == {text for text, _ in said}
        assert {(one.text, one.of) for one in found.restrictions} <= said


def test_a_lineage_of_thousands_is_no_stack_of_thousands_and_diamonds_cost_no_more_than_their_cards() -> None:
    length = 3000
    long = [card("m0", "non-commercial")]
    long += [card(f"m{n}", "open", of(f"m{n - 1}")) for n in range(1, length)]
    found = inherited(named(*reversed(long)))
    assert found[f"m{length - 1}"].licence_class == "non-commercial"
    assert len(found[f"m{length - 1}"].through) == length - 1
    diamonds = [card("d0", None)]
    diamonds += [card(f"d{n}", "open", of(f"d{n - 1}"), of(f"d{n - 1}")) for n in range(1, 60)]
    begun = time.monotonic()
    assert inherited(named(*diamonds))["d59"].unknown == ("d0",)
    assert time.monotonic() - begun < 5
