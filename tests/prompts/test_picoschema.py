"""Picoschema, and the judgement of values by what it makes: the same as a validator of JSON Schema gives."""

from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompts.dotprompt.judging import Beyond, judge, why
from gateway.prompts.dotprompt.picoschema import PicoschemaError, to_json_schema

SCALARS = ["string", "number", "integer", "boolean", "null", "any"]
NAMES = st.sampled_from(["a", "b", "c", "type", "items"])


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    field = st.one_of(
        st.tuples(NAMES, st.sampled_from(["", "?"]), inner).map(lambda t: (t[0], f"{t[0]}{t[1]}", t[2])),
        st.tuples(NAMES, st.sampled_from(["(array)", "?(array)", "?(array, some)"]), inner).map(lambda t: (t[0], t[0] + t[1], t[2])),
        st.tuples(NAMES, st.sampled_from(["(enum)", "?(enum, one)"]), st.lists(st.sampled_from(["x", "y", 1, True, 0]), min_size=1)).map(lambda t: (t[0], t[0] + t[1], t[2])),
        st.tuples(st.just("(*)"), st.just(""), inner).map(lambda t: ("(*)", "(*)", t[2])),
    )  # fmt: skip
    return st.lists(field, max_size=4, unique_by=lambda one: one[0]).map(
        lambda fields: {key: value for _, key, value in fields}
    )


PICO = st.recursive(st.sampled_from([*SCALARS, "string, what it is"]), _objects, max_leaves=8)
VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2.0, 2.5, -3, "x", "y", "", "2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def is_picoschema(schema: Any) -> bool:
    """A field named `type` or `properties` makes it look like JSON Schema, here as upstream."""
    return not isinstance(schema, dict) or (schema.get("type") not in SCALARS and "properties" not in schema)


@given(PICO, VALUES)
def test_values_are_judged_as_by_validators(pico: Any, value: Any) -> None:
    if not is_picoschema(pico):
        return
    schema, made = to_json_schema(pico)
    assert made
    jsonschema.Draft202012Validator.check_schema(schema)
    fits = judge(schema)(value)
    assert fits == jsonschema_rs.is_valid(schema, value)
    assert fits == (not list(why(schema, value, "v"))), "what does not fit is told, and nothing else"


MORE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "array", "number", ["integer", "null"], ["string", "number", "boolean"]]),
        "minimum": st.integers(-1, 3), "maximum": st.integers(-1, 3), "minLength": st.integers(0, 2), "maxLength": st.integers(0, 2),
        "minItems": st.integers(0, 2), "maxItems": st.integers(0, 2), "const": st.sampled_from([1, "x", None, True]),
        "enum": st.lists(st.sampled_from([1, "x", None, True, 2.5]), min_size=1), "required": st.just(["a"]), "description": st.just("d"),
        "items": st.just({"type": "number"}), "properties": st.just({"a": {"type": "string"}}), "additionalProperties": st.booleans() | st.just({"type": "null"}),
    },
)  # fmt: skip


@given(MORE, VALUES)
def test_so_are_values_of_what_is_said_in_json_schema(schema: Any, value: Any) -> None:
    fits = judge(schema)(value)
    assert fits == jsonschema_rs.is_valid(schema, value)
    assert fits == (not list(why(schema, value, "v")))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a"}, {"anyOf": [{}]}, {"pattern": "x"}, {"type": "text"}, {"type": {"x": 1}}, {"enum": [[1]]}, {"items": True},
        {"properties": {"a": True}}, {"properties": {"a": {"format": "date"}}}, {"additionalProperties": {"not": {}}}, {"items": {"uniqueItems": True}},
    ],
)  # fmt: skip
def test_what_says_more_is_not_judged_here(schema: dict[str, Any]) -> None:
    with pytest.raises(Beyond):
        judge(schema)


def test_json_schema_stays_as_it_is() -> None:
    for schema in (
        {"type": "string", "pattern": "x"},
        {"type": ["string", "null"]},
        {"$ref": "#/a"},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ):
        assert to_json_schema(schema) == (schema, False)
    assert to_json_schema({"properties": {"a": {}}}) == ({"type": "object", "properties": {"a": {}}}, False)


def test_named_schemas_are_not_changed_by_those_who_use_them() -> None:
    schemas = {"Foo": {"type": "object", "description": "a foo"}}
    schema, made = to_json_schema({"a?": "Foo, mine", "b(object, yours)": "Foo"}, schemas)
    assert not made
    assert schema["properties"]["a"] == {"type": ["object", "null"], "description": "mine"}
    assert schema["properties"]["b"] == {"type": "object", "description": "yours"}
    assert schemas == {"Foo": {"type": "object", "description": "a foo"}}


def test_depth_is_bounded() -> None:
    schema: Any = "string"
    for _ in range(40):
        schema = {"a": schema}
    with pytest.raises(PicoschemaError, match="nested deeper than 32 levels"):
        to_json_schema(schema)
