"""Converse's answers, streams and errors in the vocabulary; arbitrary input gives nothing but a declared fault."""

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.conversation import Citation, Image, Inline, Text, Thinking, ToolCall
from gateway.core.faults import Fault, UpstreamBroken
from gateway.core.generation import (
    Cited,
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
    Used,
    gathered,
)
from gateway.core.usage import Usage
from gateway.dialects.anthropic.events import Decoder as AnthropicDecoder
from gateway.dialects.bedrock.answers import decode_answer
from gateway.dialects.bedrock.errors import decode_error
from gateway.dialects.bedrock.events import Decoder
from gateway.dialects.bedrock.invoke import InvokeStream
from gateway.dialects.bedrock.usage import read_usage, write_usage
from gateway.dialects.eventstream import encode_event, encode_exception, encode_message
from tests.dialects.bedrock_corpus import cuts, decoded
from tests.dialects.counts_alone import counts_alone

SIGNATURE = "EqQBCkgIARABGAIiQA"
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def answer_of(*content: Any, stop: str = "end_turn", **fields: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    return json.dumps({"output": {"message": message}, "stopReason": stop, "usage": USAGE, **fields}).encode()


def stream_of(*events: tuple[str, Any]) -> bytes:
    return b"".join(encode_event(kind, json.dumps(said).encode()) for kind, said in events)


def delta(place: int, said: Any) -> tuple[str, Any]:
    return "contentBlockDelta", {"contentBlockIndex": place, "delta": said}


def stop(place: int) -> tuple[str, Any]:
    return "contentBlockStop", {"contentBlockIndex": place}


END = (("messageStop", {"stopReason": "end_turn"}), ("metadata", {"usage": USAGE}))


def parts_of(body: bytes) -> tuple[Any, ...]:
    return decode_answer(body).choices[0].parts


def test_the_parts_of_an_answer() -> None:
    data = base64.b64encode(SIGNATURE.encode()).decode()
    cited = {
        "content": [{"text": "It is "}, {"text": "blue."}],
        "citations": [
            {
                "title": "facts",
                "sourceContent": [{"text": "blue"}],
                "location": {"documentPage": {"documentIndex": 1, "start": 2, "end": 3}},
            },
            {"source": "https://a.example/", "location": {"web": {"domain": "a.example"}}},
        ],
    }
    assert parts_of(
        answer_of(
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": SIGNATURE}}},
            {"reasoningContent": {"redactedContent": data}},
            {"reasoningContent": {"redactedContent": "AAEC"}},
            {"reasoningContent": {"reasoningText": {"text": "Unsigned."}}},
            {"text": "So: "},
            {"citationsContent": cited},
            {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"at": "Rom\u00e9"}}},
            {"toolUse": {"toolUseId": "t2", "name": "search", "input": {}, "type": "server_tool_use"}},
            {"toolResult": {"toolUseId": "t2", "content": []}},
            {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
            {"somethingNew": {}},
        )
    ) == (
        Thinking(text="Hm.", signature=f"anthropic.{SIGNATURE}"),
        Thinking(signature=f"anthropic.{SIGNATURE}", redacted=True),
        Thinking(signature="bedrock.AAEC", redacted=True),
        Thinking(text="Unsigned."),
        Text("So: "),
        Text(
            "It is blue.",
            citations=(
                Citation(kind="document", title="facts", quote="blue", document=1, unit="page", source_start=2, source_end=3),
                Citation(kind="url", url="https://a.example/", title="a.example"),
            ),
        ),
        ToolCall(id="t1", name="weather", arguments='{"at":"Rom\u00e9"}'),
        Image(Inline("image/jpeg", "AAAA")),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("model_context_window_exceeded", "context_length"),
        ("malformed_tool_use", "stop"),
        ("something_new", "stop"),
    ],
)
def test_why_it_stopped(word: str, reason: Any) -> None:
    assert decode_answer(answer_of(stop=word)).choices[0].finish == Finish(reason, "", word)
    said = stream_of(("messageStart", {"role": "assistant"}), ("messageStop", {"stopReason": word}))
    assert decoded(Decoder(), [said])[1] == Finished(0, Finish(reason, "", word))


def test_which_sequence_stopped_it() -> None:
    finish = decode_answer(
        answer_of(stop="stop_sequence", additionalModelResponseFields={"stop_sequence": "END"})
    ).choices[0].finish  # fmt: skip
    assert finish == Finish("stop", "END", "stop_sequence")


