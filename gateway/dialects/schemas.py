"""JSON Schemas as upstreams want them. Schemas are data: they are walked, never interpreted."""

from collections.abc import Callable
from typing import Any, cast

from gateway.core.conversation import Json

# Keywords whose value is a schema, a list of schemas, or a map of names to schemas.
_ONE = frozenset({"items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames"})
_LIST = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_MAP = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
MAX_DEPTH = 100


def rewritten(schema: Json, change: Callable[[dict[str, Any]], dict[str, Any]], depth: int = 0) -> dict[str, Any]:
    """The schema with every schema inside it changed, innermost first. Names of properties are never taken for
    keywords."""
    return change({name: _keyword(name, value, change, depth) for name, value in schema.items()})


def _keyword(name: str, value: Any, change: Callable[[dict[str, Any]], dict[str, Any]], depth: int) -> Any:
    if depth >= MAX_DEPTH:
        return value
    if name in _ONE:
        return _inner(value, change, depth)
    if name in _LIST and isinstance(value, list):
        return [_inner(one, change, depth) for one in cast(list[Any], value)]
    if name in _MAP and isinstance(value, dict):
        return {key: _inner(one, change, depth) for key, one in cast(dict[str, Any], value).items()}
    return value


def _inner(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]], depth: int) -> Any:
    return rewritten(cast(Json, value), change, depth + 1) if isinstance(value, dict) else value


def closed(schema: Json, unwanted: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The schema with its objects closed (`additionalProperties: false`), as structured output demands, and without
    keywords that the target refuses."""

    def change(one: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in one.items() if name not in unwanted}
        if "properties" in kept or kept.get("type") == "object":
            kept.setdefault("additionalProperties", False)
        return kept

    return rewritten(schema, change)
