"""Field names of a request. They are written lowerCamelCase; a proto3 JSON parser takes the proto's own snake_case too,
and so do we (https://protobuf.dev/programming-guides/json/)."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import Json

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


def set_fields(fields: Mapping[str, object]) -> dict[str, Any]:
    """Without the fields that say nothing."""
    return {name: value for name, value in fields.items() if value is not None and value != "" and value != []}
