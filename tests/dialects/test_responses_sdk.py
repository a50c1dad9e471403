"""OpenAI's own client, against a server that answers with what the codec writes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from gateway.core.conversation import ChatRequest, Text, Thinking, ToolCall, ToolResult
from gateway.core.faults import Fault, RateLimited, UpstreamBroken
from gateway.core.generation import Answer, Choice, Delta, Finish, PartStarted, Started, replayed
from gateway.core.usage import Usage
from gateway.dialects.fitting import Caption
from gateway.dialects.openai.errors import error_body, error_headers
from gateway.dialects.responses.answers import encode_answer
from gateway.dialects.responses.requests import decode_request
from gateway.dialects.responses.response_events import Encoder

CAPTION = Caption(id="x1", created=1_700_000_000, model="gpt-x")
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}


def answer(*parts: Any, finish: str = "stop") -> Answer:
    usage = Usage(input_tokens=3, cached_input_tokens=2, output_tokens=4, reasoning_tokens=1)
    return Answer(choices=(Choice(parts=parts, finish=Finish(finish)),), usage=usage)  # type: ignore[arg-type]


THOUGHT = Thinking(text="hm", signature="anthropic.abc")
CALL = ToolCall(id="c1", name="f", arguments='{"x":1}', signature="gemini.QQ==")
CALLED = answer(THOUGHT, Text("Hello"), CALL, finish="tool_calls")


class Site:
    """`requests`: bodies as they came. `answer`: what is told to each of them."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answer = answer
        self.fault: Fault | None = None
        self.client: openai.OpenAI

    def told(self, body: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        self.requests.append(body)
        request = decode_request(body, body["model"], bool(body.get("stream")))
        if self.fault is not None and not request.stream:
            return self.fault.status, error_headers(self.fault), error_body(self.fault, "r1")
        if not request.stream:
            return 200, [("content-type", "application/json")], encode_answer(self.answer, CAPTION, body)
        encoder = Encoder(CAPTION, request, body)
        if self.fault is None:
            said = b"".join(encoder.encode(event) for event in replayed(self.answer))
        else:
            begun = (Started(), PartStarted(0, 0, Text("")), Delta(0, 0, "Hel"))
            said = b"".join(encoder.encode(event) for event in begun) + encoder.fault(self.fault, "r1")
        return 200, [("content-type", "text/event-stream")], said

    def conversation(self) -> ChatRequest:
        """The last request, as the gateway understands it."""
        return decode_request(self.requests[-1], "gpt-x", False)


@contextmanager
def serving(answer: Answer) -> Iterator[Site]:
    site = Site(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/responses"
            status, headers, body = site.told(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        with openai.OpenAI(api_key="k", base_url=url, max_retries=0) as site.client:
            yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_whole() -> None:
    with serving(CALLED) as site:
        response = site.client.responses.create(model="gpt-x", input="hi", tools=[TOOL], temperature=0.5)  # type: ignore[list-item]
    assert response.output_text == "Hello"
    assert (response.status, response.temperature, response.id) == ("completed", 0.5, "resp_x1")
    assert [item.type for item in response.output] == ["reasoning", "message", "reasoning", "function_call"]
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (5, 5, 10)
    assert response.usage.input_tokens_details.cached_tokens == 2
    assert response.usage.output_tokens_details.reasoning_tokens == 1


def test_the_streaming_helper() -> None:
    with serving(CALLED) as site, site.client.responses.stream(model="gpt-x", input="hi", tools=[TOOL]) as stream:  # type: ignore[list-item]
        events = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hello"
    assert final.output_text == "Hello"
    calls = [item for item in final.output if item.type == "function_call"]
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [("c1", "f", '{"x":1}')]


def test_structured_output() -> None:
    class City(BaseModel):
        name: str

    with serving(answer(Text('{"name":"Florence"}'))) as site:
        whole = site.client.responses.parse(model="gpt-x", input="hi", text_format=City)
        with site.client.responses.stream(model="gpt-x", input="hi", text_format=City) as stream:
            streamed = stream.get_final_response()
        asked = site.conversation().format
    assert whole.output_parsed == streamed.output_parsed == City(name="Florence")
    assert asked is not None
    assert (asked.kind, asked.name, asked.strict) == ("json_schema", "City", True)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_output_is_input_of_the_next_turn(streamed: bool) -> None:
    """As the SDK's guide does it: the items, as its models dump them, and the call's output after them."""
    with serving(CALLED) as site:
        if streamed:
            with site.client.responses.stream(model="gpt-x", input="hi") as stream:
                output = stream.get_final_response().output
        else:
            output = site.client.responses.create(model="gpt-x", input="hi").output
        result = {"type": "function_call_output", "call_id": "c1", "output": "done"}
        site.client.responses.create(
            model="gpt-x",
            input=[{"role": "user", "content": "hi"}, *(one.to_dict() for one in output), result],  # type: ignore[misc, list-item]
        )
        said = site.conversation().messages
    assert [one.role for one in said] == ["user", "assistant", "tool"]
    assert said[1].parts == (Thinking(text="hm", signature="anthropic.abc", id="rs_x1_0"), Text("Hello"), CALL)
    assert said[2].parts == (ToolResult(call_id="c1", parts=(Text("done"),)),)


def test_an_answer_cut_short() -> None:
    with serving(answer(Text("Hel"), finish="length")) as site:
        whole = site.client.responses.create(model="gpt-x", input="hi")
        *_, last = site.client.responses.create(model="gpt-x", input="hi", stream=True)
    assert last.type == "response.incomplete"
    for response in (whole, last.response):
        assert response.incomplete_details is not None
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_refusals_and_failures() -> None:
    with serving(CALLED) as site:
        site.fault = RateLimited("slow down", headers={"retry-after": "3"})
        with pytest.raises(openai.RateLimitError) as caught:
            site.client.responses.create(model="gpt-x", input="hi")
        assert caught.value.response.headers["retry-after"] == "3"
        site.fault = UpstreamBroken("it broke")
        with pytest.raises(openai.APIError, match="it broke") as broken:
            list(site.client.responses.create(model="gpt-x", input="hi", stream=True))
    assert broken.value.code == "upstream_protocol_error"
