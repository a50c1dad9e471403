"""Responses as an upstream tells them, whole and streamed."""

import json
from typing import Any

import msgspec
import pytest

from gateway.core.conversation import (
    Citation,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from gateway.core.faults import UpstreamBroken, UpstreamRefused
from gateway.core.generation import (
    Answer,
    Choice,
    Delta,
    Ended,
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
)
from gateway.dialects.responses.answers import decode_answer
from gateway.dialects.responses.events import Decoder
from gateway.dialects.responses.usage import usage_of, write_usage
from tests.dialects.counts_alone import counts_alone
from tests.dialects.response_answers import LOGPROB, TOLD_USAGE, USAGE, done, heard, sse

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


def test_an_item_of_no_known_kind_is_not_billed_and_breaks_nothing() -> None:
    used = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    items = [{"type": ["web_search_call"]}, {"type": {}}, {"type": "web_search_call"}]
    found = usage_of({"usage": used, "output": items})
    assert found is not None
    assert found[0].output_tokens == 2
