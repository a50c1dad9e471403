"""What the vocabulary holds survives: a request written in a dialect and read again, an answer told to a client and
read again as if that client were an upstream, signatures carried abroad and brought home."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.conversation import (
    ChatRequest,
    Format,
    Image,
    Inline,
    Message,
    Part,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.core.faults import BadRequest, Fault
from gateway.core.generation import Answer, Choice, Finish, gathered, replayed
from gateway.core.usage import Usage
from gateway.dialects.fitting import Caption, Quirks, fit
from gateway.dialects.protocols import CLIENTS, UPSTREAMS
from gateway.dialects.seals import opened, returned, seal, shown

BOTH = sorted(CLIENTS.keys() & UPSTREAMS.keys())
CAPTION = Caption(id="0123", created=1_700_000_000, model="m")
QUIRKS = Quirks(thinking="budget")
# Fields that every one of these dialects can say, and so must bring back.
KEPT = ("max_output_tokens", "temperature", "top_p", "tools", "tool_choice", "format", "stream")

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    str.strip
)
names = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
arguments = st.dictionaries(names, st.one_of(words, st.integers(-5, 5), st.booleans()), max_size=3)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
PIXEL = Image(Inline("image/png", "iVBORw0KGgo="))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """A system message, turns of user and assistant, some with tool calls and their results; a user's turn last."""
    messages = [Message(role="system", parts=(Text(draw(words)),))] if draw(st.booleans()) else []
    for turn in range(draw(st.integers(0, 3))):
        messages.append(Message(role="user", parts=(Text(draw(words)),)))
        parts: list[Part] = [Text(draw(words))] if draw(st.booleans()) else []
        calls = [
            ToolCall(id=f"call_{turn}_{index}", name=draw(names), arguments=_compact(draw(arguments)))
            for index in range(draw(st.integers(0 if parts else 1, 2)))
        ]
        messages.append(Message(role="assistant", parts=(*parts, *calls)))
        if calls:
            results = tuple(ToolResult(call_id=one.id, name=one.name, parts=(Text(draw(words)),)) for one in calls)
            messages.append(Message(role="tool", parts=results))
    last: list[Part] = [Text(draw(words))]
    if draw(st.booleans()):
        last.append(PIXEL)
    return (*messages, Message(role="user", parts=tuple(last)))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    tools = tuple(
        Tool(name=name, description=draw(words), parameters=SCHEMA)
        for name in draw(st.lists(names, max_size=2, unique=True))
    )
    choices = [None, ToolChoice("none"), ToolChoice("required")]
    if tools:
        choices.append(ToolChoice("required", (tools[0].name,)))
    return ChatRequest(
        model="m",
        messages=draw(conversations()),
        tools=tools,
        tool_choice=draw(st.sampled_from(choices)) if tools else None,
        max_output_tokens=draw(st.one_of(st.none(), st.integers(1, 100_000))),
        temperature=draw(st.one_of(st.none(), st.floats(0, 1).map(lambda value: round(value, 3)))),
        top_p=draw(st.one_of(st.none(), st.floats(0.05, 1).map(lambda value: round(value, 3)))),
        format=draw(st.sampled_from([None, Format(kind="json_schema", name="answer", schema=SCHEMA, strict=True)])),
        stream=draw(st.booleans()),
    )


def essence(messages: tuple[Message, ...]) -> list[tuple[str, list[Any]]]:
    """Who says what, with neighbours of one role joined, as some dialects join them."""
    turns: list[tuple[str, list[Any]]] = []
    for message in messages:
        role = "system" if message.role == "developer" else message.role
        said = list(_said(message.parts))
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(said)
        else:
            turns.append((role, said))
    return turns


def _said(parts: tuple[Part, ...]) -> Iterator[Any]:
    for part in parts:
        match part:
            case Text():
                yield part.text
            case ToolCall():
                yield (part.name, json.loads(part.arguments or "{}"))
            case ToolResult():
                yield ("result", "".join(one.text for one in part.parts if isinstance(one, Text)))
            case Image(source=Inline() as source):
                yield (source.media_type, source.data)
            case _:
                yield type(part).__name__


