"""Prompts as they are written down: files of a folder, and what publishing wants to know of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from gateway.prompts.dotprompt import read
from gateway.prompts.formats.converted import Converted, NewVersion, Notes
from gateway.prompts.formats.handlebars import body
from gateway.prompts.formats.pieces import Pieces
from gateway.prompts.formats.schemas import Input, input_schema
from gateway.prompts.formats.settings import Settings
from gateway.prompts.formats.using import used
from gateway.prompts.formats.yaml_text import yaml_text
from gateway.prompts.naming import why_no_name
from gateway.stores.yamltree import DocumentError

Free = Callable[[str], int]


def first(_: str) -> int:
    """The number of a prompt's next version, if there is no other."""
    return 1


class Version(msgspec.Struct, kw_only=True):
    """One version of a prompt.

    Attributes:
        inputs: variables that are declared; what the pieces use besides is added when the file is written.
        asks: whether those have to be given. defaults: of variables.
        metadata, ext: front matter that means nothing to the template. message: what is new.
    """

    number: int
    pieces: Pieces
    settings: Settings = msgspec.field(default_factory=Settings)
    inputs: dict[str, Input] = {}
    asks: bool = True
    defaults: dict[str, Any] = {}
    description: str = ""
    metadata: dict[str, Any] = {}
    ext: dict[str, Any] = {}
    message: str = ""


class Draft(msgspec.Struct, kw_only=True):
    """A prompt.

    Attributes:
        labels: the version that each stands on. about: what it is for, whatever the version.
        partials: by name, what versions have in common, with partials of its own maybe.
    """

    name: str
    versions: list[Version] = []
    labels: dict[str, int] = {}
    aliases: list[str] = []
    tags: list[str] = []
    owner: str = ""
    about: str = ""
    partials: dict[str, Pieces] = {}


def files_of(drafts: list[Draft], notes: Notes) -> Converted:
    """The files of the prompts, each read back as the gateway reads it.

    Raises:
        ConversionError: something was refused, or does not make a prompt that can be read.
    """
    for draft in drafts:
        if why := why_no_name(draft.name):
            notes.refuse("name", draft.name, why)
    notes.check()
    files: dict[str, str] = {}
    versions: list[NewVersion] = []
    for draft in drafts:
        texts = {
            name: _body(pieces, f"partial {name}", notes, partial=True) + "\n"
            for name, pieces in draft.partials.items()
        }
        files.update((f"_{name}.prompt", text) for name, text in texts.items())
        for version in sorted(draft.versions, key=lambda one: one.number):
            path = f"{draft.name}/{version.number}.prompt"
            files[path] = _file(draft, version, notes)
            _read_back(files[path], path, texts, notes)
            versions.append(NewVersion(draft.name, version.number, version.message))
        if about := _about(draft):
            files[f"{draft.name}/prompt.yaml"] = yaml_text(about)
    notes.check()
    return Converted(files, notes.notes, versions)


def _file(draft: Draft, version: Version, notes: Notes) -> str:
    text = _body(version.pieces, f"version {version.number}", notes)
    return f"---\n{yaml_text(dict(_front_matter(draft, version)))}---\n{text}\n"


def _body(pieces: Pieces, where: str, notes: Notes, partial: bool = False) -> str:
    try:
        return body(pieces, partial)
    except ValueError as error:
        notes.refuse(where, "", str(error))
        return ""


def _front_matter(draft: Draft, version: Version) -> Iterator[tuple[str, Any]]:
    settings = version.settings
    yield "name", draft.name
    inputs = dict(version.inputs)
    for name, one in used(version.pieces, draft.partials).items():
        inputs.setdefault(name, msgspec.structs.replace(one, required=version.asks))
    wanted: dict[str, Any] = {"schema": input_schema(inputs)} if inputs else {}
    if version.defaults:
        wanted["default"] = version.defaults
    said: Mapping[str, Any] = {
        "description": version.description,
        "model": settings.model,
        "config": settings.config,
        "toolDefs": settings.tools,
        "input": wanted,
        "output": settings.output,
        "metadata": version.metadata,
        **settings.ext,
        **version.ext,
    }
    yield from ((key, value) for key, value in said.items() if value not in ("", {}, []))


def _read_back(text: str, path: str, partials: Mapping[str, str], notes: Notes) -> None:
    try:
        read(text, path=path, partials=partials.get)
    except DocumentError as error:
        notes.refuse(f"{path}, line {error.line}", "", f"what was made of it cannot be read: {error.reason}")


def _about(draft: Draft) -> dict[str, Any]:
    said: dict[str, Any] = {
        "owner": draft.owner,
        "description": draft.about,
        "aliases": draft.aliases,
        "tags": draft.tags,
        "labels": dict(sorted(draft.labels.items())),
    }
    return {key: value for key, value in said.items() if value not in ("", {}, [])}
