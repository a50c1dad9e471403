"""Texts and counts as pages show them. Texts are chosen by strangers: they are text, and nothing else."""

import unicodedata
from html import escape

# Letters of several scripts, and pictures of several signs, are joined or kept apart by these; they turn nothing round.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """The text without anything that could move a cursor or turn a line around: such characters as their numbers."""
    return text if text.isprintable() else "".join(one if one.isprintable() else _number(one) for one in text)


def plain(text: str) -> str:
    """The text as HTML. What does not print, or turns a line around, is shown by its number."""
    return escape(printable(text))


def name(text: str) -> str:
    """The same, its direction kept to itself."""
    return f"<bdi>{plain(text)}</bdi>"


def passage(text: str) -> str:
    """The same of a text of several lines: ends of lines, tabs, blanks of all widths and what joins letters stay."""
    return escape(text if text.isprintable() else "".join(one if _stays(one) else _number(one) for one in text))


def whole(count: int) -> str:
    return f"{count:,}"


def many(count: int, one: str, more: str = "") -> str:
    """`1 call`, `2,000 calls`."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def _stays(one: str) -> bool:
    return one.isprintable() or one in "\n\t" or one in _JOINERS or unicodedata.category(one) == "Zs"


def _number(one: str) -> str:
    return f"\\u{ord(one):04x}"
