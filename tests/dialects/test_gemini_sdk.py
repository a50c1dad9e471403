"""Google's own client, against a server that answers with what the codec writes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from gateway.core.conversation import ChatRequest, Text, Thinking, ToolCall, ToolResult
from gateway.core.faults import RateLimited, UpstreamBroken
from gateway.core.generation import Answer, Choice, Ended, Finish, replayed
from gateway.core.usage import Usage
from gateway.dialects.fitting import Caption
from gateway.dialects.gemini.answers import encode_answer
from gateway.dialects.gemini.counting import decode_count_request, encode_count
from gateway.dialects.gemini.embeddings import decode_embeddings, encode_embeddings_answer
from gateway.dialects.gemini.errors import error_body, error_headers
from gateway.dialects.gemini.events import Encoder
from gateway.dialects.gemini.requests import decode_request

CAPTION = Caption(id="x1", created=1_700_000_000, model="gemini-x")
ANSWER = Answer(
    id="r1",
    choices=(
        Choice(
            parts=(
                Thinking(text="hm", signature="anthropic.abc"),
                Text("Hello"),
                ToolCall(id="c1", name="f", arguments='{"x":1}', signature="gemini.QQ=="),
            ),
            finish=Finish("tool_calls"),
        ),
    ),
    usage=Usage(input_tokens=3, output_tokens=4, reasoning_tokens=1),
)


class Site:
    """`requests`: (path, body) as they came. `answers`: (status, content type, body) to give, in order."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.answers: list[tuple[int, str, bytes]] = []
        self.client: genai.Client


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["content-length"]))
            site.requests.append((self.path, json.loads(said)))
            status, kind, body = site.answers.pop(0)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    options = types.HttpOptions(base_url=f"http://127.0.0.1:{server.server_address[1]}")
    site.client = genai.Client(api_key="k", http_options=options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.client.close()
        server.shutdown()
        thread.join()
        server.server_close()


def streamed(answer: Answer) -> bytes:
    encoder = Encoder(CAPTION, ChatRequest(model="m", messages=()))
    return b"".join(encoder.encode(event) for event in replayed(answer))


def test_a_chat_keeps_what_was_said_and_gives_it_back() -> None:
    with serving() as site:
        chat = site.client.chats.create(model="m")
        site.answers = [
            (200, "text/event-stream", streamed(ANSWER)),
            (200, "application/json", encode_answer(ANSWER, CAPTION)),
        ]
        chunks = list(chat.send_message_stream("hi"))
        assert "".join(part.text or "" for one in chunks for part in one.candidates[0].content.parts if not part.thought) == "Hello"  # fmt: skip
        assert chunks[-1].usage_metadata.total_token_count == 8
        result = types.Part.from_function_response(name="f", response={"output": "done"})
        assert chat.send_message(result).function_calls[0].args == {"x": 1}
        _, said = site.requests[1]
        request = decode_request(said, "m", False)
        _, assistant, tool = request.messages
        assert assistant.parts == (
            Thinking(text="hm", signature="anthropic.abc"),
            Text("Hello"),
            ToolCall(id="c1", name="f", arguments='{"x":1}', signature="gemini.QQ=="),
        )
        assert tool.parts == (ToolResult(call_id="c1", name="f", parts=(Text("done"),)),)


def test_the_client_raises_our_faults() -> None:
    with serving() as site:
        fault = RateLimited("too many", headers={"retry-after": "3"})
        kind = dict(error_headers(fault))["content-type"]
        site.answers = [(429, kind, error_body(fault, "q"))]
        with pytest.raises(errors.ClientError) as caught:
            site.client.models.generate_content(model="m", contents="hi")
        assert (caught.value.code, caught.value.status, caught.value.message) == (429, "RESOURCE_EXHAUSTED", "too many")
        encoder = Encoder(CAPTION, ChatRequest(model="m", messages=()))
        begun = b"".join(encoder.encode(event) for event in replayed(ANSWER) if not isinstance(event, Ended))
        site.answers = [(200, "text/event-stream", begun + encoder.fault(UpstreamBroken("gone"), "q"))]
        with pytest.raises(errors.APIError) as broken:
            list(site.client.models.generate_content_stream(model="m", contents="hi"))
        assert broken.value.code == 502


def test_what_the_client_sends_is_read() -> None:
    with serving() as site:
        site.answers = [(200, "application/json", encode_answer(ANSWER, CAPTION))]
        config = types.GenerateContentConfig(
            system_instruction="be brief",
            temperature=0,
            response_mime_type="application/json",
            response_schema={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
            tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="f", parameters_json_schema={"type": "object"})])],
            tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
            thinking_config=types.ThinkingConfig(thinking_level="LOW", include_thoughts=True),
            safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="OFF")],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )  # fmt: skip
        site.client.models.generate_content(
            model="m", contents=["look", types.Part.from_bytes(data=b"hi", mime_type="image/png")], config=config
        )
        request = decode_request(site.requests[0][1], "m", False)
        assert request.unread == ()
        assert (request.messages[0].parts, request.temperature) == ((Text("be brief"),), 0)
        assert request.format is not None
        assert request.format.schema == {"type": "object", "properties": {"a": {"type": "string"}}}
        assert request.reasoning is not None
        assert (request.reasoning.effort, request.reasoning.show) == ("low", True)
        assert request.tool_choice is not None
        assert request.tool_choice.mode == "required"


def test_embeddings_and_counts() -> None:
    with serving() as site:
        vectors = {"data": [{"embedding": [0.5]}, {"embedding": [1.0]}], "usage": {"prompt_tokens": 2}}
        site.answers = [
            (200, "application/json", encode_embeddings_answer(vectors, batch=True)),
            (200, "application/json", encode_count(7)),
        ]
        client = site.client
        found = client.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
        assert [one.values for one in found.embeddings] == [[0.5], [1.0]]
        assert decode_embeddings(site.requests[0][1], "m") == {"model": "m", "input": ["a", "b"]}
        assert client.models.count_tokens(model="m", contents="hi").total_tokens == 7
        assert decode_count_request(site.requests[1][1], "m").messages[0].parts == (Text("hi"),)
