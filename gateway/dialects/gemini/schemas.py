"""Schemas of functions and of answers.

Source: https://ai.google.dev/api/caching#Schema (the OpenAPI subset of `parameters` and `responseSchema`) and
https://ai.google.dev/api/generate-content#FIELDS.response_json_schema (JSON Schema, in `parametersJsonSchema` and
`responseJsonSchema`). Read, both become JSON Schema; written is JSON Schema alone, because the subset cannot hold all
of it. Of that Google leaves out keywords it does not know without a word, so what can be said by one it knows is.
"""

from typing import Any, cast

from gateway.core.conversation import Json
from gateway.dialects.gemini.naming import camel
from gateway.dialects.schemas import rewritten

# int64 fields, which proto3 JSON writes as strings.
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_NUMBERED = {1: "string", 2: "number", 3: "integer", 4: "boolean", 5: "array", 6: "object", 7: "null"}
_BESIDE_REFERENCE = frozenset({"definitions"})


def from_subset(schema: Json) -> dict[str, Any]:
    """An OpenAPI-subset schema as JSON Schema. What is JSON Schema already stays so."""
    return rewritten(schema, _widened)


def to_json_schema(schema: Json, unwanted: frozenset[str]) -> dict[str, Any]:
    """A JSON Schema in the keywords that Google reads."""

    def narrowed(one: dict[str, Any]) -> dict[str, Any]:
        if isinstance(one.get("$ref"), str):
            # "No other properties, except for those starting as a $, may be set."
            one = {name: value for name, value in one.items() if name.startswith("$") or name in _BESIDE_REFERENCE}
        if "const" in one and "enum" not in one:
            one["enum"] = [one.pop("const")]
        parts = one.get("allOf")
        if isinstance(parts, list) and len(cast(list[Any], parts)) == 1 and isinstance(parts[0], dict):
            del one["allOf"]
            one = {**cast(dict[str, Any], parts[0]), **one}
        return {name: value for name, value in one.items() if name not in unwanted} if unwanted else one

    return rewritten(schema, narrowed)


def _widened(schema: dict[str, Any]) -> dict[str, Any]:
    for said in [name for name in schema if camel(name) != name]:
        # `any_of` was not known for a keyword with schemas inside.
        schema.update(rewritten({camel(said): schema.pop(said)}, _widened))
    kind = schema.get("type")
    if isinstance(kind, int):
        kind = _NUMBERED.get(kind, "type_unspecified")
    if isinstance(kind, str):
        schema["type"] = kind.lower()
        if schema["type"] == "type_unspecified":
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
