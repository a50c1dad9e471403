"""A suite's tests, wherever they stand, as plain mappings."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec

from gateway.compare.cases.files import PREFIX, Folder
from gateway.compare.cases.promptfoo.tables import table_tests
from gateway.compare.cases.promptfoo.telling import Place, Telling, listed, mapping
from gateway.compare.grading.values import Wrong
from gateway.stores.jsonvalues import as_json
from gateway.stores.yamltree import DocumentError, build

_TREES, _TABLES, _LINES = (".yaml", ".yml", ".json"), (".csv", ".tsv"), (".jsonl",)
Found = tuple[dict[str, Any], Place]


class Finder:
    """Reads what a suite names. What cannot be read is told, and left out."""

    def __init__(self, folder: Folder | None, telling: Telling) -> None:
        self._folder, self._telling = folder, telling

    def tests(self, value: Any, place: Place) -> Iterator[Found]:
        """The tests that the value is, or names: a test, the name of a file with tests, or a list of such."""
        for index, one in enumerate(listed(value)):
            at = place.within(index) if isinstance(value, list) else place
            if isinstance(one, str):
                yield from self._tried(at, lambda one=one: self._named(one))
            elif not isinstance(one, dict):
                self._telling.note(at, "is no test")
            elif "path" in one:
                self._telling.note(at, "tests that a program makes are not taken over; write them out")
            else:
                yield cast(dict[str, Any], one), at

    def scenarios(self, value: Any, place: Place) -> Iterator[Found]:
        """The tests of scenarios: each of a scenario's tests with each of its sets of values."""
        for index, one in enumerate(listed(value)):
            at = place.within(index) if isinstance(value, list) else place
            if isinstance(one, str):
                for tree, where in self._tried(at, lambda one=one: self._trees(one)):
                    yield from self.scenarios(tree, where)
            elif isinstance(one, dict):
                yield from self._scenario(cast(dict[str, Any], one), at)
            else:
                self._telling.note(at, "is no scenario")

    def tree(self, value: Any, place: Place) -> tuple[dict[str, Any], Place]:
        """The mapping that the value is, or that stands in the file that it names.

        Raises:
            Wrong: it is none.
        """
        if not isinstance(value, str):
            return mapping(value, "a test"), place
        ((tree, where),) = self._trees(value)
        return mapping(tree, "a test"), where

    def _scenario(self, scenario: dict[str, Any], place: Place) -> Iterator[Found]:
        tests = list(self.tests(scenario.get("tests", [{}]), place.within("tests")))
        for given, _ in self.tests(scenario.get("config", [{}]), place.within("config")):
            for test, at in tests:
                merged = {**given, **test}
                for key in ("vars", "metadata", "options"):
                    mine, yours = given.get(key), test.get(key)
                    if isinstance(mine, dict) and isinstance(yours, dict):
                        merged[key] = {**mine, **yours}
                yield merged, at

    def _named(self, name: str) -> Iterator[Found]:
        for file in self._files(name):
            lower = file.lower()
            if lower.endswith(_TABLES):
                yield from table_tests(self._home().text(file), file, self._telling)
            elif lower.endswith(_LINES):
                yield from self._lines(file)
            else:
                for tree, where in self._trees(file):
                    yield from self.tests(tree, where)

    def _lines(self, file: str) -> Iterator[Found]:
        for number, line in enumerate(self._home().text(file).split("\n"), 1):
            if line.strip():
                try:
                    yield msgspec.json.decode(line, type=dict[str, Any]), Place(file, row=number)
                except (msgspec.DecodeError, RecursionError) as error:
                    self._telling.note(Place(file, row=number), f"is no test: {error}")

    def _trees(self, name: str) -> Iterator[tuple[Any, Place]]:
        for file in self._files(name):
            if not file.lower().endswith(_TREES):
                raise Wrong((), f"`{file}` is none of {', '.join((*_TREES, *_TABLES, *_LINES))}")
            try:
                tree, lines = build(self._home().open(file).data, file)
            except DocumentError as error:
                raise Wrong((), str(error)) from None
            yield as_json(tree), Place(file, lines=lines)

    def _files(self, name: str) -> Sequence[str]:
        if "://" in name and not name.startswith(PREFIX):
            raise Wrong((), f"`{name[:80]}` is elsewhere; save it as a file beside the suite")
        return self._home().matching(name.removeprefix(PREFIX).removeprefix("./"))

    def _home(self) -> Folder:
        if self._folder is None:
            raise Wrong((), "names a file, and there is no folder here for it to be in")
        return self._folder

    def _tried(self, place: Place, find: Callable[[], Iterator[Any]]) -> list[Any]:
        try:
            return list(find())
        except Wrong as error:
            self._telling.note(place, error.reason)
            return []