@pytest.mark.parametrize("protocol", BOTH)
@given(request=requests())
@settings(max_examples=60, deadline=None)
def test_a_request_comes_back(protocol: str, request: ChatRequest) -> None:
    fitted, dropped = fit(request, UPSTREAMS[protocol].abilities)
    assert dropped == []
    written = json.loads(json.dumps(UPSTREAMS[protocol].encode_request(fitted, QUIRKS)))
    read = CLIENTS[protocol].decode_request(written, "m", request.stream)
    assert essence(read.messages) == essence(request.messages)
    for name in KEPT:
        was, found = getattr(request, name), getattr(read, name)
        if name == "max_output_tokens" and was is None:
            continue  # one dialect must set a limit
        if name == "tools":
            was, found = ([(t.name, t.description, t.parameters) for t in tools] for tools in (was, found))
        if name == "format" and was is not None:
            was, found = was.schema, found and found.schema
        assert found == was, name
    assert read.unread == ()


@pytest.mark.parametrize("protocol", BOTH)
@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_effort_comes_back_as_effort_or_as_a_budget_of_its_size(protocol: str, effort: str) -> None:
    request = ChatRequest(
        model="m",
        messages=(Message(role="user", parts=(Text("x"),)),),
        max_output_tokens=50_000,
        reasoning=Reasoning(effort=effort),
    )
    for quirks in (Quirks(), QUIRKS, Quirks(thinking="adaptive"), Quirks(thinking="level")):
        written = UPSTREAMS[protocol].encode_request(request, quirks)
        read = CLIENTS[protocol].decode_request(written, "m", False).reasoning
        assert read is not None
        assert read.effort == effort or (read.budget_tokens or 0) == quirks.budgets[effort]


answers = st.builds(
    lambda parts, usage, finish: Answer(
        id="a", model="m", created=1_700_000_000, choices=(Choice(parts=tuple(parts), finish=finish),), usage=usage
    ),
    st.lists(
        st.one_of(
            st.builds(Text, words),
            st.builds(
                lambda name, said: ToolCall(id=f"call_{name}", name=name, arguments=_compact(said)), names, arguments
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    st.builds(
        lambda a, b, c, d: Usage(input_tokens=a, cached_input_tokens=b, output_tokens=c, reasoning_tokens=d),
        *[st.integers(0, 10_000)] * 4,
    ),
    st.sampled_from([Finish("stop"), Finish("length")]),
)


@pytest.mark.parametrize("how", ["whole", "streamed"])
@pytest.mark.parametrize("protocol", BOTH)
@given(answer=answers)
@settings(max_examples=60, deadline=None)
def test_an_answer_comes_back(protocol: str, how: str, answer: Answer) -> None:
    client, upstream = CLIENTS[protocol], UPSTREAMS[protocol]
    if how == "whole":
        read = upstream.decode_answer(client.encode_answer(answer, CAPTION, {}))
    else:
        request = ChatRequest(model="m", messages=(), stream=True, stream_usage=True)
        encoder, decoder = client.encoder(CAPTION, request, {}), upstream.decoder()
        events = [event for one in replayed(answer) for event in decoder.feed(encoder.encode(one))]
        read = gathered([*events, *decoder.end()])
    was, found = answer.choices[0], read.choices[0]
    assert "".join(p.text for p in found.parts if isinstance(p, Text)) == "".join(
        p.text for p in was.parts if isinstance(p, Text)
    )
    calls = [[(p.name, json.loads(p.arguments)) for p in one.parts if isinstance(p, ToolCall)] for one in (was, found)]
    assert calls[1] == calls[0]
    assert read.usage is not None
    assert answer.usage is not None
    assert (read.usage.total_input, read.usage.total_output) == (answer.usage.total_input, answer.usage.total_output)
    assert read.usage.cached_input_tokens == answer.usage.cached_input_tokens
    if not calls[0]:
        assert found.finish is not None
        assert found.finish.reason == (was.finish and was.finish.reason)


@pytest.mark.parametrize("client", BOTH)
@pytest.mark.parametrize("origin", ["anthropic", "gemini", "bedrock", "openai"])
def test_a_signed_thought_survives_its_way_through_every_client(client: str, origin: Any) -> None:
    """An upstream signs a thought; the client gives the turn back; the same upstream gets its signature, no other does."""
    signature = "c2lnbmF0dXJl"
    thought = Thinking(text="Let me see.", signature=seal(origin, signature))
    call = ToolCall(id="call_1", name="look", arguments="{}")
    answer = Answer(choices=(Choice(parts=(thought, call), finish=Finish("tool_calls")),))
    told = json.loads(CLIENTS[client].encode_answer(answer, CAPTION, {}))
    read = CLIENTS[client].decode_request(HISTORIES[client](told), "m", False)
    found = [part for message in read.messages for part in message.parts if isinstance(part, Thinking)]
    assert [opened(one.signature, origin) for one in found] == [signature]
    for name in ("anthropic", "gemini", "openai"):
        assert (opened(found[0].signature, name) == signature) == (name == origin)


def _chat_history(told: dict[str, Any]) -> dict[str, Any]:
    result = {"role": "tool", "tool_call_id": "call_1", "content": "seen"}
    return {"messages": [{"role": "user", "content": "x"}, told["choices"][0]["message"], result]}


def _messages_history(told: dict[str, Any]) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "seen"}
    turns = [{"role": "assistant", "content": told["content"]}, {"role": "user", "content": [result]}]
    return {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}, *turns]}