def test_the_tier_that_served() -> None:
    assert decode_answer(answer_of(serviceTier={"type": "priority"})).service_tier == "priority"
    assert decode_answer(answer_of(performanceConfig={"latency": "optimized"})).service_tier == "optimized"
    assert decode_answer(answer_of(performanceConfig={"latency": "standard"})).service_tier == ""


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (USAGE, Usage(input_tokens=10, output_tokens=5)),
        (
            {**USAGE, "cacheReadInputTokens": 7, "cacheWriteInputTokens": 100, "totalTokens": 122},
            Usage(input_tokens=10, cached_input_tokens=7, cache_write_tokens=100, output_tokens=5),
        ),
        (
            {
                **USAGE,
                "cacheWriteInputTokens": 100,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 60}, {"ttl": "5m", "inputTokens": 40}],
                "totalTokens": 115,
            },
            Usage(input_tokens=10, cache_write_tokens=40, cache_write_1h_tokens=60, output_tokens=5),
        ),
        (
            {**USAGE, "cacheDetails": [{"ttl": "1h", "inputTokens": 60}], "totalTokens": 75},
            Usage(input_tokens=10, cache_write_1h_tokens=60, output_tokens=5),
        ),
    ],
    ids=["plain", "cached", "one hour", "details alone"],
)
def test_usage(said: dict[str, Any], usage: Usage) -> None:
    assert read_usage(said) == usage
    assert usage.total_tokens == said["totalTokens"]
    written = write_usage(usage)
    assert read_usage(written) == usage
    assert written["totalTokens"] == said["totalTokens"]


meters = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")


@given(st.fixed_dictionaries({name: st.integers(0, 10**6) for name in meters}))
def test_usage_comes_back(counts: dict[str, int]) -> None:
    assert read_usage(write_usage(Usage(**counts))) == Usage(**counts)


def test_a_stream() -> None:
    stream = stream_of(
        ("messageStart", {"role": "assistant"}),
        delta(0, {"reasoningContent": {"text": "Hm"}}),
        delta(0, {"reasoningContent": {"signature": SIGNATURE[:5]}}),
        delta(0, {"reasoningContent": {"signature": SIGNATURE[5:]}}),
        stop(0),
        delta(1, {"text": ""}),
        delta(1, {"text": "Gr\u00fc\u00dfe"}),
        delta(1, {"citation": {"title": "t", "location": {"documentChar": {"documentIndex": 0, "start": 1, "end": 4}}}}),
        stop(1),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
        delta(2, {"toolUse": {"input": '{"a":'}}),
        delta(2, {"toolUse": {"input": "1}"}}),
        stop(2),
        ("contentBlockStart", {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "s", "name": "w", "type": "server_tool_use"}}}),
        delta(3, {"toolUse": {"input": "{}"}}),
        stop(3),
        ("contentBlockStart", {"contentBlockIndex": 4, "start": {"toolResult": {"toolUseId": "s"}}}),
        delta(4, {"toolResult": [{"text": "17"}]}),
        stop(4),
        ("contentBlockStart", {"contentBlockIndex": 5, "start": {"image": {"format": "png"}}}),
        delta(5, {"image": {"source": {"bytes": "AAAA"}}}),
        stop(5),
        ("somethingNew", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}, "serviceTier": {"type": "flex"}}),
    )  # fmt: skip
    citation = Citation(kind="document", title="t", document=0, unit="char", source_start=1, source_end=4)
    expected: list[Event] = [
        Started(),
        PartStarted(0, 0, Thinking()),
        Delta(0, 0, "Hm"),
        Signed(0, 0, f"anthropic.{SIGNATURE}"),
        PartEnded(0, 0),
        PartStarted(0, 1, Text("")),
        Delta(0, 1, "Gr\u00fc\u00dfe"),
        Cited(0, 1, citation),
        PartEnded(0, 1),
        PartStarted(0, 2, ToolCall(id="t", name="f")),
        Delta(0, 2, '{"a":'),
        Delta(0, 2, "1}"),
        PartEnded(0, 2),
        PartStarted(0, 3, Image(Inline("image/png", ""))),
        Delta(0, 3, "AAAA"),
        PartEnded(0, 3),
        Finished(0, Finish("tool_calls", "", "tool_use")),
        Used(Usage(input_tokens=10, output_tokens=5), "flex"),
        Ended(),
    ]
    for pieces in cuts(stream, small=10_000):
        assert counts_alone(decoded(Decoder(), pieces)) == expected


