"""What tests of responses share: answers told, wire events, events heard."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.core.conversation import (
    ChatRequest,
    Part,
)
from gateway.core.generation import (
    Answer,
    Choice,
    Event,
    Finish,
)
from gateway.core.usage import Usage
from gateway.dialects.fitting import Caption
from gateway.dialects.responses.answers import encode_answer
from gateway.dialects.responses.events import Decoder
from gateway.dialects.responses.response_events import Encoder

CAPTION = Caption(id="0a", created=1_700_000_000, model="alias")
REQUEST = ChatRequest(model="alias", messages=(), stream=True)
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
USAGE = Usage(input_tokens=6, cached_input_tokens=4, output_tokens=3, reasoning_tokens=2)
TOLD_USAGE = {
    "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15,
}  # fmt: skip
LOGPROB = {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}


def told(answer: Answer, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    body = encode_answer(answer, CAPTION, asked or {})
    Response.model_validate_json(body)
    return json.loads(body)


def answer(*parts: Part, finish: str = "stop", **fields: Any) -> Answer:
    choice = Choice(parts=parts, finish=Finish(finish), logprobs=fields.pop("logprobs", None))  # type: ignore[arg-type]
    return Answer(choices=(choice,), **fields)


def stream(events: Iterable[Event], asked: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The wire events, each one that the SDK knows, numbered from 0."""
    encoder = Encoder(CAPTION, REQUEST, asked or {})
    return wire(b"".join(encoder.encode(event) for event in events))


def wire(body: bytes) -> list[dict[str, Any]]:
    found = []
    for number, block in enumerate(body.decode().split("\n\n")[:-1]):
        name, data = block.split("\n")
        said = json.loads(data.removeprefix("data: "))
        EVENT.validate_python(said)
        assert name == f"event: {said['type']}"
        assert said["sequence_number"] == number
        found.append(said)
    return found


def brief(events: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Type, output index, the index within it, and what came."""
    return [
        (
            one["type"].removeprefix("response."),
            one.get("output_index"),
            one.get("content_index", one.get("summary_index")),
            one.get("delta", one.get("text", one.get("arguments", one.get("refusal")))),
        )
        for one in events
    ]


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


def heard(*events: dict[str, Any]) -> list[Event]:
    decoder = Decoder()
    return [*decoder.feed(sse(*events)), *decoder.end()]


def done(**fields: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"status": "completed", **fields}}
