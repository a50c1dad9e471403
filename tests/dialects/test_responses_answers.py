"""Responses as an upstream tells them, and as a client gets them; whole and streamed."""

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.core.conversation import (
    ChatRequest,
    Citation,
    Image,
    Inline,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from gateway.core.faults import Fault, RateLimited, UpstreamBroken, UpstreamRefused
from gateway.core.generation import (
    Answer,
    Choice,
    Delta,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    PartEnded,
    PartStarted,
    Signed,
    Started,
    Statement,
    Used,
    Weighed,
    gathered,
    replayed,
)
from gateway.core.usage import Usage
from gateway.dialects.fitting import Caption
from gateway.dialects.responses.answers import decode_answer, encode_answer
from gateway.dialects.responses.events import Decoder
from gateway.dialects.responses.items import decode_input
from gateway.dialects.responses.response_events import Encoder
from gateway.dialects.responses.usage import usage_of, write_usage
from tests.dialects.counts_alone import counts_alone

CAPTION = Caption(id="0a", created=1_700_000_000, model="alias")
REQUEST = ChatRequest(model="alias", messages=(), stream=True)
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
USAGE = Usage(input_tokens=6, cached_input_tokens=4, output_tokens=3, reasoning_tokens=2)
TOLD_USAGE = {
    "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15,
}  # fmt: skip
LOGPROB = {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}


def told(answer: Answer, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    body = encode_answer(answer, CAPTION, asked or {})
    Response.model_validate_json(body)
    return json.loads(body)


def answer(*parts: Part, finish: str = "stop", **fields: Any) -> Answer:
    choice = Choice(parts=parts, finish=Finish(finish), logprobs=fields.pop("logprobs", None))  # type: ignore[arg-type]
    return Answer(choices=(choice,), **fields)


def stream(events: Iterable[Event], asked: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The wire events, each one that the SDK knows, numbered from 0."""
    encoder = Encoder(CAPTION, REQUEST, asked or {})
    return wire(b"".join(encoder.encode(event) for event in events))


def wire(body: bytes) -> list[dict[str, Any]]:
    found = []
    for number, block in enumerate(body.decode().split("\n\n")[:-1]):
        name, data = block.split("\n")
        said = json.loads(data.removeprefix("data: "))
        EVENT.validate_python(said)
        assert name == f"event: {said['type']}"
        assert said["sequence_number"] == number
        found.append(said)
    return found


def brief(events: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Type, output index, the index within it, and what came."""
    return [
        (
            one["type"].removeprefix("response."),
            one.get("output_index"),
            one.get("content_index", one.get("summary_index")),
            one.get("delta", one.get("text", one.get("arguments", one.get("refusal")))),
        )
        for one in events
    ]


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


def heard(*events: dict[str, Any]) -> list[Event]:
    decoder = Decoder()
    return [*decoder.feed(sse(*events)), *decoder.end()]


def done(**fields: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"status": "completed", **fields}}


# ---------------------------------------------------------------- an upstream's whole answer


def test_an_answer_with_everything() -> None:
    citation = {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 1, "end_index": 2}
    said = {
        "id": "resp_1", "object": "response", "created_at": 5, "model": "gpt-x-2026", "status": "completed",
        "service_tier": "flex",
        "output": [
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "E",
             "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "Hi", "annotations": [citation, {"type": "file_path"}],
                 "logprobs": [LOGPROB]},
                {"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "image_generation_call", "result": "aGk=", "output_format": "webp"},
            {"type": "something_new"},
        ],
        "usage": TOLD_USAGE,
    }  # fmt: skip
    answered = decode_answer(json.dumps(said).encode())
    assert msgspec.structs.replace(answered, statement=Statement()) == Answer(
        id="resp_1",
        model="gpt-x-2026",
        created=5,
        service_tier="flex",
        choices=(
            Choice(
                parts=(
                    Thinking(text="a\n\nb", signature="openai.E", id="rs_1"),
                    Text("Hi", citations=(Citation(kind="url", url="https://a", title="A", start=1, end=2),)),
                    Refusal("no"),
                    ToolCall(id="c1", name="f", arguments="{}"),
                    Image(Inline("image/webp", "aGk=")),
                ),
                finish=Finish("tool_calls", detail="completed"),
                logprobs=(LOGPROB,),
            ),
        ),
        usage=msgspec.structs.replace(USAGE, web_searches=1, images=1),
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": "completed"}, Finish("stop", detail="completed")),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            Finish("length", detail="max_output_tokens"),
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            Finish("content_filter", detail="content_filter"),
        ),
        ({"status": "incomplete"}, Finish("length")),
    ],
)
def test_why_it_ended(fields: dict[str, Any], expected: Finish) -> None:
    assert decode_answer(json.dumps(fields).encode()).choices[0].finish == expected


