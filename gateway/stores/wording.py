"""What a parser finds wrong with a declared file, in words of people who write such files."""

import difflib
import re
from collections.abc import Container, Sequence
from typing import Any, Literal, get_args, get_origin

import msgspec

MAX_WORD = 100  # what is longer is no slip of the pen, and takes long to compare
_KINDS = {
    "array": "a list",
    "object": "a mapping (lines of `key: value`)",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "null": "nothing",
    "date": "a date",
    "datetime": "a date and time",
}
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]+)`(?:, got `(?P<found>[^`]+)`)?$")
_WORD = re.compile(r"Invalid enum value '(?P<word>.*)'$", re.DOTALL)
_PLAIN = {
    "Invalid decimal string": "is not a number",
    "Invalid RFC3339 encoded date": "is not a date such as 2026-11-01",
    "Invalid RFC3339 encoded datetime": "is not a date and time such as 2026-11-01T00:00:00Z",
}
_MOMENT = "a day such as 2026-11-01, or a moment such as 2026-11-01T12:00:00Z"
# How the regular expressions of our shapes begin, and what they want in words.
_PATTERNS = {
    r"^\d{4}-\d\d-\d\d(": f"is not {_MOMENT}",
    r"^\d{4}(-": "is not a year, month or day such as 2025, 2025-06 or 2025-06-30",
    "^sha256:[0-9a-f]": "is not a digest: `sha256:` and 64 of 0-9 and a-f",
    "^[0-9a-f]{64}": "is not a SHA-256: 64 of 0-9 and a-f, as `sha256sum` prints it",
    "^[1-9][0-9]{0,8}$": "a key that is not the number of a version, such as 3",
    "^[A-Z]{3}$": "is not a currency's code such as USD",
    "^[A-Za-z0-9][A-Za-z0-9._:/@-]": "is not a name such as gpt-4.1-mini: letters, digits and `._:/@-`, 128 at most, "
    "and a letter or digit first",
}
_BOUND = re.compile(r"Expected `(?P<kind>\w+)` (?P<of_length>of length )?(?P<sign><=|>=|<|>) (?P<bound>\S+)$")
_SIGNS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
_LENGTHS = {"str": "a text of {} characters", "array": "a list of {} entries", "object": "a mapping of {} keys"}
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`$")
# Texts of these names are moments wherever they stand.
_MOMENTS = frozenset({"since", "from", "until", "on", "at"})
_YAML = {
    "did not find expected alphabetic or numeric character": 'write a text that begins with `*` or `&` in quotes: "*"',
    "found character that cannot start any token": "indent with spaces, not with tabs; a text that begins with `@`, "
    "`%` or a backquote goes in quotes",
    "mapping values are not allowed in this context": "is a colon within a text? Then write the text in quotes",
}


def nearest(word: str, known: list[str], new: str = "") -> str:
    """` (did you mean …?)` for the closest known word, or the list of known words when none is close.

    Args:
        new: where a word is declared, such as `under providers in config.yaml`, for a word that is no slip of the pen
            but not there yet.
    """
    close = difflib.get_close_matches(word[:MAX_WORD], known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{close[0]}`?" + (f" A new one is added {new}" if new else "")
    return (f"; known: {', '.join(known)}" if known else "") + (f"; a new one is added {new}" if new else "")


def reworded(reason: str, shape: Any) -> str:
    """msgspec's message about a value that should have been of `shape`."""
    if "matching regex" in reason:
        pattern = reason.replace("\\\\", "\\")
        return next((said for begins, said in _PATTERNS.items() if begins in pattern), _plainer(reason))
    if found := _BOUND.match(reason):
        return f"expected {_bounded(**found.groupdict())}"
    if found := _MISSING.match(reason):
        name, called = found["name"], _called(_field(shape, found["name"]))
        is_moment = called == _KINDS["str"] and name in _MOMENTS
        return f"`{name}` is missing; it is {_MOMENT if is_moment else called}"
    if found := _WORD.match(reason):
        word = found["word"]
        return f"`{word}` is not a word for this{nearest(word, _words_of(shape))}"
    if found := _EXPECTED.match(reason):
        wanted = " or ".join(_kind(name) for name in found["wanted"].split(" | ") if name != "null")
        return f"expected {wanted or 'nothing'}" + (f", got {_kind(found['found'])}" if found["found"] else "")
    return _PLAIN.get(reason) or _plainer(reason)


def empty(shape: Any) -> str:
    """What is said of a file in which nothing stands."""
    fields = _fields(shape)
    if not fields:
        return "is empty"
    known = ", ".join(f"`{one.encode_name}`" for one in fields)
    given = "" if any(one.required for one in fields) else "; `{}` says that nothing is meant to stand here"
    return f"is empty; what stands in it begins with {known}{given}"


def _plainer(reason: str) -> str:
    return reason.replace("Expected", "expected").replace("Object", "object")


def _bounded(kind: str, of_length: str | None, sign: str, bound: str) -> str:
    """`a number of at most 1`, `a text of at most 256 characters`."""
    limit = f"{_SIGNS[sign]} {bound.removesuffix('.0')}"
    if of_length:
        return _LENGTHS.get(kind, "{}").format(limit)
    part = "; a part of a whole, 0.25 for a quarter" if kind == "float" and (sign, bound) == ("<=", "1.0") else ""
    return f"{_kind(kind)} of {limit}{part}"


def fields_of(shape: Any, path: Sequence[str] = ()) -> list[str]:
    """The names of a struct's fields; `path`: of the one below these fields. Empty where there is none."""
    for step in path:
        shape = _field(shape, step)
    return [one.encode_name for one in _fields(shape)]


def _fields(shape: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Of a struct, alone or in a union."""
    for one in (shape, *get_args(shape)):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return msgspec.structs.fields(one)
    return ()


def _field(shape: Any, name: str) -> Any:
    return next((one.type for one in _fields(shape) if one.encode_name == name), Any)


def _called(shape: Any) -> str:
    """A shape in words."""
    if hasattr(shape, "__metadata__"):  # Annotated
        return _called(get_args(shape)[0])
    if words := _words_of(shape):
        return f"one of {', '.join(words)}"
    kinds = {str: "str", int: "int", float: "float", bool: "bool", tuple: "array", list: "array"}
    return _kind(kinds.get(get_origin(shape) or shape, "object"))


def why_no_id(id: str, seen: Container[str], kind: str = "id", first: str = "") -> str:
    """What is wrong with an id that has to be the only one of its name; empty: nothing.

    Args:
        seen: those before it. kind: what it is called. first: where the first of its name stands, if that is known.
    """
    if not id.strip():
        return f"the {kind} is empty; each has one of its own"
    if id in seen:
        return f"the {kind} `{id}` stands twice{f' ({first})' if first else ''}; each has one of its own"
    return ""


def yaml_hint(problem: str) -> str:
    """What to do about what PyYAML found, where that is known; begins with a semicolon."""
    return next((f"; {hint}" for words, hint in _YAML.items() if words in problem), "")


def _kind(name: str) -> str:
    return _KINDS.get(name, f"`{name}`")


def _words_of(shape: Any) -> list[str]:
    """The words that a Literal allows, alone or in a union."""
    if get_origin(shape) is Literal:
        return [word for word in get_args(shape) if isinstance(word, str)]
    return [word for part in get_args(shape) for word in _words_of(part)]
