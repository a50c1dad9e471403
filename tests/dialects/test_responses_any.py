"""Responses there and back, and any events and bytes at all."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.conversation import (
    Image,
    Inline,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from gateway.core.faults import Fault
from gateway.core.generation import (
    Delta,
    Ended,
    Event,
    Failed,
    PartEnded,
    PartStarted,
    Signed,
    gathered,
    replayed,
)
from gateway.dialects.responses.answers import decode_answer, encode_answer
from gateway.dialects.responses.events import Decoder
from gateway.dialects.responses.items import decode_input
from gateway.dialects.responses.response_events import Encoder
from tests.dialects.response_answers import (
    CAPTION,
    REQUEST,
    USAGE,
    answer,
    stream,
    told,
)

# ---------------------------------------------------------------- there and back

WORD = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
SIGNATURE = st.one_of(WORD.map("openai.{}".format).filter(lambda one: "openai.gw." not in one), st.just("anthropic.A"))
PART = st.one_of(
    st.builds(Text, WORD),
    st.builds(Refusal, WORD),
    st.builds(Thinking, text=WORD, signature=SIGNATURE),
    st.builds(Thinking, signature=SIGNATURE, redacted=st.just(True)),
    st.builds(ToolCall, id=WORD, name=WORD, arguments=st.just("{}"), signature=st.sampled_from(["", "gemini.S"])),
    st.builds(Image, st.just(Inline("image/png", "aGk="))),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(PART, max_size=5))
def test_what_a_client_is_told_it_can_give_back(parts: list[Part]) -> None:
    """Signatures of every provider survive a client that repeats the output as input, streamed or whole."""
    whole = answer(*parts)
    for said in (told(whole), stream(replayed(whole))[-1]["response"]):
        if said["output"]:
            [message] = decode_input({"input": said["output"]})
            found = [msgspec.structs.replace(one, id="") if isinstance(one, Thinking) else one for one in message.parts]
            assert found == parts


@settings(deadline=None, max_examples=100)
@given(st.lists(PART, max_size=5))
def test_our_own_answers_can_be_read(parts: list[Part]) -> None:
    """A gateway behind a gateway: what is told is heard, whole and streamed."""
    whole = answer(*parts, usage=USAGE)
    encoder, decoder = Encoder(CAPTION, REQUEST, {}), Decoder()
    body = b"".join(encoder.encode(event) for event in replayed(whole))
    streamed = gathered([*decoder.feed(body), *decoder.end()])
    once = decode_answer(encode_answer(whole, CAPTION, {}))
    assert streamed.choices[0].parts == once.choices[0].parts
    images = sum(isinstance(one, Image) for one in once.choices[0].parts)
    assert streamed.usage == once.usage == msgspec.structs.replace(USAGE, images=images)


# ---------------------------------------------------------------- anything

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=6,
)
FIELD = st.sampled_from(
    [
        "output", "status", "error", "usage", "item", "part", "content", "summary", "type", "text", "delta", "arguments",
        "output_index", "content_index", "summary_index", "logprobs", "annotations", "annotation", "response", "action",
        "tool_usage", "web_search", "num_requests", "input_tokens", "start_index", "encrypted_content", "result",
    ]
)  # fmt: skip
KIND = st.sampled_from(
    [
        "message", "function_call", "reasoning", "web_search_call", "image_generation_call", "output_text", "refusal",
        "url_citation", "file_citation", "failed", "incomplete",
    ]
)  # fmt: skip
ALIKE = st.recursive(
    JSON | KIND | st.integers(-1, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD, inner, max_size=5),
    max_leaves=15,
)
TYPES = st.sampled_from(
    [f"response.{name}" for name in (
        "created", "in_progress", "queued", "completed", "incomplete", "failed", "output_item.added",
        "output_item.done", "content_part.added", "content_part.done", "output_text.delta", "output_text.done",
        "output_text.annotation.added", "refusal.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "reasoning_text.delta", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.added",
    )] + ["error"]
)  # fmt: skip
EVENTS = st.lists(
    st.builds(lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(FIELD, ALIKE, max_size=5)), max_size=8
)


def listened(body: bytes, cuts: Sequence[int] = ()) -> list[Event] | str:
    """The events, or the code of the fault that ends them."""
    decoder, found = Decoder(), list[Event]()
    marks = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    try:
        for start, end in itertools.pairwise(marks):
            found.extend(decoder.feed(body[start:end]))
        return found + decoder.end()
    except Fault as fault:
        return fault.code


@settings(deadline=None, max_examples=300)
@given(EVENTS, st.lists(st.integers(0, 2_000), max_size=4))
def test_any_events_make_a_well_formed_stream(said: list[dict[str, Any]], cuts: list[int]) -> None:
    body = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in said)
    once, cut = listened(body), listened(body, cuts)
    assert repr(cut) == repr(once) or any(isinstance(one, Failed) for one in once)  # faults differ by identity
    if isinstance(once, str):
        return
    opened: set[int] = set()
    count = 0
    for one in once:
        if isinstance(one, PartStarted):
            assert one.part == count
            count += 1
            opened.add(one.part)
        elif isinstance(one, Delta | Signed):
            assert one.part in opened
        elif isinstance(one, PartEnded):
            opened.remove(one.part)
    assert not opened
    assert isinstance(once[-1], Ended | Failed)
    encoder = Encoder(CAPTION, REQUEST, {})
    for one in once[:-1]:
        encoder.encode(one)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=60), ALIKE.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_an_answer_or_a_fault(body: bytes) -> None:
    for read in (decode_answer, listened, lambda given: listened(b"data: " + given + b"\n\n")):
        try:
            read(body)
        except Fault as fault:
            assert fault.message  # noqa: PT017  any kind of fault will do
