"""Pieces → a Jinja template, of Prompty's subset where it has the words (github.com/microsoft/prompty,
spec/jinja-subset.md)."""

import json
import re
from collections.abc import Callable, Iterator, Sequence

from gateway.prompts.formats.pieces import (
    Branch,
    History,
    Json,
    Loop,
    Media,
    Messages,
    Name,
    Partial,
    Piece,
    Place,
    Role,
    Same,
    Text,
    Value,
)

_BRACES = re.compile(r"\{(?=[{%#])|\{\Z")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_TAKEN = frozenset(["and", "or", "not", "in", "is", "if", "else", "for", "true", "false", "none", "null", "loop"])
Marks = Callable[[Role | History | Messages | Media], str]


class UnsaidInJinja(ValueError):
    """What a template cannot say; the message says why."""


def jinja_text(pieces: Sequence[Piece], marks: Marks, taken: frozenset[str]) -> str:
    """A template that renders to these pieces.

    Args:
        marks: how what is more than text is written. taken: the variables of the prompt.

    Raises:
        UnsaidInJinja: a variable's name is none in Jinja.
    """
    return "".join(_Writer(marks, taken).items(pieces, ()))


class _Writer:
    def __init__(self, marks: Marks, taken: frozenset[str]) -> None:
        self._marks, self._taken = marks, taken

    def items(self, pieces: Sequence[Piece], loops: tuple[str, ...]) -> Iterator[str]:
        """`loops`: the variables of the loops around, outermost first."""
        for index, piece in enumerate(pieces):
            if isinstance(piece, Text):
                yield _escaped(piece.text, index == len(pieces) - 1 and not loops)
            else:
                yield from self._one(piece, loops)

    def _one(self, piece: Piece, loops: tuple[str, ...]) -> Iterator[str]:
        match piece:
            case Value(of):
                yield f"{{{{ {self._name(of, loops)} }}}}"
            case Json(of, indent):
                yield f"{{{{ {self._name(of, loops)} | tojson{f'({indent})' if indent else ''} }}}}"
            case Branch():
                yield from self._branch(piece, loops, "if")
            case Loop(over, body, otherwise):
                variable = self._variable(loops)
                yield f"{{% for {variable} in {self._name(over, loops)} %}}"
                yield from self.items(body, (*loops, variable))
                if otherwise:
                    yield "{% else %}"
                    yield from self.items(otherwise, (*loops, ""))
                yield "{% endfor %}"
            case Role() | History() | Messages() | Media():
                yield self._marks(piece)
            case Text() | Partial():
                raise UnsaidInJinja("a partial must be put in first")

    def _branch(self, branch: Branch, loops: tuple[str, ...], word: str) -> Iterator[str]:
        then, otherwise, turned = branch.then, branch.otherwise, not branch.then
        if turned:
            then, otherwise = otherwise, then
        yield f"{{% {word} {self._test(branch.test, loops, turned)} %}}"
        yield from self.items(then, (*loops, ""))
        if len(otherwise) == 1 and isinstance(last := otherwise[0], Branch):
            yield from self._branch(last, loops, "elif")
        elif otherwise:
            yield "{% else %}"
            yield from self.items(otherwise, (*loops, ""))
        if word == "if":
            yield "{% endif %}"

    def _test(self, test: Name | Place | Same, loops: tuple[str, ...], turned: bool) -> str:
        if not isinstance(test, Same):
            return ("not " if turned else "") + self._name(test, loops)
        right = (
            self._name(test.right, loops)
            if isinstance(test.right, Name)
            else json.dumps(test.right, ensure_ascii=False)
        )
        return f"{self._name(test.left, loops)} {'!=' if turned else '=='} {right}"

    def _variable(self, loops: tuple[str, ...]) -> str:
        number = len([one for one in loops if one]) + 1
        name = "item" if number == 1 else f"item_{number}"
        while name in self._taken:
            name += "_"
        return name

    def _name(self, of: Name | Place, loops: tuple[str, ...]) -> str:
        if isinstance(of, Place):
            return f"loop.{'index0' if of.word == 'index' else of.word}"
        around = [one for one in loops if one]
        root, rest = (around[of.level - 1], of.parts) if of.level else (of.parts[0], of.parts[1:])
        if not _IDENTIFIER.fullmatch(root) or root in _TAKEN:
            raise UnsaidInJinja(f"`{root}` is no name of a variable in Jinja")
        return root + "".join(f".{part}" if _IDENTIFIER.fullmatch(part) else _bracketed(part) for part in rest)


def _bracketed(part: str) -> str:
    return f"[{part}]" if part.isdigit() else f"[{json.dumps(part, ensure_ascii=False)}]"


def _escaped(text: str, last: bool) -> str:
    """A brace that would begin a tag stands in one; so does one at the end, which would become part of the next."""
    return _BRACES.sub(lambda found: "{" if last and found.end() == len(text) else "{{ '{' }}", text)
