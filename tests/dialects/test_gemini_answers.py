"""generateContent answers and streams: golden cases, and what Google's SDK reads of them."""

import base64
import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.conversation import Audio, Citation, Image, Inline, Refusal, Text, Thinking, ToolCall
from gateway.core.faults import RateLimited, UpstreamBroken, UpstreamFault
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
    Used,
    gathered,
    replayed,
)
from gateway.core.usage import Usage
from gateway.dialects.gemini.answers import decode_answer, encode_answer
from gateway.dialects.gemini.errors import decode_error, error_body, error_event
from gateway.dialects.gemini.events import Decoder, Encoder
from gateway.dialects.gemini.signatures import returned, shown
from gateway.dialects.gemini.usage import read_usage, write_usage
from tests.dialects.counts_alone import counts_alone
from tests.dialects.gemini_answers import CAPTION, REQUEST, body, chunk, events, only, stream


def test_a_stream_as_events() -> None:
    said = events(
        stream(
            chunk({"text": "hm", "thought": True}, usageMetadata={"promptTokenCount": 5, "totalTokenCount": 5}),
            chunk({"text": "Hel"}),
            chunk({"text": "lo"}),
            chunk({"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "QQ=="}),
            chunk({"text": ""}, finishReason="STOP", usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 10}),
        )
    )  # fmt: skip
    assert counts_alone(said) == [
        Started("r1", "gemini-3", 0, ""),
        PartStarted(0, 0, Thinking()),
        Delta(0, 0, "hm"),
        Used(Usage(input_tokens=5)),
        PartEnded(0, 0),
        PartStarted(0, 1, Text("")),
        Delta(0, 1, "Hel"),
        Delta(0, 1, "lo"),
        PartEnded(0, 1),
        PartStarted(0, 2, ToolCall(id="call_r1_0", name="f", signature="gemini.QQ==")),
        Delta(0, 2, '{"x":1}'),
        PartEnded(0, 2),
        Used(Usage(input_tokens=5, output_tokens=3, reasoning_tokens=2)),
        Finished(0, Finish("tool_calls", detail="STOP")),
        Ended(),
    ]


def test_a_signature_after_the_text_is_the_texts() -> None:
    said = events(stream(chunk({"text": "Hi"}), chunk({"text": "", "thoughtSignature": "QQ=="}, finishReason="STOP")))
    assert Signed(0, 0, "gemini.QQ==") in said
    assert only(gathered(said)).parts == (Text("Hi", signature="gemini.QQ=="),)


def test_every_chunk_may_say_that_it_finished() -> None:
    said = events(stream(chunk({"text": "a"}, finishReason="STOP"), chunk({"text": "b"}, finishReason="STOP")))
    assert only(gathered(said)).parts == (Text("ab"),)
    assert said[-1] == Ended()


def test_the_array_framing_says_the_same() -> None:
    chunks = [chunk({"text": 'a "quoted\\" [brace}'}), chunk({"text": "b\\"}, finishReason="STOP")]
    array = b"[" + b"\n,\r\n".join(chunks) + b"\n]\n"
    assert events(array) == events(stream(*chunks))
    for size in (1, 2, 7):
        decoder = Decoder()
        pieces = [array[at : at + size] for at in range(0, len(array), size)]
        assert [one for piece in pieces for one in decoder.feed(piece)] + decoder.end() == events(array)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        stream(chunk({"text": "a"})),
        stream(chunk({"text": "a"}, finishReason="STOP")) + b'data: {"cand',
        b"[" + chunk({"text": "a"}, finishReason="STOP"),
        b"[]",
        b": nothing but a comment\n\n",
    ],
)
def test_a_stream_that_stops_early_is_cut_short(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    with pytest.raises(UpstreamBroken) as caught:
        decoder.end()
    assert caught.value.code == "upstream_cut_short"


@pytest.mark.parametrize("array", [False, True])
def test_an_error_in_a_stream(array: bool) -> None:
    error = json.dumps({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}).encode()
    first = chunk({"text": "a"})
    said = events(b"[" + first + b",\r\n" + error + b"]" if array else stream(first, error))
    assert isinstance(said[-1], Failed)
    assert (said[-1].fault.code, said[-1].fault.message) == ("upstream_overloaded", "overloaded")


def test_a_blocked_prompt() -> None:
    blocked = b'{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":4}}'
    for answer in (decode_answer(blocked), gathered(events(stream(blocked)))):
        assert only(answer) == Choice(finish=Finish("content_filter", detail="PROHIBITED_CONTENT"))
        assert answer.usage == Usage(input_tokens=4)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"), ("SPII", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"), ("OTHER", "stop"), ("A_NEW_ONE", "stop"),
    ],
)  # fmt: skip
def test_finish_reasons_there_and_back(word: str, reason: str) -> None:
    answer = decode_answer(body({"text": "a"}, finish=word))
    assert only(answer).finish == Finish(reason, detail=word)
    again = json.loads(encode_answer(answer, CAPTION))
    assert again["candidates"][0]["finishReason"] == ("STOP" if word == "A_NEW_ONE" else word)


