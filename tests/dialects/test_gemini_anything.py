"""generateContent streams, cut anywhere; any JSON and any bytes at all."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.faults import Fault, UpstreamBroken
from gateway.core.generation import (
    Delta,
    Ended,
    Event,
    PartEnded,
    PartStarted,
    Signed,
    gathered,
)
from gateway.dialects.gemini.answers import decode_answer, encode_answer
from gateway.dialects.gemini.errors import decode_error
from gateway.dialects.gemini.events import Decoder
from tests.dialects.gemini_answers import CAPTION, chunk, events, stream

WELL = stream(
    chunk({"text": "hm", "thought": True}, {"text": "a"}),
    chunk({"functionCall": {"name": "f", "willContinue": True}}),
    chunk({"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}, finishReason="STOP"),
)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(WELL)), max_size=6))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(WELL)]
    decoder = Decoder()
    said = [one for start, end in pairwise(borders) for one in decoder.feed(WELL[start:end])]
    assert said + decoder.end() == events(WELL)


names = st.sampled_from(
    ["candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args", "partialArgs",
     "jsonPath", "stringValue", "willContinue", "inlineData", "mimeType", "data", "fileData", "fileUri", "executableCode",
     "index", "finishReason", "usageMetadata", "promptTokenCount", "promptTokensDetails", "modality", "tokenCount", "error",
     "code", "groundingMetadata", "groundingChunks", "web", "groundingSupports", "segment", "startIndex", "endIndex",
     "groundingChunkIndices", "citationMetadata", "citationSources", "logprobsResult", "chosenCandidates", "token",
     "logProbability", "promptFeedback", "blockReason", "createTime", "modelVersion", "responseId"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["STOP", "audio/x", "a", "ä", "$.a[0]", "$.b", "2024-01-01T00:00:00Z", "\ud800", ""])  # fmt: skip
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5), max_leaves=30)  # fmt: skip


def well_formed(said: list[Event]) -> None:
    began: dict[tuple[int, int], bool] = {}
    count: dict[int, int] = {}
    for event in said:
        if isinstance(event, PartStarted):
            assert event.part == count.get(event.choice, 0)
            count[event.choice] = event.part + 1
            began[event.choice, event.part] = True
        elif isinstance(event, Delta | Signed):
            assert began[event.choice, event.part]
        elif isinstance(event, PartEnded):
            assert began[event.choice, event.part]
            began[event.choice, event.part] = False
    if said and isinstance(said[-1], Ended):
        assert not any(began.values())


@settings(deadline=None)
@given(st.lists(st.dictionaries(names, anything, max_size=6), max_size=4), st.booleans())
def test_any_json_is_an_answer_or_a_declared_fault(said: list[dict[str, Any]], array: bool) -> None:
    chunks = [json.dumps(one).encode() for one in said]
    data = b"[" + b",".join(chunks) + b"]" if array else stream(*chunks)
    decoder, found = Decoder(), []
    try:
        found = decoder.feed(data)
        found += decoder.end()
    except Fault:
        pass
    well_formed(found)
    for one in chunks:
        try:
            encode_answer(decode_answer(one), CAPTION)
        except Fault:
            pass


def candidates(**said: Any) -> st.SearchStrategy[dict[str, Any]]:
    parts = st.lists(st.dictionaries(names, anything, max_size=3), max_size=3)
    return st.fixed_dictionaries({"content": st.fixed_dictionaries({"parts": parts})}, optional={"index": st.integers(0, 2), "finishReason": st.just("STOP"), "groundingMetadata": anything, "logprobsResult": anything})  # fmt: skip


@settings(deadline=None)
@given(st.lists(candidates(), max_size=4))
def test_any_parts_are_well_formed(said: list[dict[str, Any]]) -> None:
    decoder = Decoder()
    found: list[Event] = []
    try:
        for each in said:
            found += decoder.feed(stream(json.dumps({"candidates": [each]}).encode()))
        well_formed(found)
        found += decoder.end()
    except UpstreamBroken:
        return
    well_formed(found)
    gathered(found)


@settings(deadline=None)
@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'data: {"a":' + b"[" * 100_000 + b"\n\n")
@example(
    b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":'
    + b'{"a":' * 900
    + b"1"
    + b"}" * 900
    + b"}}]}}]}"
)
@example(b"\xef\xbb\xbfdata: {}\n\n")
@example(b'[{"a":"\\')
def test_any_bytes_are_an_answer_or_a_declared_fault(data: bytes) -> None:
    decoder = Decoder()
    for attempt in (lambda: decoder.feed(data), decoder.end, lambda: decode_answer(data)):
        try:
            attempt()
        except Fault:
            pass
    assert decode_error(500, {}, data).status == 500
