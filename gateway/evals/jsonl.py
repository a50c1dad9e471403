"""Rows of data: `{"item": {…}, "sample": {…}}`, in a request or one a line in a file (JSON Lines)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.faults import BadRequest
from gateway.evals.reading import read_as

MAX_LINE = 4 * 1024 * 1024
EXAMPLE = '{"item": {…}}'


class DataRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`item`: the data. `sample`: the answer to it, if there is one already."""

    item: dict[str, Any]
    sample: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(DataRow).decode


def lines_of(path: Path) -> Iterator[tuple[int, DataRow]]:
    """The rows of a file with their lines' numbers, from 1; empty lines are passed over.

    Raises:
        BadRequest: a line is no row; its number is told. OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise _bad(number, f"is longer than {MAX_LINE} bytes")
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                yield number, _row(text, number)


def _row(line: bytes, number: int) -> DataRow:
    try:
        row = _decode(line)
        msgspec.json.encode(row)
    except msgspec.ValidationError as error:
        reason = str(error).replace("Object", "the object").replace("Expected", "expected")
        raise _bad(number, f"is no row such as {EXAMPLE}: {reason}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        raise _bad(number, f"is no JSON: {str(error).removeprefix('JSON is malformed: ')}") from None
    return row


def _bad(number: int, reason: str) -> BadRequest:
    return BadRequest(f"line {number} of the file {reason}", code="invalid_jsonl", param="file")


def count_lines(path: Path, most: int) -> int:
    """How many rows a file has. `most`: no run takes more, and to read on would be for nothing.

    Raises:
        BadRequest: as `lines_of`, or it has none, or more.
    """
    count = 0
    for _ in lines_of(path):
        count += 1
        if count > most:
            raise too_many(most, "file")
    if not count:
        raise BadRequest(f"the file is empty; it has rows such as {EXAMPLE}, one a line", param="file")
    return count


def read_rows(value: Any, place: str) -> list[DataRow]:
    """The rows that stand in a request.

    Raises:
        BadRequest: they are none.
    """
    rows = read_as(value, list[DataRow], place)
    if not rows:
        raise BadRequest(f"`{place}` is empty; it is a list of rows such as {EXAMPLE}", param=place)
    return rows


def too_many(most: int, param: str) -> BadRequest:
    return BadRequest(f"a run has at most {most} rows (evals.max_rows in config.yaml)", param=param)


def check_rows(
    rows: Iterable[tuple[str, DataRow]],
    wrong: Callable[[Mapping[str, Any]], str],
    *,
    most: int,
    needs_sample: bool,
    param: str,
) -> int:
    """Hold rows, each with where it stands, against what the eval says of them; how many there are.

    Raises:
        BadRequest: one is not of the eval's schema, has no answer where criteria look at one, or is one too many.
    """
    count = 0
    for where, row in rows:
        count += 1
        if count > most:
            raise too_many(most, param)
        if reason := wrong(row.item):
            raise BadRequest(f"{where}: {reason}", code="invalid_item", param=param)
        if needs_sample and row.sample is None:
            raise BadRequest(
                f'{where} has no `sample`, which the testing criteria look at; send rows with one, as {{"item": …, '
                '"sample": {"output_text": …}}, or let a model answer, with a data source of type `completions`',
                code="sample_missing",
                param=param,
            )
    return count
