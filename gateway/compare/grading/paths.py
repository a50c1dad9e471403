"""JSON paths: RFC 9535 without its filters (`?`), which are a language of their own.

    $.a.b   $['a b']   $[0]   $[-1]   $[1:3]   $[0,2]   $.a[*]   $..name

A path that begins with `output` or `JSON.parse(output)`, as promptfoo's transforms do in JavaScript, is the same from
`$`: what can be said without running code is understood in both places.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from gateway.compare.grading.grades import Unmet

MAX_FOUND = 100_000
_START = re.compile(r"\s*(?:\$|JSON\.parse\(\s*output\s*\)|output)")
_NAME = re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_SLICE = re.compile(r"\s*(-?\d{1,16})?\s*:\s*(-?\d{1,16})?\s*(?::\s*(-?\d{1,16})?)?")
_INDEX = re.compile(r"(?:0|-?[1-9]\d{0,15})(?!\d)")
_BLANKS = re.compile(r"\s*")

Pick = Callable[[Any], Iterator[Any]]


class Step(msgspec.Struct, frozen=True):
    """One segment. `deep`: of the value and all that is in it."""

    picks: tuple[Pick, ...]
    deep: bool


class JsonPath:
    """Raises:
    ValueError: the text is no path, or one with a filter.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        start = _START.match(text)
        if start is None:
            raise ValueError(f"`{self.text}` is no JSON path; one begins with `$`, as `$.queue`")
        self._steps = _Parser(text.rstrip(), start.end()).steps()

    def find(self, value: Any) -> list[Any]:
        """The values it selects, in the document's order.

        Raises:
            Unmet: more of them than anybody meant.
        """
        found = [value]
        for step in self._steps:
            found = _taken(_selected(found, step))
        return found


def _selected(values: list[Any], step: Step) -> Iterator[Any]:
    for value in values:
        for place in _within(value) if step.deep else (value,):
            for pick in step.picks:
                yield from pick(place)


def _taken(found: Iterator[Any]) -> list[Any]:
    taken: list[Any] = []
    for value in found:
        if len(taken) == MAX_FOUND:
            raise Unmet(f"a path selects more than {MAX_FOUND} values of the answer")
        taken.append(value)
    return taken


def _within(value: Any) -> Iterator[Any]:
    """The value, and every value in it, parents before children."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        yield value
        waiting.extend(reversed(_children(value)))


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast(dict[str, Any], value).values())
    return cast(list[Any], value) if isinstance(value, list) else []


def _all(value: Any) -> Iterator[Any]:
    yield from _children(value)


def _named(name: str) -> Pick:
    def pick(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield cast(dict[str, Any], value)[name]

    return pick


def _at(index: int) -> Pick:
    def pick(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            items = cast(list[Any], value)
            if -len(items) <= index < len(items):
                yield items[index]

    return pick


def _between(start: int | None, end: int | None, step: int | None) -> Pick:
    def pick(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and step != 0:
            yield from cast(list[Any], value)[start:end:step]

    return pick


class _Parser:
    """Reads one path; `at` is the next character."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at

    def steps(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        while self.at < len(self.text):
            steps.append(self._step())
        return tuple(steps)

    def _wrong(self, reason: str) -> ValueError:
        return ValueError(f"`{self.text.strip()}` is no JSON path: {reason} at character {self.at + 1}")

    def _takes(self, word: str) -> bool:
        if self.text.startswith(word, self.at):
            self.at += len(word)
            return True
        return False

    def _read(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def _step(self) -> Step:
        self._read(_BLANKS)
        self._takes("?")  # JavaScript's `?.`: what is not there is not there
        deep = self._takes("..")
        if not deep and self._takes("."):
            return Step((self._word(),), deep)
        if self._takes("["):
            return Step(self._bracket(), deep)
        if deep:
            return Step((self._word(),), deep)
        raise self._wrong("expected `.name` or `[…]`")

    def _word(self) -> Pick:
        if self._takes("*"):
            return _all
        found = self._read(_NAME)
        if found is None:
            raise self._wrong("expected a name")
        return _named(found[0])

    def _bracket(self) -> tuple[Pick, ...]:
        picks = [self._selector()]
        while self._after_blanks(","):
            picks.append(self._selector())
        if not self._after_blanks("]"):
            raise self._wrong("expected `]`")
        return tuple(picks)

    def _after_blanks(self, word: str) -> bool:
        self._read(_BLANKS)
        return self._takes(word)

    def _selector(self) -> Pick:
        self._read(_BLANKS)
        if self._takes("*"):
            return _all
        if self.text.startswith("?", self.at):
            raise self._wrong("filters are not understood here; select with `[*]` and say what must hold of all")
        if quoted := self._read(_QUOTED):
            return _named(self._unquoted(quoted))
        if sliced := self._read(_SLICE):
            start, end, step = (int(part) if part else None for part in sliced.groups())
            return _between(start, end, step)
        if index := self._read(_INDEX):
            return _at(int(index[0]))
        raise self._wrong("expected an index, a name in quotes, or `*`")

    def _unquoted(self, quoted: re.Match[str]) -> str:
        single = quoted[1]
        text = quoted[2] if single is None else single.replace("\\'", "'").replace('"', '\\"')
        try:
            return msgspec.json.decode(f'"{text}"', type=str)
        except msgspec.DecodeError:
            raise self._wrong("a name with an escape that JSON does not know") from None
