"""Prompts → the export file of hosted prompts."""

from collections.abc import Sequence
from typing import Any

from gateway.prompts.formats.chat import WRITTEN, is_blank, messages_of
from gateway.prompts.formats.converted import Converted, Notes
from gateway.prompts.formats.drafts import Draft, Version
from gateway.prompts.formats.exporting import Exported, inlined, note_lost, read_exported
from gateway.prompts.formats.json_text import json_text
from gateway.prompts.formats.openai.importing import OVERRIDABLE, PRODUCTION
from gateway.prompts.formats.pieces import History, Media, Name, Partial, Piece, Role, Text, Value, joined
from gateway.prompts.formats.reading import Target
from gateway.prompts.formats.settings import write_settings
from gateway.prompts.formats.variables import variable, with_variables

TARGET = Target("OpenAI's prompts", (Text, Value, Role, History, Media, Partial))


def export_openai(given: Exported) -> Converted:
    """One JSON object with every version that was handed in.

    Raises:
        ConversionError: with everything that hosted prompts cannot say, by its line.
    """
    notes = Notes(given.name)
    draft = read_exported(given, TARGET, notes)
    ids = [alias for alias in draft.aliases if alias.startswith("pmpt_")]
    said: dict[str, Any] = {
        "openai_prompt_id": ids[0] if ids else None,
        "name": draft.name,
        "production_version": str(draft.labels[PRODUCTION]) if PRODUCTION in draft.labels else None,
        "tags": draft.tags,
        "variables": _variables(draft),
        "versions": [_version(one, inlined(one.pieces, draft.partials), notes) for one in draft.versions],
    }
    notes.check()
    made = {key: value for key, value in said.items() if value not in (None, [], {})}
    return Converted({f"{given.name}.openai.json": json_text(made)}, notes.notes)


def _variables(draft: Draft) -> dict[str, Any]:
    declared = [one for version in draft.versions for one in version.inputs.items()]
    return {name: {"description": one.description} for name, one in declared if one.description}


def _version(version: Version, pieces: Sequence[Piece], notes: Notes) -> dict[str, Any]:
    where = f"version {version.number}"
    note_lost(version, tuple(OVERRIDABLE), "a hosted prompt", notes)
    messages: list[dict[str, Any]] = []
    for role, said in messages_of(pieces):
        if any(isinstance(piece, History) for piece in said):
            notes.note(where, "{{history}}", "is left out: a hosted prompt stands before the `input` of the call")
        kept = joined([piece for piece in said if not isinstance(piece, History)])
        if is_blank(kept):
            continue
        if role in WRITTEN:
            messages.append({"role": WRITTEN[role], "content": _content(kept, where, notes)})
        else:
            notes.refuse(where, role, "is no role of a hosted prompt")
    made: dict[str, Any] = {"version": str(version.number), "messages": messages}
    made["config"] = write_settings(version.settings, "responses", notes)
    return {**made, "message": version.message} if version.message else made


def _content(pieces: Sequence[Piece], where: str, notes: Notes) -> str | list[dict[str, Any]]:
    if not any(isinstance(piece, Media) for piece in pieces):
        return with_variables(pieces, where, notes)
    parts: list[dict[str, Any]] = []
    held: list[Piece] = []
    for piece in (*pieces, Media("")):
        if not isinstance(piece, Media):
            held.append(piece)
            continue
        if not is_blank(held):
            parts.append({"type": "input_text", "text": with_variables(joined(held), where, notes)})
        held = []
        url = variable(piece.url) if isinstance(piece.url, Name) else piece.url
        parts += [{"type": "input_image", "image_url": url}] if url else []
    return parts
