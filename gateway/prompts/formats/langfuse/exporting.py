"""Prompts → Langfuse's, as a JSON list: what its import takes, and the bodies of `POST /api/public/v2/prompts`."""

from collections.abc import Sequence
from typing import Any

from gateway.prompts.formats.chat import WRITTEN, is_blank, messages_of
from gateway.prompts.formats.converted import Converted, Notes
from gateway.prompts.formats.drafts import Draft, Version
from gateway.prompts.formats.exporting import Exported, note_lost, read_exported
from gateway.prompts.formats.json_text import json_text
from gateway.prompts.formats.langfuse.importing import CONFIG, PLACEHOLDER, is_text
from gateway.prompts.formats.langfuse.references import reference
from gateway.prompts.formats.pieces import History, Messages, Partial, Piece, Pieces, Role, Text, Value, joined
from gateway.prompts.formats.reading import Target
from gateway.prompts.formats.settings import write_settings
from gateway.prompts.formats.variables import with_variables

TARGET = Target("Langfuse", (Text, Value, Role, History, Messages, Partial))


def export_langfuse(given: Exported) -> Converted:
    """One JSON list with every version that was handed in, and the partials that they call as prompts of their own.

    Raises:
        ConversionError: with everything that Langfuse cannot say, by its line.
    """
    notes = Notes(given.name)
    draft = read_exported(given, TARGET, notes)
    made = [_partial(name, pieces, notes) for name, pieces in draft.partials.items()]
    made += [_prompt(version, draft, notes) for version in draft.versions]
    notes.check()
    return Converted({f"{given.name}.langfuse.json": json_text(made)}, notes.notes)


def _partial(name: str, pieces: Pieces, notes: Notes) -> dict[str, Any]:
    text = _text(pieces, f"partial {name}", notes)
    return {"name": name, "type": "text", "version": 1, "prompt": text, "labels": ["production"], "tags": []}


def _prompt(version: Version, draft: Draft, notes: Notes) -> dict[str, Any]:
    note_lost(version, (PLACEHOLDER, CONFIG), "Langfuse", notes)
    where = f"version {version.number}"
    text = is_text(version.pieces)
    made: dict[str, Any] = {
        "name": draft.name,
        "type": "text" if text else "chat",
        "version": version.number,
        "prompt": _text(version.pieces, where, notes) if text else _chat(version, where, notes),
        "config": version.ext.get(CONFIG) or write_settings(version.settings, "chat", notes),
        "labels": [label for label, number in draft.labels.items() if number == version.number],
        "tags": draft.tags,
    }
    return {**made, "commitMessage": version.message} if version.message else made


def _chat(version: Version, where: str, notes: Notes) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for role, said in messages_of(version.pieces):
        for part in _parts(said):
            if isinstance(part, History):
                made.append({"type": "placeholder", "name": version.ext.get(PLACEHOLDER, "history")})
            elif isinstance(part, Messages):
                made.append({"type": "placeholder", "name": ".".join(part.of.parts)})
            elif role in WRITTEN:
                made.append({"role": WRITTEN[role], "content": _text(part, where, notes)})
            else:
                notes.refuse(where, role, "is no role that Langfuse knows")
    return made


def _parts(said: Sequence[Piece]) -> list[History | Messages | list[Piece]]:
    """A message, cut where a conversation stands in it."""
    made: list[History | Messages | list[Piece]] = []
    held: list[Piece] = []
    for piece in (*said, None):
        if piece is not None and not isinstance(piece, History | Messages):
            held.append(piece)
            continue
        made += [] if is_blank(held) else [held]
        made += [] if piece is None else [piece]
        held = []
    return made


def _text(pieces: Sequence[Piece], where: str, notes: Notes) -> str:
    texts = [Text(reference(piece.name)) if isinstance(piece, Partial) else piece for piece in pieces]
    return with_variables(joined(texts), where, notes)
