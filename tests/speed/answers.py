"""What the mock upstream answers, and so what every client must receive, byte for byte.

How the mock behaves is chosen by the model's name, the one field that every proxy passes on. Like a real upstream it
sends the usage event of a stream only when asked to: a gateway that asks for it on its own account must take it out
again, so what the client receives is the same for all contestants.
"""

import json
from typing import Any, Literal

Mode = Literal["plain", "delayed", "stream", "paced", "gated"]

DELAY_S = 0.05
PACE_S = 0.005
GATES = 3
"""Of a gated stream: so many events in a row are each sent only when the one before was confirmed."""

STREAM_EVENTS = 103
SERVED = "gpt-4o-mini-2024-07-18"
TEXT = "x" * 560
USAGE = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}


def model(mode: Mode) -> str:
    return f"bench-{mode}"


def is_stream(mode: Mode) -> bool:
    return mode in ("stream", "paced", "gated")


def request_body(mode: Mode) -> bytes:
    """A small chat request."""
    fields: dict[str, Any] = {
        "model": model(mode),
        "messages": [{"role": "system", "content": "x" * 200}, {"role": "user", "content": "hello"}],
        "temperature": 0.7,
        "max_tokens": 200,
    }
    if is_stream(mode):
        fields["stream"] = True
    return json.dumps(fields).encode()


def _event(fields: dict[str, Any]) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": SERVED}
    return b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n"


def delta(content: str) -> bytes:
    """One event that carries text."""
    return _event({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]})


FINISH = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
USAGE_EVENT = _event({"choices": [], "usage": USAGE})
DONE = b"data: [DONE]\n\n"

TOKENS = tuple(f"token{number} " for number in range(STREAM_EVENTS - 2))
EVENTS = (*map(delta, TOKENS), FINISH, DONE)
EVENTS_WITH_USAGE = (*EVENTS[:-1], USAGE_EVENT, DONE)
STREAM = b"".join(EVENTS)

WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": SERVED,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"},
        ],
        "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 0}},
    }
).encode()


def expected(mode: Mode) -> bytes:
    """The body that a client receives in the end; a gated stream's holds time stamps and has none."""
    assert mode != "gated", "no two gated streams are alike"
    return STREAM if is_stream(mode) else WHOLE
