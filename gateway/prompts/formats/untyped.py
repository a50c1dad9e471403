"""Data of no known shape, looked into without surprise."""

from typing import Any, cast


def is_mapping(value: object) -> bool:
    """A plain answer: what type checkers would make of `isinstance` here is a mapping of unknowns."""
    return isinstance(value, dict)


def is_list(value: object) -> bool:
    """As `is_mapping`."""
    return isinstance(value, list)


def mapping(value: object) -> dict[str, Any]:
    """The value, if it is a mapping; else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The value, if it is a list; else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def words(value: object) -> list[str]:
    """The texts in a list."""
    return [one for one in items(value) if isinstance(one, str)]


def one_line(value: object) -> str:
    """A text without line breaks; empty, if it is none."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def at(where: str, key: str) -> str:
    """The path of a key below `where`; an index in brackets follows without a point."""
    return f"{where}.{key}" if where and not key.startswith("[") else f"{where}{key}"
