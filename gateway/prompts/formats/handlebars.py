"""Pieces → the body of a `.prompt` file."""

import re
from collections.abc import Iterator, Sequence

from gateway.prompts.dotprompt.helping import WORDS
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
from gateway.prompts.formats.tags import Tag, written

# Names that mean something else where they stand alone; `log` and `blockHelperMissing` are upstream's.
HELPERS = frozenset({*WORDS, "log", "blockHelperMissing", "helperMissing"})
_WORDS = frozenset(["else", "this", "true", "false", "null", "undefined", "as"])
_PLAIN = re.compile(r"[^\W\d][\w-]*")


def body(pieces: Sequence[Piece], partial: bool = False) -> str:
    """A source that renders to these pieces, message by message, without a character more or less.

    `partial`: it is one; of its file everything is put in, and the line break at the end is taken by a tag.

    Raises:
        ValueError: a text within a tag has both kinds of quotes, or ends with a backslash.
    """
    return written(list(_items(pieces, 0)), closed=partial)


def _items(pieces: Sequence[Piece], depth: int) -> Iterator[str | Tag]:
    """Roles and the history stand on lines of their own where their tags can take the line breaks away again."""
    for index, piece in enumerate(pieces):
        if not isinstance(piece, Role | History):
            yield from _one(piece, depth)
            continue
        left = index > 0 and not _edged(pieces[index - 1], -1)
        right = (
            index + 1 < len(pieces)
            and not _edged(pieces[index + 1], 0)
            and not isinstance(pieces[index + 1], Role | History)
        )
        if left:
            yield "\n"
        yield Tag("history" if isinstance(piece, History) else f"role {quoted(piece.role)}", left=left, right=right)
        if right:
            yield "\n"


def _edged(piece: Piece, at: int) -> bool:
    """Whether it is a text with white space of its own at this end."""
    return isinstance(piece, Text) and (not piece.text or piece.text[at].isspace())


def _one(piece: Piece, depth: int) -> Iterator[str | Tag]:
    match piece:
        case Text(text):
            yield text
        case Value(of):
            yield Tag(name(of, depth))
        case Json(of, indent):
            yield Tag(f"json {name(of, depth)}" + (f" indent={indent}" if indent else ""))
        case Media(url, type):
            yield Tag(f"media url={_operand(url, depth)}" + (f" contentType={_operand(type, depth)}" if type else ""))
        case Partial(called):
            yield Tag(f"> {called}", alone=True)
        case Messages(of):
            yield from _messages(of, depth)
        case Branch():
            yield from _branch(piece, depth, "#")
        case Loop(over, inner, otherwise):
            yield Tag(f"#each {name(over, depth)}", alone=True)
            yield from _items(inner, depth + 1)
            if otherwise:
                yield Tag("else", alone=True)
                yield from _items(otherwise, depth)
            yield Tag("/each", alone=True)
        case Role() | History():
            yield from _items((piece,), depth)


def _messages(of: Name, depth: int) -> Iterator[Tag]:
    """A role that a variable names may be `user` or `model`; clients say `assistant`."""
    yield Tag(f"#each {name(of, depth)}", alone=True)
    yield Tag('#ifEquals this.role "assistant"', alone=True)
    yield Tag('role "model"')
    yield Tag("else", alone=True)
    yield Tag("role this.role")
    yield Tag("/ifEquals", alone=True)
    yield Tag("content")
    yield Tag("/each", alone=True)


def _branch(branch: Branch, depth: int, sign: str) -> Iterator[str | Tag]:
    turned = not branch.then
    test = branch.test
    if isinstance(test, Same):
        word = "unlessEquals" if turned else "ifEquals"
        operands = f"{_operand(test.left, depth)} {_operand(test.right, depth)}"
    else:
        word, operands = "unless" if turned else "if", _operand(test, depth)
    yield Tag(f"{sign}{word} {operands}", alone=True)
    yield from _items(branch.otherwise if turned else branch.then, depth)
    otherwise = () if turned else branch.otherwise
    if len(otherwise) == 1 and isinstance(last := otherwise[0], Branch):
        yield from _branch(last, depth, "else ")
    elif otherwise:
        yield Tag("else", alone=True)
        yield from _items(otherwise, depth)
    if sign == "#":
        yield Tag(f"/{word}", alone=True)


def name(of: Name | Place, depth: int) -> str:
    """How it is looked up from within so many loops."""
    if isinstance(of, Place):
        return f"@{of.word}"
    segments = [part if _PLAIN.fullmatch(part) and part not in _WORDS else _bracketed(part) for part in of.parts]
    up = depth - of.level
    if up > 1 and not of.level:  # plainer, and `../` does not count a loop whose item equals what is around it
        return ".".join(["@root", *segments])
    if up:
        return "/".join([*[".."] * up, ".".join(segments)]).rstrip("/")
    if not segments or segments[0] in HELPERS:
        segments.insert(0, "this")
    return ".".join(segments)


def _bracketed(part: str) -> str:
    return "[" + re.sub(r"([\\\]])", r"\\\1", part) + "]"


def _operand(value: Name | Place | str | int | float | bool, depth: int) -> str:
    if isinstance(value, Name | Place):
        return name(value, depth)
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text: str) -> str:
    """A text within a tag.

    Raises:
        ValueError: it has both kinds of quotes, or ends with a backslash.
    """
    for quote in '"', "'":
        if quote not in text and not text.endswith("\\"):
            return f"{quote}{text}{quote}"
    raise ValueError("a text within a tag may not have both kinds of quotes, nor end with a backslash")
