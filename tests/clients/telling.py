"""What all upstreams of these tests say and read alike."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.testing import event

Body = dict[str, Any]
COUNTED = 4321
SIGNATURE = base64.b64encode(b"what Gemini thought of it").decode()


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def pieces(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def text_of(content: str | Sequence[Mapping[str, Any]] | None) -> str:
    """The text of a string or of blocks of text; anything else is an error."""
    if isinstance(content, str | None):
        return content or ""
    return "".join(block["text"] for block in content)


def data_of(url: str) -> bytes:
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64", head
    return base64.b64decode(data, validate=True)


def openai_refusal(status: int, text: str) -> Body:
    kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
    return {"error": {"message": text, "type": kind.get(status, "server_error"), "param": None, "code": None}}


def named(said: Body) -> bytes:
    """An event that says its type twice, as Anthropic's and OpenAI's Responses do."""
    return f"event: {said['type']}\n".encode() + event(said)
