"""A prompt's request and the caller's own, as one request of the caller's protocol."""

from collections.abc import Iterable
from typing import Any

import pytest

from gateway.core.conversation import (
    Audio,
    ChatRequest,
    Format,
    Image,
    Inline,
    Message,
    Part,
    Reasoning,
    Text,
    Tool,
    Url,
    Video,
)
from gateway.core.faults import BadRequest
from gateway.dialects.merging import CONVERSATIONS, OVERRIDABLE, Owned, merged
from gateway.dialects.owned import fitted
from gateway.dialects.protocols import CLIENTS

SYSTEM = Message(role="system", parts=(Text("Be brief."),))
ASKED = Message(role="user", parts=(Text("Sum it up."),))


def owned(*messages: Message, after: tuple[Message, ...] = (), may: Iterable[str] = (), **sets: Any) -> Owned:
    return Owned(ChatRequest(model="m", messages=messages, **sets), after, frozenset(may), "demo/sum")


def merge(protocol: str, prompt: Owned, **body: Any) -> dict[str, Any]:
    """The whole request as it goes on."""
    found = {**body, **merged(protocol, prompt, body.get)}
    return {name: value for name, value in found.items() if value is not None}


def texts(protocol: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """(role, text) of the whole conversation, as the protocol's own decoder reads it."""
    limit = {"max_tokens": 10} if protocol == "messages" else {}
    request = CLIENTS[protocol].decode_request({**limit, **body}, "m", False)
    return [(one.role, part.text) for one in request.messages for part in one.parts if isinstance(part, Text)]


OWN: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hello?"}]},
    "responses": {"input": "Hello?"},
    "messages": {"messages": [{"role": "user", "content": "Hello?"}]},
    "generate": {"contents": [{"role": "user", "parts": [{"text": "Hello?"}]}]},
}


@pytest.mark.parametrize("protocol", OWN)
def test_the_callers_messages_stand_between_the_prompts(protocol: str) -> None:
    body = merge(protocol, owned(SYSTEM, after=(ASKED,)), **OWN[protocol])
    assert texts(protocol, body) == [("system", "Be brief."), ("user", "Hello?"), ("user", "Sum it up.")]


@pytest.mark.parametrize("protocol", OWN)
def test_a_prompt_needs_no_messages_of_the_caller(protocol: str) -> None:
    assert texts(protocol, merge(protocol, owned(SYSTEM, ASKED))) == [("system", "Be brief."), ("user", "Sum it up.")]


def test_every_field_of_the_callers_messages_stays() -> None:
    mine = {"role": "user", "content": "Hello?", "x_of_my_engine": {"a": 1}}
    assert merge("chat", owned(SYSTEM), messages=[mine])["messages"][1] is mine


@pytest.mark.parametrize("protocol", OWN)
def test_what_the_prompt_sets_is_said_in_the_callers_protocol(protocol: str) -> None:
    tool = Tool(name="look", parameters={"type": "object", "properties": {}})
    prompt = owned(SYSTEM, ASKED, temperature=0.5, top_p=0.9, max_output_tokens=7, tools=(tool,))
    body = merge(protocol, prompt, **OWN[protocol])
    read = CLIENTS[protocol].decode_request(body, "m", False)
    assert (read.temperature, read.top_p, read.max_output_tokens) == (0.5, 0.9, 7)
    assert [one.name for one in read.tools] == ["look"]


@pytest.mark.parametrize("protocol", OWN)
def test_what_nobody_sets_is_not_said(protocol: str) -> None:
    known = {CONVERSATIONS[protocol], "system", "systemInstruction"}
    assert merge(protocol, owned(SYSTEM, ASKED)).keys() <= known


