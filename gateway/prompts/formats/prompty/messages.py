"""Prompty's bodies → messages: a line `system:`, `user:` or `assistant:` begins one, a thread is a conversation, and an
image stands as Markdown writes it (github.com/microsoft/prompty, spec/spec.md, sections 2.10, 5.2 and 6).

Prompty looks for these lines after rendering, so that a variable may hold one; here only those count that the template
has. What it trims from a message afterwards is trimmed here from the template.
"""

import re
from collections.abc import Sequence

from gateway.prompts.formats.chat import ROLES
from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.pieces import (
    Branch,
    History,
    Loop,
    Messages,
    Name,
    Piece,
    Role,
    Text,
    Value,
    joined,
    names,
    walk,
)
from gateway.prompts.formats.prompty.rich import with_images
from gateway.prompts.formats.prompty.trimming import trimmed

_MARKER = re.compile(r"\s*#?\s*(system|developer|user|assistant|function|tools?)(\[[^\]]*\])?\s*:\s*", re.IGNORECASE)
Pieces = tuple[Piece, ...]


def messages(pieces: Sequence[Piece], notes: Notes, markdown: bool = False) -> Pieces:
    """The pieces with roles in them, and one conversation, if there is one, as the call's own.

    `markdown`: whether an image in Markdown is one.
    """
    split, _ = _Lines(notes).split(joined(pieces), True, True)
    made = with_images(split, notes) if markdown else joined(split)
    first = next((one for one in made if not _is_blank(one)), None)
    if not isinstance(first, Role):
        made = (Role("system"), *made)  # what stands before any marker is the system's
    if (thread := only_thread(made)) is not None:
        made = _with_history(made, thread)
    made, _ = _continued(made, "system")
    return trimmed(made, notes)


def is_marker(line: str) -> bool:
    """Whether Prompty takes a line for the beginning of a message."""
    return _MARKER.fullmatch(line) is not None


def only_thread(pieces: Sequence[Piece]) -> Name | None:
    """The one conversation that is put in as a variable, if it is used for nothing else."""
    found = [piece.of for piece in walk(pieces) if isinstance(piece, Messages)]
    uses = [name for piece in walk(pieces) for name in names(piece) if found and name == found[0]]
    return found[0] if len(found) == len(uses) == 1 and not found[0].level else None


def _with_history(pieces: Pieces, thread: Name) -> Pieces:
    return tuple(_replaced(piece, thread) for piece in pieces)


def _replaced(piece: Piece, thread: Name) -> Piece:
    match piece:
        case Messages(of) if of == thread:
            return History()
        case Branch(test, then, otherwise):
            return Branch(test, _with_history(then, thread), _with_history(otherwise, thread))
        case Loop(over, body, otherwise):
            return Loop(over, _with_history(body, thread), _with_history(otherwise, thread))
        case _:
            return piece


class _Lines:
    """Finds the lines that begin messages."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def split(self, pieces: Sequence[Piece], fresh: bool, last: bool) -> tuple[Pieces, bool]:
        """`fresh`: it begins on a new line; what is returned beside: it ends on one. `last`: nothing comes behind."""
        made: list[Piece] = []
        for index, piece in enumerate(pieces):
            after = pieces[index + 1] if index + 1 < len(pieces) else None
            match piece:
                case Text(text):
                    made += self._text(text, fresh, last and after is None, isinstance(after, Value))
                    fresh = text.endswith("\n")
                case Branch(test, then, otherwise):
                    then, one = self.split(then, fresh, last and after is None)
                    otherwise, other = self.split(otherwise, fresh, last and after is None)
                    made.append(Branch(test, then, otherwise))
                    fresh = one and other
                case Loop(over, body, otherwise):
                    body, one = self.split(body, fresh, False)
                    otherwise, other = self.split(otherwise, fresh, False)
                    made.append(Loop(over, body, otherwise))
                    fresh = one and other
                case _:
                    made.append(piece)
                    fresh = False
        return tuple(made), fresh

    def _text(self, text: str, fresh: bool, last: bool, value: bool) -> list[Piece]:
        made: list[Piece] = []
        lines = text.split("\n")
        for index, line in enumerate(lines):
            whole = index < len(lines) - 1
            found = _MARKER.fullmatch(line) if fresh or index else None
            if found and (whole or last):
                made += self._role(found, line)
                continue
            if found and not value:
                why = "looks like the beginning of a message, and shares its line with a tag; give it a line of its own"
                self._notes.refuse("body", line, why)
            made.append(Text(line + "\n" if whole else line))
        return made

    def _role(self, found: re.Match[str], line: str) -> list[Piece]:
        role = ROLES.get(found[1].lower())
        if role is None:
            self._notes.refuse("body", line, "calls of tools and their results cannot be templates")
            return []
        if found[1].lower() == "developer":
            self._notes.note("body", line, "becomes `system`, which `.prompt` files have for both")
        if found[2]:
            self._notes.note("body", line, "what stands in brackets has no place in a `.prompt` file, and is left out")
        return [Role(role)]


def _continued(pieces: Sequence[Piece], role: str) -> tuple[Pieces, str]:
    """Behind a conversation goes on whoever spoke before it; in a `.prompt` file it would be the model."""
    made: list[Piece] = []
    due = False
    for piece in pieces:
        if due and not _is_blank(piece):
            due = False
            if not isinstance(piece, Role | History | Messages):
                made.append(Role(role))
        match piece:
            case Branch(test, then, otherwise):
                then, one = _continued(then, role)
                otherwise, other = _continued(otherwise, role)
                due = any(isinstance(inner, History | Messages) for inner in walk(then + otherwise))
                role = one if one == other else role
                made.append(Branch(test, then, otherwise))
            case Loop(over, body, otherwise):
                made.append(Loop(over, _continued(body, role)[0], otherwise))
            case _:
                role = piece.role if isinstance(piece, Role) else role
                due = due or isinstance(piece, History | Messages)
                made.append(piece)
    return tuple(made), role


def _is_blank(piece: Piece) -> bool:
    return isinstance(piece, Text) and not piece.text.strip()
