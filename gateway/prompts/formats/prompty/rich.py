"""What is more than text in Prompty's bodies: conversations and images, and how its first version spelt them out."""

import re
from collections.abc import Sequence

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import Branch, Loop, Media, Messages, Name, Piece, Text, Value, joined

_BETWEEN = re.compile(r"[ \t]*:[ \t]*\n\s*")
_IMAGE = re.compile(r"!\[[^\[\]]*\]\(\s*([^)\s\"]+)(?:\s+\"[^\"]*\")?\s*\)")
_OPENS, _CLOSES = re.compile(r"!\[[^\[\]]*\]\(\s*\Z"), re.compile(r"\s*(?:\"[^\"]*\"\s*)?\)")


class Rich(msgspec.Struct, frozen=True):
    """Variables by their names: `threads` are conversations, `media` images, files and sounds."""

    threads: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()


def enriched(pieces: Sequence[Piece], rich: Rich, depth: int = 0) -> tuple[Piece, ...]:
    """The pieces, with these variables as what they are. `depth`: how many loops stand around."""
    made: list[Piece] = []
    for piece in pieces:
        match piece:
            case Value(Name((name,), 0) as of) if name in rich.threads:
                made.append(Messages(of))
            case Value(Name((name,), 0) as of) if name in rich.media:
                made.append(Media(of))
            case Branch(test, then, otherwise):
                made.append(Branch(test, *(enriched(arm, rich, depth) for arm in (then, otherwise))))
            case Loop(over) if _spells_messages(piece, depth + 1):
                made.append(Messages(over))
            case Loop(over, body, otherwise):
                inner = enriched(body, rich, depth + 1)
                made.append(Loop(over, inner, enriched(otherwise, rich, depth)))
            case _:
                made.append(piece)
    return joined(made)


def _spells_messages(loop: Loop, depth: int) -> bool:
    """`{{item.role}}:` on a line, and `{{item.content}}` below: how the format's first version spelt a conversation."""
    match [piece for piece in loop.body if not (isinstance(piece, Text) and not piece.text.strip())]:
        case [Value(Name(("role",), level)), Text(text), Value(Name(("content",), other))]:
            return level == other == depth and bool(_BETWEEN.fullmatch(text)) and not loop.otherwise
        case _:
            return False


def with_images(pieces: Sequence[Piece], notes: Notes) -> tuple[Piece, ...]:
    """`![…](…)` as an image, as in the first version of the format; the second takes it for text."""
    made: list[Piece] = []
    index = 0
    while index < len(pieces):
        piece, after = pieces[index], pieces[index + 1] if index + 1 < len(pieces) else None
        index += 1
        match piece:
            case Text(text):
                made += _written_out(text, notes)
            case Value(Name() as of) if (around := _around(made, after)) is not None:
                made[-1] = Text(around[0])
                made += Media(of), *_written_out(around[1], notes)
                index += 1
            case Branch(test, then, otherwise):
                made.append(Branch(test, *(with_images(arm, notes) for arm in (then, otherwise))))
            case Loop(over, body, otherwise):
                made.append(Loop(over, *(with_images(arm, notes) for arm in (body, otherwise))))
            case _:
                made.append(piece)
    return joined(made)


def _around(made: Sequence[Piece], after: Piece | None) -> tuple[str, str] | None:
    """The texts around an image whose URL is a variable, if it is one."""
    before = made[-1] if made else None
    if not isinstance(before, Text) or not isinstance(after, Text):
        return None
    opens, closes = _OPENS.search(before.text), _CLOSES.match(after.text)
    return (before.text[: opens.start()].rstrip(), after.text[closes.end() :].lstrip()) if opens and closes else None


def _written_out(text: str, notes: Notes) -> list[Piece]:
    made: list[Piece] = []
    start = 0
    for found in _IMAGE.finditer(text):
        if not found[1].startswith(("http://", "https://", "data:")):
            why = "is an image in a file beside the prompt; hand in its URL, or a data: URL, as a variable"
            notes.refuse("body", found[0], why)
        made += Text(text[start : found.start()].rstrip()), Media(found[1])
        start = found.end()
    rest = text[start:]
    made.append(Text(rest.lstrip() if start else rest))
    return made
