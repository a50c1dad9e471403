"""Requests in the vocabulary as Converse bodies, which AWS's own SDK would accept and send just so."""

import base64
import itertools
import json
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.conversation import (
    Audio,
    CacheMark,
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
    Video,
)
from gateway.core.faults import BadRequest
from gateway.dialects.bedrock.abilities import ABILITIES
from gateway.dialects.bedrock.makers import CLAUDE, NOVA, OTHER, maker_of
from gateway.dialects.bedrock.requests import encode_request
from gateway.dialects.bedrock.thinking import adapt
from gateway.dialects.features import FEATURES
from gateway.dialects.fitting import DROPPABLE, Quirks, fit

SONNET = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-2-1b-instruct-v1:0"
HI = (Message(role="user", parts=(Text("Hi"),)),)
PNG = Inline("image/png", base64.b64encode(b"png").decode())
PDF = Inline("application/pdf", base64.b64encode(b"pdf").decode())
_service = botocore.session.get_session().get_service_model("bedrock-runtime")


def as_sdk_params(value: Any) -> Any:
    """What a caller of the SDK would have written: bytes where the wire has base64."""
    if isinstance(value, dict):
        return {
            k: base64.b64decode(v) if k in ("bytes", "redactedContent") and isinstance(v, str) else as_sdk_params(v)
            for k, v in value.items()
        }
    return [as_sdk_params(one) for one in value] if isinstance(value, list) else value


def encoded(request: ChatRequest, quirks: Quirks | None = None) -> dict[str, Any]:
    """The body; the SDK's validation accepts it, and its serializer writes the same."""
    quirks = quirks or Quirks()
    request, _ = adapt(request, quirks)
    body = encode_request(request, quirks)
    operation = _service.operation_model("Converse")
    params = {"modelId": request.model, **as_sdk_params(body)}
    report = ParamValidator().validate(params, operation.input_shape)
    assert not report.has_errors(), report.generate_report()
    sent = create_serializer("rest-json").serialize_to_request(params, operation)
    assert json.loads(sent["body"]) == json.loads(msgspec.json.encode(body))
    return body


def asked(*messages: Message, model: str = SONNET, **fields: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=messages or HI, **fields)


def turn(*parts: Any, role: Any = "user") -> Message:
    return Message(role=role, parts=parts, where="messages[0]")


def test_a_plain_request() -> None:
    body = encoded(
        asked(
            turn(Text("Be brief."), role="system"),
            *HI,
            turn(Text("Hello."), role="assistant"),
            turn(Text("Bye"), role="user"),
            max_output_tokens=100,
            temperature=0.5,
            top_p=0.9,
            stop=("END",),
            stream=True,
        )
    )
    assert body == {
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"text": "Hello."}]},
            {"role": "user", "content": [{"text": "Bye"}]},
        ],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
    }