def test_a_redacted_thought_may_come_in_pieces() -> None:
    whole = base64.b64encode(SIGNATURE.encode()).decode()
    stream = stream_of(
        delta(0, {"reasoningContent": {"redactedContent": whole[:8]}}),
        delta(0, {"reasoningContent": {"redactedContent": whole[8:]}}),
        *END,
    )
    answer = gathered(decoded(Decoder(), [stream]))
    assert answer.choices[0].parts == (Thinking(signature=f"anthropic.{SIGNATURE}", redacted=True),)


@pytest.mark.parametrize(
    ("kind", "status", "code", "blame"),
    [
        ("internalServerException", 500, "upstream_error", "upstream"),
        ("modelStreamErrorException", 502, "upstream_model_failed", "upstream"),
        ("validationException", 400, "upstream_bad_request", "caller"),
        ("throttlingException", 429, "upstream_rate_limited", "upstream"),
        ("serviceUnavailableException", 503, "upstream_overloaded", "upstream"),
        ("modelTimeoutException", 504, "upstream_timeout", "upstream"),
        ("somethingNewException", 500, "upstream_error", "upstream"),
    ],
)
def test_an_exception_in_a_stream(kind: str, status: int, code: str, blame: str) -> None:
    stream = stream_of(("messageStart", {}), delta(0, {"text": "He"})) + encode_exception(kind, b'{"message":"no"}')
    for pieces in cuts(stream):
        events = decoded(Decoder(), pieces)
        assert events[-2] == PartEnded(0, 0)
        failed = events[-1]
        assert isinstance(failed, Failed)
        fault = failed.fault
        assert (fault.status, fault.code, fault.blame, fault.message) == (status, code, blame, "no")
        assert fault.details["upstream_type"] == kind


def test_an_unmodelled_error_in_a_stream() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "oh"}
    (failed,) = decoded(Decoder(), [encode_message(headers, b"")])
    assert isinstance(failed, Failed)
    assert (failed.fault.message, failed.fault.details["upstream_type"]) == ("oh", "InternalFailure")


def test_where_a_stream_may_end() -> None:
    begun = stream_of(("messageStart", {}), delta(0, {"text": "Hi"}))
    stopped = begun + stream_of(END[0])
    decoder = Decoder()
    decoder.feed(begun)
    with pytest.raises(UpstreamBroken) as found:
        decoder.end()
    assert found.value.code == "upstream_cut_short"
    assert decoded(Decoder(), [stopped])[-1] == Ended(), "whole, though its usage is not known"
    decoder = Decoder()
    decoder.feed(stopped + stream_of(END[1])[:-1])
    with pytest.raises(UpstreamBroken):
        decoder.end()


def test_what_came_before_damage_is_told_first() -> None:
    decoder = Decoder()
    events = decoder.feed(stream_of(("messageStart", {})) + b"<html>not an event stream</html>")
    assert events == [Started()]
    with pytest.raises(UpstreamBroken):
        decoder.end()


@pytest.mark.parametrize(
    ("status", "header", "body", "expected"),
    [
        (400, "ValidationException:http://internal.amazon.com/coral/", b'{"message":"bad"}', (400, "caller", "bad")),
        (429, "ThrottlingException", b'{"message":"slow"}', (429, "upstream", "slow")),
        (400, "ServiceQuotaExceededException", b'{"message":"full"}', (429, "upstream", "full")),
        (424, "ModelErrorException", b'{"message":"it fell"}', (502, "upstream", "it fell")),
        (404, "ResourceNotFoundException", b'{"Message":"none"}', (404, "caller", "none")),
        (503, "", b"<html>", (503, "upstream", "the upstream answered 503 without saying why")),
    ],
)
def test_error_answers(status: int, header: str, body: bytes, expected: Any) -> None:
    fault = decode_error(status, {"x-amzn-errortype": header} if header else {}, body)
    assert (fault.status, fault.blame, fault.message) == expected


def test_a_refused_credential_says_nothing_of_it() -> None:
    body = b'{"message":"arn:aws:iam::123456789012:role/gateway is not authorized","__type":"a#AccessDeniedException"}'
    fault = decode_error(403, {}, body)
    assert (fault.status, fault.details["upstream_type"]) == (502, "AccessDeniedException")
    assert "123456789012" not in fault.message


# -- Claude by InvokeModel and rawPredict ---------------------------------------------------------------------------


