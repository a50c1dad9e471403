"""Responses as a client gets them, whole and streamed."""

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
from gateway.core.faults import RateLimited, UpstreamBroken
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
    Started,
    Weighed,
    replayed,
)
from gateway.dialects.responses.response_events import Encoder
from tests.dialects.response_answers import (
    CAPTION,
    LOGPROB,
    REQUEST,
    TOLD_USAGE,
    USAGE,
    answer,
    brief,
    stream,
    told,
    wire,
)

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