def test_several_candidates_and_their_calls() -> None:
    call = {"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}
    answer = decode_answer(
        json.dumps({"responseId": "a.b", "candidates": [{**call, "index": 0}, {**call, "index": 1}]}).encode()
    )
    assert [choice.parts[0] for choice in answer.choices] == [
        ToolCall(id="call_ab_0", name="f", arguments="{}"),
        ToolCall(id="call_ab_1_0", name="f", arguments="{}"),
    ]


def test_arguments_that_come_in_pieces() -> None:
    def call(**said: Any) -> bytes:
        return chunk({"functionCall": said})

    said = events(
        stream(
            call(name="f", willContinue=True),
            call(partialArgs=[{"jsonPath": "$.city", "stringValue": "Bos", "willContinue": True}], willContinue=True),
            call(partialArgs=[{"jsonPath": "$.city", "stringValue": "ton"}], willContinue=True),
            call(partialArgs=[{"jsonPath": "$.a[1].b", "numberValue": 2.0}, {"jsonPath": "$['x y']", "boolValue": True},
                              {"jsonPath": "$.n", "nullValue": "NULL_VALUE"}, {"jsonPath": "$[0]"}], willContinue=True),
            call(),
            chunk({"text": ""}, finishReason="STOP"),
        )
    )  # fmt: skip
    (part,) = only(gathered(said)).parts
    assert isinstance(part, ToolCall)
    assert json.loads(part.arguments) == {"city": "Boston", "a": [None, {"b": 2}], "x y": True, "n": None}


def test_sound_comes_in_pieces_of_bytes() -> None:
    sound = [b"abcd", b"efgh", b"i"]
    chunks = [chunk({"inlineData": {"mimeType": "audio/L16", "data": base64.b64encode(one).decode()}}) for one in sound]
    (part,) = only(gathered(events(stream(*chunks, chunk(finishReason="STOP"))))).parts
    assert part == Audio(Inline("audio/L16", base64.b64encode(b"abcdefghi").decode()))


def test_citations_count_characters() -> None:
    text = "Grüße aus Köln. Amen."
    grounding = {
        "webSearchQueries": ["a", "b"],
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"retrievedContext": {"title": "D", "text": "q"}}],
        "groundingSupports": [
            {"segment": {"endIndex": 18, "text": "Grüße aus Köln."}, "groundingChunkIndices": [0, 1]},
        ],
    }  # fmt: skip
    answer = decode_answer(body({"text": text}, groundingMetadata=grounding))
    (part,) = only(answer).parts
    assert isinstance(part, Text)
    assert part.citations == (
        Citation(kind="url", url="https://a", title="A", start=0, end=15),
        Citation(kind="file", title="D", quote="q", start=0, end=15),
    )
    again = json.loads(encode_answer(answer, CAPTION))["candidates"][0]["groundingMetadata"]
    assert again["groundingChunks"] == grounding["groundingChunks"]
    assert again["groundingSupports"][0]["segment"] == {"startIndex": 0, "endIndex": 18, "text": "Grüße aus Köln."}


def test_citation_metadata() -> None:
    sources = {"citationSources": [{"startIndex": 1, "endIndex": 3, "uri": "https://a"}]}
    (part,) = only(decode_answer(body({"text": "abcd"}, citationMetadata=sources))).parts
    assert part == Text("abcd", citations=(Citation(kind="url", url="https://a", start=1, end=3),))


def test_searches_are_counted_as_they_are_billed() -> None:
    for model, searches in (("gemini-3-pro", 2), ("gemini-2.5-flash", 1)):
        grounded = {"finishReason": "STOP", "groundingMetadata": {"webSearchQueries": ["a", "b", ""]}}
        said = {"candidates": [grounded], "modelVersion": model, "usageMetadata": {"promptTokenCount": 1}}
        usage = decode_answer(json.dumps(said).encode()).usage
        assert usage == Usage(input_tokens=1, web_searches=searches)


