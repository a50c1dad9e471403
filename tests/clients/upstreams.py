"""The upstreams' side: for each protocol a gateway can speak to, how it answers, streams, refuses and is read.

A protocol of `gateway.dialects.protocols.UPSTREAMS` joins all the tests of this folder by a row of `UPSTREAMS`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from gateway.dialects.eventstream import encode_exception
from gateway.testing import Hangup, Script, body_answer, event, event_stream, json_answer
from tests.clients.telling import COUNTED, Body, cut, named, openai_refusal
from tests.clients.telling_chat import chat_events, chat_heard, chat_whole
from tests.clients.telling_converse import converse_events, converse_heard, converse_whole
from tests.clients.telling_generate import gemini_events, gemini_heard, gemini_refusal, gemini_whole
from tests.clients.telling_messages import message_events, message_heard, message_refusal, message_whole
from tests.clients.telling_responses import response_broken, response_events, response_heard, response_whole
from tests.clients.words import Heard, Turn


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Attributes:
    provider: its row of config.yaml, but for the base URL. model: its own name for one.
    path, stream: where it is asked, below the base URL.
    whole, events: a turn as a body, and as the pieces of a stream. heard: a request in the tests' words.
    refusal: the body of an error. broken: an error as a piece of a stream. overloaded: the status for it.
    counting: where it counts tokens, and what it answers; None if it does not count.
    """

    protocol: str
    provider: Mapping[str, Any]
    model: str
    path: str
    stream: str
    whole: Callable[[Turn], Body]
    events: Callable[[Turn], list[bytes]]
    heard: Callable[[Body], Heard]
    refusal: Callable[[int, str], Body]
    broken: Callable[[str], bytes]
    overloaded: int = 503
    counting: tuple[str, Body] | None = None
    stream_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def alias(self) -> str:
        return f"test-{self.protocol}"

    def path_of(self, path: str) -> str:
        """A path as it stands in a request's first line."""
        return f"/v1/{path.format(model=quote(self.model, safe=''))}"

    def paths(self) -> tuple[str, str]:
        return self.path_of(self.path), self.path_of(self.stream)

    def answers(self, turn: Turn, *, stream: bool) -> Script:
        if not stream:
            return json_answer(self.whole(turn))
        # Cut without regard to events and characters, as networks do.
        return self.streams(cut(b"".join(self.events(turn)), 97))

    def streams(self, pieces: Sequence[bytes | float | Exception]) -> Script:
        return event_stream(*pieces, headers=dict(self.stream_headers))

    def replays(self, body: bytes, *, stream: bool) -> Script:
        """A recorded answer."""
        return self.streams(cut(body, 1500)) if stream else body_answer(body)

    def refuses(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Script:
        return json_answer(self.refusal(status, text), status, dict(headers or {}))

    def breaks(self, turn: Turn, text: str) -> Script:
        """A stream that begins well, and then tells an error."""
        return self.streams([*self.events(turn)[:3], self.broken(text)])

    def vanishes(self, turn: Turn) -> Script:
        """A stream that begins well, and then the connection ends."""
        return self.streams([*self.events(turn)[:3], 0.02, Hangup(reset=True)])


UPSTREAMS: Mapping[str, Upstream] = {
    row.protocol: row
    for row in (
        Upstream(
            protocol="chat",
            provider={"kind": "openai-compatible", "api_key": "sk-chat", "protocols": ["chat"]},
            model="real-chat",
            path="chat/completions",
            stream="chat/completions",
            whole=chat_whole,
            events=chat_events,
            heard=chat_heard,
            refusal=openai_refusal,
            broken=lambda text: event(openai_refusal(503, text)),
        ),
        Upstream(
            protocol="messages",
            provider={"kind": "anthropic-compatible", "api_key": "sk-messages"},
            model="real-messages",
            path="messages",
            stream="messages",
            whole=message_whole,
            events=message_events,
            heard=message_heard,
            refusal=message_refusal,
            broken=lambda text: named(message_refusal(529, text)),
            overloaded=529,
            counting=("messages/count_tokens", {"input_tokens": COUNTED}),
        ),
        Upstream(
            protocol="responses",
            provider={"kind": "openai-compatible", "api_key": "sk-responses", "protocols": ["responses"]},
            model="real-responses",
            path="responses",
            stream="responses",
            whole=response_whole,
            events=response_events,
            heard=response_heard,
            refusal=openai_refusal,
            broken=response_broken,
        ),
        Upstream(
            protocol="generate",
            provider={"kind": "gemini", "api_key": "sk-generate"},
            model="gemini-3-flash",
            path="models/{model}:generateContent",
            stream="models/{model}:streamGenerateContent",
            whole=gemini_whole,
            events=gemini_events,
            heard=gemini_heard,
            refusal=gemini_refusal,
            broken=lambda text: event(gemini_refusal(503, text)),
            counting=("models/{model}:countTokens", {"totalTokens": COUNTED}),
        ),
        Upstream(
            protocol="converse",
            provider={"kind": "bedrock", "api_key": "sk-converse", "region": "eu-west-1"},
            model="eu.amazon.nova-2-lite-v1:0",
            path="model/{model}/converse",
            stream="model/{model}/converse-stream",
            whole=converse_whole,
            events=converse_events,
            heard=converse_heard,
            refusal=lambda status, text: {"message": text},
            broken=lambda text: encode_exception("serviceUnavailableException", json.dumps({"message": text}).encode()),
            stream_headers={"content-type": "application/vnd.amazon.eventstream"},
        ),
    )
}