def test_images_documents_video_and_sound() -> None:
    body = encoded(
        asked(
            turn(
                Text("Look"),
                Image(PNG),
                File(source=PDF, name="Q3 report_(final).pdf", context="ours", citations=True),
                File(source=Inline("text/x-python", PNG.data), name="Q3 report_(final)"),
                File(source=Url("s3://bucket/a.docx")),
                Video(Url("s3://bucket/film.mp4")),
                Video(Inline("video/3gpp", PNG.data)),
                Audio(Inline("audio/mpeg", PNG.data)),
            )
        )
    )
    assert body["messages"][0]["content"] == [
        {"text": "Look"},
        {"image": {"format": "png", "source": {"bytes": PNG.data}}},
        {
            "document": {
                "format": "pdf",
                "name": "Q3 report (final)",
                "source": {"bytes": PDF.data},
                "context": "ours",
                "citations": {"enabled": True},
            }
        },
        {"document": {"format": "txt", "name": "Q3 report (final) (2)", "source": {"bytes": PNG.data}}},
        {"document": {"format": "docx", "name": "document", "source": {"s3Location": {"uri": "s3://bucket/a.docx"}}}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/film.mp4"}}}},
        {"video": {"format": "three_gp", "source": {"bytes": PNG.data}}},
        {"audio": {"format": "mp3", "source": {"bytes": PNG.data}}},
    ]


def test_a_document_alone_gets_the_text_that_must_stand_beside_it() -> None:
    body = encoded(asked(turn(File(source=PDF))))
    assert body["messages"][0]["content"][-1] == {"text": "See the document."}


@pytest.mark.parametrize(
    "part",
    [Image(Url("https://example.com/a.png")), File(source=FileId("file-1")), Image(Inline("image/tiff", PNG.data))],
    ids=["https", "file id", "format"],
)
def test_what_bedrock_cannot_fetch_is_refused_by_name(part: Any) -> None:
    with pytest.raises(BadRequest) as found:
        encode_request(asked(turn(part)), Quirks())
    assert found.value.param == "messages[0]"


WEATHER = Tool(name="weather", description="now", parameters={"type": "object", "properties": {"at": {}}}, strict=True)
CLOCK = Tool(name="clock")


def test_tools_calls_and_results() -> None:
    body = encoded(
        asked(
            *HI,
            turn(ToolCall(id="call_1", name="weather", arguments='{"at":"Rome"}'), role="assistant"),
            turn(
                ToolResult(call_id="call_1", parts=(Text("17"), Image(PNG), File(source=PDF, name="map"))),
                ToolResult(call_id="x" * 70, parts=(), is_error=True),
                role="tool",
            ),
            turn(Text("And now?")),
            tools=(WEATHER, CLOCK),
        )
    )
    assert body["messages"][1]["content"] == [
        {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"at": "Rome"}}}
    ]
    results = body["messages"][2]
    assert results["role"] == "user"
    assert results["content"][0]["toolResult"] == {
        "toolUseId": "call_1",
        "content": [
            {"text": "17"},
            {"image": {"format": "png", "source": {"bytes": PNG.data}}},
            {"document": {"format": "pdf", "name": "map", "source": {"bytes": PDF.data}}},
        ],
    }
    long = results["content"][1]["toolResult"]
    assert (len(long["toolUseId"]) <= 64, long["status"], long["content"]) == (True, "error", [{"text": "(empty)"}])
    assert results["content"][2] == {"text": "And now?"}, "a user's turn goes on where its tools' results end"
    assert body["toolConfig"]["tools"] == [
        {
            "toolSpec": {
                "name": "weather",
                "inputSchema": {"json": WEATHER.parameters},
                "description": "now",
                "strict": True,
            }
        },
        {"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
    ]


@pytest.mark.parametrize(
    ("choice", "named", "written"),
    [
        (None, ["weather", "clock"], None),
        (ToolChoice("auto"), ["weather", "clock"], {"auto": {}}),
        (ToolChoice("required"), ["weather", "clock"], {"any": {}}),
        (ToolChoice("required", ("clock",)), ["weather", "clock"], {"tool": {"name": "clock"}}),
        (ToolChoice("auto", ("clock",)), ["clock"], {"auto": {}}),
        (ToolChoice("required", ("clock", "weather")), ["weather", "clock"], {"any": {}}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, named: list[str], written: Any) -> None:
    config = encoded(asked(tools=(WEATHER, CLOCK), tool_choice=choice))["toolConfig"]
    assert [one["toolSpec"]["name"] for one in config["tools"]] == named
    assert config.get("toolChoice") == written


def test_tools_that_may_not_be_called_are_not_declared() -> None:
    none = ToolChoice("none")
    assert "toolConfig" not in encoded(asked(tools=(WEATHER,), tool_choice=none))
    called = turn(ToolCall(id="c", name="weather"), role="assistant")
    body = encoded(asked(*HI, called, tools=(WEATHER,), tool_choice=none))
    assert [one["toolSpec"]["name"] for one in body["toolConfig"]["tools"]] == ["unavailable"], (
        "calls need a toolConfig"
    )
    assert "toolConfig" in encoded(asked(*HI, called))


def test_cache_marks_stand_after_what_they_mark() -> None:
    request = asked(
        turn(Text("Long.", CacheMark("1h")), role="system"),
        turn(Text("Hi", CacheMark()), Text("you")),
        tools=(msgspec.structs.replace(CLOCK, cache=CacheMark("1h")),),
    )
    hour, minutes = {"cachePoint": {"type": "default", "ttl": "1h"}}, {"cachePoint": {"type": "default"}}
    body = encoded(request)
    assert body["system"] == [{"text": "Long."}, hour]
    assert body["messages"][0]["content"] == [{"text": "Hi"}, minutes, {"text": "you"}]
    assert body["toolConfig"]["tools"][1] == hour
    nova = encoded(msgspec.structs.replace(request, model=NOVA_2))
    assert nova["system"][1] == minutes
    assert len(nova["toolConfig"]["tools"]) == 1, "Nova takes no marks on tools"
    other = msgspec.structs.replace(request, model=LLAMA)
    assert "cachePoint" not in json.dumps(encoded(other))
    assert adapt(other, Quirks())[1], "and what is left out is named"


def test_structured_output_goes_as_text() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}}
    wanted = Format(kind="json_schema", name="answer", description="it", schema=schema)
    body = encoded(asked(format=wanted), Quirks(unwanted_keywords=frozenset({"minLength"})))
    said = body["outputConfig"]["textFormat"]
    assert said["type"] == "json_schema"
    written = said["structure"]["jsonSchema"]
    assert (written["name"], written["description"]) == ("answer", "it")
    assert json.loads(written["schema"]) == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("model", "quirks", "reasoning", "expected"),
    [
        (SONNET, "budget", Reasoning(effort="low"), {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (SONNET, "effort", Reasoning(budget_tokens=5000), {"thinking": {"type": "enabled", "budget_tokens": 5000}}),
        (SONNET, "budget", Reasoning(effort="none"), {"thinking": {"type": "disabled"}}),
        (
            "anthropic.claude-opus-4-6-v1",
            "adaptive",
            Reasoning(effort="high", show=True),
            {"thinking": {"type": "adaptive", "display": "summarized"}},
        ),
        (NOVA_2, "effort", Reasoning(effort="minimal"), {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (NOVA_2, "level", Reasoning(budget_tokens=9000), {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}),
        (NOVA_2, "effort", Reasoning(effort="none"), {"reasoningConfig": {"type": "disabled"}}),
        ("openai.gpt-oss-120b-1:0", "effort", Reasoning(effort="xhigh"), {"reasoning_effort": "high"}),
        ("openai.gpt-oss-120b-1:0", "effort", Reasoning(effort="none"), None),
        (LLAMA, "effort", Reasoning(effort="high"), None),
        ("us.amazon.nova-pro-v1:0", "effort", Reasoning(effort="high"), None),
    ],
)  # fmt: skip
def test_thinking_in_each_makers_words(model: str, quirks: Any, reasoning: Reasoning, expected: Any) -> None:
    body = encoded(asked(model=model, reasoning=reasoning), Quirks(thinking=quirks))
    assert body.get("additionalModelRequestFields") == expected
    if quirks == "adaptive":
        assert body["outputConfig"] == {"effort": "high"}
    if expected and expected.get("thinking", {}).get("type") == "enabled":
        assert body["inferenceConfig"]["maxTokens"] > expected["thinking"]["budget_tokens"]


def test_nova_at_high_effort_takes_no_sampling_and_no_limit() -> None:
    request = asked(model=NOVA_2, reasoning=Reasoning(effort="high"), temperature=0.3, top_p=0.5)
    body = encoded(request)
    assert "inferenceConfig" not in body
    assert adapt(request, Quirks())[1] == ["temperature", "top_p"]
    limited = encoded(msgspec.structs.replace(request, max_output_tokens=500))
    assert limited["inferenceConfig"]["maxTokens"] == 500
    assert limited["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"] == "medium"


def test_top_k_tiers_and_labels() -> None:
    assert encoded(asked(top_k=5))["additionalModelRequestFields"] == {"top_k": 5}
    assert encoded(asked(top_k=5, model=NOVA_2))["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 5}}
    assert adapt(asked(top_k=5, model=LLAMA), Quirks())[1] == ["top_k"]
    assert encoded(asked(service_tier="flex"))["serviceTier"] == {"type": "flex"}
    assert encoded(asked(service_tier="optimized"))["performanceConfig"] == {"latency": "optimized"}
    assert adapt(asked(service_tier="scale"), Quirks())[1] == ["service_tier"]
    assert encoded(asked(metadata={"team": "a"}))["requestMetadata"] == {"team": "a"}
    assert adapt(asked(metadata={"team": "ä"}), Quirks())[1] == ["metadata"]
    assert adapt(asked(metadata={"n": 1}), Quirks())[1] == ["metadata"]


def test_only_thoughts_of_its_own_go_back() -> None:
    signature = "EqQBCkgIARABGAIiQA"
    parts = (
        Thinking(text="mine", signature=f"anthropic.{signature}"),
        Thinking(signature=f"anthropic.{signature}", redacted=True),
        Thinking(text="bedrock's", signature="bedrock.abc"),
        Thinking(text="unsigned"),
        Thinking(text="another's", signature="gemini.abc"),
        Thinking(signature="openai.abc", redacted=True),
        Refusal("No."),
    )
    redacted = {"reasoningContent": {"redactedContent": base64.b64encode(signature.encode()).decode()}}
    own = {"reasoningContent": {"reasoningText": {"text": "bedrock's", "signature": "abc"}}}
    for model, expected in (
        (SONNET, [{"reasoningContent": {"reasoningText": {"text": "mine", "signature": signature}}}, redacted, own]),
        (LLAMA, [own]),
    ):
        body = encoded(asked(*HI, turn(*parts, role="assistant"), *HI, model=model))
        assert body["messages"][1]["content"] == [*expected, {"text": "No."}]


def test_blank_texts_are_left_out() -> None:
    body = encoded(asked(turn(Text(" "), role="system"), turn(Text(""), Text("Hi"), Text("\n"))))
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}]}]


@pytest.mark.parametrize(
    ("model", "thinking", "maker"),
    [
        ("anthropic.claude-v2", "effort", CLAUDE),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0", "effort", CLAUDE),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-opus-4-6-v1", "effort", CLAUDE),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456", "adaptive", CLAUDE),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456", "level", NOVA),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456", "effort", OTHER),
        ("global.amazon.nova-2-lite-v1:0", "effort", NOVA),
        ("deepseek.r1-v1:0", "budget", OTHER),
    ],
)  # fmt: skip
def test_whose_model_it_is(model: str, thinking: Any, maker: Any) -> None:
    assert maker_of(model, Quirks(thinking=thinking)) == maker


