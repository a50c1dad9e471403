"""Variables in the ledger: told apart, and not to be read."""

import time

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from gateway.prompts.fingerprints import MAX_NAMED, REST, fingerprints

values = some.recursive(
    some.none() | some.booleans() | some.integers(-9, 9) | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ours = fingerprints("one secret")


@given(some.dictionaries(some.text(some.characters(codec="utf-8"), max_size=8), values, max_size=6))
def test_each_variable_has_a_hash_of_its_own_value(variables: dict[str, object]) -> None:
    said = msgspec.json.decode(ours(variables) or "{}")
    assert said == {name: msgspec.json.decode(ours({name: value}))[name] for name, value in variables.items()}


@given(values, values)
def test_alike_values_and_no_others_have_alike_hashes(one: object, other: object) -> None:
    alike = msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
    assert (ours({"x": one}) == ours({"x": other})) == alike


def test_without_the_secret_a_value_cannot_be_tried() -> None:
    assert ours({"name": "Ada"}) != fingerprints("another secret")({"name": "Ada"})


def test_many_variables_stay_short() -> None:
    said = msgspec.json.decode(ours({f"v{number:03}": number for number in range(500)}))
    assert len(said) == MAX_NAMED + 1
    assert REST in said
    assert ours({f"v{number:03}": number for number in range(499)}) != ours(
        {f"v{number:03}": 0 for number in range(499)}
    )


def test_names_that_are_texts_are_not_written_down() -> None:
    said = msgspec.json.decode(ours({"a name": 1, "n" * 65: 1}))
    assert said.keys() == {"a name", REST}
    assert ours({"n" * 65: 1}) != ours({"m" * 65: 1})


def test_a_request_holds_no_value_that_has_no_hash() -> None:
    deep: object = 1
    for _ in range(900):
        deep = {"a": deep}
    assert len(msgspec.json.decode(ours({"deep": deep}))["deep"]) == 16
    assert ours({"digits": 10**4000})


def test_a_hash_takes_no_longer_than_reading_the_value_did() -> None:
    many = [1] * 2_000_000
    began = time.process_time()
    assert ours({"many": many}) != ours({"many": many[:-1]})
    assert time.process_time() - began < 0.5


def test_of_nothing_nothing_is_said() -> None:
    assert ours({}) == ""
    assert ours({"half": "\ud800"})
