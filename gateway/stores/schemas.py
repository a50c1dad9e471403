"""JSON Schemas (2020-12) of declared files, for editors: made from the types that the files are read as.

What the reader accepts, the schema accepts. It refuses unknown keys, wrong types, unknown words and missing keys as the
reader does; what only a reader can know (an id that stands twice, a day that no calendar has) it lets pass.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

Node = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What Decimal takes as a text: `0.15`, `1e-6`, and what it calls numbers besides.
_DECIMAL = (
    r"^\s*[-+]?([0-9_.]*[0-9][0-9_.]*([eE][-+]?[0-9_]+)?"
    r"|[iI][nN][fF]([iI][nN][iI][tT][yY])?|[sS]?[nN][aA][nN][0-9]*)\s*$"
)
_DATE = r"^\d{4}-\d\d-\d\d$"
_REFERENCE = {"type": "string", "pattern": r"\$\{(env|file):[^}]+\}"}
_CONSTRAINTS = ("enum", "const", "pattern", "format", "minLength", "maxLength")


def schema_of(shape: Any, title: str, references: bool = False) -> Node:
    """The schema of a file that is read as `shape`, with a description for every key that its type describes.

    Args:
        references: texts may be `${env:NAME}` or `${file:/path}` wherever only certain texts are allowed. Numbers and
            true/false cannot: what is put in is a text.
    """
    made = msgspec.json.schema(shape)
    parts: dict[str, Node] = {name: _part(part, references) for name, part in made.pop("$defs", {}).items()}
    if "$ref" not in made:
        return {"$schema": DIALECT, "title": title, **_rewritten(made, references), "$defs": parts}
    root = made["$ref"].rpartition("/")[2]
    top = {**parts[root], "title": title}
    if f'"#/$defs/{root}"' not in msgspec.json.encode([top, parts]).decode():
        del parts[root]
    return {"$schema": DIALECT, **top, **({"$defs": parts} if parts else {})}


def _part(part: Node, references: bool) -> Node:
    """A type's own schema."""
    if "properties" not in part:
        return _rewritten(part, references)
    general, special = described(part.get("description", ""), list(part["properties"]))
    properties: dict[str, Node] = {}
    for name, node in part["properties"].items():
        rewritten = _rewritten(node, references)
        said = [special.get(name, ""), rewritten.pop("description", "")]
        text = "\n".join(dict.fromkeys(line for line in said if line))
        properties[name] = {"description": text, **rewritten} if text else rewritten
    rest = {name: value for name, value in part.items() if name not in ("description", "properties")}
    if not rest.get("required"):
        rest.pop("required", None)
    return {
        "title": rest.pop("title"),
        **({"description": general} if general else {}),
        **rest,
        "properties": properties,
    }


def described(docstring: str, names: list[str]) -> tuple[str, dict[str, str]]:
    """What a type's docstring says of the whole, and of each of the named keys: `name: text`, `a, b: text for both`,
    several on a line, with or without backquotes, at the beginning of a line or sentence or after a semicolon."""
    text = re.sub(r"(^|\n)\s*Attributes:\s*\n", r"\1", inspect.cleandoc(docstring))
    # As long as possible first: `input_audio` is not `input`.
    one = "|".join(f"`{re.escape(name)}`|{re.escape(name)}" for name in sorted(names, key=len, reverse=True))
    marks = list(re.finditer(rf"(?:\A|(?<=[.;)] )|(?<=\n))[ \t]*((?:{one})(?:, (?:{one}))*):\s", text)) if names else []
    found: dict[str, str] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=False):
        said = _flowing(text[mark.end() : end])
        for name in mark[1].split(", "):
            found[name.strip("`")] = said
    return _flowing(text[: marks[0].start()] if marks else text), found


def _flowing(text: str) -> str:
    return " ".join(text.split()).rstrip(";")


def _rewritten(node: Node, references: bool) -> Node:
    """A value's schema, as the YAML reader takes the value: without null, which stands for nothing there; numbers of
    money as numbers; dates as what they look like."""
    node = _without_null(node)
    aside = {name: node.pop(name) for name in ("description", "default") if name in node}
    if aside.get("default") in (None, "", (), []) or isinstance(aside["default"], dict):
        aside.pop("default", None)
    if isinstance(keys := node.get("propertyNames"), dict) and set(cast(Node, keys)) == {"pattern"}:
        # Other keys are unknown ones, and said to be.
        pattern = node.pop("propertyNames")["pattern"]
        node = {**node, "additionalProperties": False, "patternProperties": {pattern: node["additionalProperties"]}}
    for name, value in _children(node):
        node[name] = value if isinstance(value, bool) else _nested(value, references)
    if node.get("format") == "decimal":
        node = {"type": ["number", "string"], "pattern": _DECIMAL}
    elif node.get("format") == "date":
        node = {**node, "pattern": _DATE}
    if references and _is_text(node) and any(name in node for name in _CONSTRAINTS):
        node = {"anyOf": [node, _REFERENCE]}
    return {**aside, **node}


def _nested(value: Any, references: bool) -> Any:
    if isinstance(value, list):
        return [_rewritten(one, references) for one in cast(list[Node], value)]
    return _rewritten(value, references)


def _children(node: Node) -> Iterator[tuple[str, Any]]:
    """The schemas within a schema."""
    yield from [
        (name, node[name]) for name in ("items", "prefixItems", "additionalProperties", "anyOf") if name in node
    ]


def _without_null(node: Node) -> Node:
    kept = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    rest = {name: value for name, value in node.items() if name != "anyOf"}
    if len(kept) == 1:
        return {**kept[0], **rest}
    return {**rest, "anyOf": kept} if kept else rest


def _is_text(node: Node) -> bool:
    words: list[object] = node.get("enum", [])
    return node.get("type") == "string" or any(isinstance(word, str) for word in words)
