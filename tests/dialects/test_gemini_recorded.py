"""Every recorded generateContent exchange: what the recording says is what the codec says, however the bytes are cut."""

import gzip
import json
import random
from functools import cache
from typing import Any

import pytest
from google.genai import types

from gateway.core.conversation import Text, Thinking, ToolCall
from gateway.core.generation import Answer, Event, gathered
from gateway.core.usage import Usage
from gateway.dialects.fitting import Caption, Quirks, fit
from gateway.dialects.gemini.abilities import ABILITIES
from gateway.dialects.gemini.answers import decode_answer, encode_answer
from gateway.dialects.gemini.counting import decode_count, decode_count_request, encode_count_request
from gateway.dialects.gemini.embeddings import decode_embeddings, decode_embeddings_answer, encode_embeddings
from gateway.dialects.gemini.errors import decode_error
from gateway.dialects.gemini.events import Decoder
from gateway.dialects.gemini.requests import decode_request, encode_request
from tests.conftest import SHARED

CORPUS = SHARED / "corpus" / "exchanges.jsonl.gz"
pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
CAPTION = Caption(id="x1", created=1_700_000_000, model="gemini")
# Google answered this one with "Please use a valid role: user, model."
REFUSED = {"238006150a73da3f"}


@cache
def exchanges(*apis: str) -> list[dict[str, Any]]:
    with gzip.open(CORPUS, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [row for row in rows if row["provider"] in ("gemini", "vertex") and row["api"] in apis]


def generated() -> list[dict[str, Any]]:
    rows = exchanges("generateContent", "streamGenerateContent")
    return [row for row in rows if row["response"]["status"] == 200]


def body_of(row: dict[str, Any]) -> bytes:
    return row["response"]["body"].encode()


def chunks_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    text = row["response"]["body"]
    if text.lstrip()[0] in "[{":
        found = json.loads(text)
        return found if isinstance(found, list) else [found]
    return [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]


def decoded(row: dict[str, Any]) -> Answer:
    if not row["stream"]:
        return decode_answer(body_of(row))
    return gathered(streamed([body_of(row)]))


def streamed(pieces: list[bytes]) -> list[Event]:
    decoder = Decoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


def recorded_parts(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        part
        for chunk in chunks_of(row)
        for candidate in chunk.get("candidates", [])[:1]
        for part in candidate.get("content", {}).get("parts", [])
    ]


def said(answer: Answer) -> dict[str, Any]:
    parts = answer.choices[0].parts
    return {
        "text": "".join(one.text for one in parts if isinstance(one, Text)),
        "thoughts": "".join(one.text for one in parts if isinstance(one, Thinking)),
        "calls": [(one.name, json.loads(one.arguments)) for one in parts if isinstance(one, ToolCall)],
        "signatures": [one.signature for one in parts if getattr(one, "signature", "")],
    }


def test_there_are_enough() -> None:
    assert len(generated()) > 90


def test_answers_say_what_the_recording_says() -> None:
    for row in generated():
        answer, parts = decoded(row), recorded_parts(row)
        texts = [part for part in parts if "text" in part]
        calls = [part["functionCall"] for part in parts if part.get("functionCall", {}).get("name")]
        got = said(answer)
        if not any("executableCode" in part for part in parts):
            assert got["text"] == "".join(part["text"] for part in texts if not part.get("thought")), row["id"]
        assert got["thoughts"] == "".join(part["text"] for part in texts if part.get("thought")), row["id"]
        assert [name for name, _ in got["calls"]] == [call["name"] for call in calls], row["id"]
        if not any("partialArgs" in json.dumps(part) for part in parts):
            assert [arguments for _, arguments in got["calls"]] == [call.get("args", {}) for call in calls]
        signed = [
            part for part in parts if "thoughtSignature" in part and not part.keys() & {"toolCall", "toolResponse"}
        ]
        assert got["signatures"] == [f"gemini.{part['thoughtSignature']}" for part in signed], row["id"]


def test_finish_reasons() -> None:
    words = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "1": "stop"}
    for row in generated():
        last = [one["finishReason"] for chunk in chunks_of(row) for one in chunk["candidates"] if "finishReason" in one]
        answer = decoded(row)
        finish = answer.choices[0].finish
        assert finish is not None
        expected = words[str(last[-1])]
        called = any(isinstance(one, ToolCall) for one in answer.choices[0].parts)
        assert finish.reason == ("tool_calls" if called and expected == "stop" else expected), row["id"]


