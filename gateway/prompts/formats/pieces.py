"""A template as no format writes it: what all of them can be read into, and written from.

A name is looked up where it stands: `Name.level` 0 are the prompt's own variables, 1 the item of the outermost loop
around it, and so on. Truth is Handlebars': false, null, nothing, 0, and an empty text or list are false.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec


class Name(msgspec.Struct, frozen=True):
    """Attributes:
    parts: keys, outermost first; none for a loop's item itself. level: of the loop that it belongs to; 0: of none.
    """

    parts: tuple[str, ...]
    level: int = 0


class Place(msgspec.Struct, frozen=True):
    """Where the innermost loop is: its number from 0, or whether it is at its first or last item."""

    word: Literal["index", "first", "last"]


class Text(msgspec.Struct, frozen=True):
    text: str


class Value(msgspec.Struct, frozen=True):
    of: Name | Place


class Json(msgspec.Struct, frozen=True):
    """A value as JSON; `indent` spaces a level, 0 for one line."""

    of: Name
    indent: int = 0


class Same(msgspec.Struct, frozen=True):
    """Whether a value is this one, and of its kind: 1 is not "1"."""

    left: Name | Place
    right: "Name | str | int | float | bool"


class Branch(msgspec.Struct, frozen=True):
    """`test`: the value that must be true, or the comparison that must hold."""

    test: Name | Place | Same
    then: "tuple[Piece, ...]"
    otherwise: "tuple[Piece, ...]" = ()


class Loop(msgspec.Struct, frozen=True):
    """`otherwise`: for an empty list."""

    over: Name
    body: "tuple[Piece, ...]"
    otherwise: "tuple[Piece, ...]" = ()


class Role(msgspec.Struct, frozen=True):
    """Here a message begins; `role`: system, developer, user, model, tool."""

    role: str


class History(msgspec.Struct, frozen=True):
    """Here the conversation of the call stands."""


class Messages(msgspec.Struct, frozen=True):
    """Here the messages in a variable stand: a list of `{role, content}`."""

    of: Name


class Media(msgspec.Struct, frozen=True):
    """An image, or another medium, by its URL: a text, or a variable that holds it."""

    url: Name | str
    type: Name | str = ""


class Partial(msgspec.Struct, frozen=True):
    """Another template, by its name."""

    name: str


Piece: TypeAlias = Text | Value | Json | Branch | Loop | Role | History | Messages | Media | Partial
Pieces: TypeAlias = Sequence[Piece]


def walk(pieces: Pieces) -> Iterator[Piece]:
    """Every piece, those within others too, in the order in which they are written."""
    for piece in pieces:
        yield piece
        if isinstance(piece, Branch):
            yield from walk(piece.then)
            yield from walk(piece.otherwise)
        elif isinstance(piece, Loop):
            yield from walk(piece.body)
            yield from walk(piece.otherwise)


def names(piece: Piece) -> Iterator[Name]:
    """What a piece looks up itself."""
    match piece:
        case Value(of) | Json(of) | Messages(of):
            found: tuple[object, ...] = (of,)
        case Branch(test):
            found = (test.left, test.right) if isinstance(test, Same) else (test,)
        case Loop(over):
            found = (over,)
        case Media(url, type):
            found = (url, type)
        case _:
            found = ()
    yield from (one for one in found if isinstance(one, Name))


def joined(pieces: Pieces) -> tuple[Piece, ...]:
    """The same with neighbouring texts as one, and none that is empty."""
    made: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Text):
            if not piece.text:
                continue
            if made and isinstance(last := made[-1], Text):
                made[-1] = Text(last.text + piece.text)
                continue
        made.append(piece)
    return tuple(made)
