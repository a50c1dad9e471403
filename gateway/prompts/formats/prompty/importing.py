"""`.prompty` files → prompts."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.prompts.formats.converted import ConversionError, Converted, Note, Notes
from gateway.prompts.formats.drafts import Draft, Free, Version, files_of, first
from gateway.prompts.formats.files import File
from gateway.prompts.formats.jinja import read_jinja
from gateway.prompts.formats.mustache import read_mustache
from gateway.prompts.formats.naming import prompt_name
from gateway.prompts.formats.pieces import Piece
from gateway.prompts.formats.prompty.front_matter import Prompty, read_prompty
from gateway.prompts.formats.prompty.messages import messages, only_thread
from gateway.prompts.formats.prompty.properties import Property, object_schema, read_properties
from gateway.prompts.formats.prompty.rich import Rich, enriched
from gateway.prompts.formats.settings import Settings, read_settings, without_nothing
from gateway.prompts.formats.untyped import at, is_list, items, mapping, words
from gateway.prompts.formats.using import used

_MEDIA = frozenset({"image", "file", "audio"})


def import_prompty(files: Sequence[File], *, name: str = "", free: Free = first) -> Converted:
    """The prompt in each file of either version of the format.

    Args:
        name: of the prompt, if there is one only; empty: the file's own. free: the number that its version gets.

    Raises:
        ConversionError: with every line and construct that a `.prompt` file cannot say.
    """
    notes = Notes(files[0].path if len(files) == 1 else "Prompty")
    if name and len(files) != 1:
        notes.refuse("--name", name, f"is for one prompt, and these are {len(files)} files")
    drafts: list[Draft] = []
    for file in files:
        own = Notes(file.path)
        try:
            drafts.append(_draft(file, name, free, own))
        except ConversionError as error:  # what is wrong with this file; the others are read all the same
            notes.refused += [_within(file, reason, files) for reason in error.reasons]
        else:
            notes.refused += [_within(file, reason, files) for reason in own.refused]
        notes.notes += [_within(file, note, files) for note in own.notes]
    if len({draft.name for draft in drafts}) < len(drafts):
        notes.refuse("name", ", ".join(draft.name for draft in drafts), "several files would make the same prompt")
    return files_of(drafts, notes)


def _within(file: File, note: Note, files: Sequence[File]) -> Note:
    return note if len(files) == 1 else msgspec.structs.replace(note, path=f"{file.path}, {note.path}")


def _draft(file: File, name: str, free: Free, notes: Notes) -> Draft:
    given = read_prompty(file.text, notes)
    if given.api not in ("chat", "completion", "responses"):
        notes.refuse("model.apiType", given.api, "is not for conversations; only those have prompts here")
    name = name or prompt_name(given.name or file.stem, "name", notes)
    properties = read_properties(given.inputs, "inputs", notes)
    _add_samples(properties, given.samples)
    defaults = {one.name: one.default for one in properties if one.default is not msgspec.UNSET}
    pieces, more = _pieces(given, properties, defaults, notes)
    thread = only_thread(pieces)
    made = messages(pieces, notes, markdown=given.first)
    if thread is not None:
        defaults.pop(thread.parts[0], None)
        properties = [one for one in properties if one.name != thread.parts[0]]
        why = "is the conversation of the call: what stands before the last message of the user"
        notes.note("inputs", thread.parts[0], why)
    metadata = without_nothing(given.metadata, "metadata", notes)
    tags = metadata.pop("tags", None)
    version = Version(
        number=free(name),
        pieces=made,
        settings=_settings(given, notes),
        inputs={one.name: one.input for one in properties},
        asks=False,  # Prompty lets anything be left out that is not declared to be required
        defaults=without_nothing({**defaults, **more}, "inputs", notes),
        description=given.description,
        metadata=metadata,
        message=f"Imported from {file.name}",
    )
    for undeclared in used(made):
        if undeclared not in version.inputs:
            notes.note("inputs", undeclared, "is used and not declared, and may be left out")
    return Draft(name=name, versions=[version], tags=words(tags))


def _add_samples(properties: list[Property], samples: Mapping[str, Any]) -> None:
    """The first version of the format has them for all inputs in one place."""
    by_name = {one.name: one for one in properties}
    for name, value in samples.items():
        if name not in by_name:
            properties.append(Property(name, "object" if isinstance(value, dict) else "string", default=value))
        elif by_name[name].default is msgspec.UNSET:
            by_name[name].default = value


def _pieces(
    given: Prompty, properties: Sequence[Property], defaults: Mapping[str, Any], notes: Notes
) -> tuple[tuple[Piece, ...], Mapping[str, Any]]:
    """And the defaults that the template has for variables."""
    kinds = {one.name: one.kind for one in properties}
    rich = Rich(
        threads=frozenset(name for name, kind in kinds.items() if kind == "thread"),
        media=frozenset(name for name, kind in kinds.items() if kind in _MEDIA),
    )
    body = given.body.strip("\n")
    first_line = given.body_line + len(given.body) - len(given.body.lstrip("\n"))
    if given.format == "mustache":
        return enriched(read_mustache(body, notes, kinds, first_line), rich), {}
    template = read_jinja(body, notes, first_line, declared=tuple(defaults))
    return enriched(template.pieces, rich), template.defaults


def _settings(given: Prompty, notes: Notes) -> Settings:
    settings = read_settings({"model": given.model or None, **given.options}, "model.options", notes)
    if given.tools is not None and not is_list(given.tools):
        notes.refuse("tools", given.tools, "is no list of tools")
    for index, tool in enumerate(items(given.tools)):
        definition = _tool(tool, f"tools[{index}]", notes)
        settings.tools += [definition] if definition else []
    outputs = read_properties(given.outputs, "outputs", notes)
    if outputs and given.first:
        notes.note("outputs", ", ".join(one.name for one in outputs), "only describes the answer, and is left out")
    elif outputs:
        settings.output = {"format": "json", "schema": object_schema(outputs)}
    return settings


def _tool(tool: Any, where: str, notes: Notes) -> dict[str, Any]:
    said = mapping(tool)
    if "function" in said:  # as requests of OpenAI's have it
        said = {**mapping(said["function"]), "kind": "function"}
    kind = said.get("kind", said.get("type", ""))
    if kind != "function" or not isinstance(said.get("name"), str):
        why = f"is a tool of the kind `{kind}`, and is left out: only functions are known here"
        notes.note(where, said.get("name", tool), why)
        return {}
    if said.get("bindings"):
        why = "binds parameters to values that the model may not see; a `.prompt` file would show them"
        notes.refuse(at(where, "bindings"), said["bindings"], why)
    parameters = said.get("parameters")
    if mapping(parameters).get("type") != "object":
        parameters = object_schema(read_properties(parameters, at(where, "parameters"), notes))
    made = {
        "name": said["name"],
        "description": said.get("description"),
        "inputSchema": parameters,
        "strict": said.get("strict"),
    }
    return mapping(without_nothing(made, where, notes))
