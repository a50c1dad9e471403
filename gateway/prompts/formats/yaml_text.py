"""Plain data → YAML that reads back as the same, laid out as a person would."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./@+-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9/]))*")
_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]*\??(?:\((?:array|object|enum)\))?")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
MAX_WIDTH = 100


def yaml_text(data: Mapping[str, Any]) -> str:
    """The mapping in block style. Short lists of plain values stand on one line, texts of several lines as they are."""
    return "".join(f"{line}\n" for line in _mapping(data))


def _mapping(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        name = key if _KEY.fullmatch(key) and key.lower() not in _RESERVED else _quoted(key)
        yield from _entry(f"{name}:", value, "  ")


def _entry(before: str, value: Any, indent: str) -> Iterator[str]:
    """`before` and the value: behind it, or on the lines that follow."""
    if isinstance(value, Mapping) and value:
        yield before
        yield from (indent + line for line in _mapping(cast("Mapping[str, Any]", value)))
    elif isinstance(value, list | tuple) and (items := cast("Sequence[Any]", value)) and not _fits(before, items):
        yield before
        yield from (indent + line for item in items for line in _item(item))
    elif isinstance(value, str) and _reads_as_block(value):
        yield f"{before} |" + ("" if value.endswith("\n") else "-")
        yield from (indent + line if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{before} {_flow(value)}"


def _item(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for number, line in enumerate(_mapping(cast("Mapping[str, Any]", value))):
            yield ("  " if number else "- ") + line if line else ""
    else:
        yield from _entry("-", value, "  ")


def _fits(before: str, items: Sequence[Any]) -> bool:
    plain = all(item is None or isinstance(item, str | int | float | Decimal) for item in items)
    return plain and len(before) + len(_flow(items)) < MAX_WIDTH


def _reads_as_block(text: str) -> bool:
    """Whether YAML gives a text of several lines back as it is written: not with tabs or white space at its edges."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(line.isprintable() and line == line.rstrip() for line in lines)
        and not lines[0].startswith(" ")
        and bool(lines[0])
        and bool(lines[-1])
    )


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(item) for item in cast("Sequence[Any]", value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """One value on one line: texts that could be anything else are quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED else _quoted(text)


def _quoted(text: str) -> str:
    made = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in made)
