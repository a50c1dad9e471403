"""What an event says is known from another's bytes only where reading it says the same."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.sse import data_of, read_object
from gateway.guard.events import told
from gateway.guard.likeness import Likeness, likeness_of

Frame = Callable[[str, str], Mapping[str, Any]]
FRAMES: Mapping[str, Frame] = {
    "chat": lambda text, other: {
        "id": other,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    },
    "thoughts": lambda text, other: {"choices": [{"index": 0, "delta": {other: "x", "reasoning": text}}]},
    "completions": lambda text, other: {"choices": [{"index": 0, "text": text}], other: 1},
    "arguments": lambda text, other: {
        "choices": [{"delta": {"tool_calls": [{"index": 0, "id": other, "function": {"arguments": text}}]}}]
    },
    "messages": lambda text, other: {"type": "content_block_delta", "index": 0, "delta": {"type": other, "text": text}},
    "responses": lambda text, other: {"type": "response.output_text.delta", "item_id": other, "delta": text},
    "generate": lambda text, other: {"candidates": [{"content": {"parts": [{"text": text, "id": other}]}}]},
    "data": lambda text, other: {"choices": [{"delta": {"audio": {"data": text}, other: ""}}]},
    "names": lambda text, other: {"choices": [{"delta": {"input": {text: other}}}]},
    "ends": lambda text, other: {"choices": [{"delta": {"content": text}, "finish_reason": other}]},
}
WORD = st.text(alphabet='aB "\\{:,é\n', max_size=4) | st.sampled_from(["stop", "text", "content", "text_delta", "QUJD"])


def event(frame: str, text: str, other: str, escape: bool) -> bytes:
    said = json.dumps(FRAMES[frame](text, other), ensure_ascii=escape)
    return f"event: x\ndata: {said}\n\n".encode()


def like(one: bytes) -> Likeness | None:
    said = read_object(data_of(one) or b"")
    assert said is not None
    return likeness_of(one, told(said))


@given(
    st.sampled_from(sorted(FRAMES)), st.tuples(WORD, WORD), st.tuples(WORD, WORD), st.booleans()
)  # fmt: skip
def test_it_says_what_reading_the_whole_event_says(
    frame: str, first: tuple[str, str], second: tuple[str, str], escape: bool
) -> None:
    made = like(event(frame, *first, escape))
    other = event(frame, *second, escape)
    if made is None or (place := made.read(other)) is None:
        return
    said = read_object(data_of(other) or b"")
    assert said is not None
    found = told(said)
    assert (found.wholes, found.ended) == ([], [])
    (piece,) = found.pieces
    assert ((piece.group, piece.channel), piece.place) == (made.key, place)


@pytest.mark.parametrize("frame", ["chat", "completions", "messages", "responses", "generate"])
def test_the_events_of_most_streams_are_alike(frame: str) -> None:
    made = like(event(frame, "Hello", "id-1", escape=False))
    assert made is not None
    place = made.read(event(frame, " wörld", "id-1", escape=False))
    assert place is not None
    assert place.text == " wörld"


@pytest.mark.parametrize(
    "event_of",
    [
        lambda text: b'data: {"choices":[{"index":0,"delta":{"content":"\\u0041"}}],"%b":1}\n\n' % text,
        lambda text: b'data: {"choices":[{"index":0,"delta":{"content":"A","%b":"A"}}]}\n\n' % text,
        lambda text: b'data: {"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":"stop"}]}\n\n' % text,
    ],
    ids=["a name that looks like the text", "a text that stands twice", "an end"],
)
def test_where_other_bytes_could_say_something_else_it_is_not_made(event_of: Callable[[bytes], bytes]) -> None:
    assert like(event_of(b"A")) is None


@pytest.mark.parametrize("inside", [b"", b'"', b"\\n", b"a\nb", b"\xff", b'x","y":"z'])
def test_what_does_not_stand_for_itself_is_read(inside: bytes) -> None:
    made = like(event("chat", "Hello", "id-1", escape=False))
    assert made is not None
    assert made.read(made.before + inside + made.after) is None
