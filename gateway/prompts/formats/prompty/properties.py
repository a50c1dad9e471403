"""Prompty's properties, which declare inputs, outputs and parameters of tools (spec/spec.md, section 2.7)."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.schemas import Input
from gateway.prompts.formats.untyped import at, is_list, is_mapping, items, mapping, one_line

_TYPES = {
    "string": "string", "integer": "integer", "float": "number", "number": "number", "boolean": "boolean",
    "array": "array", "object": "object", "list": "array",
}  # fmt: skip
RICH = frozenset({"thread", "image", "file", "audio"})
_KEYS = frozenset({
    "name", "kind", "type", "description", "required", "is_required", "default", "sample", "value", "example",
    "enumValues", "enum", "items", "properties",
})  # fmt: skip


class Property(msgspec.Struct):
    """Attributes:
    default: msgspec.UNSET where there is none. more: of its JSON Schema, `items` or `properties`.
    """

    name: str
    kind: str = "string"
    description: str = ""
    required: bool = False
    default: Any = msgspec.UNSET
    values: tuple[Any, ...] = ()
    more: dict[str, Any] = {}

    @property
    def input(self) -> Input:
        return Input(
            type=_TYPES.get(self.kind, "any"),
            description=self.description,
            required=self.required and self.default is msgspec.UNSET,
            values=self.values,
            schema=self.schema() if self.more else None,
        )

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        made: dict[str, Any] = {"type": _TYPES.get(self.kind, "string"), **self.more}
        said = {"description": self.description, "enum": list(self.values)}
        return {**made, **{key: value for key, value in said.items() if value}}


def read_properties(given: Any, path: str, notes: Notes) -> list[Property]:
    """A list of properties, `{properties: …}`, or a mapping of names to properties or plain values."""
    inner = mapping(given).get("properties")
    if is_list(inner) or is_mapping(inner):
        return read_properties(inner, at(path, "properties"), notes)
    return [one for name, value, where in _entries(given, path) if (one := _property(name, value, where, notes))]


def _entries(given: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    if given is not None and not is_mapping(given) and not is_list(given):
        yield None, given, path
    for name, value in mapping(given).items():
        yield name, value, at(path, name)
    for index, value in enumerate(items(given)):
        yield mapping(value).get("name"), value, at(path, f"[{index}]")


def _property(name: Any, value: Any, where: str, notes: Notes) -> Property | None:
    if not isinstance(name, str) or not name:
        notes.refuse(where, value, "is no property: it has no name")
        return None
    said = mapping(value)
    if not said.keys() & (_KEYS - {"name"}):
        return Property(name, _kind_of(value), default=value)
    made = Property(name, str(said.get("kind", said.get("type", "string"))).lower())
    if made.kind not in _TYPES and made.kind not in RICH:
        notes.note(at(where, "kind"), made.kind, "is no kind that is known here, and is taken for `any`")
    made.description = one_line(said.get("description"))
    made.required = bool(said.get("required", said.get("is_required", False)))
    made.values = tuple(items(said.get("enumValues")) or items(said.get("enum")))
    # In the first version of the format, a sample stands in for what is not given, as a default does.
    made.default = next((said[key] for key in ("default", "value", "sample") if key in said), msgspec.UNSET)
    if made.kind == "array" and "items" in said:
        made.more["items"] = _schema(said["items"], at(where, "items"), notes)
    if made.kind == "object" and "properties" in said:
        made.more |= object_schema(read_properties(said, where, notes))
    for key in sorted(said.keys() - _KEYS):
        notes.note(at(where, key), said[key], "is left out")
    return made


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, dict | list):
        return "object" if isinstance(value, dict) else "array"
    return "string" if isinstance(value, str) else "integer" if isinstance(value, int) else "float"


def _schema(value: Any, where: str, notes: Notes) -> dict[str, Any]:
    if isinstance(value, str):
        return {"type": _TYPES.get(value, "string")}
    found = _property("item", value, where, notes)
    return found.schema() if found else {}


def object_schema(properties: Sequence[Property]) -> dict[str, Any]:
    """The JSON Schema of an object that has them."""
    schema: dict[str, Any] = {"type": "object", "properties": {one.name: one.schema() for one in properties}}
    required = [one.name for one in properties if one.required]
    return {**schema, "required": required} if required else schema
