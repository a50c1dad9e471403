"""A whole answer, looked at."""

from collections.abc import Mapping
from typing import Any, cast

from gateway.core.faults import UpstreamBroken
from gateway.dialects.sse import read_object
from gateway.guard.escapes import Seen
from gateway.guard.events import answer_places
from gateway.guard.looking import edited, edits_of, hits
from gateway.guard.streaming import changed
from gateway.guard.walking import Path
from gateway.guard.window import Looking


def look_at_answer(body: bytes, looking: Looking) -> tuple[bytes, list[str]]:
    """The body with what has to change changed, and its texts. What is no JSON object is one text (subtitles)."""
    try:
        said = read_object(body)
    except UpstreamBroken:
        return _plain(body, looking)
    if said is None:
        return body, []
    changes: dict[Path, str] = {}
    texts: list[str] = []
    for place in answer_places(cast(Mapping[str, Any], said)):
        seen = Seen(place.text, json=place.json)
        texts.append(seen.text)
        if found := hits(looking.rules, seen.text, aside=place.aside):
            looking.note(found)
        if edits := edits_of(found, seen, tokens=looking.tokens, json=place.json):
            changes[place.path] = place.written(edited(place.text, edits))
    return (changed(body, changes) if changes else body), texts


def sole_answer(body: bytes) -> str | None:
    """The text of an answer that says one thing, thoughts and calls of tools aside; None of any other."""
    try:
        said = read_object(body)
    except UpstreamBroken:
        return None
    found = [] if said is None else [one for one in answer_places(cast(Mapping[str, Any], said)) if not one.aside]
    return found[0].text if len(found) == 1 else None


def _plain(body: bytes, looking: Looking) -> tuple[bytes, list[str]]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body, []
    found = hits(looking.rules, text)
    if found:
        looking.note(found)
    edits = edits_of(found, Seen(text, json=False), tokens=looking.tokens)
    return (edited(text, edits).encode() if edits else body), [text]
