"""generateContent requests to the vocabulary and back: golden cases, then anything."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.conversation import (
    ChatRequest,
    Citation,
    File,
    FileId,
    Format,
    Image,
    Inline,
    Message,
    Reasoning,
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
from gateway.dialects.gemini.abilities import ABILITIES
from gateway.dialects.gemini.requests import decode_request, encode_request

HELLO = {"contents": [{"parts": [{"text": "hello"}]}]}
OLD = "gemini-2.5-flash"


def read(**fields: Any) -> ChatRequest:
    return decode_request({**HELLO, **fields}, OLD, False)


def turns(*contents: dict[str, Any]) -> tuple[Message, ...]:
    return decode_request({"contents": list(contents)}, OLD, False).messages


def user(text: str = "go") -> Message:
    return Message(role="user", parts=(Text(text),))


def write(*messages: Message, model: str = "gemini-3-pro-preview", **fields: Any) -> dict[str, Any]:
    return encode_request(ChatRequest(model=model, messages=messages, **fields), Quirks())


def test_every_setting_has_its_word() -> None:
    config = {
        "temperature": 0.5, "topP": 0.9, "topK": 40, "maxOutputTokens": 100, "stopSequences": ["END"],
        "candidateCount": 2, "seed": 7, "frequencyPenalty": 0.1, "presencePenalty": -0.1, "responseLogprobs": True,
        "logprobs": 3, "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
        "responseModalities": ["TEXT", "IMAGE"],
        "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True},
    }  # fmt: skip
    request = read(generationConfig=config, safetySettings=[{"category": "HARM", "threshold": "OFF"}])
    assert (request.temperature, request.top_p, request.top_k, request.max_output_tokens) == (0.5, 0.9, 40, 100)
    assert (request.stop, request.n, request.seed, request.logprobs) == (("END",), 2, 7, 3)
    assert request.format == Format(kind="json_schema", schema={"type": "object"})
    assert request.reasoning == Reasoning(budget_tokens=1024, show=True)
    assert request.modalities == ("text", "image")
    assert request.safety_settings == {"HARM": "OFF"}
    assert request.unread == ()
    assert encode_request(request, Quirks())["generationConfig"] == config


def test_snake_case_is_the_same() -> None:
    said = {
        "system_instruction": {"parts": [{"text": "be brief"}]},
        "contents": [{"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "aGk"}}]}],
        "generation_config": {"max_output_tokens": 5, "response_mime_type": "application/json"},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"any_of_it": 1}}]}],
    }
    request = decode_request(said, OLD, True)
    assert request.messages[0].parts == (Text("be brief"),)
    assert request.messages[1].parts == (Image(Inline("image/png", "aGk=")),)
    assert request.tools[0].parameters == {"any_of_it": 1}
    assert (request.max_output_tokens, request.format) == (5, Format(kind="json_object"))
    assert request.stream_usage


def test_the_schema_subset_becomes_json_schema() -> None:
    subset = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "STRING", "nullable": True, "format": "enum", "enum": ["x"]},
            "a": {"type": "ARRAY", "items": {"type": 3}, "minItems": "2", "example": [1]},
            "type": {"any_of": [{"type": "NUMBER"}]},
        },
        "propertyOrdering": ["a", "b"],
    }
    schema = read(tools=[{"functionDeclarations": [{"name": "f", "parameters": subset}]}]).tools[0].parameters
    assert schema == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "examples": [[1]]},
            "b": {"type": ["string", "null"], "enum": ["x", None]},
            "type": {"anyOf": [{"type": "number"}]},
        },
    }
    assert schema is not None
    assert list(schema["properties"]) == ["a", "b", "type"]


def test_written_schemas_use_the_keywords_google_reads() -> None:
    schema = {"properties": {"k": {"const": "on"}, "r": {"$ref": "#/$defs/R", "description": "d"}, "default": {}}}
    body = write(user(), tools=(Tool(name="f", parameters=schema),))
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == {
        "properties": {"k": {"enum": ["on"]}, "r": {"$ref": "#/$defs/R"}, "default": {}}
    }


@pytest.mark.parametrize(
    ("said", "choice", "strict"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto"), None),
        ({"mode": 3}, ToolChoice("none"), None),
        ({"mode": "ANY"}, ToolChoice("required"), None),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("required", ("f",)), None),
        ({"mode": "VALIDATED"}, ToolChoice("auto"), True),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice("auto", ("f",)), True),
    ],
)
def test_tool_choice(said: dict[str, Any], choice: ToolChoice, strict: bool | None) -> None:
    request = read(tools=[{"functionDeclarations": [{"name": "f"}]}], toolConfig={"functionCallingConfig": said})
    assert (request.tool_choice, request.tools[0].strict) == (choice, strict)
    written = encode_request(request, Quirks())["toolConfig"]["functionCallingConfig"]
    assert written == {**said, "mode": {3: "NONE"}.get(said["mode"], said["mode"])}


def test_a_choice_among_undeclared_tools_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        write(user(), tools=(Tool(name="f"),), tool_choice=ToolChoice("required", ("g",)))
    assert caught.value.param == "tool_choice"


def test_calls_without_ids_pair_with_results_by_name_and_order() -> None:
    call = [{"functionCall": {"name": name, "args": {}}} for name in ("f", "g", "f")]
    results = [
        {"functionResponse": {"name": name, "response": {"output": out}}}
        for name, out in (("g", "1"), ("f", "2"), ("f", "3"))
    ]
    _, asked, answered = turns(
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": call},
        {"role": "user", "parts": results},
    )
    assert [part.id for part in asked.parts if isinstance(part, ToolCall)] == ["call_0", "call_1", "call_2"]
    assert answered.role == "tool"
    assert [(part.call_id, part.parts) for part in answered.parts if isinstance(part, ToolResult)] == [
        ("call_1", (Text("1"),)), ("call_0", (Text("2"),)), ("call_2", (Text("3"),)),
    ]  # fmt: skip


def test_made_up_ids_are_not_the_clients() -> None:
    parts = [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f", "id": "call_0"}}]
    (message,) = turns({"role": "model", "parts": parts})
    assert [part.id for part in message.parts if isinstance(part, ToolCall)] == ["call_1", "call_0"]


def test_a_stream_kept_chunk_by_chunk_is_one_message() -> None:
    chunks = [
        [{"text": "th", "thought": True}], [{"text": "ought", "thought": True}], [{"text": "", "thoughtSignature": "c2ln"}],
        [{"text": "He"}], [{"text": "llo"}], [{"text": ""}],
    ]  # fmt: skip
    (message,) = turns(*({"role": "model", "parts": parts} for parts in chunks))
    assert message.parts == (Thinking(text="thought"), Text("", signature="gemini.c2ln"), Text("Hello"))


@pytest.mark.parametrize(
    ("response", "text", "failed"),
    [
        ({"output": "fine"}, "fine", False),
        ({"error": "no"}, "no", True),
        ({"output": {"a": 1}}, '{"output":{"a":1}}', False),
        ({"result": 5}, '{"result":5}', False),
        ({}, "", False),
    ],
)
def test_function_responses(response: dict[str, Any], text: str, failed: bool) -> None:
    (message,) = turns({"parts": [{"functionResponse": {"name": "f", "id": "1", "response": response}}]})
    (result,) = message.parts
    assert result == ToolResult(call_id="1", name="f", parts=(Text(text),) if text else (), is_error=failed)
    written = write(message)["contents"][0]["parts"][0]["functionResponse"]["response"]
    assert written == (response or {"output": ""})


def test_files_and_urls() -> None:
    uploaded = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    said = [
        {"fileData": {"fileUri": uploaded, "mimeType": "application/pdf"}},
        {"fileData": {"fileUri": "https://example.com/cat.PNG?x=1"}},
        {"fileData": {"fileUri": "gs://bucket/film.mp4", "mimeType": "video/mp4"}},
    ]
    (message,) = turns({"parts": said})
    assert message.parts[0] == File(source=FileId(uploaded, "application/pdf"))
    assert message.parts[1] == Image(Url("https://example.com/cat.PNG?x=1"))
    written = write(message)["contents"][0]["parts"]
    assert written[0] == said[0]
    assert written[1] == {"fileData": {"fileUri": "https://example.com/cat.PNG?x=1", "mimeType": "image/png"}}
    assert written[2] == said[2]


def test_code_is_text() -> None:
    (message,) = turns(
        {"role": "model", "parts": [{"executableCode": {"language": "PYTHON", "code": "print(1)"}},
                                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}]}
    )  # fmt: skip
    assert message.parts == (Text("\n```python\nprint(1)\n```\n\n```output\n1\n```\n"),)


def test_what_has_no_word_is_named() -> None:
    request = decode_request(
        {
            "contents": [{"parts": [{"text": "hi", "videoMetadata": {}}, {"toolCall": {}, "thoughtSignature": "x"}]}],
            "cachedContent": "cachedContents/1",
            "toolConfig": {"retrievalConfig": {}},
            "generationConfig": {"speechConfig": {}, "responseMimeType": "text/x.enum", "thinkingConfig": {"x": 1}},
        },
        OLD,
        False,
    )
    assert set(request.unread) == {
        "cachedContent", "toolConfig.retrievalConfig", "generationConfig.speechConfig",
        "generationConfig.responseMimeType", "generationConfig.thinkingConfig.x", "contents[0].parts[0].videoMetadata",
        "contents[0].parts[1].toolCall",
    }  # fmt: skip
    fitted, dropped = fit(request, ABILITIES)
    assert set(dropped) == set(request.unread)
    assert fitted.messages[0].parts == (Text("hi"),)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": [{"parts": [{"text": ""}]}], "tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({"contents": [{"role": "assistant", "parts": [{"text": ""}]}]}, "contents[0].role"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "a/b"}}]}]}, "contents[0].parts[0].inlineData.data"),
        ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        ({**HELLO, "generationConfig": {"topK": "40"}}, "generationConfig.topK"),
        ({**HELLO, "generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
        ({**HELLO, "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({**HELLO, "toolConfig": {"functionCallingConfig": {"mode": "MUST"}}}, "toolConfig.functionCallingConfig.mode"),
        ({**HELLO, "safetySettings": [{"category": "x"}]}, "safetySettings[0].threshold"),
    ],
)
def test_bad_fields_are_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_request(body, OLD, False)
    assert caught.value.param == param


CALL = Message(role="assistant", parts=(ToolCall(id="a", name="f", arguments='{"x":1}'),))
RESULT = Message(role="tool", parts=(ToolResult(call_id="a", parts=(Text("done"),)),))


def test_calls_of_the_current_turn_are_signed_from_gemini_three_on() -> None:
    contents = write(user(), CALL, RESULT, user(), CALL, RESULT)["contents"]
    calls = [part for content in contents for part in content["parts"] if "functionCall" in part]
    assert ["thoughtSignature" in part for part in calls] == [False, True]
    assert calls[1]["thoughtSignature"] == "skip_thought_signature_validator"
    old = json.dumps(write(user(), CALL, RESULT, model=OLD))
    assert "thoughtSignature" not in old


def test_only_the_first_call_of_a_step_needs_a_signature() -> None:
    calls = (ToolCall(id="a", name="f"), ToolCall(id="b", name="f"))
    parts = write(user(), Message(role="assistant", parts=calls))["contents"][1]["parts"]
    assert ["thoughtSignature" in part for part in parts] == [True, False]


def test_own_signatures_go_back_and_foreign_ones_do_not() -> None:
    mine = ToolCall(id="a", name="f", signature="gemini.QQ==")
    theirs = (
        Thinking(text="mine", signature="gemini.QUI="), Thinking(text="unsigned"),
        Thinking(text="theirs", signature="anthropic.xyz"), Text("hi", signature="openai.x"), mine,
    )  # fmt: skip
    parts = write(user(), Message(role="assistant", parts=theirs))["contents"][1]["parts"]
    assert parts == [
        {"text": "mine", "thought": True, "thoughtSignature": "QUI="},
        {"text": "unsigned", "thought": True},
        {"text": "hi"},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "QQ=="},
    ]


def test_results_follow_their_calls_in_order_whoever_says_them() -> None:
    calls = tuple(ToolCall(id=name, name=f"tool_{name}") for name in "abc")
    results = [Message(role="tool", parts=(ToolResult(call_id=name, parts=(Text(name),)),)) for name in "cab"]
    contents = write(user(), Message(role="assistant", parts=calls), *results, user("next"))["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "user"]
    assert [part["functionResponse"]["name"] for part in contents[2]["parts"]] == ["tool_a", "tool_b", "tool_c"]


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        write(user(), msg := Message(role="tool", parts=(ToolResult(call_id="?"),), where="messages[1]"))
    assert caught.value.param == msg.where


def test_media_in_results() -> None:
    result = ToolResult(call_id="a", parts=(Text("see"), Image(Inline("image/png", "aGk="))))
    message = Message(role="tool", parts=(result,))
    media = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    new = write(user(), CALL, message)["contents"][2]["parts"]
    assert new == [{"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}, "parts": [media]}}]
    old = write(user(), CALL, message, model=OLD)["contents"][2]["parts"]
    assert old == [{"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}}}, media]


def test_instructions_have_one_place_unless_they_are_all_there_is() -> None:
    system = Message(role="system", parts=(Text("be brief"),))
    later = Message(role="developer", parts=(Text("be kind"),))
    body = write(system, user(), later)
    assert body["systemInstruction"] == {"parts": [{"text": "be brief"}, {"text": "be kind"}]}
    assert write(system) == {"contents": [{"role": "user", "parts": [{"text": "be brief"}]}]}


@pytest.mark.parametrize(
    ("model", "reasoning", "said"),
    [
        (OLD, Reasoning(effort="low"), {"thinkingBudget": 2048}),
        (OLD, Reasoning(effort="none"), {"thinkingBudget": 0}),
        (OLD, Reasoning(budget_tokens=-1, show=True), {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-3-pro", Reasoning(effort="xhigh", summary="auto"), {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-flash-latest", Reasoning(effort="low", budget_tokens=5), {"thinkingLevel": "low"}),
        ("gemini-3-pro", Reasoning(budget_tokens=512, show=False), {"thinkingBudget": 512, "includeThoughts": False}),
    ],
)
def test_thinking(model: str, reasoning: Reasoning, said: dict[str, Any]) -> None:
    assert write(user(), model=model, reasoning=reasoning)["generationConfig"] == {"thinkingConfig": said}


def test_half_a_call_is_refused() -> None:
    with pytest.raises(BadRequest):
        write(user(), Message(role="assistant", parts=(ToolCall(id="a", name="f", arguments="{"),)))


def test_modalities_and_tiers() -> None:
    assert write(user(), modalities=("image",))["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}
    assert write(user(), modalities=("audio",))["generationConfig"] == {"responseModalities": ["AUDIO"]}
    assert write(user(), service_tier="default")["serviceTier"] == "standard"
    assert "serviceTier" not in write(user(), service_tier="auto")
    assert read(serviceTier="standard").service_tier == "default"


text = st.text(min_size=1, max_size=8)
value = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | text, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6)  # fmt: skip
signature = st.sampled_from(["", "gemini.QQ=="])
parts = st.one_of(
    st.builds(Text, text),
    st.builds(Image, st.builds(Inline, st.just("image/png"), st.just("aGk="))),
    st.builds(Image, st.builds(Url, st.just("https://example.com/a.png"), st.just("image/png"))),
)
arguments = st.dictionaries(text, value, max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    found: list[Message] = []
    for index in range(draw(st.integers(1, 3))):
        found.append(Message(role="user", parts=tuple(draw(st.lists(parts, min_size=1, max_size=3)))))
        calls = tuple(
            ToolCall(id=f"c{index}{n}", name="f", arguments=json.dumps(draw(arguments), separators=(",", ":"), ensure_ascii=False), signature="gemini.QQ==")
            for n in range(draw(st.integers(0, 2)))
        )  # fmt: skip
        thoughts = tuple(draw(st.lists(st.builds(Thinking, text=text, signature=st.just("gemini.QQ==")), max_size=1)))
        said = tuple(draw(st.lists(st.builds(Text, text, signature=signature), min_size=1, max_size=1)))
        found.append(Message(role="assistant", parts=(*thoughts, *said, *calls)))
        if calls:
            results = tuple(
                ToolResult(call_id=call.id, name="f", parts=(Text(draw(text)),), is_error=draw(st.booleans()))
                for call in calls
            )
            found.append(Message(role="tool", parts=results))
    return tuple(found)


@settings(deadline=None)
@given(conversations(), st.booleans())
def test_what_the_vocabulary_holds_survives_the_dialect(messages: tuple[Message, ...], old: bool) -> None:
    request = ChatRequest(model=OLD if old else "gemini-3-pro", messages=messages, temperature=0.5, stop=("x",))
    again = decode_request(json.loads(json.dumps(encode_request(request, Quirks()))), request.model, False)

    def bare(message: Message) -> Any:
        done = []
        for part in message.parts:
            if isinstance(part, ToolCall):
                done.append((part.id, part.name, json.loads(part.arguments), part.signature))
            else:
                done.append(part)
        return message.role, done

    assert [bare(one) for one in again.messages] == [bare(one) for one in messages]
    assert (again.temperature, again.stop) == (0.5, ("x",))


fields = st.sampled_from(
    ["contents", "parts", "role", "text", "inlineData", "fileData", "functionCall", "functionResponse", "name", "args",
     "response", "tools", "functionDeclarations", "parameters", "toolConfig", "functionCallingConfig", "mode", "thought",
     "generationConfig", "thinkingConfig", "responseSchema", "type", "properties", "anyOf", "any_of", "enum", "nullable",
     "systemInstruction", "safetySettings", "category", "threshold", "thoughtSignature", "mimeType", "data", "$ref"]
)  # fmt: skip
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["user", "model", "f", "", "Z3cu", "AUTO", "object", "application/json"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=25,
)


@settings(deadline=None)
@given(st.dictionaries(fields, anything, max_size=6))
def test_any_json_is_a_request_or_a_bad_one(body: dict[str, Any]) -> None:
    try:
        request = decode_request(body, "gemini-3", False)
        encode_request(request, Quirks())
    except BadRequest:
        pass


def test_citations_in_history_are_left_behind() -> None:
    said = Message(role="assistant", parts=(Text("hi", citations=(Citation(kind="url", url="https://a"),)),))
    assert write(user(), said)["contents"][1]["parts"] == [{"text": "hi"}]