@pytest.mark.parametrize(
    ("response", "searches"),
    [
        ({"output": [{"type": "web_search_call", "action": {"type": one}} for one in ("search", "open_page")]}, 1),
        ({"output": [{"type": "web_search_call"}]}, 1),
        ({"output": [{"type": "web_search_call"}] * 3, "tool_usage": {"web_search": {"num_requests": 2}}}, 2),
        ({"usage": {**TOLD_USAGE, "server_side_tool_usage_details": {"web_search_calls": 4}}}, 4),
        ({"output": "?", "tool_usage": "?"}, 0),
    ],
)
def test_searches_are_counted_as_they_are_billed(response: dict[str, Any], searches: int) -> None:
    usage, _ = usage_of({"usage": TOLD_USAGE, **response}) or (None, False)
    assert usage == msgspec.structs.replace(USAGE, web_searches=searches)


def test_usage_goes_back_as_it_came() -> None:
    assert write_usage(USAGE) == TOLD_USAGE
    assert usage_of({"usage": TOLD_USAGE}) == (USAGE, True)
    assert usage_of({}) is None


@pytest.mark.parametrize(
    ("code", "status", "blame"),
    [
        ("server_error", 500, "upstream"),
        ("rate_limit_exceeded", 429, "upstream"),
        ("invalid_prompt", 400, "caller"),
        ("image_too_large", 400, "caller"),
        ("vector_store_timeout", 504, "upstream"),
        ("", 500, "upstream"),
    ],
)
def test_a_response_that_failed_is_a_fault(code: str, status: int, blame: str) -> None:
    error = {"code": code, "message": "oh"}
    with pytest.raises(UpstreamRefused) as caught:
        decode_answer(json.dumps({"status": "failed", "error": error}).encode())
    whole = caught.value
    for event in (
        {"type": "response.failed", "response": {"error": error}},
        {"type": "error", **error, "sequence_number": 1},
        {"type": "error", "error": error},
    ):
        [failed] = heard(event)
        assert isinstance(failed, Failed)
        assert (failed.fault.message, failed.fault.blame, failed.fault.code) == ("oh", blame, whole.code)  # type: ignore[attr-defined]
    assert (whole.message, whole.status, whole.blame) == ("oh", status, blame)


def test_a_failure_still_tells_what_it_used() -> None:
    events = heard({"type": "response.failed", "response": {"error": {"message": "oh"}, "usage": TOLD_USAGE}})
    assert [type(one) for one in events] == [Used, Failed]


# ---------------------------------------------------------------- an upstream's stream


