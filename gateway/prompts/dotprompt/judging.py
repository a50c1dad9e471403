"""Whether a value is of a JSON Schema, for the part of JSON Schema that Picoschema makes, and a little more.

A schema becomes one closure that answers yes or no, in about a microsecond; why it said no is found by walking (`why`).
What it cannot judge (`Beyond`: references, patterns, combinations) is for jsonschema-rs, see `checking`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from gateway.prompts.handlebars.values import LISTS, NUMBERS, kind_of
from gateway.stores.wording import nearest

Fits = Callable[[Any], bool]
Schema = Mapping[str, Any]
# They say something about a schema, and nothing about a value.
_SILENT = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"})
_KNOWN = _SILENT | {
    "type", "enum", "const", "properties", "required", "additionalProperties", "items",
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
}  # fmt: skip
_BOUNDS: Mapping[str, tuple[str, bool, str]] = {
    "minimum": ("number", True, "must be {} at least"),
    "maximum": ("number", False, "must be {} at most"),
    "minLength": ("string", True, "must have {} characters at least"),
    "maxLength": ("string", False, "must have {} characters at most"),
    "minItems": ("array", True, "must have {} items at least"),
    "maxItems": ("array", False, "must have {} items at most"),
}


class Beyond(Exception):
    """A schema says what cannot be judged here."""


class Problem(NamedTuple):
    """Attributes:
    path: such as `prompt.variables.items[2].name`. message: what is wrong; holds nothing of the value.
    """

    path: str
    message: str


def type_of(value: object) -> str:
    """The name that JSON has for what a value is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, NUMBERS):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array" if isinstance(value, LISTS) else "unknown"


_TYPES: Mapping[str, Fits] = {
    "string": lambda value: kind_of(value) is str,
    "boolean": lambda value: value is True or value is False,
    "null": lambda value: value is None,
    "number": lambda value: kind_of(value) is int or kind_of(value) is float,
    "integer": lambda value: kind_of(value) is int or (kind_of(value) is float and value.is_integer()),
    "array": lambda value: kind_of(value) is list or kind_of(value) is tuple,
    "object": lambda value: kind_of(value) is dict or _is_mapping(value),
}


def judge(schema: Schema) -> Fits:
    """Raises: Beyond."""
    if not _KNOWN.issuperset(schema):
        raise Beyond
    tests = [make(schema) for key, make in _MAKERS if key in schema]
    bounds = [key for key in _BOUNDS if key in schema]
    if bounds:
        tests.append(lambda value: all(_within(schema, key, value) for key in bounds))
    if not tests:
        return lambda _: True
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)
    return lambda value: all(test(value) for test in tests)


def kinds(schema: Schema) -> Sequence[str]:
    """Raises: Beyond: a type that JSON Schema does not have."""
    given: object = schema.get("type", [])
    names = cast("list[Any]", given if isinstance(given, list) else [given])
    if "any" in names:  # Picoschema's, within what is JSON Schema otherwise
        return ()
    if not all(isinstance(name, str) and name in _TYPES for name in names):
        raise Beyond
    return names


def _type(schema: Schema) -> Fits:
    names = kinds(schema)
    if not names:
        return lambda _: True
    first = _TYPES[names[0]]
    if len(names) == 1:
        return first
    if len(names) == 2:
        second = _TYPES[names[1]]
        return lambda value: first(value) or second(value)
    tests = [_TYPES[name] for name in names]
    return lambda value: any(test(value) for test in tests)


def _enum(schema: Schema) -> Fits:
    return _among(_allowed(schema, "enum"))


def _const(schema: Schema) -> Fits:
    return _among(_allowed(schema, "const"))


def _among(allowed: Sequence[Any]) -> Fits:
    if all(type(one) is str or one is None for one in allowed):
        words = frozenset(allowed)
        return lambda value: (kind_of(value) is str or value is None) and value in words
    return lambda value: any(_equal(one, value) for one in allowed)


def _allowed(schema: Schema, key: str) -> Sequence[Any]:
    allowed: Any = schema["enum"] if key == "enum" else [schema["const"]]
    if not isinstance(allowed, list) or any(isinstance(one, list | Mapping) for one in cast("list[Any]", allowed)):
        raise Beyond
    return cast("list[Any]", allowed)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _equal(one: object, other: object) -> bool:
    return type_of(one) == type_of(other) and one == other