def test_logprobs_there_and_back() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e", "logProbability": -2.0}]}],
    }  # fmt: skip
    answer = decode_answer(body({"text": "é"}, logprobsResult=result))
    entry = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    other = {"token": "e", "logprob": -2.0, "bytes": [101]}
    assert only(answer).logprobs == ({**entry, "top_logprobs": [entry, other]},)
    assert json.loads(encode_answer(answer, CAPTION))["candidates"][0]["logprobsResult"] == result


@pytest.mark.parametrize(
    ("block", "usage"),
    [
        (
            {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 10, "thoughtsTokenCount": 5,
             "toolUsePromptTokenCount": 7, "totalTokenCount": 122},
            Usage(input_tokens=47, cached_input_tokens=60, output_tokens=10, reasoning_tokens=5),
        ),
        (
            {"promptTokenCount": 100, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}, {"modality": "AUDIO", "tokenCount": 50}, {"modality": "IMAGE", "tokenCount": 30}],
             "cachedContentTokenCount": 60, "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}, {"modality": "TEXT", "tokenCount": 10}]},
            Usage(input_tokens=10, cached_input_tokens=10, cached_audio_tokens=50, input_image_tokens=30),
        ),
        (
            {"promptTokenCount": 88830, "cachedContentTokenCount": 88759, "promptTokensDetails": [{"modality": 4, "tokenCount": 71}]},
            Usage(cached_input_tokens=88759, input_audio_tokens=71),
        ),
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 1290, "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]},
            Usage(input_tokens=9, output_image_tokens=1290),
        ),
        ({"promptTokenCount": 9, "totalTokenCount": 20, "thoughtsTokenCount": 4}, Usage(input_tokens=9, output_tokens=7, reasoning_tokens=4)),
        ({"totalTokenCount": 20}, Usage(input_tokens=20)),
        ({"promptTokenCount": -1, "candidatesTokenCount": True, "cachedContentTokenCount": 5}, Usage()),
    ],
)  # fmt: skip
def test_usage_counts_nothing_twice(block: dict[str, Any], usage: Usage) -> None:
    assert read_usage(block) == usage


counts = st.integers(0, 10**6)


@settings(deadline=None)
@given(st.builds(Usage, input_tokens=counts, cached_input_tokens=counts, input_audio_tokens=counts, input_image_tokens=counts,
                 output_tokens=counts, reasoning_tokens=counts, output_audio_tokens=counts, output_image_tokens=counts))  # fmt: skip
def test_usage_survives_the_dialect(usage: Usage) -> None:
    block = write_usage(usage)
    assert read_usage(block) == usage
    parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert sum(block.get(name, 0) for name in parts) == block["totalTokenCount"]


