"""What is asked and answered. Each question holds a word of its own that its answer repeats, so that an answer to
somebody else's question, or one made of two upstreams' halves, is seen to be wrong."""

import json
import re
from typing import Any

NONCE = re.compile(rb"nonce:([a-z0-9-]+)")
PIECES = 5
INPUT_TOKENS, OUTPUT_TOKENS = 100, 40
PADDING = "x" * 300
DONE = b"data: [DONE]\n\n"


def question(route: str, nonce: str, *, stream: bool = False) -> bytes:
    """A small chat request to a route."""
    fields: dict[str, Any] = {
        "model": route,
        "messages": [{"role": "system", "content": "x" * 200}, {"role": "user", "content": f"nonce:{nonce}"}],
        "max_tokens": 100,
    }
    if stream:
        fields["stream"] = True
    return json.dumps(fields).encode()


def _usage() -> dict[str, int]:
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }


def whole(nonce: str, by: str) -> bytes:
    """A whole answer of the upstream `by`."""
    message = {"role": "assistant", "content": f"{nonce} {PADDING}"}
    return json.dumps(
        {
            "id": f"chatcmpl-{nonce}",
            "object": "chat.completion",
            "created": 1,
            "model": "fleet-model",
            "system_fingerprint": f"fp_{by}",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _usage(),
        }
    ).encode()


def _pieces(nonce: str) -> list[str]:
    return [f"{nonce}.{number} " for number in range(PIECES)]


def events(nonce: str, by: str, *, usage: bool) -> list[bytes]:
    """The events of a streamed answer."""
    head = {
        "id": f"chatcmpl-{nonce}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "fleet-model",
        "system_fingerprint": f"fp_{by}",
    }
    told: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in _pieces(nonce)
    ]
    told.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        told.append({"choices": [], "usage": _usage()})
    return [*(b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n" for fields in told), DONE]


def error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}}).encode()


def wrong_with(payload: bytes, nonce: str, *, stream: bool) -> str:
    """What is wrong with an answer of status 200, in a few words; empty if it is the one that was asked for."""
    try:
        return _wrong_stream(payload, nonce) if stream else _wrong_whole(payload, nonce)
    except (ValueError, LookupError, TypeError):
        return "not a chat answer"


def _wrong_whole(payload: bytes, nonce: str) -> str:
    said = json.loads(payload)
    right = said["choices"][0]["message"]["content"] == f"{nonce} {PADDING}" and said["usage"] == _usage()
    return "" if right else "another answer"


def _wrong_stream(payload: bytes, nonce: str) -> str:
    if not payload.endswith(DONE):
        return "a stream without its end"
    said = [json.loads(line[6:]) for line in payload.split(b"\n\n")[:-2] if line.startswith(b"data: ")]
    if any("error" in event for event in said):
        return "a stream that ends in an error"
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in said if event["choices"])
    if len({event["system_fingerprint"] for event in said}) != 1:
        return "a stream of several upstreams"
    return "" if text == "".join(_pieces(nonce)) else "another answer"