@pytest.mark.parametrize(
    ("protocol", "own", "word", "where"),
    [
        ("chat", {"temperature": 1}, "temperature", "temperature"),
        ("chat", {"max_tokens": 9}, "max_output_tokens", "max_tokens"),
        ("chat", {"max_completion_tokens": 9}, "max_output_tokens", "max_completion_tokens"),
        ("chat", {"response_format": {"type": "text"}}, "format", "response_format"),
        ("chat", {"reasoning_effort": "high"}, "reasoning", "reasoning_effort"),
        ("responses", {"max_output_tokens": 9}, "max_output_tokens", "max_output_tokens"),
        ("responses", {"text": {"format": {"type": "text"}}}, "format", "text.format"),
        ("responses", {"reasoning": {"effort": "high"}}, "reasoning", "reasoning.effort"),
        ("messages", {"temperature": 1}, "temperature", "temperature"),
        ("generate", {"generationConfig": {"temperature": 1}}, "temperature", "generationConfig.temperature"),
        ("generate", {"generation_config": {"temperature": 1}}, "temperature", "generation_config.temperature"),
    ],
)
def test_a_caller_says_otherwise_only_what_the_owner_lists(
    protocol: str, own: dict[str, Any], word: str, where: str
) -> None:
    sets: dict[str, Any] = {"temperature": 0.5, "max_output_tokens": 7, "reasoning": Reasoning(effort="low")}
    sets["format"] = Format(kind="json_schema", name="a", schema={"type": "object"})
    with pytest.raises(BadRequest) as refused:
        merge(protocol, owned(ASKED, **sets), **own)
    assert (refused.value.code, refused.value.param) == ("prompt_not_overridable", where)
    assert word in OVERRIDABLE
    for may in (word, "*"):
        body = merge(protocol, owned(ASKED, may=[may], **sets), **own)
        for name, value in own.items():
            said = body["generationConfig" if name == "generation_config" else name]
            assert said == value or said == {**said, **value}
    if protocol == "chat" and word == "max_output_tokens":
        assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1, "one of the two is enough"


@pytest.mark.parametrize(
    ("own", "may", "sent"),
    [
        ({"max_tokens": 9}, (), 7),
        ({"max_tokens": 7}, (), 7),
        ({"max_tokens": 5}, (), 5),
        ({}, (), 7),
        ({"max_tokens": None}, (), 7),
        ({"max_tokens": 9}, ("max_output_tokens",), 9),
        ({"max_tokens": 9}, ("*",), 9),
    ],
)
def test_the_bound_that_messages_demand_of_every_client_only_lowers_the_prompts(
    own: dict[str, Any], may: tuple[str, ...], sent: int
) -> None:
    assert merge("messages", owned(ASKED, may=may, max_output_tokens=7), **own)["max_tokens"] == sent


def test_without_a_bound_of_the_prompts_the_callers_own_counts() -> None:
    assert merge("messages", owned(ASKED, temperature=0.5), max_tokens=9)["max_tokens"] == 9


@pytest.mark.parametrize("wrong", ["9", True, 9.5, 0, -1])
def test_a_bound_that_is_none_is_refused_as_such(wrong: object) -> None:
    with pytest.raises(BadRequest, match="`max_tokens` must be a whole number above 0") as refused:
        merge("messages", owned(ASKED, max_output_tokens=7), max_tokens=wrong)
    assert refused.value.param == "max_tokens"


SETS: dict[str, Any] = {
    "max_output_tokens": 7,
    "top_p": 0.5,
    "stop": ("END",),
    "reasoning": Reasoning(effort="low"),
    "format": Format(kind="json_schema", name="a", schema={"type": "object"}),
    "tools": (Tool(name="look", parameters={"type": "object", "properties": {}}),),
}
OTHER: dict[str, Any] = {"type": "object", "properties": {"b": {}}}


