"""What a parser finds wrong with a declared file, in words of people who write such files."""

import difflib
import re
from typing import Any, Literal, get_args, get_origin

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
_PATTERNS = {
    r"^\d{4}-\d\d-\d\d(": "is not a day such as 2026-11-01, or a moment such as 2026-11-01T12:00:00Z",
    "^sha256:[0-9a-f]": "is not a digest: `sha256:` and 64 of 0-9 and a-f",
    "^[1-9][0-9]{0,8}$": "a key that is not the number of a version, such as 3",
}
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
    for pattern, said in _PATTERNS.items():
        if "matching regex" in reason and pattern in reason:
            return said
    if found := _WORD.match(reason):
        word = found["word"]
        return f"`{word}` is not a word for this{nearest(word, _words_of(shape))}"
    if found := _EXPECTED.match(reason):
        wanted = " or ".join(_kind(name) for name in found["wanted"].split(" | ") if name != "null")
        return f"expected {wanted or 'nothing'}" + (f", got {_kind(found['found'])}" if found["found"] else "")
    return _PLAIN.get(reason) or reason.replace("Expected", "expected").replace("Object", "object")


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
