"""Mustache templates (mustache.github.io/mustache.5.html) → pieces.

A section means a loop, a condition or a change of scope, by the value that it finds: which one is taken from the kind
that is declared for its variable. Values are not escaped for HTML, nor were they by whoever sends prompts to models.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import Branch, Loop, Name, Piece, Text, Value, joined

_TAG = re.compile(r"\{\{(?:\{\s*(?P<three>[^{}]*?)\s*\}|(?P<sign>[#^/>!&=]?)\s*(?P<inside>.*?)\s*)\}\}", re.DOTALL)
_NAME = re.compile(r"\.|[^\W\d][\w-]*(?:\.[\w-]+)*")
_AFTER = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_ALONE = frozenset("#^/!>=")
MAX_DEPTH = 24


class _Open(msgspec.Struct):
    """A section whose end has not been seen."""

    name: Name
    written: str
    line: int
    kind: Literal["loop", "branch", "inverted"]
    before: list[Piece]


def read_mustache(source: str, notes: Notes, kinds: Mapping[str, str], first_line: int = 1) -> tuple[Piece, ...]:
    """The template's pieces. `kinds`: of the variables that are declared, such as `array` and `boolean`."""
    return _Reader(source, notes, kinds, first_line).read()


class _Reader:
    def __init__(self, source: str, notes: Notes, kinds: Mapping[str, str], first_line: int) -> None:
        self._source, self._notes, self._kinds = source, notes, kinds
        self._line, self._counted = first_line, 0
        self._made: list[Piece] = []
        self._open: list[_Open] = []

    def read(self) -> tuple[Piece, ...]:
        at = 0
        while found := _TAG.search(self._source, at):
            before, after = self._source[at : found.start()], found.end()
            if found["sign"] in _ALONE and found["sign"] and self._alone(found):
                before = before.rstrip(" \t")
                rest = _AFTER.match(self._source, after)
                after = rest.end() if rest else after
            self._made.append(Text(before))
            self._tag(found)
            at = after
        self._made.append(Text(self._source[at:]))
        for one in self._open:
            self._notes.refuse(
                f"line {one.line}", f"{{{{#{one.written}}}}}", f"is not closed; end it with {{{{/{one.written}}}}}"
            )
        return joined(self._made)

    def _alone(self, found: re.Match[str]) -> bool:
        begins = self._source.rfind("\n", 0, found.start()) + 1
        before = self._source[begins : found.start()]
        return not before.strip(" \t") and _AFTER.match(self._source, found.end()) is not None

    def _tag(self, found: re.Match[str]) -> None:
        sign = found["sign"] or ""
        inside = found["three"] if found["three"] is not None else found["inside"]
        self._line += self._source.count("\n", self._counted, found.start())
        self._counted, line = found.start(), self._line
        if sign == "!":
            return
        if sign in ("=", ">"):
            what = "other delimiters" if sign == "=" else "partials, which stand in files of their own"
            self._notes.refuse(f"line {line}", found[0], f"{what}, cannot be brought over")
        elif not _NAME.fullmatch(inside):
            self._notes.refuse(f"line {line}", found[0], "is no name of a variable")
        elif sign == "/":
            self._close(found[0], inside, line)
        elif sign in ("#", "^"):
            self._begin(sign, found[0], inside, line)
        else:
            self._made.append(Value(self._name(inside, line)))

    def _begin(self, sign: str, written: str, inside: str, line: int) -> None:
        name = self._name(inside, line)
        kind: Literal["loop", "branch", "inverted"] = "inverted"
        if sign == "#":
            declared = self._kinds.get(inside, "")
            kind = "loop" if declared == "array" else "branch"
            if declared not in ("array", "boolean"):
                why = "is a loop or a condition by what it finds; declare the kind of its variable, array or boolean"
                self._notes.refuse(f"line {line}", written, why)
        if len(self._open) >= MAX_DEPTH:
            self._notes.refuse(f"line {line}", written, f"is nested deeper than {MAX_DEPTH} levels")
            return
        self._open.append(_Open(name, inside, line, kind, self._made))
        self._made = []

    def _close(self, written: str, inside: str, line: int) -> None:
        if not self._open or self._open[-1].written != inside:
            self._notes.refuse(f"line {line}", written, "closes what is not open")
            return
        opened = self._open.pop()
        body = joined(self._made)
        self._made = opened.before
        if opened.kind == "loop":
            self._made.append(Loop(opened.name, body))
        elif body:
            self._made.append(Branch(opened.name, *((body, ()) if opened.kind == "branch" else ((), body))))

    def _name(self, inside: str, line: int) -> Name:
        level = sum(one.kind == "loop" for one in self._open)
        if inside == ".":
            return Name((), level)
        parts = tuple(inside.split("."))
        if not level:
            return Name(parts)
        if parts[0] in self._kinds:
            why = "is taken for the prompt's variable, and not for one of the item's"
            self._notes.note(f"line {line}", inside, why)
            return Name(parts)
        return Name(parts, level)
