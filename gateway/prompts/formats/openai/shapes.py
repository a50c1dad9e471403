"""The shapes in which hosted prompts come → one: a prompt with its versions."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.openai.words import (
    OF_ANSWERS,
    OF_PROMPTS,
    TELLING_NOTHING,
    TEMPLATES,
    UNSET,
    VERSION_KEYS,
)
from gateway.prompts.formats.untyped import at, is_list, is_mapping, items, mapping, one_line, words

_NUMBER = re.compile(r"v?([1-9][0-9]{0,8})")
_ID = re.compile(r"pmpt_[A-Za-z0-9]+")


class Shaped(msgspec.Struct):
    """One version.

    Attributes:
        number: None, if it has none yet. template: what it says to the model, by its keys.
        production: it is said to be the default. values: what the variables were, in an answer.
    """

    number: int | None
    where: str
    template: dict[str, Any]
    settings: dict[str, Any]
    production: bool = False
    draft: bool = False
    message: str = ""
    values: Mapping[str, Any] = {}

    def templates(self) -> Iterator[tuple[str, Any, str]]:
        """(role of a text that stands there, what stands there, where), in the order in which the model sees them."""
        for key, role in TEMPLATES.items():
            if key in self.template:
                yield role, self.template[key], at(self.where, key)


class ShapedPrompt(msgspec.Struct):
    """`variables`: what is declared of them, by name."""

    id: str = ""
    name: str = ""
    about: str = ""
    tags: list[str] = []
    variables: dict[str, Any] = {}
    versions: list[Shaped] = []


def shaped(given: dict[str, Any], where: str, notes: Notes) -> ShapedPrompt:
    """The prompt in an object of any of the shapes."""
    if given.get("object") == "response" or ("output" in given and "instructions" in given):
        return _of_answer(given, where, notes)
    made = ShapedPrompt(
        id=_id(given, where, notes),
        name=one_line(given.get("name") or given.get("title")),
        about=one_line(given.get("description")),
        tags=words(given.get("tags")),
        variables=_variables(given.get("variables"), at(where, "variables"), notes),
    )
    if not is_list(given.get("versions")):
        made.versions.append(_version(given, where, given.get("version"), notes))
        return made
    default = next((given[key] for key in VERSION_KEYS if given.get(key)), None)
    for index, version in enumerate(items(given["versions"])):
        one = _listed(version, at(where, f"versions[{index}]"), notes)
        one.production = one.production or (default is not None and _number(default) == one.number)
        made.versions.append(one)
    if is_mapping(given.get("draft")):
        made.versions.append(_listed({**mapping(given["draft"]), "version": "draft"}, at(where, "draft"), notes))
    for key in sorted(given.keys() - OF_PROMPTS - TELLING_NOTHING):
        notes.note(at(where, key), given[key], "is not understood, and is left out")
    return made


def _listed(version: Any, where: str, notes: Notes) -> Shaped:
    said = mapping(version)
    if not said:
        notes.refuse(where, version, "is no version (a JSON object)")
    made = _version(said, where, said.get("version", said.get("id")), notes)
    made.production = bool(said.get("is_default") or said.get("default"))
    made.message = one_line(said.get("message") or said.get("description"))
    return made


def _version(given: Mapping[str, Any], where: str, number: object, notes: Notes) -> Shaped:
    draft = number == "draft" or given.get("status") == "draft"
    found = _number(number)
    if found is None and number not in (None, "draft", "latest"):
        notes.note(at(where, "version"), number, "is no number; the version gets the next one that is free")
    config = given.get("config")
    if config is not None and not is_mapping(config):
        notes.note(at(where, "config"), config, "is no mapping, and is left out")
    known = TEMPLATES.keys() | TELLING_NOTHING | OF_PROMPTS | {"prompt", "message"}
    beside = {key: value for key, value in given.items() if key not in known}
    template = {key: given[key] for key in TEMPLATES if given.get(key) not in (None, [], "")}
    return Shaped(found, where, template, {**beside, **mapping(config)}, draft=draft)


def _of_answer(given: dict[str, Any], where: str, notes: Notes) -> ShapedPrompt:
    prompt = mapping(given.get("prompt"))
    if not prompt:
        notes.refuse(at(where, "prompt"), "", "is not there: the answer is not one to a call with a prompt")
    settings = {
        key: value
        for key, value in given.items()
        if key not in OF_ANSWERS and key not in TEMPLATES and value not in UNSET.get(key, ())
    }
    template = {"instructions": given["instructions"]} if given.get("instructions") else {}
    number, values = _number(prompt.get("version")), mapping(prompt.get("variables"))
    version = Shaped(number, where, template, settings, values=values)
    return ShapedPrompt(id=_id(prompt, at(where, "prompt"), notes), versions=[version])


def _id(given: Mapping[str, Any], where: str, notes: Notes) -> str:
    for key in ("openai_prompt_id", "prompt_id", "id"):
        value = given.get(key)
        if isinstance(value, str) and _ID.fullmatch(value):
            return value
        if value is not None:
            notes.note(at(where, key), value, "is no id of a prompt (`pmpt_…`), and is left out")
    return ""


def _variables(given: Any, where: str, notes: Notes) -> dict[str, Any]:
    """A mapping of names to what they are, or a list of names, or of objects with a name."""
    made: dict[str, Any] = dict(mapping(given))
    for index, one in enumerate(items(given)):
        name = mapping(one).get("name", one)
        if isinstance(name, str):
            made[name] = mapping(one)
        else:
            notes.note(at(where, f"[{index}]"), one, "is no variable, and is left out")
    return made


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value > 0 else None
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else None
