"""Responses requests to the vocabulary and back: golden cases, then anything."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.conversation import (
    ChatRequest,
    File,
    FileId,
    Format,
    Image,
    Inline,
    Message,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from gateway.core.faults import BadRequest
from gateway.dialects.fitting import Quirks, fit
from gateway.dialects.responses.abilities import ABILITIES
from gateway.dialects.responses.requests import decode_request, encode_request

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def read(input: object = "hello", **fields: Any) -> ChatRequest:
    return decode_request({"input": input, **fields}, "gpt-x", False)


def items(*given: dict[str, Any]) -> tuple[Message, ...]:
    return read(list(given)).messages


def write(*messages: Message, **fields: Any) -> dict[str, Any]:
    return encode_request(ChatRequest(model="gpt-x", messages=messages or (user(),), **fields), Quirks())


def user(text: str = "go") -> Message:
    return Message(role="user", parts=(Text(text),))


def assistant(*parts: Any) -> Message:
    return Message(role="assistant", parts=parts)


def test_every_setting_has_its_word() -> None:
    said = {
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True}],
        "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": False, "max_output_tokens": 100,
        "temperature": 0.5, "top_p": 0.9, "top_logprobs": 3, "metadata": {"a": "b"}, "user": "u",
        "prompt_cache_key": "k", "service_tier": "flex", "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    }  # fmt: skip
    request = read(**said)
    assert request.tools == (Tool(name="f", description="d", parameters=SCHEMA, strict=True),)
    assert request.tool_choice == ToolChoice("required", ("f",))
    assert request.format == Format(kind="json_schema", name="n", schema=SCHEMA, strict=True)
    assert request.reasoning == Reasoning(effort="low", summary="auto", show=True)
    assert (request.max_output_tokens, request.temperature, request.top_p, request.logprobs) == (100, 0.5, 0.9, 3)
    assert (request.user, request.cache_key, request.service_tier, request.verbosity) == ("u", "k", "flex", "low")
    assert request.unread == ()
    body = encode_request(request, Quirks())
    assert body.pop("input") == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
    ]
    assert body == {"model": "gpt-x", "store": False, **said}


def test_what_the_gateway_keeps_for_itself_is_read() -> None:
    kept = {"store": True, "previous_response_id": "resp_1", "truncation": "disabled", "stream_options": {}}
    assert read(**kept, background=False, conversation=None).unread == ()


def test_what_has_no_word_is_named() -> None:
    request = read(
        max_tool_calls=3, truncation="auto", include=["file_search_call.results"], prompt_cache_retention="24h",
        reasoning={"effort": "low", "context": "all_turns"}, text={"colour": "red"},
    )  # fmt: skip
    assert sorted(request.unread) == [
        "include.file_search_call.results", "max_tool_calls", "prompt_cache_retention", "reasoning.context",
        "text.colour", "truncation",
    ]  # fmt: skip


def test_instructions_come_first() -> None:
    assert read("hi", instructions="be brief").messages == (
        Message(role="system", parts=(Text("be brief"),), where="instructions"),
        Message(role="user", parts=(Text("hi"),), where="input"),
    )


def test_messages_easy_and_full() -> None:
    easy = items({"role": "developer", "content": "x"})
    full = items({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "x"}]})
    assert easy == full == (Message(role="developer", parts=(Text("x"),), where="input[0]"),)


def test_every_kind_of_content() -> None:
    content = [
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
        {"type": "input_file", "file_data": "aGk="},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "input_file", "file_id": "file_2"},
    ]
    assert items({"role": "user", "content": content})[0].parts == (
        Image(Inline("image/png", "aGk="), "low"),
        Image(Url("https://example.org/a.png")),
        Image(FileId("file_1")),
        File(source=Inline("application/pdf", "aGk="), name="a.pdf"),
        File(source=Inline("application/pdf", "aGk=")),
        File(source=Url("https://example.org/a.pdf")),
        File(source=FileId("file_2")),
    )


def test_one_turn_of_an_assistant_is_one_message() -> None:
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"x":1}'}
    parts = [{"type": "input_text", "text": "ok"}, {"type": "input_image", "image_url": "data:image/png;base64,aGk="}]
    turns = items(
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "E"},
        {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [
            {"type": "output_text", "text": "Well", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
        call,
        {**call, "call_id": "c2"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "function_call_output", "call_id": "c2", "output": parts},
    )  # fmt: skip
    assert [(one.role, one.where) for one in turns] == [("assistant", "input[0]"), ("tool", "input[4]")]
    assert turns[0].parts == (
        Thinking(text="a\n\nb", signature="openai.E", id="rs_1"),
        Text("Well"),
        Refusal("no"),
        ToolCall(id="c1", name="f", arguments='{"x":1}'),
        ToolCall(id="c2", name="f", arguments='{"x":1}'),
    )
    assert turns[1].parts == (
        ToolResult(call_id="c1", parts=(Text("done"),)),
        ToolResult(call_id="c2", parts=(Text("ok"), Image(Inline("image/png", "aGk=")))),
    )


def test_a_call_gets_geminis_signature_back() -> None:
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gw.gemini.S"}
    turns = items(sealed, {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"})
    assert turns[0].parts == (ToolCall(id="c1", name="f", arguments="{}", signature="gemini.S"),)


def test_a_generated_image_comes_back() -> None:
    made = {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "output_format": "webp",
        "result": "aGk=",
    }
    assert items(made)[0].parts == (Image(Inline("image/webp", "aGk=")),)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("required", ("f",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice("auto", ("f",)),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": n} for n in "fg"]},
            ToolChoice("required", ("f", "g")),
        ),
    ],
)
def test_tool_choice(choice: object, expected: ToolChoice) -> None:
    request = read(tool_choice=choice)
    assert request.tool_choice == expected
    assert encode_request(request, Quirks())["tool_choice"] == choice


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
         "input[0].content[0].image_url"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]}, "tools[1].type"),
        ({"tools": [{"type": "custom", "name": "f"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "none", "tools": []}}, "tool_choice.mode"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"max_output_tokens": "9"}, "max_output_tokens"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_request({"input": "x", **fields}, "gpt-x", False)
    assert caught.value.param == where
    assert where in caught.value.message


def test_an_upstream_keeps_nothing_and_gives_thoughts_encrypted() -> None:
    assert write() == {
        "model": "gpt-x", "store": False,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}],
    }  # fmt: skip
    assert write(reasoning=Reasoning(effort="high"))["include"] == ["reasoning.encrypted_content"]
    thinks = encode_request(ChatRequest(model="o4-mini", messages=(user(),)), Quirks(always_thinks=True))
    assert thinks["include"] == ["reasoning.encrypted_content"]
    assert "reasoning" not in thinks


def test_an_upstream_gets_its_own_thoughts_alone() -> None:
    own = Thinking(text="hm", signature="openai.E", id="rs_1")
    foreign = Thinking(text="ha", signature="anthropic.E")
    call = ToolCall(id="c1", name="f")
    assert write(user(), assistant(foreign, own, Text("so"), call))["input"][1:] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "E"},
        {"type": "message", "role": "assistant",
         "content": [{"type": "output_text", "text": "so", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]  # fmt: skip


def test_a_thought_that_nothing_follows_is_left_out() -> None:
    """OpenAI: "Item of type 'reasoning' was provided without its required following item"."""
    cut = assistant(Text("so"), Thinking(signature="openai.E", redacted=True))
    assert [item["type"] for item in write(cut, user())["input"]] == ["message", "message"]


def test_results_of_tools() -> None:
    def output(*parts: Any, is_error: bool = False) -> Any:
        result = ToolResult(call_id="c1", parts=parts, is_error=is_error)
        [item] = write(Message(role="tool", parts=(result,)))["input"]
        assert (item["type"], item["call_id"]) == ("function_call_output", "c1")
        return item["output"]

    picture = Image(Inline("image/png", "aGk="))
    shown = {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"}
    assert output() == ""
    assert output(Text("a"), Text("b")) == "a\nb"
    assert output(Text("no"), is_error=True) == "Error: no"
    assert output(Text("a"), picture) == [{"type": "input_text", "text": "a"}, shown]
    assert output(picture, is_error=True) == [{"type": "input_text", "text": "Error:"}, shown]


def test_what_an_assistant_cannot_have_said_is_refused() -> None:
    message = Message(role="assistant", parts=(Image(Inline("image/png", "aGk=")),), where="messages[1]")
    with pytest.raises(BadRequest) as caught:
        write(user(), message, user())
    assert caught.value.param == "messages[1]"


def test_tools_are_loose_unless_said() -> None:
    """Left out, `strict` would mean true."""
    [tool] = write(tools=(Tool(name="f"),))["tools"]
    assert tool == {"type": "function", "name": "f", "parameters": None, "strict": False}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"stop": ("END",)}, "stop"),
        ({"modalities": ("audio",)}, "modalities"),
    ],
)
def test_what_it_cannot_say_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        fit(ChatRequest(model="gpt-x", messages=(user(),), **fields), ABILITIES)
    assert caught.value.param == param


def test_what_it_may_leave_out_is_named() -> None:
    request = ChatRequest(
        model="gpt-x", messages=(user(),), seed=1, frequency_penalty=1.0, presence_penalty=1.0, logit_bias={"1": 1},
        top_k=3, unread=("foo",),
    )  # fmt: skip
    fitted, dropped = fit(request, ABILITIES)
    assert sorted(dropped) == ["foo", "frequency_penalty", "logit_bias", "presence_penalty", "seed", "top_k"]
    assert encode_request(fitted, Quirks()) == write()


WORD = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
PICTURE = st.builds(Image, st.just(Inline("image/png", "aGk=")), st.sampled_from(["auto", "low", "high"]))
DOCUMENT = st.builds(File, source=st.just(Inline("application/pdf", "aGk=")), name=WORD)
USER_PARTS = st.lists(st.one_of(st.builds(Text, WORD), PICTURE, DOCUMENT), min_size=1, max_size=3).map(tuple)
SAID = st.one_of(
    st.builds(Text, WORD),
    st.builds(Refusal, WORD),
    st.builds(ToolCall, id=WORD, name=WORD, arguments=st.just('{"x":1}')),
)
THOUGHT = st.builds(Thinking, text=WORD, signature=WORD.map(lambda word: f"openai.{word}")).filter(
    lambda thought: not thought.signature.startswith("openai.gw.")
)
# Results with an image or a document keep their parts; those of text alone become one text.
RESULT = st.builds(
    ToolResult, call_id=WORD, parts=st.one_of(st.builds(Text, WORD).map(lambda one: (one,)), st.tuples(PICTURE))
)
MESSAGE = st.one_of(
    st.builds(Message, role=st.just("user"), parts=USER_PARTS),
    st.builds(Message, role=st.just("system"), parts=st.tuples(st.builds(Text, WORD))),
)
# Neighbouring assistants' messages are one: a user speaks between them.
EXCHANGE = st.tuples(
    st.builds(Message, role=st.just("user"), parts=USER_PARTS),
    st.builds(
        lambda thoughts, said: assistant(*thoughts, *said),
        st.lists(THOUGHT, max_size=1),
        st.lists(SAID, min_size=1, max_size=3),
    ),
    st.builds(Message, role=st.just("tool"), parts=st.lists(RESULT, min_size=1, max_size=2).map(tuple)),
)
MESSAGES = st.lists(st.one_of(st.tuples(MESSAGE), EXCHANGE), min_size=1, max_size=4).map(
    lambda groups: tuple(message for group in groups for message in group)
)
TOOL = st.builds(Tool, name=WORD, description=WORD, parameters=st.just(SCHEMA), strict=st.booleans())


@settings(deadline=None, max_examples=150)
@given(
    messages=MESSAGES,
    tools=st.lists(TOOL, max_size=2).map(tuple),
    choice=st.none() | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required"])),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    limit=st.none() | st.integers(1, 10**6),
    logprobs=st.none() | st.integers(0, 20),
    form=st.none()
    | st.just(Format(kind="json_object"))
    | st.builds(Format, kind=st.just("json_schema"), name=WORD, schema=st.just(SCHEMA), strict=st.booleans()),
    reasoning=st.none() | st.builds(Reasoning, effort=st.sampled_from(["none", "low", "max"])),
    user=st.just("") | WORD,
)
def test_nothing_that_can_be_said_is_lost(
    messages: Any, tools: Any, choice: Any, temperature: Any, top_p: Any, limit: Any, logprobs: Any, form: Any,
    reasoning: Any, user: str,
) -> None:  # fmt: skip
    request = ChatRequest(
        model="gpt-x", messages=messages, tools=tools, tool_choice=choice, temperature=temperature, top_p=top_p,
        max_output_tokens=limit, logprobs=logprobs, format=form, reasoning=reasoning, user=user,
    )  # fmt: skip
    body = json.loads(json.dumps(encode_request(request, Quirks(system_role="system"))))
    again = decode_request(body, "gpt-x", False)
    for name in (
        "tools", "tool_choice", "temperature", "top_p", "max_output_tokens", "logprobs", "format", "reasoning", "user",
    ):  # fmt: skip
        assert getattr(again, name) == getattr(request, name), name
    assert again.unread == ()
    assert [(one.role, one.parts) for one in again.messages] == [(one.role, one.parts) for one in messages]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=8,
)
FIELD = st.sampled_from(
    [
        "input", "instructions", "tools", "tool_choice", "text", "reasoning", "include", "metadata", "user", "background",
        "type", "role", "content", "call_id", "output", "summary", "encrypted_content", "name", "arguments", "format",
        "schema", "image_url", "file_data", "effort", "mode", "result", "output_format",
    ]
)  # fmt: skip
KIND = st.sampled_from(
    [
        "message", "function_call", "function_call_output", "reasoning", "image_generation_call", "function", "user",
        "assistant", "input_text", "input_image", "input_file", "allowed_tools", "json_schema", "auto", "required",
    ]
)  # fmt: skip
ALIKE = st.recursive(
    JSON | KIND, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD, inner, max_size=5), max_leaves=20
)


@settings(deadline=None, max_examples=400)
@given(st.dictionaries(FIELD, ALIKE, max_size=6))
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    with contextlib.suppress(BadRequest):
        fitted, _ = fit(decode_request(body, "gpt-x", False), ABILITIES)
        json.dumps(encode_request(fitted, Quirks()))
