"""Embeddings and counts of tokens: OpenAI's shapes to Gemini's and back."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.conversation import ChatRequest, Message, Text, Tool
from gateway.core.faults import BadRequest, Fault, UpstreamBroken
from gateway.core.usage import Usage
from gateway.dialects.fitting import Quirks
from gateway.dialects.gemini.counting import decode_count, decode_count_request, encode_count, encode_count_request
from gateway.dialects.gemini.embeddings import (
    decode_embeddings,
    decode_embeddings_answer,
    encode_embeddings,
    encode_embeddings_answer,
)


def test_a_request_for_gemini() -> None:
    body = encode_embeddings({"input": ["a", "b"], "dimensions": 3, "user": "u"}, "gemini-embedding-001")
    content = [{"parts": [{"text": text}]} for text in "ab"]
    assert body == {
        "requests": [
            {"model": "models/gemini-embedding-001", "content": one, "outputDimensionality": 3} for one in content
        ]
    }
    assert decode_embeddings(body, "m") == {"model": "m", "input": ["a", "b"], "dimensions": 3}


@pytest.mark.parametrize(
    ("said", "param"), [([1, 2], "input[0]"), ([[1]], "input[0]"), ([], "input"), (None, "input"), (5, "input")]
)
def test_only_text_can_be_embedded(said: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        encode_embeddings({"input": said}, "m")
    assert caught.value.param == param


def test_one_content() -> None:
    said = {"model": "models/m", "content": {"parts": [{"text": "a"}, {"text": "b"}]}, "output_dimensionality": 2}
    assert decode_embeddings(said, "m") == {"model": "m", "input": "ab", "dimensions": 2}
    with pytest.raises(BadRequest) as caught:
        decode_embeddings({"requests": [{"content": {"parts": [{"inlineData": {}}]}}]}, "m")
    assert caught.value.param == "requests[0].content.parts[0].text"


def test_answers_both_ways() -> None:
    said = json.dumps({"embeddings": [{"values": [0.5, -1]}], "usageMetadata": {"promptTokenCount": 3}}).encode()
    answer, usage = decode_embeddings_answer(said, {"input": "a"}, "m")
    assert answer["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5, -1]}]
    assert (answer["usage"], usage) == ({"prompt_tokens": 3, "total_tokens": 3}, Usage(input_tokens=3))
    packed, _ = decode_embeddings_answer(said, {"input": ["a"], "encoding_format": "base64"}, "m")
    assert struct.unpack("<2f", base64.b64decode(packed["data"][0]["embedding"])) == (0.5, -1.0)
    for one in (answer, packed):
        assert json.loads(encode_embeddings_answer(one, batch=True))["embeddings"] == [{"values": [0.5, -1]}]
        assert json.loads(encode_embeddings_answer(one, batch=False))["embedding"] == {"values": [0.5, -1]}


def test_as_many_answers_as_inputs() -> None:
    with pytest.raises(UpstreamBroken):
        decode_embeddings_answer(b'{"embeddings":[{"values":[1]}]}', {"input": ["a", "b"]}, "m")


@settings(deadline=None)
@given(
    st.binary(max_size=60)
    | st.sampled_from([b'{"embedding":{"values":[1e300]}}', b'{"embeddings":[{"values":["a"]}]}'])
)
def test_any_bytes_are_embeddings_or_a_fault(data: bytes) -> None:
    for asked in ({"input": "a"}, {"input": "a", "encoding_format": "base64"}):
        try:
            decode_embeddings_answer(data, asked, "m")
        except Fault:
            pass
    try:
        assert decode_count(data) >= 0
    except Fault:
        pass


def test_counting() -> None:
    hello = Message(role="user", parts=(Text("hi"),))
    plain = ChatRequest(model="gemini-3", messages=(hello,))
    assert encode_count_request(plain, Quirks()) == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    system = Message(role="system", parts=(Text("brief"),))
    full = ChatRequest(model="models/gemini-3", messages=(system, hello), tools=(Tool(name="f"),), temperature=1.0)
    inner = encode_count_request(full, Quirks())["generateContentRequest"]
    assert inner.keys() == {"model", "contents", "systemInstruction", "tools"}
    assert inner["model"] == "models/gemini-3"
    assert encode_count_request(full, Quirks(), vertex=True).keys() == {"contents", "systemInstruction", "tools"}
    asked = decode_count_request({"generateContentRequest": inner}, "m")
    assert (len(asked.messages), asked.tools) == (2, (Tool(name="f"),))
    assert decode_count(encode_count(7)) == 7
    assert decode_count(b"{}") == 0
