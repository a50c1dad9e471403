"""Prompts of the gateway → drafts, for what writes them in another format."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.prompts.dotprompt import Prompt
from gateway.prompts.dotprompt.front_matter import cut
from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.drafts import Draft, Version
from gateway.prompts.formats.pieces import Branch, Loop, Partial, Piece, Pieces, joined
from gateway.prompts.formats.reading import Target, read_body
from gateway.prompts.formats.schemas import inputs_of
from gateway.prompts.formats.settings import FORMAT, TOOLS, Settings

_KEPT = frozenset({FORMAT, TOOLS})  # what settings have besides


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt to be written elsewhere.

    Attributes:
        versions: by number. messages: what was new in each. labels: the version that each stands on.
    """

    name: str
    versions: Mapping[int, Prompt]
    messages: Mapping[int, str] = {}
    labels: Mapping[str, int] = {}
    tags: Sequence[str] = ()
    aliases: Sequence[str] = ()


def read_exported(given: Exported, target: Target, notes: Notes) -> Draft:
    """Its versions as pieces. What the target cannot say is refused in `notes`."""
    draft = Draft(name=given.name, labels=dict(given.labels), aliases=list(given.aliases), tags=list(given.tags))
    for number, prompt in sorted(given.versions.items()):
        draft.partials |= {
            name: read_body(text, notes, target) for name, text in prompt.partials.items() if name not in draft.partials
        }
        draft.versions.append(_version(number, prompt, given.messages.get(number, ""), target, notes))
    return draft


def _version(number: int, prompt: Prompt, message: str, target: Target, notes: Notes) -> Version:
    front = cut(prompt.source.removeprefix("\ufeff"), prompt.path)
    dotted = {key: value for key, value in prompt.raw.items() if "." in key}
    output: dict[str, Any] = {"format": prompt.output_format} if prompt.output_format else {}
    if prompt.output_schema:
        output["schema"] = dict(prompt.output_schema)
    return Version(
        number=number,
        pieces=read_body(front.body, notes, target, front.body_line),
        settings=Settings(
            model=prompt.model or "",
            config=dict(prompt.config),
            tools=[dict(one) for one in prompt.tool_defs],
            output=output,
            ext={key: value for key, value in dotted.items() if key in _KEPT},
        ),
        inputs=inputs_of(prompt.input_schema),
        defaults=dict(prompt.defaults),
        description=prompt.description or "",
        metadata=dict(prompt.metadata),
        ext={key: value for key, value in dotted.items() if key not in _KEPT},
        message=message,
    )


def note_lost(version: Version, said: Sequence[str], target: str, notes: Notes) -> None:
    """Notes for what the version has and the target does not; `said`: the fields and dotted keys that it has."""
    where = f"version {version.number}"
    for field in ("description", "defaults", "metadata"):
        if (value := getattr(version, field)) and field not in said:
            notes.note(f"{where}, {field}", value, f"has no place in {target}, and is left out")
    for key, value in version.ext.items():
        if key not in said:
            notes.note(f"{where}, {key}", value, f"has no place in {target}, and is left out")
    if "inputs" in said:
        return
    for name, one in version.inputs.items():
        if one.type not in ("string", "any") or one.description or one.values or not one.required:
            why = f"is more than its name; {target} has no place for the rest"
            notes.note(f"{where}, input", name, why)


def inlined(pieces: Pieces, partials: Mapping[str, Pieces]) -> tuple[Piece, ...]:
    """With the partials' pieces in their place. They never go in circles: the prompt could not be read then. What is
    not there was defined in the file itself, and has been refused."""
    made: list[Piece] = []
    for piece in pieces:
        match piece:
            case Partial(name):
                made += inlined(partials.get(name, ()), partials)
            case Branch(test, then, otherwise):
                made.append(Branch(test, inlined(then, partials), inlined(otherwise, partials)))
            case Loop(over, body, otherwise):
                made.append(Loop(over, inlined(body, partials), inlined(otherwise, partials)))
            case _:
                made.append(piece)
    return joined(made)
