"""Prompts → Prompty's files, of the second version.

The template is Jinja, the format's default: its subset is specified, has conditions and loops, and escapes nothing.
Mustache, the other one, escapes values for HTML in some of Prompty's runtimes and not in others.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from gateway.prompts.formats.chat import WRITTEN
from gateway.prompts.formats.converted import Converted, Notes
from gateway.prompts.formats.drafts import Version
from gateway.prompts.formats.exporting import Exported, inlined, note_lost, read_exported
from gateway.prompts.formats.jinja.writing import UnsaidInJinja, jinja_text
from gateway.prompts.formats.pieces import (
    Branch,
    History,
    Json,
    Loop,
    Media,
    Messages,
    Name,
    Partial,
    Role,
    Text,
    Value,
    walk,
)
from gateway.prompts.formats.prompty.messages import is_marker
from gateway.prompts.formats.reading import Target
from gateway.prompts.formats.schemas import Input
from gateway.prompts.formats.settings import FORMAT, NAMES, TOOLS
from gateway.prompts.formats.using import used
from gateway.prompts.formats.yaml_text import yaml_text

TARGET = Target("Prompty", (Text, Value, Json, Branch, Loop, Role, History, Messages, Media, Partial))
_KINDS = {
    "string": "string",
    "integer": "integer",
    "number": "float",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}
_SAID = ("type", "description", "enum", "items", "properties", "required", "additionalProperties")


def export_prompty(given: Exported) -> Converted:
    """A file for each version that was handed in.

    Raises:
        ConversionError: with everything that Prompty cannot say, by its line.
    """
    notes = Notes(given.name)
    draft = read_exported(given, TARGET, notes)
    files: dict[str, str] = {}
    for version in draft.versions:
        version.pieces = inlined(version.pieces, draft.partials)
        stem = draft.name if len(draft.versions) == 1 else f"{draft.name}.{version.number}"
        files[f"{stem}.prompty"] = _Writer(version, notes).file(draft.name, draft.tags)
    if draft.partials:
        notes.note("body", ", ".join(draft.partials), "is a partial, and stands written out: Prompty has none")
    notes.check()
    return Converted(files, notes.notes)


class _Writer:
    def __init__(self, version: Version, notes: Notes) -> None:
        self._version, self._notes = version, notes
        self._where = f"version {version.number}"
        self._kinds: dict[str, str] = {}  # of variables that are more than text
        self._inputs = {**version.inputs}
        for name, one in used(version.pieces).items():
            self._inputs.setdefault(name, one)

    def file(self, name: str, tags: Sequence[str]) -> str:
        version = self._version
        note_lost(
            version, ("description", "defaults", "metadata", "inputs", "gateway.overridable"), "Prompty", self._notes
        )
        for key in (FORMAT, TOOLS):
            if key in version.settings.ext:
                self._notes.note(
                    f"{self._where}, {key}", version.settings.ext[key], "has no place in Prompty, and is left out"
                )
        body = self._body()
        metadata = {**version.metadata, **({"tags": list(tags)} if tags else {})}
        said: Mapping[str, Any] = {
            "name": name,
            "description": version.description,
            "metadata": metadata,
            "model": self._model(),
            "inputs": list(self._properties()),
            "outputs": list(self._outputs()),
            "tools": [self._tool(tool) for tool in version.settings.tools],
            "template": {"format": {"kind": "jinja2"}, "parser": {"kind": "prompty"}},
        }
        front = {key: value for key, value in said.items() if value not in ("", {}, [])}
        return f"---\n{yaml_text(front)}---\n{body}\n"

    def _body(self) -> str:
        pieces = self._version.pieces
        for piece in walk(pieces):
            if isinstance(piece, Json):
                self._notes.note(self._where, "{{json …}}", "is written by `tojson`, with spaces behind `:` and `,`")
            if isinstance(piece, Text) and any(is_marker(line) for line in piece.text.split("\n")):
                self._notes.refuse(
                    self._where, piece.text, "has a line that Prompty would take for the beginning of a message"
                )
        first = next((one for one in pieces if not isinstance(one, Text) or one.text.strip()), None)
        pieces = pieces if isinstance(first, Role) else (Role("user"), *pieces)
        try:
            text = jinja_text(pieces, self._mark, frozenset(self._inputs))
        except UnsaidInJinja as error:
            self._notes.refuse(self._where, "", str(error))
            return ""
        return re.sub(r"\n{3,}(?=(?:system|user|assistant):\n)", "\n\n", text.strip("\n"))

    def _mark(self, piece: Role | History | Messages | Media) -> str:
        match piece:
            case Role(role) if role in WRITTEN:
                return f"\n\n{WRITTEN[role]}:\n"
            case Role(role):
                self._notes.refuse(self._where, role, "is no role of a message in Prompty")
                return ""
            case History():
                return f"\n\n{{{{ {self._thread()} }}}}\n"
            case Messages(of) | Media(Name() as of) if not of.level and len(of.parts) == 1:
                self._kinds[of.parts[0]] = "thread" if isinstance(piece, Messages) else "image"
                return f"{{{{ {of.parts[0]} }}}}"
            case _:
                why = "stands in the template itself, or in a list; Prompty has media and conversations as inputs only"
                self._notes.refuse(self._where, piece, why)
                return ""

    def _thread(self) -> str:
        name = str(self._version.ext.get("langfuse.placeholder", "conversation"))
        while name in self._inputs and self._kinds.get(name) != "thread":
            name += "_"
        self._kinds[name] = "thread"
        self._inputs[name] = Input(required=False)
        return name

    def _properties(self) -> Iterator[dict[str, Any]]:
        tests = {piece.test for piece in walk(self._version.pieces) if isinstance(piece, Branch)}
        for name, one in self._inputs.items():
            kind = self._kinds.get(name) or _KINDS.get(one.type) or ("boolean" if Name((name,)) in tests else "string")
            made: dict[str, Any] = {"name": name, "kind": kind}
            said = {"description": one.description, "required": one.required, "enumValues": list(one.values)}
            made.update({key: value for key, value in said.items() if value})
            if name in self._version.defaults:
                made["default"] = self._version.defaults[name]
            yield made

    def _model(self) -> dict[str, Any]:
        settings = self._version.settings
        options: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for key, value in settings.config.items():
            (options if key in NAMES else others)[NAMES[key][2] if key in NAMES else key] = value
        if others:
            options["additionalProperties"] = others
        made: dict[str, Any] = {"id": settings.model} if settings.model else {}
        return {**made, "apiType": "chat", **({"options": options} if options else {})}

    def _outputs(self) -> Iterator[dict[str, Any]]:
        output = self._version.settings.output
        if "schema" in output:
            yield from self._listed(cast("dict[str, Any]", output["schema"]), "output")
        elif output.get("format") == "json":
            self._notes.note(
                f"{self._where}, output", "json", "has no place in Prompty without a schema, and is left out"
            )

    def _listed(self, schema: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
        """The properties of an object's JSON Schema, as Prompty's."""
        for key in schema.keys() - set(_SAID):
            self._notes.note(f"{self._where}, {where}", key, "has no place in Prompty's schemas, and is left out")
        required = cast("list[str]", schema.get("required", []))
        for name, one in cast("dict[str, dict[str, Any]]", schema.get("properties", {})).items():
            kind = one.get("type", "string")
            made: dict[str, Any] = {"name": name, "kind": _KINDS.get(kind if isinstance(kind, str) else "", "")}
            if not made["kind"]:
                self._notes.note(
                    f"{self._where}, {where}.{name}", one, "is of no single type; Prompty takes it for a string"
                )
                made["kind"] = "string"
            for key, own in (("description", "description"), ("enum", "enumValues")):
                made.update({own: one[key]} if key in one else {})
            made.update({"required": True} if name in required else {})
            if "items" in one:
                made["items"] = {"kind": _KINDS.get(str(one["items"].get("type", "")), "string")}
            if "properties" in one:
                made["properties"] = list(self._listed(one, f"{where}.{name}"))
            for key in one.keys() - set(_SAID):
                self._notes.note(
                    f"{self._where}, {where}.{name}", key, "has no place in Prompty's schemas, and is left out"
                )
            yield made

    def _tool(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"name": tool["name"], "kind": "function"}
        made.update({key: tool[key] for key in ("description", "strict") if key in tool})
        parameters = list(self._listed(tool.get("inputSchema", {}), f"tool {tool['name']}"))
        return {**made, "parameters": parameters} if parameters else made