def test_errors_read() -> None:
    def error(code: int, status: str, message: str, *details: dict[str, Any]) -> UpstreamFault:
        said = {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
        return decode_error(code, {}, json.dumps([said] if code == 429 else said).encode())

    limited = error(429, "RESOURCE_EXHAUSTED", "slow down", {"@type": "RetryInfo", "retryDelay": "34.4s"})
    assert (limited.status, limited.headers) == (429, {"retry-after": "35"})
    key = error(400, "INVALID_ARGUMENT", "API key not valid: AIza", {"@type": "ErrorInfo", "reason": "API_KEY_INVALID"})
    assert (key.status, key.blame, "AIza" in key.message) == (502, "upstream", False)
    place = error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")
    assert place.blame == "upstream"
    field = error(400, "INVALID_ARGUMENT", "no", {"fieldViolations": [{"field": "contents[0].role"}]})
    assert (field.blame, field.param) == ("caller", "contents[0].role")
    assert decode_error(503, {"Retry-After": "7"}, b"<html>").headers == {"retry-after": "7"}


def test_errors_written() -> None:
    fault = RateLimited("too many", param="model", headers={"retry-after": "3"}, details={"limit": 5})
    error = json.loads(error_body(fault, "req1"))["error"]
    assert (error["code"], error["status"], error["message"]) == (429, "RESOURCE_EXHAUSTED", "too many")
    assert error["details"][0]["metadata"] == {"request_id": "req1", "blame": "policy", "limit": "5"}
    assert error["details"][2]["retryDelay"] == "3s"
    assert error_event(fault, "req1").startswith(b'data: {"error":')


def test_foreign_signatures_travel_in_base64() -> None:
    for sealed in ("anthropic.EqMB+/x==", "gemini.QQ=="):
        given_out = shown(sealed)
        base64.b64decode(given_out, validate=True)
        assert returned(given_out) == sealed
        assert returned(given_out.translate(str.maketrans("+/", "-_"))) == sealed
    assert returned("skip_thought_signature_validator") == ""


ANSWER = Answer(
    id="r1",
    model="m1",
    created=1_700_000_000,
    choices=(
        Choice(
            parts=(
                Thinking(text="hm", signature="anthropic.abc"),
                Text("Hi ", citations=(Citation(kind="url", url="https://a", title="A", start=0, end=2),)),
                Text("you", signature="gemini.QQ=="),
                Image(Inline("image/png", "aGk=")),
                ToolCall(id="c1", name="f", arguments='{"x":[1]}', signature="gemini.QUI="),
            ),
            finish=Finish("tool_calls"),
            logprobs=({"token": "Hi", "logprob": -1.0, "bytes": [72, 105], "top_logprobs": []},),
        ),
        Choice(parts=(Refusal("no"),), finish=Finish("length")),
    ),
    usage=Usage(input_tokens=3, cached_input_tokens=2, output_tokens=4, reasoning_tokens=1),
    service_tier="priority",
)


def test_the_sdk_reads_a_whole_answer() -> None:
    read = types.GenerateContentResponse.model_validate_json(encode_answer(ANSWER, CAPTION))
    assert (read.response_id, read.model_version) == ("r1", "m1")
    assert read.candidates is not None
    first, second = read.candidates
    assert read.text == "Hi you"
    assert first.content is not None
    assert first.content.parts is not None
    thought, _, signed, image, call = first.content.parts
    assert (thought.text, thought.thought) == ("hm", True)
    assert signed.thought_signature == b"A"
    assert image.inline_data is not None
    assert image.inline_data.data == b"hi"
    assert call.function_call is not None
    assert (call.function_call.id, call.function_call.name, call.function_call.args) == ("c1", "f", {"x": [1]})
    assert (first.finish_reason, second.finish_reason) == ("STOP", "MAX_TOKENS")
    assert first.grounding_metadata is not None
    assert first.logprobs_result is not None
    usage = read.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count, usage.thoughts_token_count) == (5, 2, 1)
    assert usage.traffic_type == "ON_DEMAND_PRIORITY"


@pytest.mark.parametrize("array", [False, True])
def test_the_sdk_reads_a_stream(array: bool) -> None:
    encoder = Encoder(CAPTION, REQUEST, array=array)
    data = b"".join(encoder.encode(event) for event in replayed(ANSWER))
    if array:
        chunks = json.loads(data)
    else:
        chunks = [json.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: ")]
    read = [types.GenerateContentResponse.model_validate(one) for one in chunks]
    firsts = [one.candidates[0] for one in read if one.candidates and not one.candidates[0].index]
    parts = [part for one in firsts for part in one.content.parts]
    assert "".join(part.text for part in parts if part.text and not part.thought) == "Hi you"
    assert [part.function_call.args for part in parts if part.function_call] == [{"x": [1]}]
    assert all(one.content.parts for one in firsts), "the SDK's chats drop a turn with a chunk without parts"
    assert [one.finish_reason for one in read[-1].candidates] == ["STOP", "MAX_TOKENS"]
    assert [one.usage_metadata is not None for one in read] == [False] * (len(read) - 1) + [True]
    assert firsts[-1].grounding_metadata.grounding_supports[0].segment.end_index == 2
    again = gathered(events(data))
    assert again.usage == ANSWER.usage
    assert [part for part in again.choices[0].parts if isinstance(part, ToolCall)] == [ANSWER.choices[0].parts[-1]]


def test_half_a_call_is_not_made() -> None:
    answer = Answer(
        choices=(Choice(parts=(ToolCall(id="c", name="f", arguments='{"x'),), finish=Finish("tool_calls")),)
    )
    candidate = json.loads(encode_answer(answer, CAPTION))["candidates"][0]
    assert (candidate["content"]["parts"], candidate["finishReason"]) == ([], "MALFORMED_FUNCTION_CALL")
    encoder = Encoder(CAPTION, REQUEST)
    data = b"".join(encoder.encode(event) for event in replayed(answer))
    assert b"functionCall" not in data
    assert b"MALFORMED_FUNCTION_CALL" in data


def test_a_fault_ends_either_framing() -> None:
    fault = UpstreamBroken("gone")
    for array in (False, True):
        encoder = Encoder(CAPTION, REQUEST, array=array)
        data = encoder.encode(PartStarted(0, 0, Text("a"))) + encoder.fault(fault, "req1")
        decoder = Decoder()
        assert isinstance(decoder.feed(data)[-1], Failed)
        if array:
            assert json.loads(data)[1]["error"]["code"] == 502
