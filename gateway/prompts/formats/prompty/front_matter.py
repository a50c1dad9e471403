"""A `.prompty` file → its front matter in the words of the second version, and its body.

What the first version called otherwise is told in runtime/python/prompty/prompty/core/migration.py of
github.com/microsoft/prompty; the rules for cutting the file in spec/spec.md, section 2.2.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.untyped import at, is_list, is_mapping, items, mapping
from gateway.stores.yamltree import DocumentError, build

MAX_BYTES = 1024 * 1024
_LINE = re.compile(r"(?:---|\+\+\+)[ \t]*\r?\n?")
_CLOSE = re.compile(r"^(?:---|\+\+\+)[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_REFERENCE = re.compile(r"\$\{(?:env|file):[^}]*\}")
_KNOWN = frozenset({
    "name", "displayName", "description", "metadata", "model", "inputs", "inputSchema", "outputs", "outputSchema",
    "tools", "template", "sample", "authors", "tags", "version",
})  # fmt: skip
_OF_MODELS = frozenset({
    "id", "provider", "apiType", "api", "connection", "configuration", "options", "parameters", "response",
})  # fmt: skip


class Prompty(msgspec.Struct):
    """Attributes:
    first: whether it is of the format's first version. api: chat, completion, responses, embedding or image.
    options: of the model. format: jinja2 or mustache. body_line: of the file, the line that the body begins on.
    """

    body: str
    body_line: int
    name: str = ""
    description: str = ""
    model: str = ""
    api: str = "chat"
    format: str = "jinja2"
    first: bool = False
    metadata: dict[str, Any] = {}
    options: dict[str, Any] = {}
    inputs: Any = None
    samples: dict[str, Any] = {}
    outputs: Any = None
    tools: Any = None


def read_prompty(source: str, notes: Notes) -> Prompty:
    """Raises: ConversionError: too large, front matter that is not closed, or not YAML."""
    if len(source.encode(errors="replace")) > MAX_BYTES:
        raise notes.error("file", "", f"is larger than {MAX_BYTES} bytes")
    source = source.removeprefix("\ufeff").replace("\r\n", "\n")
    start = len(source) - len(source.lstrip())
    opened = _LINE.match(source, start)
    if opened is None:
        return Prompty(source, 1)
    closed = _CLOSE.search(source, opened.end())
    if closed is None:
        line = source.count("\n", 0, start) + 1
        raise notes.error(f"line {line}", opened[0], "the front matter is not closed; end it with a line `---`")
    made = Prompty(source[closed.end() :], source.count("\n", 0, closed.end()) + 1)
    before = "\n" * source.count("\n", 0, opened.end())  # so that the lines which errors tell are the file's
    try:
        found, _ = build((before + source[opened.end() : closed.start()]).encode(errors="replace"), notes.source)
    except DocumentError as error:
        raise notes.error(f"line {error.line}", "", error.reason) from None
    if found is None:
        return made
    if not is_mapping(found):
        raise notes.error("front matter", found, "is no mapping (lines of `key: value`)")
    _read(made, mapping(_without_references(found, "", notes)), notes)
    return made


def _read(made: Prompty, given: dict[str, Any], notes: Notes) -> None:
    made.name = str(given.get("name", ""))
    made.description = str(given.get("description", ""))
    made.metadata = dict(mapping(given.get("metadata")))
    for key in ("displayName", "authors", "tags", "version"):
        if key in given:
            made.metadata.setdefault(key, given[key])
    made.inputs = given.get("inputs", given.get("inputSchema"))
    made.outputs = given.get("outputs", given.get("outputSchema"))
    made.tools = given.get("tools")
    model, sample = given.get("model", {}), given.get("sample")
    made.first = _is_first(given)
    _model(made, {"id": model} if isinstance(model, str) else model, notes)
    _template(made, given.get("template"), notes)
    made.samples = mapping(sample)
    if sample is not None and not is_mapping(sample):
        notes.note("sample", sample, "stands in another file, and is left out")
    for key in sorted(given.keys() - _KNOWN):
        notes.note(key, given[key], "is no key of the format, and is left out")


def _is_first(given: Mapping[str, Any]) -> bool:
    typed = any({"type", "sample"} & mapping(one).keys() for one in mapping(given.get("inputs")).values())
    old = {"api", "configuration", "parameters"} & mapping(given.get("model")).keys()
    return bool(old) or typed or "sample" in given or "authors" in given


def _model(made: Prompty, model: Any, notes: Notes) -> None:
    said = mapping(model)
    if not is_mapping(model):
        notes.note("model", model, "is no model, and is left out")
    made.api = str(said.get("apiType", said.get("api", "chat")))
    connection = mapping(said.get("connection", said.get("configuration")))
    deployed = next((connection[key] for key in ("azure_deployment", "name", "model") if key in connection), "")
    made.model = str(said.get("id", deployed))
    for key, what in (("provider", said.get("provider")), ("connection", ", ".join(sorted(connection)))):
        if what:
            why = "is left out: how a model is reached is for config.yaml to say, and its keys stay out of prompts"
            notes.note(at("model", key), what, why)
    made.options = dict(mapping(said.get("options", said.get("parameters"))))
    made.options |= mapping(made.options.pop("additionalProperties", None))
    if "allowMultipleToolCalls" in made.options:
        made.options["parallel_tool_calls"] = made.options.pop("allowMultipleToolCalls")
    for key in sorted(said.keys() - _OF_MODELS):
        notes.note(at("model", key), said[key], "is no key of the format, and is left out")


def _template(made: Prompty, given: Any, notes: Notes) -> None:
    said = mapping(given) if is_mapping(given) else {"format": given} if given else {}
    kind, parser = said.get("format", said.get("type", "jinja2")), said.get("parser", "prompty")
    made.format = str(mapping(kind).get("kind", kind))
    parser = mapping(parser).get("kind", parser)
    if made.format not in ("jinja2", "mustache"):
        notes.refuse("template.format", made.format, "is neither jinja2 nor mustache")
    if parser != "prompty":
        notes.refuse("template.parser", parser, "is not the parser `prompty`; what a body means is not known")


def _without_references(value: Any, path: str, notes: Notes) -> Any:
    """Without `${env:…}` and `${file:…}`: neither is looked up here. Those of connections are left out anyway."""
    if is_list(value):
        return [_without_references(one, at(path, f"[{index}]"), notes) for index, one in enumerate(items(value))]
    if not is_mapping(value):
        return value
    made: dict[str, Any] = {}
    for key, inner in mapping(value).items():
        where = at(path, key)
        if not isinstance(inner, str) or not _REFERENCE.search(inner):
            made[key] = _without_references(inner, where, notes)
        elif not where.startswith(("model.connection", "model.configuration")):
            notes.note(where, inner, "is looked up elsewhere, and is left out")
    return made
