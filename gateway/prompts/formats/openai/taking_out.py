"""Values of variables in a text that has been made with them → the variables again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import Name, Piece, Text, Value, joined
from gateway.prompts.formats.untyped import at, mapping

MIN_LENGTH = 3  # shorter ones stand in any text


def taken_out(pieces: Sequence[Piece], values: Mapping[str, Any], where: str, notes: Notes) -> tuple[Piece, ...]:
    """Where a value stands, there its variable is taken to have stood. Nobody can tell; so each is noted."""
    known = {name: text for name, value in values.items() if (text := _text(value)) is not None}
    made: list[Piece] = []
    for piece in pieces:
        made += _cut(piece.text, known) if isinstance(piece, Text) else [piece]
    found = {one.of.parts[0] for one in made if isinstance(one, Value) and isinstance(one.of, Name)}
    for name, value in values.items():
        if name in found:
            why = f"is what the text was made with; `{{{{{name}}}}}` is put wherever it stands: look at it"
            notes.note(at(where, name), value, why)
        else:
            why = (
                "does not stand in the text, or is too short to be looked for; where its variable belongs is not known"
            )
            notes.refuse(at(where, name), value, why)
    return joined(made)


def _text(value: Any) -> str | None:
    value = mapping(value).get("text", value)
    return value if isinstance(value, str) and len(value) >= MIN_LENGTH else None


def _cut(text: str, known: Mapping[str, str]) -> Iterator[Piece]:
    """Longer values first: a shorter one may be part of them."""
    at = 0
    by_length = sorted(known.items(), key=lambda one: -len(one[1]))
    while True:
        places = [(text.find(value, at), order) for order, (_, value) in enumerate(by_length)]
        places = [one for one in places if one[0] >= 0]
        if not places:
            yield Text(text[at:])
            return
        start, order = min(places)
        name, value = by_length[order]
        yield Text(text[at:start])
        yield Value(Name((name,)))
        at = start + len(value)
