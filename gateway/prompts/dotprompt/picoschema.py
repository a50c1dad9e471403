"""Picoschema, https://google.github.io/dotprompt/reference/picoschema/ → JSON Schema.

Objects are closed: what they do not name may not be there, unless `(*)` says of what form it is. `name?` may be left
out, or null. A schema that is JSON Schema already stays as it is.
"""

from collections.abc import Mapping
from typing import Any, cast

from gateway.prompts.handlebars.values import kind_of
from gateway.stores.wording import nearest
from gateway.stores.yamltree import Path_

SCALARS = ("any", "boolean", "integer", "null", "number", "string")
_TYPES = frozenset({*SCALARS, "object", "array"})
_COMBINING = ("anyOf", "oneOf", "allOf")
WILDCARD = "(*)"
MAX_DEPTH = 32
NO_SCHEMAS: Mapping[str, Mapping[str, Any]] = {}


class PicoschemaError(ValueError):
    """`where`: the way to it, below the schema."""

    def __init__(self, where: Path_, reason: str) -> None:
        super().__init__(reason)
        self.where = where


def to_json_schema(schema: Any, schemas: Mapping[str, Mapping[str, Any]] = NO_SCHEMAS) -> tuple[dict[str, Any], bool]:
    """JSON Schema, and whether all of it was made here, so that nothing can be wrong with it.

    Raises:
        PicoschemaError: neither Picoschema nor JSON Schema, or a name that is not in `schemas`.
    """
    if kind_of(schema) is dict or isinstance(schema, Mapping):
        given = cast("Mapping[str, Any]", schema)
        if _is_json_schema(given):
            return dict(given), False
        if isinstance(given.get("properties"), Mapping):
            return {**given, "type": "object"}, False
    pico = _Pico(schemas)
    return pico.value(schema, ()), not pico.named


def _is_json_schema(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if isinstance(kind, list):
        return all(one in _TYPES for one in cast("list[Any]", kind))
    if isinstance(kind, str) and kind in _TYPES:
        return True
    return any(isinstance(schema.get(key), list) for key in _COMBINING) or any(key[:1] == "$" for key in schema)


class _Pico:
    def __init__(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self._schemas = schemas
        self.named = False  # whether one of them is used

    def value(self, value: Any, where: Path_) -> dict[str, Any]:
        if isinstance(value, str):
            return self._named(value, where)
        if kind_of(value) is dict or isinstance(value, Mapping):
            if len(where) > MAX_DEPTH:
                raise PicoschemaError(where, f"a schema is nested deeper than {MAX_DEPTH} levels")
            return self._object(cast("Mapping[str, Any]", value), where)
        raise PicoschemaError(
            where, "Picoschema consists of types such as `string, what it is` and of mappings of them"
        )

    def _named(self, text: str, where: Path_) -> dict[str, Any]:
        kind, description = _described(text)
        if kind in SCALARS:
            schema: dict[str, Any] = {} if kind == "any" else {"type": kind}
        elif kind in self._schemas:
            schema, self.named = dict(self._schemas[kind]), True
        else:
            known = nearest(kind, sorted({*SCALARS, *self._schemas}))
            raise PicoschemaError(where, f"`{kind}` is neither a type nor a schema that is known here{known}")
        if description:
            schema["description"] = description
        return schema

    def _object(self, fields: Mapping[str, Any], where: Path_) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        for key, value in fields.items():
            inside = (*where, key)
            if key == WILDCARD:
                schema["additionalProperties"] = self.value(value, inside)
                continue
            name, _, kind = key.partition("(")
            name = name.strip()
            optional = name.endswith("?")
            name = name.removesuffix("?")
            if name in properties or not name:
                raise PicoschemaError(inside, f"the field `{name}` has no name, or stands twice")
            properties[name] = self._field(kind, value, optional, inside)
            if not optional:
                required.append(name)
        if required:
            schema["required"] = required
        return schema

    def _field(self, kind: str, value: Any, optional: bool, where: Path_) -> dict[str, Any]:
        if not kind:
            return _nullable(self.value(value, where)) if optional else self.value(value, where)
        kind, description = _described(kind.strip().removesuffix(")"))
        if kind == "array":
            schema: dict[str, Any] = {"type": "array", "items": self.value(value, where)}
        elif kind == "object":
            schema = self.value(value, where)
        elif kind == "enum":
            schema = self._enum(value, optional, where)
        else:
            known = nearest(kind, ["array", "object", "enum"])
            raise PicoschemaError(
                where, f"what stands in parentheses is array, object or enum, and not `{kind}`{known}"
            )
        if optional:
            schema = _nullable(schema)
        if description:
            schema["description"] = description
        return schema

    def _enum(self, value: Any, optional: bool, where: Path_) -> dict[str, Any]:
        if not isinstance(value, list) or not value:
            raise PicoschemaError(where, "an enum has a list of values, such as [low, high]")
        values = list(cast("list[Any]", value))
        return {"enum": [*values, None] if optional and None not in values else values}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str) and schema["type"] != "null":
        schema["type"] = [schema["type"], "null"]
    return schema


def _described(text: str) -> tuple[str, str]:
    """`type, what it is`: the comma counts that stands first."""
    kind, _, description = text.partition(",")
    return kind.strip(), description.strip()
