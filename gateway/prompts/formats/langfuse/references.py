"""References of Langfuse's prompts to one another → partials.

`@@@langfusePrompt:name=…|version=…@@@` or `|label=…` stands for the text of another prompt
(langfuse.com/docs/prompt-management/features/composability; the rules for reading it are those of its
packages/shared/src/features/prompts/parsePromptDependencyTags.ts).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.naming import partial_name
from gateway.prompts.formats.pieces import Partial, Piece, Pieces, joined
from gateway.prompts.formats.variables import variables

_TAG = re.compile(r"@@@langfusePrompt:(.*?)@@@")
DEFAULT_LABEL = "production"
MAX_DEPTH = 16  # Langfuse's own bound is 5
Found = Callable[[str, str, str], Mapping[str, Any] | None]


class References:
    """Attributes:
    partials: what was made of the prompts that others refer to, by the name of the partial.
    """

    def __init__(self, find: Found, notes: Notes) -> None:
        """`find(name, "version" or "label", which)`: the prompt that is meant; None if it is not there."""
        self._find, self._notes = find, notes
        self.partials: dict[str, Pieces] = {}
        self._meant: dict[str, tuple[str, str, str]] = {}

    def pieces(self, text: str, path: str, within: tuple[str, ...] = ()) -> tuple[Piece, ...]:
        """Of a text; with partials for its references."""
        made: list[Piece] = []
        start = 0
        for found in _TAG.finditer(text):
            meant = _read(found[1])
            if meant is None:
                self._notes.note(path, found[0], "is no reference that Langfuse would follow, and stays as text")
                continue
            made += variables(text[start : found.start()], path, self._notes)
            made += self._partial(meant, found[0], path, within)
            start = found.end()
        return joined([*made, *variables(text[start:], path, self._notes)])

    def needed(self, pieces: Pieces) -> dict[str, Pieces]:
        """The partials that these pieces call, and those that they call."""
        made: dict[str, Pieces] = {}
        for name in _called(pieces):
            made |= {name: self.partials[name], **self.needed(self.partials[name])}
        return made

    def _partial(self, meant: tuple[str, str, str], written: str, path: str, within: tuple[str, ...]) -> Pieces:
        name, kind, which = meant
        called = partial_name(name, "" if which == DEFAULT_LABEL else f"v{which}" if kind == "version" else which)
        if called in within:
            circle = " → ".join([*within[within.index(called) :], called])
            self._notes.refuse(path, written, f"goes in circles: {circle}")
            return ()
        if len(within) >= MAX_DEPTH:
            self._notes.refuse(path, written, f"stands deeper than {MAX_DEPTH} prompts in one another")
            return ()
        if self._meant.setdefault(called, meant) != meant:
            self._notes.refuse(path, written, f"would be called `{called}`, as another is already")
            return ()
        if called in self.partials:
            return (Partial(called),)
        prompt = self._find(name, kind, which)
        if prompt is None or not isinstance(prompt.get("prompt"), str):
            why = "refers to a chat prompt; only texts can be put into others"
            missing = "refers to a prompt that is not in these files; export it too, or fetch with `?resolve=true`"
            self._notes.refuse(path, written, why if prompt else missing)
            return ()
        self.partials[called] = self.pieces(str(prompt["prompt"]), f"{name}, {kind} {which}", (*within, called))
        why = f"becomes the partial `{called}`: its text as it is now, whatever moves the {kind} in Langfuse"
        self._notes.note(path, written, why)
        return (Partial(called),)


def _read(inside: str) -> tuple[str, str, str] | None:
    parts = [part.partition("=") for part in inside.split("|")]
    if len(parts) != 2 or parts[0][0] != "name" or parts[1][0] not in ("version", "label"):
        return None
    (_, _, name), (kind, _, which) = parts
    return (name, kind, which) if name and which and (kind == "label" or which.isdigit()) else None


def _called(pieces: Pieces) -> Iterator[str]:
    yield from (piece.name for piece in pieces if isinstance(piece, Partial))


def reference(name: str, which: str = DEFAULT_LABEL) -> str:
    """How a partial is written, as a reference to a prompt."""
    return f"@@@langfusePrompt:name={name}|label={which}@@@"
