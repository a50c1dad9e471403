"""Hosted prompts → prompts."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.prompts.formats.chat import read_chat
from gateway.prompts.formats.converted import Converted, Notes
from gateway.prompts.formats.drafts import Draft, Version, files_of
from gateway.prompts.formats.files import File, objects, read_json
from gateway.prompts.formats.naming import prompt_name
from gateway.prompts.formats.openai.shapes import Shaped, ShapedPrompt, shaped
from gateway.prompts.formats.openai.taking_out import taken_out
from gateway.prompts.formats.pieces import Media, Name, Piece, Role, Value, joined
from gateway.prompts.formats.schemas import Input
from gateway.prompts.formats.settings import read_settings
from gateway.prompts.formats.untyped import at, is_list, is_mapping, items, mapping, one_line
from gateway.prompts.formats.variables import variables

PRODUCTION = "production"
# Fields of a request override those of its prompt, at OpenAI.
OVERRIDABLE = {"gateway.overridable": ["*"]}
_IMAGES = ("input_image", "image")


def import_openai(files: Sequence[File], *, name: str = "") -> Converted:
    """The prompts in these files. Each keeps its `pmpt_…` as an alias, and the numbers of its versions.

    Args:
        name: of the prompt, if there is one only; empty: as it is called, or its id.

    Raises:
        ConversionError: with everything that a `.prompt` file cannot say.
    """
    notes = Notes(files[0].path if len(files) == 1 else "OpenAI")
    prompts: dict[str, ShapedPrompt] = {}
    for file in files:
        for given, where in objects(read_json(file, notes), ("data", "prompts"), notes):
            one = shaped(given, where, notes)
            key = one.id or one.name or file.stem
            if key in prompts:  # versions in files of their own
                prompts[key].versions += one.versions
            else:
                prompts[key] = one
    if name and len(prompts) != 1:
        notes.refuse("--name", name, f"is for one prompt, and these files hold {len(prompts)}")
    return files_of([_draft(key, one, name, notes) for key, one in prompts.items()], notes)


def _draft(key: str, given: ShapedPrompt, name: str, notes: Notes) -> Draft:
    draft = Draft(name=name or prompt_name(given.name or key, "name", notes), tags=given.tags, about=given.about)
    if given.id and given.id != draft.name:
        draft.aliases.append(given.id)
    numbered = _numbered(given.versions, notes)
    draft.versions = [_version(one, number, given.variables, notes) for number, one in numbered.items()]
    if numbered:
        draft.labels[PRODUCTION] = _production(numbered, notes)
    return draft


def _numbered(versions: Sequence[Shaped], notes: Notes) -> dict[int, Shaped]:
    """By number, rising; those that have none come last."""
    made: dict[int, Shaped] = {}
    for one in versions:
        if one.number is None:
            continue
        before = made.setdefault(one.number, one)
        if (before.template, before.settings) != (one.template, one.settings):
            notes.refuse(one.where, one.number, "is a version that stands here in two forms")
    free = max(made, default=0)
    for one in versions:
        if one.number is None:
            free += 1
            made[free] = one
            if one.draft:
                notes.note(one.where, "draft", f"becomes version {free}")
    return dict(sorted(made.items()))


def _production(versions: Mapping[int, Shaped], notes: Notes) -> int:
    """The version that answers calls which name none."""
    said = [number for number, one in versions.items() if one.production]
    if said:
        return said[-1]
    chosen = max([number for number, one in versions.items() if not one.draft] or versions)
    if len(versions) > 1:
        why = f"none is said to be the default one; the label `{PRODUCTION}` is put on the newest, {chosen}"
        notes.note("versions", "", why)
    return chosen


def _version(given: Shaped, number: int, declared: Mapping[str, Any], notes: Notes) -> Version:
    pieces: list[Piece] = []
    for role, what, where in given.templates():
        pieces += _pieces(role, what, where, notes)
    if not given.template:
        notes.refuse(given.where or "file", number, "says nothing: there are neither `messages` nor `instructions`")
    made = joined(pieces)
    if given.values:
        made = taken_out(made, given.values, at(given.where, "prompt.variables"), notes)
    images = {name for name, one in {**declared, **given.values}.items() if mapping(one).get("type") in _IMAGES}
    return Version(
        number=number,
        pieces=_with_images(made, images),
        settings=read_settings(given.settings, at(given.where, "config"), notes),
        inputs=_inputs(declared, notes),
        ext=dict(OVERRIDABLE),
        message=given.message,
    )


def _pieces(role: str, what: Any, where: str, notes: Notes) -> Sequence[Piece]:
    def text(text: str, path: str) -> Sequence[Piece]:
        return variables(text, path, notes)

    if isinstance(what, str):
        return (Role(role), *text(what, where))
    if not is_list(what):
        notes.refuse(where, what, "is neither a text nor a list of messages")
    return read_chat(items(what), where, notes, text)


def _with_images(pieces: Sequence[Piece], images: set[str]) -> tuple[Piece, ...]:
    made: list[Piece] = []
    for piece in pieces:
        match piece:
            case Value(Name((name,), 0) as of) if name in images:
                made.append(Media(of))
            case _:
                made.append(piece)
    return tuple(made)


def _inputs(declared: Mapping[str, Any], notes: Notes) -> dict[str, Input]:
    made: dict[str, Input] = {}
    for name, one in declared.items():
        said, where = mapping(one), f"variables.{name}"
        kind = "any" if said.get("type") in _IMAGES else "string"
        made[name] = Input(type=kind, description=one_line(said.get("description")))
        if not is_mapping(one) and one not in (None, ""):
            notes.note(where, one, "is taken for an example, and is left out")
        for key in sorted(said.keys() - {"name", "type", "description"}):
            notes.note(at(where, key), said[key], "is left out")
    return made