def chunk(said: bytes) -> bytes:
    return encode_event("chunk", json.dumps({"bytes": base64.b64encode(said).decode(), "p": "abc"}).encode())


def test_an_invoke_stream_is_anthropics() -> None:
    first, last = (
        b'{ "type":"message_start","n":1.10}',
        b'{"type":"message_stop",\n"amazon-bedrock-invocationMetrics":{}}',
    )
    stream = chunk(first) + encode_event("somethingNew", b"{}") + chunk(last)
    expected = (
        b"event: message_start\ndata: "
        + first
        + b"\n\nevent: message_stop\ndata: "
        + last.replace(b"\n", b" ")
        + b"\n\n"
    )
    for pieces in cuts(stream):
        reading = InvokeStream()
        assert b"".join(map(reading.feed, pieces)) + reading.end() == expected


def test_an_exception_becomes_anthropics_error_event() -> None:
    reading = InvokeStream("req-1")
    written = reading.feed(chunk(b'{"type":"ping"}') + encode_exception("throttlingException", b'{"message":"slow"}'))
    assert reading.end() == b""
    assert written.startswith(b'event: ping\ndata: {"type":"ping"}\n\nevent: error\ndata: ')
    said = json.loads(written.rpartition(b"data: ")[2])
    assert (said["error"], said["request_id"]) == ({"type": "rate_limit_error", "message": "slow"}, "req-1")
    failed = AnthropicDecoder().feed(written)[-1]
    assert isinstance(failed, Failed)
    assert failed.fault.status == 429


@pytest.mark.parametrize("payload", [b"[]", b'{"bytes":"!"}', b'{"bytes":"e30"}', b"{}", b'{"bytes":"e3t7"}'])
def test_a_damaged_chunk_is_told(payload: bytes) -> None:
    reading = InvokeStream()
    assert reading.feed(chunk(b'{"type":"ping"}') + encode_event("chunk", payload)) != b""
    with pytest.raises(UpstreamBroken):
        reading.feed(b"")


# -- arbitrary input ------------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
KEYS = [
    "output", "message", "content", "text", "toolUse", "toolUseId", "name", "input", "type", "reasoningContent",
    "reasoningText", "signature", "redactedContent", "citationsContent", "citations", "citation", "location", "web",
    "documentChar", "start", "end", "documentIndex", "image", "source", "bytes", "format", "usage", "cacheDetails",
    "ttl", "inputTokens", "cacheWriteInputTokens", "stopReason", "additionalModelResponseFields", "delta", "toolResult",
    "contentBlockIndex", "serviceTier", "performanceConfig", "latency", "message", "originalMessage", "__type",
]  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(KEYS), trees, max_size=5)
kinds = st.sampled_from(
    [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "chunk",
        "x",
    ]
)


@given(objects | trees, st.binary(max_size=60))
def test_any_answer_decodes_or_is_a_fault(said: Any, noise: bytes) -> None:
    for body in (json.dumps(said).encode(), noise):
        with contextlib.suppress(Fault):
            decode_answer(body)
        decode_error(500, {"x-amzn-errortype": noise.decode("latin-1")}, body)


@given(st.lists(st.tuples(kinds, objects), max_size=8), st.binary(max_size=40), st.integers(1, 400))
def test_any_stream_is_well_formed_or_a_fault(told: list[tuple[str, Any]], noise: bytes, step: int) -> None:
    stream = stream_of(*told) + noise
    seen: list[list[Event]] = []
    for size in (step, len(stream) or 1):
        decoder, events = Decoder(), list[Event]()
        with contextlib.suppress(Fault):
            for at in range(0, len(stream), size):
                events += decoder.feed(stream[at : at + size])
            events += decoder.end()
        check_form(events)
        seen.append(events)
        reading = InvokeStream()
        with contextlib.suppress(Fault):
            reading.feed(stream)
            reading.end()
    assert seen[0] == seen[1], "any cut gives the same events"


def check_form(events: list[Event]) -> None:
    """Every part is started before it grows, ended once, and numbered in order."""
    open_: set[int] = set()
    count = 0
    for event in events:
        match event:
            case PartStarted():
                assert event.part == count
                open_.add(count)
                count += 1
            case Delta() | Signed() | Cited():
                assert event.part in open_
            case PartEnded():
                open_.remove(event.part)
            case Finished() | Ended() | Failed():
                assert not open_
            case _:
                pass
