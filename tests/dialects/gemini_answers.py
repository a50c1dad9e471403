"""What tests of generateContent answers share."""

import json
from typing import Any

from gateway.core.conversation import ChatRequest
from gateway.core.generation import (
    Answer,
    Choice,
    Event,
)
from gateway.dialects.fitting import Caption
from gateway.dialects.gemini.events import Decoder

CAPTION = Caption(id="x1", created=1_700_000_000, model="gemini-x")
REQUEST = ChatRequest(model="m", messages=())


def body(*parts: dict[str, Any], finish: str = "STOP", **more: Any) -> bytes:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "finishReason": finish, **more}
    return json.dumps({"candidates": [candidate], "modelVersion": "gemini-3", "responseId": "r-1"}).encode()


def only(answer: Answer) -> Choice:
    assert len(answer.choices) == 1
    return answer.choices[0]


def stream(*chunks: bytes) -> bytes:
    return b"".join(b"data: " + chunk + b"\r\n\r\n" for chunk in chunks)


def events(data: bytes) -> list[Event]:
    decoder = Decoder()
    return decoder.feed(data) + decoder.end()


def chunk(*parts: dict[str, Any], **more: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    if "finishReason" in more:
        candidate["finishReason"] = more.pop("finishReason")
    return json.dumps({"candidates": [candidate], "responseId": "r1", "modelVersion": "gemini-3", **more}).encode()