@pytest.mark.parametrize(
    ("protocol", "own", "word", "where"),
    [
        ("chat", {"n_predict": 9}, "max_output_tokens", "n_predict"),
        ("chat", {"max_new_tokens": 9}, "max_output_tokens", "max_new_tokens"),
        ("chat", {"max_tokens": 7, "n_predict": 9}, "max_output_tokens", "n_predict"),
        ("chat", {"reasoning": {"effort": "high"}}, "reasoning", "reasoning"),
        ("chat", {"thinking": {"type": "disabled"}}, "reasoning", "thinking"),
        ("chat", {"chat_template_kwargs": {"enable_thinking": False}}, "reasoning", "chat_template_kwargs"),
        ("chat", {"guided_regex": ".*"}, "format", "guided_regex"),
        ("chat", {"grammar": "root ::= .*"}, "format", "grammar"),
        ("chat", {"functions": []}, "tools", "functions"),
        ("chat", {"web_search_options": {}}, "tools", "web_search_options"),
        ("responses", {"max_tokens": 9}, "max_output_tokens", "max_tokens"),
        ("responses", {"text": {}, "response_format": {"type": "text"}}, "format", "response_format"),
        ("responses", {"reasoning_effort": "high"}, "reasoning", "reasoning_effort"),
        ("messages", {"max_tokens": 7, "n_predict": 9}, "max_output_tokens", "n_predict"),
        ("messages", {"output_format": {"type": "json_schema", "schema": OTHER}}, "format", "output_format"),
        ("messages", {"output_config": {"effort": "max"}}, "reasoning", "output_config.effort"),
        ("messages", {"mcp_servers": [{"type": "url"}]}, "tools", "mcp_servers"),
        ("generate", {"generationConfig": {"max_output_tokens": 9}}, "max_output_tokens", "generationConfig.max_output_tokens"),
        ("generate", {"generationConfig": {"topP": 0.5, "top_p": 1}}, "top_p", "generationConfig.top_p"),
        ("generate", {"generationConfig": {}, "generation_config": {"topP": 1}}, "top_p", "generation_config.topP"),
        ("generate", {"generationConfig": {"responseSchema": OTHER}}, "format", "generationConfig.responseSchema"),
        ("generate", {"generationConfig": {"stop_sequences": []}}, "stop", "generationConfig.stop_sequences"),
        ("generate-array", {"generation_config": {"thinking_config": {}}}, "reasoning", "generation_config.thinking_config"),
    ],
)  # fmt: skip
def test_another_name_of_the_same_thing_is_no_way_past_the_owner(
    protocol: str, own: dict[str, Any], word: str, where: str
) -> None:
    sets = {name: value for name, value in SETS.items() if name != "stop" or protocol != "responses"}
    with pytest.raises(BadRequest) as refused:
        merge(protocol, owned(ASKED, **sets), **own)
    assert (refused.value.code, refused.value.param) == ("prompt_not_overridable", where)
    assert f"list `{word}` under" in str(refused.value)
    merge(protocol, owned(ASKED, may=[word], **sets), **own)


def test_what_the_caller_may_say_takes_the_prompts_out_whatever_it_is_called() -> None:
    body = merge("chat", owned(ASKED, may=["reasoning", "max_output_tokens"], **SETS), thinking={"a": 1}, max_tokens=9)
    assert (body["thinking"], body["max_tokens"]) == ({"a": 1}, 9)
    assert not {"reasoning_effort", "max_completion_tokens"} & body.keys()
    schema = {"generation_config": {"response_schema": OTHER, "candidate_count": 2}}
    config = merge("generate", owned(ASKED, may=["format"], **SETS), **schema)
    assert "generation_config" not in config
    assert config["generationConfig"].keys() >= {"responseSchema", "candidateCount", "topP"}
    assert not {"responseMimeType", "responseJsonSchema"} & config["generationConfig"].keys()


@pytest.mark.parametrize(
    ("protocol", "name", "own"),
    [("messages", "system", 5), ("messages", "system", {"a": 1}), ("generate", "systemInstruction", {"parts": None}),
     ("generate", "system_instruction", True), ("generate", "systemInstruction", {"parts": 7})],
)  # fmt: skip
def test_instructions_are_texts_or_lists(protocol: str, name: str, own: object) -> None:
    with pytest.raises(BadRequest) as refused:
        merge(protocol, owned(SYSTEM, ASKED, may=["system"]), **{name: own})
    assert refused.value.param in ("system", "systemInstruction")


PICTURE = Image(Inline("image/png", "QUJD"))
NOISE = Audio(Inline("audio/wav", "QUJD"))


@pytest.mark.parametrize(
    ("protocol", "parts", "sets", "needs"),
    [
        ("responses", (), {"stop": ("END",)}, "stop sequences"),
        ("messages", (), {"format": Format(kind="json_object")}, "an answer that is a JSON object"),
        ("responses", (NOISE,), {}, "sound in the request"),
        ("messages", (NOISE,), {}, "sound in the request"),
        ("chat", (Video(Url("https://example.com/a.mp4")),), {}, "video by URL"),
    ],
)
def test_what_a_prompt_needs_is_not_left_out_in_silence(
    protocol: str, parts: tuple[Part, ...], sets: dict[str, Any], needs: str
) -> None:
    with pytest.raises(BadRequest, match=f"the prompt `demo/sum` needs {needs}, which this API") as refused:
        merge(protocol, owned(Message(role="user", parts=(Text("."), *parts)), **sets))
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "prompt")