def test_abilities_are_words_of_the_table() -> None:
    assert set(FEATURES) >= ABILITIES.supports
    assert DROPPABLE | {"*"} >= ABILITIES.drops
    assert not ABILITIES.supports & ABILITIES.drops


def test_what_the_dialect_has_no_word_for_is_refused() -> None:
    for fields in ({"n": 2}, {"logprobs": 0}, {"modalities": ("audio",)}, {"format": Format(kind="json_object")}):
        with pytest.raises(BadRequest):
            fit(asked(**fields), ABILITIES)


texts = st.text(min_size=1, max_size=20)
parts_ = st.one_of(
    st.builds(Text, texts, st.one_of(st.none(), st.builds(CacheMark, st.sampled_from(["5m", "1h"])))),
    st.builds(Image, st.just(PNG)),
    st.builds(lambda name: File(source=PDF, name=name), st.text(max_size=30)),
    st.builds(lambda i, n: ToolCall(id=i, name=n, arguments="{}"), texts, st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)),
    st.builds(lambda i, t: ToolResult(call_id=i, parts=(Text(t),)), texts, st.text(max_size=20)),
    st.builds(lambda t, s: Thinking(text=t, signature=s), texts, st.sampled_from(["", "anthropic.E", "bedrock.x", "openai.y"])),
)  # fmt: skip
turns = st.builds(
    lambda role, parts: Message(role=role, parts=tuple(parts), where="m"),
    st.sampled_from(["user", "assistant"]),
    st.lists(parts_, min_size=1, max_size=5),
)


@given(st.lists(turns, min_size=1, max_size=6), st.sampled_from([SONNET, NOVA_2, LLAMA]))
def test_any_conversation_is_one_the_sdk_accepts(messages: list[Message], model: str) -> None:
    body = encoded(ChatRequest(model=model, messages=tuple(messages)))
    roles = [one["role"] for one in body["messages"]]
    assert all(a != b for a, b in itertools.pairwise(roles)), "turns alternate"
    names = [b["document"]["name"] for one in body["messages"] for b in one["content"] if "document" in b]
    assert len(set(names)) == len(names)
    said = [part.text for one in messages for part in one.parts if isinstance(part, Text) and part.text.strip()]
    written = [b["text"] for one in body["messages"] for b in one["content"] if "text" in b]
    assert [text for text in written if text != "See the document."] == said
