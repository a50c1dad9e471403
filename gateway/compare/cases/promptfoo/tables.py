"""Tests in a table (CSV, or TSV): a column is a variable, and those that begin with `__` are more than that
(https://www.promptfoo.dev/docs/configuration/test-cases/#special-csv-columns)."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from gateway.compare.cases.promptfoo.shorthand import assertion_of
from gateway.compare.cases.promptfoo.telling import Place, Telling
from gateway.compare.grading.values import Wrong

_EXPECTED = re.compile(r"__expected(\d*)")
_CONFIG = re.compile(r"__config:__expected(\d*):(\w+)")
_METADATA = "__metadata:"
_PLAIN = {"__description": "description", "__providerOutput": "providerOutput"}
_LEFT_OUT = {
    "__prefix": "it changes the prompt; what is asked is the prompt's own",
    "__suffix": "it changes the prompt; what is asked is the prompt's own",
    "__metadata": "it needs a name behind it, as `__metadata:category`",
}
# Commas that divide, but not those with a backslash before them.
_COMMA = re.compile(r"(?<!\\),")


def table_tests(text: str, name: str, telling: Telling) -> Iterator[tuple[dict[str, Any], Place]]:
    """The tests of a table, one for each row, as files write them out.

    Raises:
        Wrong: it is no table.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if name.lower().endswith(".tsv") else ",")
    try:
        header = [column.strip() for column in next(rows, list[str]())]
        if not any(header):
            raise Wrong((), "has no line of column names")
        for column in header:
            if column in _LEFT_OUT:
                telling.note(Place(name, (column,), row=1), _LEFT_OUT[column])
        for row in rows:
            if any(cell.strip() for cell in row):
                yield _Row(header, row, Place(name, row=rows.line_num), telling).test()
    except csv.Error as error:
        raise Wrong((), f"is no table: {error}") from None


class _Row:
    """One row on its way to a test."""

    def __init__(self, header: list[str], cells: list[str], place: Place, telling: Telling) -> None:
        self._cells = dict(zip(header, [*cells, *[""] * len(header)], strict=False))
        self._place, self._telling = place, telling
        if len(cells) > len(header):
            telling.note(place, f"{len(cells) - len(header)} cells more than the table has columns")

    def test(self) -> tuple[dict[str, Any], Place]:
        made: dict[str, Any] = {"vars": {}, "assert": [], "metadata": {}}
        for column, cell in self._cells.items():
            if column.startswith("__"):
                self._special(made, column, cell)
            elif column:
                made["vars"][column] = cell
        made["assert"] = self._asserts()
        return {key: value for key, value in made.items() if value not in ({}, [])}, self._place

    def _special(self, made: dict[str, Any], column: str, cell: str) -> None:
        known = column in _LEFT_OUT or column == "__metric" or _EXPECTED.fullmatch(column) or _CONFIG.fullmatch(column)
        if known or not cell.strip():
            return
        if column in _PLAIN:
            made[_PLAIN[column]] = cell
        elif column == "__threshold":
            self._threshold(made, cell)
        elif column.startswith(_METADATA):
            name = column.removeprefix(_METADATA)
            if name.endswith("[]"):
                made["metadata"][name[:-2]] = [one.strip().replace("\\,", ",") for one in _COMMA.split(cell)]
            else:
                made["metadata"][name] = cell
        else:
            self._telling.note(self._place.within(column), "is no column that is known here")

    def _threshold(self, made: dict[str, Any], cell: str) -> None:
        found = self._number("__threshold", cell)
        if found is not None:
            made["threshold"] = found

    def _number(self, column: str, cell: str) -> float | None:
        try:
            return float(cell)
        except ValueError:
            self._telling.note(self._place.within(column), f"`{cell[:40]}` is no number")
            return None

    def _asserts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for column, cell in self._cells.items():
            numbered = _EXPECTED.fullmatch(column)
            if numbered is None or not cell.strip():
                continue
            try:
                made = assertion_of(cell)
            except Wrong as error:
                self._telling.note(self._place.within(column), error.reason)
                continue
            if metric := self._cells.get("__metric", "").strip():
                made["metric"] = metric
            found.append({**made, **self._config(numbered[1])})
        return found

    def _config(self, number: str) -> dict[str, Any]:
        """What columns say of this assertion (`__config:__expected2:threshold`), or of all."""
        found: dict[str, Any] = {}
        for column, cell in self._cells.items():
            named = _CONFIG.fullmatch(column)
            if named is None or not cell.strip() or named[1] not in ("", number):
                continue
            if named[2] != "threshold":
                self._telling.note(self._place.within(column), "only thresholds are understood here")
            elif (value := self._number(column, cell)) is not None:
                found["threshold"] = value
        return found
