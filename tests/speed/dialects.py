"""The same calls and answers in the clients' two dialects: what is sent to a contestant, and what must come of it.

The upstream speaks Chat Completions (`answers.py`). A client that does too gets its answers byte for byte; for one of
Anthropic's Messages each is translated, and what must come of it is written down here.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from tests.speed import answers


class Dialect(msgspec.Struct, frozen=True):
    """Attributes:
    ending: what a complete stream ends with.
    expected: the body that a client receives in the end; not of a gated stream, whose events hold the time.
    """

    path: str
    request_body: Callable[[answers.Mode], bytes]
    expected: Callable[[answers.Mode], bytes]
    ending: bytes


def _messages_body(mode: answers.Mode) -> bytes:
    fields: dict[str, Any] = {
        "model": answers.model(mode),
        "system": "x" * 200,
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.7,
        "max_tokens": 200,
    }
    if answers.is_stream(mode):
        fields["stream"] = True
    return json.dumps(fields).encode()


def _compact(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), _compact({"type": kind, **fields}))


def _usage(input_tokens: int, output_tokens: int) -> dict[str, int]:
    cached = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {"input_tokens": input_tokens, **cached, "output_tokens": output_tokens}


def _message(content: list[Any], stop: str | None, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": "msg_chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": answers.SERVED,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "citations": None}


USED = _usage(100, 100)
MESSAGE = _compact(_message([_text(answers.TEXT)], "end_turn", USED))
MESSAGE_STOP = _event("message_stop")
MESSAGE_STREAM = b"".join(
    (
        # Anthropic's own streams begin with the tokens that came in; this upstream tells them at the end.
        _event("message_start", message=_message([], None, _usage(0, 1))),
        _event("ping"),
        _event("content_block_start", index=0, content_block=_text("")),
        *(
            _event("content_block_delta", index=0, delta={"type": "text_delta", "text": token})
            for token in answers.TOKENS
        ),
        _event("content_block_stop", index=0),
        _event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=USED),
        MESSAGE_STOP,
    )
)


def _messages_expected(mode: answers.Mode) -> bytes:
    assert mode != "gated", "no two gated streams are alike"
    return MESSAGE_STREAM if answers.is_stream(mode) else MESSAGE


CHAT = Dialect("/v1/chat/completions", answers.request_body, answers.expected, answers.DONE)
MESSAGES = Dialect("/v1/messages", _messages_body, _messages_expected, MESSAGE_STOP)
