"""What Prompty takes from the beginning and the end of each message after rendering, line breaks, taken from the
template before it. What a variable brings is left as it is, and so is what stands beside one that is empty."""

from collections.abc import Sequence

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import Branch, History, Loop, Messages, Piece, Role, Text, joined

_EDGES = (Role, History, Messages)
Pieces = tuple[Piece, ...]


def trimmed(pieces: Sequence[Piece], notes: Notes) -> Pieces:
    """Where what stands at the edge of a message depends on a condition, a note says that it may differ."""
    return _trimmed(pieces, True, True, notes)


def _trimmed(pieces: Sequence[Piece], begins: bool, ends: bool, notes: Notes) -> Pieces:
    """`begins`, `ends`: whether a message does, outside of these pieces."""
    made: list[Piece] = []
    segment: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, _EDGES):
            made += (*_segment(segment, begins, True, notes), piece)
            segment, begins = [], True
        else:
            segment.append(_inside(piece, notes))
    return joined([*made, *_segment(segment, begins, ends, notes)])


def _inside(piece: Piece, notes: Notes) -> Piece:
    """Messages may begin and end within."""
    match piece:
        case Branch(test, then, otherwise):
            return Branch(test, *(_trimmed(arm, False, False, notes) for arm in (then, otherwise)))
        case Loop(over, body, otherwise):
            return Loop(over, *(_trimmed(arm, False, False, notes) for arm in (body, otherwise)))
        case _:
            return piece


def _segment(pieces: list[Piece], begins: bool, ends: bool, notes: Notes) -> list[Piece]:
    if begins:
        pieces = _edge(pieces, 0, notes)
    return _edge(pieces, -1, notes) if ends else pieces


def _edge(pieces: Sequence[Piece], at: int, notes: Notes) -> list[Piece]:
    """Without the line breaks at one end; `at`: 0 for the first, -1 for the last."""
    left = list(pieces)
    while left:
        piece = left[at]
        match piece:
            case Text(text):
                text = text.lstrip("\n") if at == 0 else text.rstrip("\n")
                if not text:
                    left.pop(at)
                    continue
                left[at] = Text(text)
            case Branch(test, then, otherwise):
                arms = [joined(_edge(arm, at, notes)) for arm in (then, otherwise)]
                left[at] = Branch(test, *arms)
                if not all(arms):
                    _check(left[1:] if at == 0 else left[:-1], at, notes)
            case Loop(_, body):
                _check(body, at, notes)
                _check(left[1:] if at == 0 else left[:-1], at, notes)
            case _:
                pass
        break
    return left


def _check(pieces: Sequence[Piece], at: int, notes: Notes) -> None:
    """What may come to stand at the edge, and may have line breaks there."""
    if _breaks(pieces, at):
        why = (
            "line breaks at the edge of a message depend on a condition; Prompty trims them, a `.prompt` file does not"
        )
        notes.note("body", "", why)


def _breaks(pieces: Sequence[Piece], at: int) -> bool:
    """Whether there may be a line break at this end."""
    for piece in pieces if at == 0 else reversed(pieces):
        match piece:
            case Text(text):
                return text[at] == "\n"
            case Branch(_, then, otherwise):
                if _breaks(then, at) or _breaks(otherwise, at):
                    return True
                if then and otherwise:
                    return False
            case Loop(_, body, otherwise):
                if _breaks(body, at) or _breaks(otherwise, at):
                    return True
            case _:
                return False
    return False
