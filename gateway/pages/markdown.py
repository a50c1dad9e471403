"""GitHub's and GitLab's Markdown from texts that nobody has vouched for: names that callers and files chose.

Whatever such a text holds, it stays in its place: it ends no cell, opens no tag, makes no link or picture, calls
nobody's name (`@team`) and refers to nothing (`#1`).
"""

import re
from collections.abc import Sequence

from gateway.pages.words import printable

# GitHub takes 65,536 characters of a comment; what goes beyond this is left to other reports.
MAX_CHARACTERS = 60_000
# What a code span shows as it is: no backtick that would end it, no pipe that would end the cell, no blank at an end.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/:@+,-]*(?<! )")
# What a text in backticks is between them, where nothing beside them could change where they end.
SPAN = re.compile(rf"(?<!`)`({_PLAIN.pattern})`(?!`)")
# Punctuation that may mean something where it stands. Comments are read as they are written too, in mails and diffs, so
# what can mean nothing stays: `_` within a word, `.` but in `www.` and in the number of a list, `:` before a blank.
_MEANS_SOMETHING = re.compile(r"[!#-&*+<>@\[-^`{-~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=\S)|(?<=[Ww])\.|^[-=/]")
_NUMBERED = re.compile(r"[0-9]+[.)]")
_WIDTHLESS = "&#8203;"


def code(text: str, most: int = 80) -> str:
    """The text in the font of code; shortened if it is longer than `most`. A table cell may hold it."""
    text = shortened(text, most)
    if _PLAIN.fullmatch(text):
        return f"`{text}`"
    return f"<code>{_escaped(text)}</code>" if text else ""


def prose(text: str, most: int = 300) -> str:
    """The text as a part of a sentence; plain names in backticks stay in the font of code."""
    parts = SPAN.split(shortened(text, most).strip())
    return "".join(f"`{part}`" if index % 2 else _escaped(part) for index, part in enumerate(parts))


def shortened(text: str, most: int) -> str:
    text = printable(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def table(headings: Sequence[str], right: int, rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table of cells that are Markdown already; the columns from the `right`th to the last but one, which
    hold numbers, stand to the right."""
    rules = ["--:" if right <= index < len(headings) - 1 else "---" for index in range(len(headings))]
    return [f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows)]


def details(title: str, lines: Sequence[str]) -> list[str]:
    """Lines that are folded away. `title`: HTML already."""
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>", ""]


def within(lines: Sequence[str], most: int, rest: str) -> list[str]:
    """As many of the lines as have room in so many characters; a section that is cut is closed, and `rest` says where
    the rest is."""
    kept: list[str] = []
    for line in lines:
        most -= len(line) + 1
        if most < 0:
            opened = sum(one.startswith("<details>") - (one == "</details>") for one in kept)
            return [*kept, "", *["</details>", ""] * opened, rest, ""]
        kept.append(line)
    return kept


def _escaped(text: str) -> str:
    """Every mark that may mean something as its number. A name that is called, an address, and a number that is
    referred to are found in what is shown, not in what is written: so a character without width stands between."""
    if (numbered := _NUMBERED.match(text)) is not None:
        at = numbered.end() - 1
        return f"{text[:at]}&#{ord(text[at])};{_escaped(text[at + 1 :])}"
    return _MEANS_SOMETHING.sub(lambda one: f"&#{ord(one[0])};" + _WIDTHLESS * (one[0] in "@#"), text)
