"""Tables for people, JSON for programs."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway.pages.words import printable as printable


def print_json(value: object) -> None:
    sys.stdout.write(json_lines(value).decode())


def json_lines(value: object) -> bytes:
    """JSON that people read, too: two spaces a level, and an end of the last line."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; what looks like a number stands to the right."""
    widths = [max(len(row[index]) for row in [headings, *rows]) for index in range(len(headings))]
    right = [bool(rows) and all(_is_number(row[index]) for row in rows) for index in range(len(headings))]
    for row in [headings, *rows]:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Where to write what is to be at `path`: a file is there whole or not at all. What is no file, such as
    /dev/stdout, is written to and not replaced."""
    if path.exists() and not path.is_file():
        yield path
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
