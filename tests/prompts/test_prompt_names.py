"""Names, labels, words for versions, and where a unit falls on a label of several versions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompts.labels.moves import place_of, place_text, stood
from gateway.prompts.naming import Wanted, parse_wanted, why_no_label, why_no_name
from gateway.prompts.positions import Position, position_of


@pytest.mark.parametrize("name", ["a", "demo/summary", "support/cards/triage 2", "A.b_c+d-e", "x" * 255])
def test_names(name: str) -> None:
    assert why_no_name(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 256,
        "/a",
        "a/",
        "a//b",
        "a|b",
        "a@b",
        "_a",
        ".a",
        "a/.b",
        "a/..",
        "a;b",
        "é",
        "a\n",
        " a",
        "a ",
        "a\\b",
    ],
)
def test_what_is_no_name(name: str) -> None:
    assert why_no_name(name)


@pytest.mark.parametrize("label", ["production", "staging-2", "a.b_c", "x" * 36])
def test_labels(label: str) -> None:
    assert why_no_label(label) == ""


@pytest.mark.parametrize(
    "label", ["", "x" * 37, "Production", "a b", "a/b", "latest", "draft", "3", "v3", "sha256:abc"]
)
def test_what_is_no_label(label: str) -> None:
    assert why_no_label(label)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Wanted("label", word="production")),
        ("staging", Wanted("label", word="staging")),
        ("3", Wanted("version", 3)),
        ("v12", Wanted("version", 12)),
        ("latest", Wanted("latest")),
        ("draft", Wanted("draft")),
        ("sha256:0123456789ab", Wanted("digest", word="0123456789ab")),
    ],
)
def test_words_for_versions(text: str, wanted: Wanted) -> None:
    assert parse_wanted(text) == wanted


@pytest.mark.parametrize("text", ["0", "v0", "01", "v01", "sha256:abc", "sha256:" + "a" * 65, "a b", "A", "x" * 37])
def test_what_is_no_word_for_a_version(text: str) -> None:
    with pytest.raises(ValueError, match=r"a version is|a digest is"):
        parse_wanted(text)


weights = st.dictionaries(st.integers(1, 50), st.integers(1, 1000), min_size=1, max_size=5)


@given(weights, st.text(max_size=20), st.text(max_size=20))
def test_a_unit_always_falls_on_the_same_of_its_versions(given: dict[int, int], salt: str, unit: str) -> None:
    position = position_of(given)
    found = position.pick(salt, unit)
    assert found in given
    assert found == position_of(dict(reversed(given.items()))).pick(salt, unit)
    assert (position.variant(found) == "") == (len(given) == 1)


@given(weights)
def test_positions_are_written_and_read(given: dict[int, int]) -> None:
    position = position_of(given)
    assert place_of(place_text(position)) == position
    assert place_of(place_text(None)) is None


def test_units_fall_by_weight() -> None:
    position = position_of({2: 90, 3: 10})
    found = Counter(position.pick("p", f"user-{number}") for number in range(20_000))
    assert 0.085 < found[3] / 20_000 < 0.115


def test_where_weights_change_units_move_only_to_who_gained() -> None:
    steps = [position_of({2: 100 - share, 3: share}) for share in (5, 10, 50, 95)]
    for unit in map(str, range(2_000)):
        versions = [one.pick("p", unit) for one in steps]
        assert versions == sorted(versions)


@pytest.mark.parametrize(
    ("before", "after", "gained"),
    [
        ({1: 10, 2: 45, 3: 45}, {1: 20, 2: 40, 3: 40}, {1}),
        ({1: 45, 2: 45, 3: 10}, {1: 40, 2: 40, 3: 20}, {3}),
        ({1: 40, 2: 20, 3: 40}, {1: 80, 2: 10, 3: 80}, {1, 3}),
        ({1: 1, 2: 2, 3: 3}, {1: 10, 2: 20, 3: 30}, set()),
    ],
)
def test_of_three_versions_too(before: dict[int, int], after: dict[int, int], gained: set[int]) -> None:
    units = [f"user-{number}" for number in range(4_000)]
    first, then = ({unit: position_of(one).pick("p", unit) for unit in units} for one in (before, after))
    assert {then[unit] for unit in units if then[unit] != first[unit]} == gained
    for version, weight in after.items():
        share = sum(one == version for one in then.values()) / len(units)
        assert abs(share - weight / sum(after.values())) < 0.03


def test_other_versions_are_another_lottery() -> None:
    units = [str(number) for number in range(2_000)]
    first = {unit for unit in units if position_of({2: 50, 3: 50}).pick("p", unit) == 3}
    second = {unit for unit in units if position_of({3: 50, 4: 50}).pick("p", unit) == 4}
    assert 0.4 < len(first & second) / len(first) < 0.6
    other = {unit for unit in units if position_of({2: 50, 3: 50}).pick("q", unit) == 3}
    assert 0.4 < len(first & other) / len(first) < 0.6


@pytest.mark.parametrize("given", [{}, 0, {0: 1}, {1: 0}, {1: -1}, {1: 1_000_001}, dict.fromkeys(range(1, 28), 1)])
def test_what_is_no_position(given: dict[int, int] | int) -> None:
    with pytest.raises(ValueError):
        position_of(given)


def test_a_weight_alone_is_a_version() -> None:
    assert position_of({7: 90}) == position_of(7) == Position(((7, 1),))
    assert str(position_of({3: 10, 2: 90})) == "2:90 3:10"


ONE, TWO, THREE = position_of(1), position_of(2), position_of(3)


@pytest.mark.parametrize(
    ("moves", "places"),
    [
        ([], []),
        ([(None, ONE, False)], [None, ONE]),
        ([(None, ONE, False), (ONE, TWO, False), (TWO, THREE, False)], [None, ONE, TWO, THREE]),
        # Two rollbacks go back two moves, and not to and fro.
        ([(None, ONE, False), (ONE, TWO, False), (TWO, THREE, False), (THREE, TWO, True)], [None, ONE, TWO]),
        ([(None, ONE, False), (ONE, TWO, False), (TWO, THREE, False), (THREE, TWO, True), (TWO, ONE, True)], [None, ONE]),
        ([(None, ONE, False), (ONE, TWO, False), (TWO, ONE, True), (ONE, THREE, False)], [None, ONE, THREE]),
        ([(None, ONE, False), (ONE, None, True)], [None]),
        # Edited by hand in between.
        ([(ONE, TWO, False), (THREE, ONE, False)], [ONE, TWO, THREE, ONE]),
    ],
)  # fmt: skip
def test_where_a_label_can_go_back_to(
    moves: list[tuple[Position | None, Position | None, bool]], places: list[Position | None]
) -> None:
    assert stood(moves) == places
