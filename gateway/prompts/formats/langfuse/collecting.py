"""All prompts of Langfuse's in some files, by name and version."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.files import File, objects, read_json
from gateway.prompts.formats.untyped import at, items, words


class Given(msgspec.Struct, frozen=True):
    """A version as Langfuse has it. `where`: in its file."""

    said: Mapping[str, Any]
    where: str


Prompts = dict[str, dict[int, Given]]


def collect(files: Sequence[File], notes: Notes) -> Prompts:
    """Raises: ConversionError: a file that is not JSON, or holds nothing."""
    found: Prompts = {}
    for file in files:
        for said, where in objects(read_json(file, notes), ("data", "prompts"), notes):
            _add(found, Given(said, where or (file.path if len(files) > 1 else "")), notes)
    return found


def _add(found: Prompts, given: Given, notes: Notes) -> None:
    said, where = given.said, given.where or "file"
    called, prompt = said.get("name"), said.get("prompt")
    if isinstance(said.get("versions"), list) and prompt is None:
        why = "says what there is, without texts; fetch each version from /api/public/v2/prompts/{name}?version=…"
        notes.refuse(where, called, why)
        return
    if not isinstance(called, str) or not isinstance(prompt, str | list):
        notes.refuse(where, said, "is no prompt of Langfuse's: it has no `name`, or no `prompt`")
        return
    versions = found.setdefault(called, {})
    number = said.get("version", max(versions, default=0) + 1)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        notes.refuse(at(given.where, "version"), number, "is no version: they count from 1")
        return
    if number in versions and versions[number].said != said:
        notes.refuse(at(given.where, "version"), number, f"of `{called}` stands in two forms")
    versions[number] = given


def find(found: Prompts, name: str, kind: str, which: str) -> Mapping[str, Any] | None:
    """The version that a reference means; `kind`: `version` or `label`. None if it is not there."""
    versions = found.get(name, {})
    if kind == "version":
        one = versions.get(int(which))
    elif which == "latest":
        one = versions[max(versions)] if versions else None
    else:
        one = next((one for one in versions.values() if which in words(one.said.get("labels"))), None)
    return None if one is None else one.said


def labels_of(versions: Mapping[int, Given]) -> list[tuple[str, int, str]]:
    """(label, version, where), by rising version."""
    return [
        (label, number, at(one.where, "labels"))
        for number, one in sorted(versions.items())
        for label in items(one.said.get("labels"))
    ]
