"""What an event of a stream says: pieces of texts that go on, texts that are whole, and which texts end with it.

    protocol            pieces that go on                              they end with
    chat, completions   choices[].delta, choices[].text                finish_reason
    messages            content_block_start, content_block_delta       content_block_stop
    responses, media    `delta` of `….delta` events                    the `….done` of their item
    generate            candidates[].content.parts[].text              finishReason

A text also ends when what it belongs to goes on with another (an answer after its reasoning).
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, cast

import msgspec

from gateway.dialects.reading import index, part, rows
from gateway.guard.walking import ANSWERED, OPAQUE, Path, Place, places

Json = Mapping[str, Any]
_JSON_DELTAS = ("function_call_arguments", "mcp_call_arguments")
_SKIPPED_DELTAS = ("audio", "image_generation_call.partial_image")


class Piece(msgspec.Struct, frozen=True):
    """A piece of a text that goes on. `group`: what speaks one text at a time; `channel`: which of its texts."""

    group: Hashable
    channel: Hashable
    place: Place


class Told(msgspec.Struct):
    """`ended`: the groups that say no more."""

    pieces: list[Piece] = []
    wholes: list[Place] = []
    ended: list[Hashable] = []


def told(said: Json) -> Told:
    """What an event's JSON object says."""
    found = Told()
    kind = said.get("type")
    if isinstance(said.get("choices"), list):
        _chunk(said, found)
    elif isinstance(said.get("candidates"), list):
        _candidates(said, found)
    elif isinstance(kind, str):
        if kind.startswith("content_block"):
            _block(kind, said, found)
        else:
            _typed(kind, said, found)
    return found


def _chunk(said: Json, found: Told) -> None:
    for number, choice in enumerate(cast(list[Any], said["choices"])):
        if not isinstance(choice, dict):
            continue
        spoken = cast(dict[str, Any], choice)
        group = index(spoken.get("index"))
        for name, value in spoken.items():
            if name in OPAQUE or name == "index":
                continue
            start: Path = ("choices", number, name)
            if name in ("delta", "text"):
                for place in places(value, name):
                    found.pieces.append(Piece(group, _named(spoken, (name, *place.path)), _below(start, place)))
            else:
                found.wholes += places(value, name, below=start)
        if spoken.get("finish_reason"):
            found.ended.append(group)


def _named(value: object, path: Path) -> Path:
    """The path with the numbers that things give themselves (`index`) for their places in this event."""
    steps: list[str | int | tuple[str]] = []
    for step in path:
        if isinstance(step, tuple):
            return (*steps, step)
        value = cast(Any, value)[step]
        own = cast(Json, value).get("index") if isinstance(step, int) and isinstance(value, dict) else None
        steps.append(own if type(own) is int else step)
    return tuple(steps)


def _block(kind: str, said: Json, found: Told) -> None:
    """Anthropic's content blocks."""
    group = index(said.get("index"))
    if kind == "content_block_stop":
        found.ended.append(group)
    for name in ("content_block", "delta"):
        for place in places(said.get(name), name):
            inner = _below((name,), place)
            if len(place.path) == 1 and place.path[0] in ("text", "thinking", "partial_json"):
                found.pieces.append(Piece(group, place.path[0], inner))
            else:
                found.wholes.append(inner)


def _typed(kind: str, said: Json, found: Told) -> None:
    """Events of the Responses API, of transcripts, and Anthropic's others."""
    group = index(said.get("output_index"))
    if kind.endswith(".delta") and isinstance(delta := said.get("delta"), str):
        what = kind.removeprefix("response.").removesuffix(".delta")
        if delta and (not what.startswith(_SKIPPED_DELTAS) or what == "audio.transcript"):
            channel = (what, index(said.get("content_index")), index(said.get("summary_index")))
            found.pieces.append(
                Piece(group, channel, Place(("delta",), delta, what in _JSON_DELTAS, what != "output_text"))
            )
        return
    if kind.endswith(".done"):
        found.ended.append(group)
    for name, value in said.items():
        if name in ("response", "message"):
            found.wholes += [_below((name,), place) for place in answer_places(part(said, name))]
        elif name not in OPAQUE:
            found.wholes += places(value, name, below=(name,))


def _candidates(said: Json, found: Told) -> None:
    for number, candidate in enumerate(cast(list[Any], said["candidates"])):
        if not isinstance(candidate, dict):
            continue
        spoken = cast(dict[str, Any], candidate)
        group, start = index(spoken.get("index")), ("candidates", number)
        for name, value in spoken.items():
            if name == "content":
                parts = rows(part(spoken, "content"), "parts")
                for place in places(value, name):
                    inner = _below((*start, name), place)
                    channel = _channel(parts, place.path)
                    if channel is None:
                        found.wholes.append(inner)
                    else:
                        found.pieces.append(Piece(group, channel, inner))
            elif name not in OPAQUE and name != "finishReason":
                found.wholes += places(value, name, below=(*start, name))
        if spoken.get("finishReason"):
            found.ended.append(group)


def _channel(parts: list[dict[str, Any]], path: Path) -> Hashable | None:
    """The text that a place in Gemini's parts belongs to; None if it is whole."""
    if len(path) < 3 or path[0] != "parts" or not isinstance(path[1], int) or path[1] >= len(parts):
        return None
    block = parts[path[1]]
    if path[2] == "text" and len(path) == 3:
        return "thought" if block.get("thought") else "text"
    if path[2:4] == ("functionCall", "partialArgs") and path[-1] == "stringValue":
        pieces = rows(part(block, "functionCall"), "partialArgs")
        place = path[4]
        if isinstance(place, int) and place < len(pieces):
            return ("argument", str(pieces[place].get("jsonPath")))
    return None


def answer_places(answer: Json) -> Iterator[Place]:
    """The texts of a whole answer."""
    for name in ANSWERED:
        # The Responses API repeats its settings for text under that name.
        if name in answer and not (name == "text" and isinstance(answer[name], dict)):
            yield from places(answer[name], name, below=(name,))


def _below(start: Path, place: Place) -> Place:
    return Place((*start, *place.path), place.text, place.json, place.aside, place.coded)