@pytest.mark.parametrize("protocol", ["generate", "generate-array"])
def test_google_has_no_place_for_pictures_in_instructions(protocol: str) -> None:
    seen = Message(role="system", parts=(Text("Like this:"), PICTURE))
    with pytest.raises(BadRequest, match="needs images or files in its instructions"):
        merge(protocol, owned(seen))
    assert merge("chat", owned(seen))["messages"][0]["content"][1]["type"] == "image_url"


def test_what_no_answer_needs_is_told() -> None:
    found, left_out = fitted("messages", owned(ASKED, seed=3, verbosity="low", temperature=0))
    assert (left_out, found.request.seed, found.request.temperature) == (["prompt.seed", "prompt.verbosity"], None, 0)
    assert fitted("chat", owned(ASKED, top_k=3, reasoning=Reasoning(budget_tokens=2_000)))[1] == []
    # An example of the model's before the caller's words is no beginning of its answer.
    taught = owned(ASKED, Message(role="assistant", parts=(Text("2"),)))
    assert fitted("responses", taught) == (taught, [])


@pytest.mark.parametrize("own", [5, [], "x"])
def test_what_has_members_is_an_object(own: object) -> None:
    with pytest.raises(BadRequest) as refused:
        merge("generate", owned(ASKED, **SETS), generationConfig=own)
    assert refused.value.param == "generationConfig"


def test_the_same_value_is_the_prompts_as_the_prompt_writes_it() -> None:
    """What a caller sends stands in the request as it came, and in it a name may stand twice."""
    prompt = owned(ASKED, **SETS)
    same = merged("chat", prompt, lambda _: None)["tools"]
    found = merged("chat", prompt, {"tools": same, "top_p": 0.5}.get)
    assert (found["tools"], found["top_p"]) == (same, 0.5)


def test_the_same_value_is_no_other() -> None:
    assert merge("chat", owned(ASKED, temperature=0.5), temperature=0.5)["temperature"] == 0.5


def test_members_that_the_prompt_does_not_set_stay_the_callers() -> None:
    body = merge("responses", owned(ASKED, verbosity="low"), text={"format": {"type": "json_object"}})
    assert body["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}


@pytest.mark.parametrize(
    ("protocol", "own", "where"),
    [
        (
            "chat",
            {"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]},
            "messages[1].role",
        ),
        ("chat", {"messages": [{"role": "developer", "content": "b"}]}, "messages[0].role"),
        ("responses", {"instructions": "b"}, "instructions"),
        ("responses", {"input": [{"role": "developer", "content": "b"}]}, "input[0].role"),
        ("messages", {"system": "b"}, "system"),
        ("messages", {"messages": [{"role": "system", "content": "b"}]}, "messages[0].role"),
        ("generate", {"systemInstruction": {"parts": [{"text": "b"}]}}, "systemInstruction"),
        ("generate", {"system_instruction": "b"}, "system_instruction"),
        ("generate", {"cachedContent": "cachedContents/1"}, "cachedContent"),
        ("chat", {"chat_template": "{{ messages }}"}, "chat_template"),
    ],
)
def test_instructions_are_the_prompts_alone(protocol: str, own: dict[str, Any], where: str) -> None:
    with pytest.raises(BadRequest) as refused:
        merge(protocol, owned(SYSTEM), **own)
    assert (refused.value.code, refused.value.param) == ("prompt_not_overridable", where)


@pytest.mark.parametrize(
    ("protocol", "own"),
    [
        ("chat", {"messages": [{"role": "system", "content": "b"}]}),
        ("messages", {"system": "b"}),
        ("messages", {"system": [{"type": "text", "text": "b"}]}),
        ("generate", {"systemInstruction": {"parts": [{"text": "b"}]}}),
        ("generate", {"systemInstruction": "b"}),
        ("generate", {"system_instruction": "b"}),
    ],
)
def test_where_the_owner_lets_callers_add_to_them_the_prompts_come_first(protocol: str, own: dict[str, Any]) -> None:
    body = merge(protocol, owned(SYSTEM, ASKED, may=["system"]), **own)
    said = "|".join(text for role, text in texts(protocol, body) if role == "system")
    assert said in ("Be brief.|b", "Be brief.\n\nb")


@pytest.mark.parametrize("protocol", OWN)
def test_a_conversation_is_a_list(protocol: str) -> None:
    field = CONVERSATIONS[protocol]
    with pytest.raises(BadRequest) as refused:
        merge(protocol, owned(SYSTEM), **{field: 5})
    assert refused.value.param == field
