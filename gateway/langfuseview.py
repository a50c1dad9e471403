"""Prompts in Langfuse's shape, for its SDKs."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec

from gateway.core.faults import NotFound
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.edge.langfuse import LangfusePrompts, Listed
from gateway.prompts.building import Entry
from gateway.prompts.dotprompt import Prompt
from gateway.prompts.formats.converted import ConversionError, Note
from gateway.prompts.formats.exporting import Exported
from gateway.prompts.formats.langfuse.exporting import export_langfuse
from gateway.prompts.formats.langfuse.references import reference
from gateway.prompts.library import Library, visible_to
from gateway.prompts.refusing import UnusablePrompt
from gateway.prompts.versions import Version

LATEST = "latest"
# A prompt with its partials put in; they could stand in one another so that it grows without end.
MAX_CHARACTERS = 2_000_000
_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode


def langfuse_prompts(library: Live[Library]) -> LangfusePrompts:
    def get(principal: Principal, name: str, wanted: str) -> Mapping[str, Any]:
        now = library.value
        visible = visible_to(principal.tenant, principal.team)
        found = now.resolve(name, wanted, principal.key_id, visible=visible)
        entry = now.entry(name, visible)
        try:
            said = _said(found.name, found.version, found.prompt)
        except ConversionError as error:
            raise NotFound(
                f"the prompt `{found.name}` cannot be said in Langfuse's template language: {error}"
            ) from None
        lock = entry.lock.get(found.version)
        return {
            **said,
            "id": found.digest,
            "labels": _labels(now, entry, found.version),
            "tags": list(entry.meta.tags),
            "commitMessage": None if lock is None else lock.message or None,
            "createdAt": None if lock is None else lock.at,
            "updatedAt": None if lock is None else lock.at,
            "createdBy": None if lock is None else lock.by,
            "resolutionGraph": None,
        }

    def page(principal: Principal, asked: Listed) -> Mapping[str, Any]:
        now = library.value
        visible = visible_to(principal.tenant, principal.team)
        entries = [
            entry
            for name, entry in sorted(now.prompts.items())
            if visible(entry.meta) and entry.versions and _matches(now, entry, asked, name)
        ]
        start = (asked.page - 1) * asked.limit
        pages = -(-len(entries) // asked.limit)
        return {
            "data": [_listed(now, entry) for entry in entries[start : start + asked.limit]],
            "meta": {"page": asked.page, "limit": asked.limit, "totalItems": len(entries), "totalPages": pages},
        }

    return LangfusePrompts(get, page)


@lru_cache(maxsize=2_048)
def _said(name: str, number: int, prompt: Prompt) -> Mapping[str, Any]:
    """One version, with its partials put in, as Langfuse resolves them.

    Raises:
        ConversionError: it has what that template language cannot say, as a loop.
    """
    converted = export_langfuse(Exported(name=name, versions={number: prompt}))
    (text,) = converted.files.values()
    *partials, said = _decode(text)
    resolved: dict[str, str] = {}
    for _ in partials:  # what calls others comes to its end once those have
        resolved = {one["name"]: _resolved(one["prompt"], resolved) for one in partials}
    whole = said["prompt"]
    if isinstance(whole, str):
        return {**said, "prompt": _resolved(whole, resolved)}
    messages = [
        {**one, "content": _resolved(one["content"], resolved)} if isinstance(one.get("content"), str) else one
        for one in cast(list[dict[str, Any]], whole)
    ]
    return {**said, "prompt": messages}


def _resolved(text: str, partials: Mapping[str, str]) -> str:
    """Raises: ConversionError: it becomes too long."""
    for name, said in partials.items():
        tag = reference(name)
        if len(text) + text.count(tag) * (len(said) - len(tag)) > MAX_CHARACTERS:
            why = f"becomes longer than {MAX_CHARACTERS} characters with its partials put in"
            raise ConversionError(name, [Note(f"partial {name}", "", why)])
        text = text.replace(tag, said)
    return text


def _labels(library: Library, entry: Entry, number: int) -> list[str]:
    labels = [label for label, position in library.positions(entry).items() if number in position.versions]
    return [*labels, LATEST] if number == max(entry.versions) else labels


def _matches(library: Library, entry: Entry, asked: Listed, name: str) -> bool:
    if asked.name and asked.name != name:
        return False
    if asked.tag and asked.tag not in entry.meta.tags:
        return False
    return not asked.label or asked.label == LATEST or asked.label in library.positions(entry)


def _listed(library: Library, entry: Entry) -> Mapping[str, Any]:
    newest = max(entry.versions)
    lock = entry.lock.get(newest)
    return {
        "name": entry.meta.name,
        "type": "chat",
        "versions": list(entry.versions),
        "labels": [*library.positions(entry), LATEST],
        "tags": list(entry.meta.tags),
        "lastUpdatedAt": None if lock is None else lock.at,
        "lastConfig": _config(entry.versions[newest]),
    }


def _config(version: Version) -> dict[str, Any]:
    """Of one that cannot be used there is none, and the others are listed all the same."""
    try:
        return dict(version.prompt().config)
    except UnusablePrompt:
        return {}