def test_a_stream_as_openai_sends_it() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
    place = {"output_index": 1, "content_index": 0, "item_id": "msg_1"}
    reasoning = {"output_index": 0, "item_id": "rs_1"}
    events = heard(
        {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 5}},
        {"type": "response.in_progress", "response": {}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}},
        {"type": "response.reasoning_summary_part.added", **reasoning, "summary_index": 0},
        {"type": "response.reasoning_summary_text.delta", **reasoning, "summary_index": 0, "delta": "a"},
        {"type": "response.reasoning_summary_text.done", **reasoning, "summary_index": 0, "text": "a"},
        {"type": "response.reasoning_summary_text.delta", **reasoning, "summary_index": 1, "delta": "b"},
        {"type": "response.output_item.done", "output_index": 0, "item": {
            "type": "reasoning", "id": "rs_1", "encrypted_content": "E", "summary": [{"text": "a"}, {"text": "b"}]}},
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "id": "msg_1"}},
        {"type": "response.content_part.added", **place, "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": "H", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "é", "logprobs": [LOGPROB]},
        {"type": "response.output_text.done", **place, "text": "Hé"},
        {"type": "response.content_part.done", **place, "part": {"type": "output_text", "text": "Hé"}},
        {"type": "response.output_item.done", "output_index": 1, "item": {
            "type": "message", "content": [{"type": "output_text", "text": "Hé"}]}},
        {"type": "response.output_item.added", "output_index": 2, "item": call},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{"},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "}"},
        {"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{}"},
        {"type": "response.output_item.done", "output_index": 2, "item": {**call, "arguments": "{}"}},
        done(usage=TOLD_USAGE, service_tier="default"),
    )  # fmt: skip
    assert counts_alone(events) == [
        Started("resp_1", "m", 5),
        PartStarted(0, 0, Thinking(id="rs_1")),
        Delta(0, 0, "a"),
        Delta(0, 0, "\n\nb"),
        Signed(0, 0, "openai.E"),
        PartEnded(0, 0),
        PartStarted(0, 1, Text("")),
        Delta(0, 1, "H"),
        Delta(0, 1, "é"),
        Weighed(0, (LOGPROB,)),
        PartEnded(0, 1),
        PartStarted(0, 2, ToolCall(id="c1", name="f")),
        Delta(0, 2, "{"),
        Delta(0, 2, "}"),
        PartEnded(0, 2),
        Finished(0, Finish("tool_calls", detail="completed")),
        Used(USAGE, "default"),
        Ended(),
    ]


MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"}
OPEN = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]}
PARTS = {
    "message": Text("Hi"),
    "function_call": ToolCall(id="c1", name="f", arguments="{}"),
    "reasoning": Thinking(signature="openai.E", redacted=True, id="rs_1"),
}


@pytest.mark.parametrize("item", [MESSAGE, CALL, THOUGHT])
def test_what_is_told_only_whole_is_told(item: dict[str, Any]) -> None:
    """In the item's end, with or without its beginning; or in the response's end alone."""
    bare = {**item, "content": [], "arguments": ""} if item is not THOUGHT else {"type": "reasoning"}
    added = {"type": "response.output_item.added", "output_index": 0, "item": bare}
    ended = {"type": "response.output_item.done", "output_index": 0, "item": item}
    for events in ((added, ended, done(output=[item])), (ended, done()), (done(output=[item]),)):
        found = gathered(heard(*events)).choices[0]
        assert found.parts == (PARTS[item["type"]],)
        assert found.finish == Finish("tool_calls" if item is CALL else "stop", detail="completed")


def test_texts_told_by_their_ends_alone() -> None:
    events = heard(
        {"type": "response.reasoning_text.done", "output_index": 0, "content_index": 0, "text": "hm"},
        {"type": "response.output_item.done", "output_index": 0, "item": OPEN},
        {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "Hi"},
        {"type": "response.content_part.added", "output_index": 1, "content_index": 1, "part": {"type": "refusal"}},
        {"type": "response.content_part.done", "output_index": 1, "content_index": 1, "part": {"refusal": "no"}},
        done(output=[OPEN, MESSAGE]),
    )
    assert isinstance(events[0], Started)
    assert gathered(events).choices[0].parts == (Thinking(text="hm"), Text("Hi"), Refusal("no"))


