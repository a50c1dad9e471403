"""MLflow's prompt versions → prompts: JSON of what `mlflow.genai.load_prompt` gives, one or a list
(mlflow.org/docs/latest/api_reference, mlflow.entities.model_registry.PromptVersion)."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.prompts.formats.chat import read_chat
from gateway.prompts.formats.converted import Converted, Notes
from gateway.prompts.formats.drafts import Draft, Version, files_of
from gateway.prompts.formats.files import File, objects, read_json
from gateway.prompts.formats.jinja import read_jinja
from gateway.prompts.formats.naming import prompt_name, usable_label
from gateway.prompts.formats.pieces import Piece
from gateway.prompts.formats.settings import Settings, read_settings, without_nothing
from gateway.prompts.formats.untyped import at, is_list, items, mapping, one_line
from gateway.prompts.formats.variables import variables

_KNOWN = frozenset({
    "name", "version", "template", "commit_message", "tags", "aliases", "response_format", "model_config",
    "variables", "creation_timestamp", "last_updated_timestamp", "user_id", "uri", "is_text_prompt",
})  # fmt: skip


def import_mlflow(files: Sequence[File], *, name: str = "") -> Converted:
    """The prompts in these files, all versions that are there; aliases become labels.

    Args:
        name: of the prompt, if there is one only; empty: as MLflow calls it.

    Raises:
        ConversionError: with everything that a `.prompt` file cannot say.
    """
    notes = Notes(files[0].path if len(files) == 1 else "MLflow")
    drafts: dict[str, Draft] = {}
    for file in files:
        for given, where in objects(read_json(file, notes), ("prompt_versions", "prompts", "data"), notes):
            _add(drafts, given, where, notes)
    if name and len(drafts) != 1:
        notes.refuse("--name", name, f"is for one prompt, and these files hold {len(drafts)}")
    for draft in drafts.values():
        draft.name = name or prompt_name(draft.name, "name", notes)
    return files_of(list(drafts.values()), notes)


def _add(drafts: dict[str, Draft], given: dict[str, Any], where: str, notes: Notes) -> None:
    called, number = given.get("name"), given.get("version", 1)
    number = int(number) if isinstance(number, str) and number.isdigit() else number
    if not isinstance(called, str) or "template" not in given or not isinstance(number, int) or number < 1:
        notes.refuse(where or "file", given, "is no version of a prompt: it wants `name`, `version` and `template`")
        return
    draft = drafts.setdefault(called, Draft(name=called))
    if any(one.number == number for one in draft.versions):
        notes.refuse(where or "file", number, f"of `{called}` stands twice")
        return
    draft.versions.append(_version(given, number, where, notes))
    for alias in items(given.get("aliases")) or mapping(given.get("aliases")):
        if usable_label(alias, at(where, "aliases"), notes):
            draft.labels[alias] = number
    for key in sorted(given.keys() - _KNOWN):
        notes.note(at(where, key), given[key], "is left out")


def _version(given: Mapping[str, Any], number: int, where: str, notes: Notes) -> Version:
    template, path = given["template"], at(where, "template")
    defaults: dict[str, Any] = {}

    def text(text: str, path: str) -> Sequence[Piece]:
        """MLflow takes a template for Jinja where it has a statement."""
        if "{%" not in text:
            return variables(text, path, notes)
        read = read_jinja(text, notes, path=path)
        defaults.update(read.defaults)
        return read.pieces

    chat = is_list(template)
    pieces = read_chat(items(template), path, notes, text) if chat else text(str(template), path)
    tags = mapping(given.get("tags"))
    return Version(
        number=number,
        pieces=tuple(pieces),
        settings=_settings(given, where, notes),
        defaults=defaults,
        metadata={"tags": tags} if tags else {},
        message=one_line(given.get("commit_message")),
    )


def _settings(given: Mapping[str, Any], where: str, notes: Notes) -> Settings:
    said = dict(mapping(given.get("model_config")))
    said.pop("provider", None)
    said["model"] = said.pop("model_name", None)
    said |= mapping(said.pop("extra_params", None))
    settings = read_settings(said, at(where, "model_config"), notes)
    if schema := mapping(given.get("response_format")):
        settings.output = {"format": "json", "schema": without_nothing(schema, at(where, "response_format"), notes)}
    return settings