def _responses_history(told: dict[str, Any]) -> dict[str, Any]:
    result = {"type": "function_call_output", "call_id": "call_1", "output": "seen"}
    return {"input": [{"role": "user", "content": "x"}, *told["output"], result]}


def _generate_history(told: dict[str, Any]) -> dict[str, Any]:
    result = {"functionResponse": {"id": "call_1", "name": "look", "response": {"output": "seen"}}}
    asked = {"role": "user", "parts": [{"text": "x"}]}
    return {"contents": [asked, told["candidates"][0]["content"], {"role": "user", "parts": [result]}]}


HISTORIES = {
    "chat": _chat_history,
    "messages": _messages_history,
    "responses": _responses_history,
    "generate": _generate_history,
}


@given(st.text(max_size=40), st.sampled_from(["anthropic", "gemini", "openai", "bedrock"]))
def test_seals_open_for_their_own_dialect_alone(signature: str, origin: Any) -> None:
    sealed = seal(origin, signature)
    assert opened(sealed, origin) == signature
    for name in ("anthropic", "gemini", "openai", "bedrock"):
        if name != origin:
            assert opened(sealed, name) == ""
            assert returned(shown(sealed, name), name) == sealed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["messages", "input", "contents", "system", "tools", "tool_choice", "content", "role", "type", "parts", "text",
     "reasoning", "thinking", "response_format", "stop", "generationConfig", "output_config", "max_tokens", "source",
     "image_url", "function", "tool_calls", "output", "summary", "candidates", "choices", "delta", "usage", "index",
     "content_block", "response", "item", "error", "message"]
)  # fmt: skip
LIKELY = st.recursive(
    JSON | st.sampled_from(["user", "assistant", "tool", "text", "function", "image_url", "tool_result", "message"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.parametrize("protocol", sorted(CLIENTS))
@given(body=st.dictionaries(FIELDS, LIKELY, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_request_is_read_or_refused_with_its_place(protocol: str, body: dict[str, Any]) -> None:
    with contextlib.suppress(BadRequest):
        CLIENTS[protocol].decode_request(body, "m", False)


@pytest.mark.parametrize("protocol", sorted(UPSTREAMS))
@given(body=st.one_of(LIKELY.map(msgspec.json.encode), st.binary(max_size=60)))
@settings(max_examples=50, deadline=None)
def test_any_answer_is_read_or_is_a_fault(protocol: str, body: bytes) -> None:
    upstream = UPSTREAMS[protocol]
    with contextlib.suppress(Fault):
        answer = upstream.decode_answer(body)
        for client in CLIENTS.values():
            client.encode_answer(answer, CAPTION, {})
    assert isinstance(upstream.decode_error(500, {}, body), Fault)


@pytest.mark.parametrize("protocol", sorted(UPSTREAMS))
@given(said=st.lists(LIKELY | st.binary(max_size=20), max_size=5), cut=st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_any_stream_is_read_or_is_a_fault(protocol: str, said: list[Any], cut: int) -> None:
    data = b"".join(b"data: " + (one if isinstance(one, bytes) else msgspec.json.encode(one)) + b"\n\n" for one in said)
    decoder = UPSTREAMS[protocol].decoder()
    with contextlib.suppress(Fault):
        events = [event for at in range(0, len(data), cut) for event in decoder.feed(data[at : at + cut])]
        gathered([*events, *decoder.end()])