def test_hosted_tools_are_passed_over_and_counted() -> None:
    call = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}}
    events = heard(
        {"type": "response.output_item.added", "output_index": 0, "item": call},
        {"type": "response.web_search_call.searching", "output_index": 0},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
        done(output=[call], usage=TOLD_USAGE),
    )
    assert [type(one) for one in events] == [Started, Finished, Used, Ended]
    assert gathered(events).usage == msgspec.structs.replace(USAGE, web_searches=1)


def test_a_stream_cut_short() -> None:
    decoder = Decoder()
    decoder.feed(sse({"type": "response.output_text.delta", "delta": "H"}))
    with pytest.raises(UpstreamBroken) as caught:
        decoder.end()
    assert caught.value.code == "upstream_cut_short"


# ---------------------------------------------------------------- a client's whole answer

FULL = answer(
    Thinking(text="hm", signature="openai.E"),
    Text("Hé", citations=(Citation(kind="url", url="https://a", title="A"), Citation(kind="file", id="f1", title="b"))),
    Refusal("no"),
    ToolCall(id="c1", name="f", arguments='{"x":1}', signature="gemini.S"),
    finish="tool_calls",
    model="served",
    usage=USAGE,
    logprobs=({"token": "é", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "é", "logprob": -0.5}]},),
)


def test_items_have_ids_made_of_the_caption() -> None:
    assert told(answer(*FULL.choices[0].parts))["output"] == [
        {"id": "rs_0a_0", "type": "reasoning", "status": "completed", "encrypted_content": "E",
         "summary": [{"type": "summary_text", "text": "hm"}]},
        {"id": "msg_0a_1", "type": "message", "status": "completed", "role": "assistant", "content": [
            {"type": "output_text", "text": "Hé", "logprobs": [], "annotations": [
                {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 2},
                {"type": "file_citation", "file_id": "f1", "filename": "b", "index": 2}]},
            {"type": "refusal", "refusal": "no"}]},
        {"id": "rs_0a_2", "type": "reasoning", "status": "completed", "summary": [],
         "encrypted_content": "gw.gemini.S"},
        {"id": "fc_0a_3", "type": "function_call", "status": "completed", "arguments": '{"x":1}', "call_id": "c1",
         "name": "f"},
    ]  # fmt: skip


def test_logprobs_have_bytes() -> None:
    said = told(answer(Text("Hé"), logprobs=FULL.choices[0].logprobs))
    assert said["output"][0]["content"][0]["logprobs"] == [
        {"token": "é", "bytes": [195, 169], "logprob": -0.5,
         "top_logprobs": [{"token": "é", "bytes": [195, 169], "logprob": -0.5}]}
    ]  # fmt: skip


