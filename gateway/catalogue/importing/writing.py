"""A draft card as YAML that a person goes on writing: what is known, and as comments what is not."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec

from gateway.catalogue.cards import Card
from gateway.catalogue.completeness import FACTS, missing

SCHEMA = "# yaml-language-server: $schema=../schemas/model.schema.json"
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./@+-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9/]))*")
_WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class Draft(msgspec.Struct, frozen=True):
    """`remarks`: section of the card → what a reviewer should know about it. `origin`: what it was made from."""

    card: Card
    remarks: Mapping[str, Sequence[str]]
    origin: str


def draft_text(draft: Draft) -> str:
    """The card's file, with comments in the place of what is missing."""
    lines = [
        SCHEMA,
        f"# A draft, made from {draft.origin}. What it says is what the model's makers say; nobody has checked it yet.",
        "# It may be used once `life: {approved: {by: …, on: …}}` says by whom it was approved.",
    ]
    content = told(draft.card)
    lacking = missing(draft.card)
    for field in msgspec.structs.fields(Card):
        section = field.encode_name
        if section in content:
            lines += _entry(section, content[section])
        lines += [f"# {remark}" for remark in draft.remarks.get(section, ())]
        lines += [f"# missing: {name}: {FACTS[name][0]}" for name in lacking if name.partition(".")[0] == section]
    return "\n".join(lines) + "\n"


def told(value: Any) -> Any:
    """A struct as plain data, without what it does not say."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return {
            field.encode_name: told(inner) for field in fields if (inner := getattr(value, field.name)) != field.default
        }
    if isinstance(value, tuple):
        return [told(item) for item in cast(tuple[Any, ...], value)]
    return value


def _entry(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield f"{key}:"
        for name, inner in cast(dict[str, Any], value).items():
            yield from (f"  {line}" for line in _entry(name, inner))
    elif isinstance(value, list):
        yield f"{key}:"
        for item in cast(list[Any], value):
            yield from (f"  {line}" for line in _item(item))
    else:
        yield f"{key}: {scalar(value)}"


def _item(value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"- {scalar(value)}"
        return
    lines = [line for name, inner in cast(dict[str, Any], value).items() for line in _entry(name, inner)]
    yield from (f"{'  ' if number else '- '}{line}" for number, line in enumerate(lines))


def scalar(value: Any) -> str:
    """A scalar that reads back as the same: texts that could be anything else are quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    quoted = "".join(
        f"\\{each}" if each in '"\\' else each if each.isprintable() else f"\\U{ord(each):08x}" for each in text
    )
    return f'"{quoted}"'
