"""Texts whose only tag is `{{name}}`: OpenAI's hosted prompts, Langfuse's, MLflow's.

A name is letters, digits, `_` and `-`, with dots between; white space around it means nothing. What stands in braces
and is no name is text to all three of them, and stays it. Tags of fuller languages are refused: Langfuse's JavaScript
client runs them through mustache.js, its Python client leaves them as they are, and nobody can tell which was meant.
"""

import re
from collections.abc import Iterator, Sequence

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import Name, Piece, Text, Value, joined

_NAME = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)*")
_FULLER = re.compile(r"[#^/>&=!{]|else\b")


def variables(text: str, path: str, notes: Notes) -> tuple[Piece, ...]:
    """The text's pieces: texts and values."""
    return joined(list(_pieces(text, path, notes)))


def _pieces(text: str, path: str, notes: Notes) -> Iterator[Piece]:
    start, line, counted = 0, 1, 0
    while (begins := text.find("{{", start)) >= 0 and (ends := text.find("}}", begins + 2)) >= 0:
        inside = text[begins + 2 : ends].strip()
        yield Text(text[start:begins])
        start = ends + 2
        if _NAME.fullmatch(inside) and inside != "else":
            yield Value(Name(tuple(inside.split("."))))
            continue
        line, counted = line + text.count("\n", counted, begins), begins
        where, written = f"{path}, line {line}", text[begins:start]
        if _FULLER.match(inside):
            notes.refuse(where, written, "is a tag of Mustache or Handlebars; only `{{name}}` can be brought over")
        else:
            notes.note(where, written, "is no name of a variable, and stays as text")
        yield Text(written)
    yield Text(text[start:])


def variable(name: Name) -> str:
    """How it is written."""
    return f"{{{{{'.'.join(name.parts)}}}}}"


def with_variables(pieces: Sequence[Piece], where: str, notes: Notes) -> str:
    """The text of such pieces. What would be read back as something else is refused: there is no way to escape it."""
    made = "".join(map(_written, pieces))
    if variables(made, where, Notes(where)) != tuple(pieces):
        why = "has braces or names that would be read otherwise; the format has no way to escape them"
        notes.refuse(where, made, why)
    return made


def _written(piece: Piece) -> str:
    if isinstance(piece, Value) and isinstance(piece.of, Name):
        return variable(piece.of)
    return piece.text if isinstance(piece, Text) else ""