def test_an_answer_repeats_what_was_asked() -> None:
    asked = {
        "instructions": "be brief", "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}],
        "tool_choice": {"type": "function", "name": "f"}, "temperature": 0.5, "top_p": 0.1, "metadata": {"a": "b"},
        "max_output_tokens": 9, "previous_response_id": "resp_9", "store": False, "truncation": "auto",
        "parallel_tool_calls": False, "top_logprobs": 2, "user": "u", "prompt_cache_key": "k", "max_tool_calls": 3,
    }  # fmt: skip
    said = told(
        FULL, {**asked, "input": "x", "stream": True, "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}}
    )
    assert {name: said[name] for name in asked} == asked
    assert said["reasoning"] == {"effort": "low", "summary": None}
    assert said["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert "input" not in said
    assert (said["id"], said["object"], said["created_at"], said["model"]) == (
        "resp_0a", "response", 1_700_000_000, "served",
    )  # fmt: skip
    assert said["usage"] == TOLD_USAGE


def test_the_tier_is_the_one_that_served() -> None:
    assert told(FULL, {"service_tier": "auto"})["service_tier"] == "default"
    assert told(answer(Text("x"), service_tier="flex"), {"service_tier": "auto"})["service_tier"] == "flex"
    assert told(answer(Text("x"), service_tier="standard_only"))["service_tier"] == "default"


@pytest.mark.parametrize(
    ("finish", "status", "reason", "item"),
    [
        ("stop", "completed", None, "completed"),
        ("tool_calls", "completed", None, "completed"),
        ("pause", "completed", None, "completed"),
        ("length", "incomplete", "max_output_tokens", "incomplete"),
        ("context_length", "incomplete", "max_output_tokens", "incomplete"),
        ("content_filter", "incomplete", "content_filter", "incomplete"),
        ("refusal", "incomplete", "content_filter", "incomplete"),
    ],
)
def test_status(finish: str, status: str, reason: str | None, item: str) -> None:
    whole = answer(Text("x"), finish=finish)
    streamed = stream(replayed(whole))
    assert streamed[-1]["type"] == f"response.{status}"
    for said in (told(whole), streamed[-1]["response"]):
        assert said["status"] == status
        assert said["incomplete_details"] == (None if reason is None else {"reason": reason})
        assert said["output"][0]["status"] == item
        assert (said["completed_at"] is None) == (status != "completed")


def test_an_answer_of_nothing() -> None:
    assert told(Answer())["output"] == []
    assert [one["type"] for one in stream(replayed(Answer()))] == [
        "response.created", "response.in_progress", "response.completed",
    ]  # fmt: skip


# ---------------------------------------------------------------- a client's stream


def test_the_whole_sequence() -> None:
    events = stream(replayed(FULL))
    assert brief(events) == [
        ("created", None, None, None),
        ("in_progress", None, None, None),
        ("output_item.added", 0, None, None),
        ("reasoning_summary_part.added", 0, 0, None),
        ("reasoning_summary_text.delta", 0, 0, "hm"),
        ("reasoning_summary_text.done", 0, 0, "hm"),
        ("reasoning_summary_part.done", 0, 0, None),
        ("output_item.done", 0, None, None),
        ("output_item.added", 1, None, None),
        ("content_part.added", 1, 0, None),
        ("output_text.delta", 1, 0, "Hé"),
        ("output_text.annotation.added", 1, 0, None),
        ("output_text.annotation.added", 1, 0, None),
        ("output_text.done", 1, 0, "Hé"),
        ("content_part.done", 1, 0, None),
        ("content_part.added", 1, 1, None),
        ("refusal.delta", 1, 1, "no"),
        ("refusal.done", 1, 1, "no"),
        ("content_part.done", 1, 1, None),
        ("output_item.done", 1, None, None),
        ("output_item.added", 2, None, None),
        ("output_item.done", 2, None, None),
        ("output_item.added", 3, None, None),
        ("function_call_arguments.delta", 3, None, '{"x":1}'),
        ("function_call_arguments.done", 3, None, '{"x":1}'),
        ("output_item.done", 3, None, None),
        ("completed", None, None, None),
    ]
    ids = {one["output_index"]: one["item"]["id"] for one in events if "item" in one}
    assert ids == {0: "rs_0a_0", 1: "msg_0a_1", 2: "rs_0a_2", 3: "fc_0a_3"}
    assert all(one["item_id"] == ids[one["output_index"]] for one in events if "item_id" in one)
    assert [one["annotation_index"] for one in events if "annotation" in one] == [0, 1]


def test_items_begin_empty() -> None:
    added = [one["item"] for one in stream(replayed(FULL)) if one["type"] == "response.output_item.added"]
    assert [(one["type"], one["status"], one.get("content", one.get("summary", one.get("arguments")))) for one in added] == [
        ("reasoning", "in_progress", []),
        ("message", "in_progress", []),
        ("reasoning", "completed", []),
        ("function_call", "in_progress", ""),
    ]  # fmt: skip


def test_a_stream_ends_with_what_the_whole_answer_is() -> None:
    for one in (FULL, answer(Text("a"), Image(Inline("image/png", "aGk=")), Text("b"), finish="length")):
        assert stream(replayed(one), {"store": False})[-1]["response"] == told(one, {"store": False})


def test_logprobs_that_come_after_the_last_piece_are_not_lost() -> None:
    first, last = {**LOGPROB, "token": "H"}, LOGPROB
    events: list[Event] = [
        Started(), PartStarted(0, 0, Text("")), Delta(0, 0, "H"), Weighed(0, (first,)), Delta(0, 0, "é"),
        Weighed(0, (last,)), PartEnded(0, 0), Finished(0, Finish("stop")), Ended(),
    ]  # fmt: skip
    written = stream(events)
    assert [one["logprobs"] for one in written if one["type"] == "response.output_text.delta"] == [[], [first]]
    for item in (written[-2]["item"], written[-1]["response"]["output"][0]):
        assert item["content"][0]["logprobs"] == [first, last]


def test_a_second_choice_is_not_told() -> None:
    two = Answer(choices=(Choice(parts=(Text("a"),)), Choice(parts=(Text("b"),))))
    assert [item["content"] for item in told(two)["output"]] == [
        [{**told(two)["output"][0]["content"][0], "text": "a"}]
    ]
    assert stream(replayed(two))[-1]["response"]["output"] == told(two)["output"]


def test_calls_that_grow_side_by_side() -> None:
    calls = [ToolCall(id=f"c{number}", name="f") for number in range(2)]
    events: list[Event] = [
        Started(), *(PartStarted(0, number, call) for number, call in enumerate(calls)),
        Delta(0, 1, "[]"), Delta(0, 0, "{}"), PartEnded(0, 0), PartEnded(0, 1), Finished(0, Finish("stop")), Ended(),
    ]  # fmt: skip
    output = stream(events)[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [("c0", "{}"), ("c1", "[]")]


def test_a_stream_that_breaks() -> None:
    encoder = Encoder(CAPTION, REQUEST, {})
    said = b"".join(
        encoder.encode(event) for event in [Started(model="m"), PartStarted(0, 0, Text("")), Delta(0, 0, "Hal")]
    )
    fault = RateLimited("slow down", details={"limit": "x"})
    *_, error, failed = wire(said + encoder.fault(fault, "r1"))
    assert {name: error[name] for name in ("type", "code", "message", "param")} == {
        "type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None,
    }  # fmt: skip
    assert error["error"]["gateway"] == {"request_id": "r1", "blame": "policy", "limit": "x"}
    assert failed["type"] == "response.failed"
    response = failed["response"]
    assert (response["status"], response["error"]) == (
        "failed", {"code": "rate_limit_exceeded", "message": "slow down"},
    )  # fmt: skip
    [item] = response["output"]
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "Hal")


def test_a_failure_is_raised_for_whoever_writes_the_reply() -> None:
    with pytest.raises(UpstreamBroken):
        Encoder(CAPTION, REQUEST, {}).encode(Failed(UpstreamBroken("oh")))


# ---------------------------------------------------------------- there and back

WORD = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
SIGNATURE = st.one_of(WORD.map("openai.{}".format).filter(lambda one: "openai.gw." not in one), st.just("anthropic.A"))
PART = st.one_of(
    st.builds(Text, WORD),
    st.builds(Refusal, WORD),
    st.builds(Thinking, text=WORD, signature=SIGNATURE),
    st.builds(Thinking, signature=SIGNATURE, redacted=st.just(True)),
    st.builds(ToolCall, id=WORD, name=WORD, arguments=st.just("{}"), signature=st.sampled_from(["", "gemini.S"])),
    st.builds(Image, st.just(Inline("image/png", "aGk="))),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(PART, max_size=5))
def test_what_a_client_is_told_it_can_give_back(parts: list[Part]) -> None:
    """Signatures of every provider survive a client that repeats the output as input, streamed or whole."""
    whole = answer(*parts)
    for said in (told(whole), stream(replayed(whole))[-1]["response"]):
        if said["output"]:
            [message] = decode_input({"input": said["output"]})
            found = [msgspec.structs.replace(one, id="") if isinstance(one, Thinking) else one for one in message.parts]
            assert found == parts


@settings(deadline=None, max_examples=100)
@given(st.lists(PART, max_size=5))
def test_our_own_answers_can_be_read(parts: list[Part]) -> None:
    """A gateway behind a gateway: what is told is heard, whole and streamed."""
    whole = answer(*parts, usage=USAGE)
    encoder, decoder = Encoder(CAPTION, REQUEST, {}), Decoder()
    body = b"".join(encoder.encode(event) for event in replayed(whole))
    streamed = gathered([*decoder.feed(body), *decoder.end()])
    once = decode_answer(encode_answer(whole, CAPTION, {}))
    assert streamed.choices[0].parts == once.choices[0].parts
    images = sum(isinstance(one, Image) for one in once.choices[0].parts)
    assert streamed.usage == once.usage == msgspec.structs.replace(USAGE, images=images)


# ---------------------------------------------------------------- anything

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=6,
)
FIELD = st.sampled_from(
    [
        "output", "status", "error", "usage", "item", "part", "content", "summary", "type", "text", "delta", "arguments",
        "output_index", "content_index", "summary_index", "logprobs", "annotations", "annotation", "response", "action",
        "tool_usage", "web_search", "num_requests", "input_tokens", "start_index", "encrypted_content", "result",
    ]
)  # fmt: skip
KIND = st.sampled_from(
    [
        "message", "function_call", "reasoning", "web_search_call", "image_generation_call", "output_text", "refusal",
        "url_citation", "file_citation", "failed", "incomplete",
    ]
)  # fmt: skip
ALIKE = st.recursive(
    JSON | KIND | st.integers(-1, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD, inner, max_size=5),
    max_leaves=15,
)
TYPES = st.sampled_from(
    [f"response.{name}" for name in (
        "created", "in_progress", "queued", "completed", "incomplete", "failed", "output_item.added",
        "output_item.done", "content_part.added", "content_part.done", "output_text.delta", "output_text.done",
        "output_text.annotation.added", "refusal.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "reasoning_text.delta", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.added",
    )] + ["error"]
)  # fmt: skip
EVENTS = st.lists(
    st.builds(lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(FIELD, ALIKE, max_size=5)), max_size=8
)


def listened(body: bytes, cuts: Sequence[int] = ()) -> list[Event] | str:
    """The events, or the code of the fault that ends them."""
    decoder, found = Decoder(), list[Event]()
    marks = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    try:
        for start, end in itertools.pairwise(marks):
            found.extend(decoder.feed(body[start:end]))
        return found + decoder.end()
    except Fault as fault:
        return fault.code


@settings(deadline=None, max_examples=300)
@given(EVENTS, st.lists(st.integers(0, 2_000), max_size=4))
def test_any_events_make_a_well_formed_stream(said: list[dict[str, Any]], cuts: list[int]) -> None:
    body = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in said)
    once, cut = listened(body), listened(body, cuts)
    assert repr(cut) == repr(once) or any(isinstance(one, Failed) for one in once)  # faults differ by identity
    if isinstance(once, str):
        return
    opened: set[int] = set()
    count = 0
    for one in once:
        if isinstance(one, PartStarted):
            assert one.part == count
            count += 1
            opened.add(one.part)
        elif isinstance(one, Delta | Signed):
            assert one.part in opened
        elif isinstance(one, PartEnded):
            opened.remove(one.part)
    assert not opened
    assert isinstance(once[-1], Ended | Failed)
    encoder = Encoder(CAPTION, REQUEST, {})
    for one in once[:-1]:
        encoder.encode(one)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=60), ALIKE.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_an_answer_or_a_fault(body: bytes) -> None:
    for read in (decode_answer, listened, lambda given: listened(b"data: " + given + b"\n\n")):
        try:
            read(body)
        except Fault as fault:
            assert fault.message  # noqa: PT017  any kind of fault will do
