"""Counting a prompt's tokens: `countTokens`.

Source: https://ai.google.dev/api/tokens#method:-models.counttokens and
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens. The Gemini API counts instructions
and tools only inside a `generateContentRequest`; Vertex takes their fields beside `contents`.
"""

from typing import Any

import msgspec

from gateway.core.conversation import ChatRequest, Json
from gateway.core.faults import UpstreamBroken
from gateway.dialects.fitting import Quirks
from gateway.dialects.gemini.naming import plain, without_prefix
from gateway.dialects.gemini.requests import decode_request, encode_request
from gateway.dialects.reading import answer_object, field

_encode = msgspec.json.Encoder().encode
# A prompt is what stands in these; how the answer is made does not change it.
_PROMPT = ("contents", "systemInstruction", "tools")


def decode_count_request(body: Json, model: str) -> ChatRequest:
    """A client's question, in either form.

    Raises:
        BadRequest: as `decode_request`.
    """
    body = plain(body)
    inner = field(body, "generateContentRequest", dict)
    return decode_request(body if inner is None else inner, model, False)


def encode_count_request(request: ChatRequest, quirks: Quirks, *, vertex: bool = False) -> dict[str, Any]:
    """The question for an upstream.

    Raises:
        BadRequest: as `encode_request`.
    """
    whole = encode_request(request, quirks)
    prompt = {name: whole[name] for name in _PROMPT if name in whole}
    if vertex:
        return prompt
    if prompt.keys() == {"contents"}:
        return prompt
    return {"generateContentRequest": {"model": f"models/{without_prefix(request.model)}", **prompt}}


def decode_count(body: bytes) -> int:
    """The answer.

    Raises:
        UpstreamBroken: it is none.
    """
    count = answer_object(body).get("totalTokens", 0)  # proto3 JSON leaves a zero out
    if type(count) is not int or count < 0:
        raise UpstreamBroken("the upstream's answer has no count of tokens")
    return count


def encode_count(count: int) -> bytes:
    return _encode({"totalTokens": count})
