"""Lists of messages, as OpenAI's APIs and whoever copied them write them → pieces, and back."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import Media, Name, Piece, Role, Text, joined
from gateway.prompts.formats.untyped import at, is_list, items, mapping

# dotprompt's names, https://google.github.io/dotprompt/reference/template/#role
ROLES: Mapping[str, str] = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "model", "ai": "model",
    "model": "model",
}  # fmt: skip
WRITTEN = {"system": "system", "user": "user", "model": "assistant"}
_VARIABLE = re.compile(r"\{\{\s*([^\W\d][\w.-]*)\s*\}\}")
_KNOWN = frozenset({"role", "content", "type", "id", "status"})
ReadText = Callable[[str, str], Sequence[Piece]]


def read_chat(messages: Sequence[Any], path: str, notes: Notes, text: ReadText) -> tuple[Piece, ...]:
    """A role and what follows, for each message. `text(text, path)`: the pieces of a text."""
    made: list[Piece] = []
    for index, message in enumerate(messages):
        made += read_message(message, at(path, f"[{index}]"), notes, text)
    return joined(made)


def read_message(message: Any, where: str, notes: Notes, text: ReadText) -> Iterator[Piece]:
    said = mapping(message)
    role = str(said.get("role"))
    if role not in ROLES:
        why = (
            "is no message of the system, the user or the assistant; calls of tools and their results are no templates"
        )
        notes.refuse(where, message, why)
        return
    if role == "developer":
        notes.note(where, "developer", "becomes `system`, which `.prompt` files have for both")
    for key in sorted(said.keys() - _KNOWN):
        if said[key] not in (None, [], {}, ""):
            notes.note(at(where, key), said[key], "has no place in a message of a `.prompt` file, and is left out")
    yield Role(ROLES[role])
    parts = joined(list(_content(said.get("content"), at(where, "content"), notes, text)))
    if not parts:
        notes.note(where, role, "is empty, and no message comes of it")
    yield from parts


def _content(content: Any, where: str, notes: Notes, text: ReadText) -> Iterator[Piece]:
    if isinstance(content, str):
        yield from text(content, where)
        return
    if not is_list(content):
        notes.refuse(where, content, "is neither a text nor a list of parts")
    for index, part in enumerate(items(content)):
        yield from _part(part, at(where, f"[{index}]"), notes, text)


def _part(part: Any, where: str, notes: Notes, text: ReadText) -> Iterator[Piece]:
    said = mapping(part)
    kind, image = said.get("type"), said.get("image_url")
    url = mapping(image).get("url", image)
    if kind in ("text", "input_text", "output_text") and isinstance(said.get("text"), str):
        yield from text(said["text"], where)
    elif kind in ("image_url", "input_image") and isinstance(url, str):
        detail = said.get("detail") or mapping(image).get("detail") or "auto"
        if detail != "auto":
            notes.note(at(where, "detail"), detail, "has no place in a `.prompt` file, and is left out")
        yield Media(_url(url))
    else:
        notes.refuse(where, part, "is neither text nor an image with a URL")


def _url(url: str) -> Name | str:
    """A URL that is a variable alone is that variable."""
    found = _VARIABLE.fullmatch(url.strip())
    return Name(tuple(found[1].split("."))) if found else url


def messages_of(pieces: Sequence[Piece]) -> list[tuple[str, list[Piece]]]:
    """Cut at roles: (role, what it says). What stands before the first is the user's, as in dotprompt."""
    made: list[tuple[str, list[Piece]]] = []
    for piece in pieces:
        if isinstance(piece, Role):
            made.append((piece.role, []))
            continue
        if not made:
            made.append(("user", []))
        made[-1][1].append(piece)
    return [(role, said) for role, said in made if not is_blank(said)]


def is_blank(pieces: Sequence[Piece]) -> bool:
    """Whether no message comes of them."""
    return all(isinstance(piece, Text) and not piece.text.strip() for piece in pieces)
