"""What variables are: the `input` of a `.prompt` file, in Picoschema where it can say it."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.prompts.formats.untyped import items, mapping

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SCALARS = frozenset({"string", "integer", "number", "boolean", "any"})


class Input(msgspec.Struct, frozen=True):
    """A variable.

    Attributes:
        type: string, integer, number, boolean, array, object or any. values: those it may have; none: any.
        schema: all of it as JSON Schema, where it is more than that.
    """

    type: str = "string"
    description: str = ""
    required: bool = True
    values: tuple[Any, ...] = ()
    schema: Mapping[str, Any] | None = None


def input_schema(inputs: Mapping[str, Input]) -> dict[str, Any]:
    """The `schema` of `input`."""
    if all(_is_simple(name, one) for name, one in inputs.items()):
        return dict(_pico(name, one) for name, one in inputs.items())
    schema: dict[str, Any] = {"type": "object", "properties": {name: _json_schema(one) for name, one in inputs.items()}}
    required = [name for name, one in inputs.items() if one.required]
    return {**schema, "required": required} if required else schema


def _is_simple(name: str, one: Input) -> bool:
    """Whether Picoschema says it."""
    described = ")" not in one.description and "\n" not in one.description
    return one.schema is None and described and _PLAIN.fullmatch(name) is not None


def _pico(name: str, one: Input) -> tuple[str, Any]:
    mark = "" if one.required else "?"
    said = f", {one.description}" if one.description else ""
    if one.values:
        return f"{name}{mark}(enum{said})", list(one.values)
    if one.type == "array":
        return f"{name}{mark}(array{said})", "any"
    if one.type == "object":
        return f"{name}{mark}(object{said})", {"(*)": "any"}
    return f"{name}{mark}", one.type + said


def _json_schema(one: Input) -> dict[str, Any]:
    schema: dict[str, Any] = dict(one.schema or {})
    if one.type != "any":
        schema["type"] = one.type if one.required else [one.type, "null"]
    if one.description:
        schema["description"] = one.description
    if one.values:
        schema["enum"] = list(one.values)
    return schema


def inputs_of(schema: Mapping[str, Any] | None) -> dict[str, Input]:
    """The variables that a JSON Schema of an object declares."""
    given = schema or {}
    required = items(given.get("required"))
    return {name: _input(mapping(one), name in required) for name, one in mapping(given.get("properties")).items()}


def _input(schema: Mapping[str, Any], required: bool) -> Input:
    kind = schema.get("type", "any")
    kind = next((one for one in items(kind) if one != "null"), kind)
    values = tuple(one for one in items(schema.get("enum")) if one is not None)
    more = {key: value for key, value in schema.items() if key not in ("type", "description", "enum")}
    return Input(
        type="string" if values and kind == "any" else kind if kind in _SCALARS | {"array", "object"} else "any",
        description=str(schema.get("description", "")),
        required=required,
        values=values,
        schema=dict(schema) if more and more not in ({"items": {}}, {"additionalProperties": {}}) else None,
    )
