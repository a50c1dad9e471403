"""tenants.yaml: who is declared, and the classes of data."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.tenants import DATA_CLASSES, Tenants, read_tenants
from gateway.stores.documents import DocumentError

FILE = """\
tenants:
  - id: acme
    teams: [{id: open}, {id: secret, data_class: restricted}]
  - id: bank
    data_class: confidential
    teams: [{id: any}, {id: press, data_class: public}]
"""


def read(folder: Path, text: str) -> Tenants:
    (folder / "tenants.yaml").write_text(text)
    return read_tenants(folder / "tenants.yaml")


def test_a_teams_class_is_the_highest_of_its_own_its_tenants_and_the_default(tmp_path: Path) -> None:
    tenants = read(tmp_path, FILE)
    assert tenants.data_classes == ("public", "internal", "confidential", "restricted")
    found = {pair: tenants.class_of(*pair) for pair in tenants.teams}
    assert found == {
        ("acme", "open"): "internal",
        ("acme", "secret"): "restricted",
        ("bank", "any"): "confidential",
        ("bank", "press"): "confidential",
    }


def test_a_team_that_is_not_declared_has_the_highest_class(tmp_path: Path) -> None:
    assert read(tmp_path, FILE).class_of("acme", "nobody") == "restricted"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("data_classes: [green, red]\n", "green"),
        ("data_classes: [green, internal]\n", "internal"),
        ("data_classes: [green, internal]\ndefault_data_class: green\n", "green"),
        ("default_data_class: public\n", "public"),
    ],
)
def test_the_default_is_internal_where_there_is_such_a_class_else_the_lowest(
    tmp_path: Path, head: str, expected: str
) -> None:
    assert read(tmp_path, head + "tenants: [{id: a, teams: [{id: b}]}]\n").class_of("a", "b") == expected


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("data_classes: []\ntenants: []\n", 1, "is empty"),
        ("tenants: []\ndata_classes:\n  - a\n  - a\n", 4, "`a` is declared twice"),
        ("tenants: []\ndata_classes:\n  - a b\n", 3, "must be 1 to 64"),
        ("tenants: []\ndefault_data_class: intern\n", 2, "did you mean `internal`"),
        ("tenants:\n  - id: a\n    data_class: confidental\n", 3, "did you mean `confidential`"),
        ("tenants:\n  - id: a\n    teams:\n      - id: b\n        data_class: x\n", 5, "known: public"),
    ],
)
def test_a_class_that_is_not_one_is_told_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason) as caught:
        read(tmp_path, text)
    assert caught.value.line == line


@given(st.lists(st.sampled_from(DATA_CLASSES)))
def test_the_highest_class_is_one_of_those_given_and_none_is_above_it(classes: list[str]) -> None:
    tenants = Tenants((), frozenset(), "")
    found = tenants.highest(*classes)
    assert found in (classes or ["public"])
    assert all(DATA_CLASSES.index(one) <= DATA_CLASSES.index(found) for one in classes)


def test_a_word_that_is_no_class_has_no_rank() -> None:
    with pytest.raises(ValueError, match="`secret` is no data class; known, lowest first: public"):
        Tenants((), frozenset(), "").highest("public", "secret")