def _object(schema: Schema) -> Fits:
    properties, required, others = _fields(schema)
    known = {name: judge(one) for name, one in properties.items()}
    rest: Fits | None = judge(others) if isinstance(others, Mapping) else None
    closed = others is False

    def fits(value: Any) -> bool:
        if kind_of(value) is not dict and not _is_mapping(value):
            return True
        for name, one in value.items():
            test = known.get(name, rest)
            if test is None:
                if closed:
                    return False
            elif not test(one):
                return False
        return all(name in value for name in required)

    return fits


def _fields(schema: Schema) -> tuple[Mapping[str, Schema], Sequence[str], Schema | bool]:
    properties: Any = schema.get("properties", {})
    required: Any = schema.get("required", ())
    others: Any = schema.get("additionalProperties", True)
    if not isinstance(properties, Mapping) or not isinstance(required, list | tuple):
        raise Beyond
    fields = cast("Mapping[str, Any]", properties)
    if not all(isinstance(one, Mapping) for one in fields.values()) or not isinstance(others, bool | Mapping):
        raise Beyond
    return fields, cast("Sequence[str]", required), cast("Schema | bool", others)


def _items(schema: Schema) -> Fits:
    items: Any = schema["items"]
    if not isinstance(items, Mapping):
        raise Beyond
    test = judge(cast(Schema, items))
    return lambda value: (kind_of(value) is not list and kind_of(value) is not tuple) or all(map(test, value))


_MAKERS: Sequence[tuple[str, Callable[[Schema], Fits]]] = (
    ("type", _type), ("enum", _enum), ("const", _const), ("items", _items),
    ("properties", _object), ("required", _object), ("additionalProperties", _object),
)  # fmt: skip


def _within(schema: Schema, key: str, value: Any) -> bool:
    of, least, _ = _BOUNDS[key]
    if type_of(value) != of:
        return True
    bound, measured = schema[key], value if of == "number" else len(value)
    return measured >= bound if least else measured <= bound


def why(schema: Schema, value: Any, path: str) -> Iterator[Problem]:
    """Everything that is wrong with a value, outermost first. The schema has been through `judge`."""
    names = kinds(schema)
    if names and not any(_TYPES[name](value) for name in names):
        yield Problem(path, f"must be {_either(names)}, and is {_a(type_of(value))}")
        return
    for key in ("enum", "const"):
        if key in schema and not _among(allowed := _allowed(schema, key))(value):
            yield Problem(path, _not_one(allowed, value))
    for key, (_, _, message) in _BOUNDS.items():
        if key in schema and not _within(schema, key, value):
            yield Problem(path, message.format(schema[key]))
    if isinstance(value, Mapping):
        yield from _why_fields(schema, cast("Mapping[str, Any]", value), path)
    elif isinstance(value, LISTS) and "items" in schema:
        for number, one in enumerate(cast("Sequence[Any]", value)):
            yield from why(schema["items"], one, f"{path}[{number}]")


def _why_fields(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    properties, required, others = _fields(schema)
    for name in required:
        if name not in value:
            yield Problem(f"{path}.{shown(name)}", MISSING)
    for name, one in value.items():
        if name in properties:
            yield from why(properties[name], one, f"{path}.{shown(name)}")
        elif others is False:
            known = sorted(properties.keys() - value.keys()) or sorted(properties)
            yield Problem(f"{path}.{shown(name)}", f"is not known here{nearest(name, known)}")
        elif isinstance(others, Mapping):
            yield from why(others, one, f"{path}.{shown(name)}")


def shown(name: str) -> str:
    """A name in a path; of one that is very long, the beginning."""
    return name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…"


MISSING = "is missing"
MAX_SHOWN = 100


def _not_one(allowed: Sequence[Any], value: object) -> str:
    words = [one if isinstance(one, str) else "null" if one is None else str(one).lower() for one in allowed]
    close = nearest(value, [one for one in allowed if isinstance(one, str)]) if isinstance(value, str) else ""
    said = close if close.startswith("; did") else ""
    return f"must be one of {', '.join(words)}{said}"


def _either(names: Sequence[str]) -> str:
    return " or ".join(_a(name) for name in names)


def _a(name: str) -> str:
    return name if name == "null" else f"an {name}" if name[0] in "aiou" else f"a {name}"
