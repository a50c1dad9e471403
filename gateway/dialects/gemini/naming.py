"""Field names of a request. They are written lowerCamelCase; a proto3 JSON parser takes the proto's own snake_case too,
and so do we (https://protobuf.dev/programming-guides/json/)."""

import re
from collections.abc import Mapping
from typing import Any, cast

from gateway.core.conversation import Json
from gateway.core.fields import Fields

_HUMP = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")


def camel(name: str) -> str:
    return _HUMP.sub(lambda found: found.group(1).upper(), name)


def plain(block: Json) -> Json:
    """The object with its own field names in lowerCamelCase; what is inside stays as it is, for it may be data."""
    if not any("_" in name for name in block):
        return block
    renamed: dict[str, Any] = {}
    for name, value in block.items():
        renamed.setdefault(camel(name), value)
    return renamed


def without_prefix(model: str) -> str:
    """A model's name without the collection it stands in: `models/…`, or Vertex's `publishers/google/models/…`."""
    return model.rpartition("models/")[2]


def renamed_inside(fields: Fields, model: str) -> dict[str, object]:
    """Changes to a body that names its model a second time, as the parts of a batch and a question that holds a whole
    request do: there stands the name the client knows, and Google wants the path's."""
    name = f"models/{without_prefix(model)}"
    changes: dict[str, object] = {}
    requests = fields.get("requests")
    if isinstance(requests, list):
        changes["requests"] = [_named(one, name) for one in cast(list[object], requests)]
    for inner in ("generateContentRequest", "generate_content_request"):
        if (said := fields.get(inner)) is not None:
            changes[inner] = _named(said, name)
    return changes


def _named(said: object, name: str) -> object:
    return {**cast(Json, said), "model": name} if isinstance(said, dict) else said


def set_fields(fields: Mapping[str, object]) -> dict[str, Any]:
    """Without the fields that say nothing."""
    return {name: value for name, value in fields.items() if value is not None and value != "" and value != []}
