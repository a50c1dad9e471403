"""Which variables a template uses, and as what: for those that nobody has declared."""

from collections.abc import Iterator, Mapping

from gateway.prompts.formats.pieces import Loop, Media, Messages, Name, Partial, Piece, Pieces, Value, names, walk
from gateway.prompts.formats.schemas import Input

_NONE: Mapping[str, Pieces] = {}


def used(pieces: Pieces, partials: Mapping[str, Pieces] = _NONE) -> dict[str, Input]:
    """The prompt's own variables in the order of their first use; the types are those that their uses ask for."""
    kinds: dict[str, set[str]] = {}
    for piece in _all(pieces, partials, frozenset()):
        for name, kind in _uses(piece):
            kinds.setdefault(name, set()).add(kind)
    return {name: Input(type=_type(found)) for name, found in kinds.items()}


def _all(pieces: Pieces, partials: Mapping[str, Pieces], seen: frozenset[str]) -> Iterator[Piece]:
    for piece in walk(pieces):
        if isinstance(piece, Partial) and piece.name not in seen:
            yield from _all(partials.get(piece.name, ()), partials, seen | {piece.name})
        yield piece


def _uses(piece: Piece) -> Iterator[tuple[str, str]]:
    written = isinstance(piece, Value | Media)
    over = isinstance(piece, Loop | Messages)
    for name in names(piece):
        if name.level:
            continue
        root, *rest = name.parts
        yield root, "object" if rest else "array" if over and name == _over(piece) else "string" if written else "any"


def _over(piece: Piece) -> Name | None:
    return piece.over if isinstance(piece, Loop) else piece.of if isinstance(piece, Messages) else None


def _type(kinds: set[str]) -> str:
    """What is only tested, or written as JSON, may be anything."""
    definite = kinds - {"any"}
    return definite.pop() if len(definite) == 1 else "any"
