"""Langfuse's prompts → prompts: what `GET /api/public/v2/prompts/{name}` answers, lists of that, and the files that
Langfuse's own export makes (fern/apis/server/definition/prompts.yml of github.com/langfuse/langfuse)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gateway.prompts.formats.chat import read_message
from gateway.prompts.formats.converted import Converted, Notes
from gateway.prompts.formats.drafts import Draft, Version, files_of
from gateway.prompts.formats.files import File
from gateway.prompts.formats.langfuse.collecting import Given, collect, find, labels_of
from gateway.prompts.formats.langfuse.references import References
from gateway.prompts.formats.naming import prompt_name, usable_label
from gateway.prompts.formats.pieces import History, Messages, Name, Piece, Pieces, Role, joined
from gateway.prompts.formats.settings import Settings, read_settings
from gateway.prompts.formats.untyped import at, items, mapping, one_line, words

PLACEHOLDER = "langfuse.placeholder"
CONFIG = "langfuse.config"
_KNOWN = frozenset({
    "name", "type", "prompt", "config", "version", "labels", "tags", "commitMessage", "resolutionGraph",
    "id", "createdAt", "updatedAt", "projectId", "createdBy", "isActive",
})  # fmt: skip


def import_langfuse(files: Sequence[File], *, name: str = "") -> Converted:
    """The prompts in these files, all versions that are there; references are looked up in all files.

    Args:
        name: of the prompt, if there is one only; empty: as Langfuse calls it.

    Raises:
        ConversionError: with everything that a `.prompt` file cannot say.
    """
    notes = Notes(files[0].path if len(files) == 1 else "Langfuse")
    found = collect(files, notes)
    if name and len(found) != 1:
        notes.refuse("--name", name, f"is for one prompt, and these files hold {len(found)}")
    references = References(partial(find, found), notes)
    drafts = [
        _draft(name or prompt_name(called, "name", notes), versions, references, notes)
        for called, versions in found.items()
    ]
    return files_of(drafts, notes)


def _draft(name: str, versions: Mapping[int, Given], references: References, notes: Notes) -> Draft:
    draft = Draft(name=name)
    for number, given in sorted(versions.items()):
        version = _version(given, number, references, notes)
        draft.versions.append(version)
        draft.partials |= references.needed(version.pieces)
        draft.tags = words(given.said.get("tags"))
        for key in sorted(given.said.keys() - _KNOWN):
            notes.note(at(given.where, key), given.said[key], "is left out")
        if given.said.get("resolutionGraph"):
            why = "Langfuse has put the prompts that it refers to in already; `?resolve=false` keeps them apart"
            notes.note(at(given.where, "resolutionGraph"), "", why)
    for label, number, where in labels_of(versions):
        if not usable_label(label, where, notes):
            continue
        if label in draft.labels:
            notes.note(where, label, f"stands on version {draft.labels[label]} too; it is put on {number}")
        draft.labels[label] = number
    return draft


def _version(given: Given, number: int, references: References, notes: Notes) -> Version:
    prompt, config = given.said["prompt"], given.said.get("config")
    settings = read_settings(mapping(config), at(given.where, "config"), notes)
    if config is not None and not isinstance(config, dict):
        settings.ext[CONFIG] = config
    where = at(given.where, "prompt")
    if isinstance(prompt, str):
        pieces: Pieces = references.pieces(prompt, where)
    else:
        pieces = joined(list(_chat(items(prompt), where, settings, references, notes)))
    message = one_line(given.said.get("commitMessage"))
    return Version(number=number, pieces=pieces, settings=settings, message=message)


def _chat(messages: list[Any], path: str, settings: Settings, references: References, notes: Notes) -> Iterator[Piece]:
    places = [index for index, message in enumerate(messages) if mapping(message).get("type") == "placeholder"]
    for index, message in enumerate(messages):
        where = at(path, f"[{index}]")
        if index not in places:
            yield from read_message(message, where, notes, references.pieces)
            continue
        called = str(mapping(message).get("name") or "history")
        if len(places) > 1:
            yield Messages(Name((called,)))
            continue
        yield History()
        if called != "history":
            settings.ext[PLACEHOLDER] = called
        why = "is the conversation of the call: what stands before the last message of the user"
        notes.note(where, called, why)


def is_text(pieces: Pieces) -> bool:
    """Whether they make a text of Langfuse's, and no chat."""
    return not any(isinstance(piece, Role | History | Messages) for piece in pieces)
