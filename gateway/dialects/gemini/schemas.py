"""Schemas of functions and of answers.

Source: https://ai.google.dev/api/caching#Schema (the OpenAPI subset of `parameters` and `responseSchema`) and
https://ai.google.dev/api/generate-content#FIELDS.response_json_schema (JSON Schema, in `parametersJsonSchema` and
`responseJsonSchema`). Read, both become JSON Schema; written is JSON Schema alone, because the subset cannot hold all
of it. Of that Google leaves out keywords it does not know without a word, so what can be said by one it knows is.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from gateway.core.conversation import Json
from gateway.core.faults import BadRequest
from gateway.dialects.gemini.naming import camel

MAX_DEPTH = 100
_ONE = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})
_MANY = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "$defs", "definitions", "defs", "patternProperties"})
# int64 fields, which proto3 JSON writes as strings.
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_Change = Callable[[dict[str, Any]], dict[str, Any]]


def from_subset(schema: Json, where: str) -> dict[str, Any]:
    """An OpenAPI-subset schema as JSON Schema. What is JSON Schema already stays so.

    Raises:
        BadRequest: it is nested too deeply.
    """
    return _walked(schema, _widened, where, 0)


def to_json_schema(schema: Json, unwanted: frozenset[str], where: str) -> dict[str, Any]:
    """A JSON Schema in the keywords that Google reads.

    Raises:
        BadRequest: it is nested too deeply.
    """

    def narrowed(one: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in one:
            # "No other properties, except for those starting as a $, may be set."
            one = {name: value for name, value in one.items() if name.startswith("$") or name in _NAMED}
        if "const" in one and "enum" not in one:
            one["enum"] = [one.pop("const")]
        parts = one.get("allOf")
        if isinstance(parts, list) and len(cast(list[Any], parts)) == 1 and isinstance(parts[0], dict):
            del one["allOf"]
            one = {**cast(dict[str, Any], parts[0]), **one}
        return {name: value for name, value in one.items() if name not in unwanted} if unwanted else one

    return _walked(schema, narrowed, where, 0)


def _walked(schema: Json, change: _Change, where: str, depth: int) -> dict[str, Any]:
    """The schema and every schema in it, changed from the innermost out."""
    if depth > MAX_DEPTH:
        raise BadRequest(f"`{where}` is nested more than {MAX_DEPTH} deep", param=where)
    found: dict[str, Any] = {}
    for said, value in schema.items():
        name = camel(said)
        if name in _ONE and isinstance(value, dict):
            found[name] = _walked(cast(Json, value), change, where, depth + 1)
        elif (name in _MANY or name == "items") and isinstance(value, list):
            found[name] = [
                _walked(cast(Json, one), change, where, depth + 1) if isinstance(one, dict) else one
                for one in cast(list[Any], value)
            ]
        elif name in _NAMED and isinstance(value, dict):
            named = cast(Mapping[str, Any], value)
            found[name] = {
                key: _walked(cast(Json, one), change, where, depth + 1) if isinstance(one, dict) else one
                for key, one in named.items()
            }
        else:
            found[name] = value
    return change(found)


def _widened(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        kind = schema["type"] = kind.lower()
        if kind == "type_unspecified":
            del schema["type"]
    for name in _COUNTS & schema.keys():
        value = schema[name]
        if isinstance(value, str) and value.isdecimal() and len(value) < 19:
            schema[name] = int(value)
    if schema.get("format") == "enum":
        del schema["format"]
    if "example" in schema:
        schema.setdefault("examples", [schema.pop("example")])
    if schema.pop("nullable", None) is True:
        _with_null(schema)
    order = schema.pop("propertyOrdering", None)
    properties = schema.get("properties")
    if isinstance(order, list) and isinstance(properties, dict):
        named = cast(dict[str, Any], properties)
        first = [name for name in cast(list[Any], order) if isinstance(name, str) and name in named]
        schema["properties"] = {name: named[name] for name in dict.fromkeys([*first, *named])}
    return schema


def _with_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if isinstance(schema.get("enum"), list):
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