def test_usage_is_what_the_provider_bills() -> None:
    for row in generated():
        if not row["usage_raw"]:
            continue
        raw = next((one for one in reversed(row["usage_raw"]) if "promptTokenCount" in one), None)
        usage = decoded(row).usage
        if raw is None:
            continue
        assert usage is not None
        assert usage.total_input == raw["promptTokenCount"] + raw.get("toolUsePromptTokenCount", 0), row["id"]
        assert usage.cached_input_tokens == raw.get("cachedContentTokenCount", 0)
        assert usage.reasoning_tokens == raw.get("thoughtsTokenCount", 0)
        assert usage.total_output == raw.get("candidatesTokenCount", 0) + raw.get("thoughtsTokenCount", 0)
        assert usage.total_tokens == raw["totalTokenCount"], row["id"]


def test_any_cut_gives_the_same_events() -> None:
    die = random.Random(20261124)
    rows = [row for row in generated() if row["stream"]]
    assert len(rows) > 25
    for row in rows:
        body = body_of(row)
        whole = streamed([body])
        for _ in range(8):
            cuts = sorted(die.sample(range(len(body)), min(len(body) - 1, die.choice((1, 5, 50)))))
            pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
            assert streamed(pieces) == whole, row["id"]
        if len(body) < 6_000:
            assert streamed([body[at : at + 1] for at in range(len(body))]) == whole, row["id"]


def test_requests_survive_the_vocabulary() -> None:
    rows = [row for row in exchanges("generateContent", "streamGenerateContent") if (row["request"] or {}).get("json")]
    read = 0
    for row in rows:
        if row["id"] in REFUSED:
            continue
        said = row["request"]["json"]
        if any("functionDeclarations" not in tool for tool in said.get("tools", ())):
            continue  # run by Google itself, and refused where another serves
        request = decode_request(said, row["model"] or "gemini-2.5-flash", row["stream"])
        read += 1
        fitted, _ = fit(request, ABILITIES)
        again = decode_request(encode_request(fitted, Quirks()), request.model, row["stream"])
        for name in ("messages", "tools", "tool_choice", "max_output_tokens", "temperature", "stop", "safety_settings"):
            assert getattr(again, name) == getattr(request, name), (row["id"], name)
    assert read > 60


def test_the_sdk_reads_what_we_write_as_it_reads_the_recording() -> None:
    for row in generated():
        if row["stream"]:
            continue
        ours = types.GenerateContentResponse.model_validate_json(encode_answer(decoded(row), CAPTION))
        recorded = json.loads(body_of(row))
        if isinstance(recorded["candidates"][0]["finishReason"], int):
            continue  # enums by number, which the SDK does not read
        theirs = types.GenerateContentResponse._from_response(response=recorded, kwargs={})
        assert parts_of(ours) == parts_of(theirs), row["id"]
        assert ours.candidates[0].finish_reason == theirs.candidates[0].finish_reason
        assert ours.usage_metadata.total_token_count == theirs.usage_metadata.total_token_count


def parts_of(answer: types.GenerateContentResponse) -> list[tuple[Any, ...]]:
    return [
        (part.text, part.function_call and (part.function_call.name, part.function_call.args or {}), part.thought)
        for part in answer.candidates[0].content.parts or []
        if part.text or part.function_call
    ]


def test_errors() -> None:
    rows = [row for row in exchanges("generateContent", "countTokens") if row["response"]["status"] >= 400]
    assert len(rows) >= 6
    for row in rows:
        fault = decode_error(row["response"]["status"], {}, body_of(row))
        error = json.loads(row["response"]["body"])["error"]
        assert fault.message == error["message"]
        assert fault.details == {"upstream_status": error["code"], "upstream_type": error["status"]}
        if error["code"] == 429:
            assert fault.headers["retry-after"] in ("48", "35")


def test_embeddings_and_counts() -> None:
    for row in exchanges("embedContent"):
        asked = decode_embeddings(row["request"]["json"], row["model"])
        assert len(asked["input"]) == len(row["request"]["json"]["requests"])
        again = encode_embeddings(asked, row["model"])["requests"]
        recorded = [one["content"]["parts"] for one in row["request"]["json"]["requests"]]
        assert [one["content"]["parts"] for one in again] == recorded
        answer, usage = decode_embeddings_answer(body_of(row), asked, "embedder")
        vectors = [one["values"] for one in json.loads(row["response"]["body"])["embeddings"]]
        assert [one["embedding"] for one in answer["data"]] == vectors
        assert usage == (Usage(input_tokens=1) if "usageMetadata" in row["response"]["body"] else None)
    for row in exchanges("countTokens"):
        request = decode_count_request(row["request"]["json"], row["model"] or "gemini-2.5-flash")
        vertex = row["provider"] == "vertex"
        again = decode_count_request(encode_count_request(request, Quirks(), vertex=vertex), request.model)
        assert again.messages == request.messages
        if row["response"]["status"] == 200:
            assert decode_count(body_of(row)) in (5, 12, 36)
