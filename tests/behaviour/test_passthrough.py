"""What the client sends reaches the upstream, and what the upstream sends reaches the client, byte for byte."""

import asyncio
import json

import pytest

from gateway.testing import DONE, body_answer, event, event_stream, json_answer
from tests.conftest import Site, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "real-model-2026-01-01",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": USAGE,
}


def chunk(**fields: object) -> bytes:
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "real-model-2026-01-01", **fields})


def delta(text: str) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


async def test_a_whole_answer_comes_back_byte_for_byte(fresh: Site) -> None:
    odd = b'{ "id":"x",\n "unknown": {"deep": [1.0, 1e400, 12345678901234567890123]}, "choices": [], "usage": null }'
    fresh.upstream.set(CHAT, body_answer(odd))
    answer = await fresh.chat()
    assert answer.status_code == 200
    assert answer.content == odd


async def test_unknown_and_odd_request_fields_reach_the_upstream_unchanged(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    body = b'{"model":"test-model","messages":[],"new_field":{"a":[1.0,1E5,0.30000000000000004]},"big":123456789012345678901234567890,"esc":"\\u00e9\\/"}'
    await fresh.client.post("/chat/completions", content=body, headers={"content-type": "application/json"})
    sent = fresh.upstream.requests[-1].body
    assert sent == body.replace(b'"test-model"', b'"real-model"')


async def test_the_record_says_who_what_and_how_much(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER, headers={"x-request-id": "req_up_1"}))
    answer = await fresh.chat()
    record = await fresh.last_record()
    assert answer.headers["x-request-id"] == record["id"]
    assert answer.headers["x-gateway-target"] == "mock/real-model"
    assert answer.headers["x-gateway-cost-usd"] == "0.000018000"
    assert answer.headers["x-upstream-request-id"] == "req_up_1"
    assert (record["tenant"], record["team"], record["model"]) == ("acme", "team-a", "test-model")
    assert (record["target"], record["served_model"]) == ("mock/real-model", "real-model-2026-01-01")
    assert (record["input_tokens"], record["output_tokens"], record["cost_nano"]) == (12, 3, 18_000)
    assert (record["outcome"], record["status"], record["finish_reason"]) == ("completed", 200, "stop")
    assert record["usage_source"] == "provider"
    assert record["upstream_request_id"] == "req_up_1"


async def test_credentials_and_hop_headers_stay_and_the_allow_list_goes(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    await fresh.client.post(
        "/chat/completions",
        json={"model": "test-model", "messages": []},
        headers={
            "cookie": "session=1",
            "x-api-key": "other",
            "te": "trailers",
            "openai-beta": "assistants=v2",
            "x-forwarded-for": "10.0.0.1",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        },
    )
    sent = fresh.upstream.requests[-1].headers
    assert sent["authorization"] == "Bearer sk-up"
    assert sent["openai-beta"] == "assistants=v2"
    assert sent["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert sent["traceparent"][36:52] != "b7ad6b7169203331"
    assert {"cookie", "x-api-key", "te", "x-forwarded-for"}.isdisjoint(sent)
    assert fresh.gateway.key not in str(sent)


async def test_a_stream_is_passed_on_and_the_usage_the_gateway_asked_for_is_taken_out(fresh: Site) -> None:
    parts = [delta("Hel"), delta("lo"), chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])]
    fresh.upstream.set(CHAT, event_stream(*parts, chunk(choices=[], usage=USAGE), DONE))
    answer = await fresh.chat(stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.content == b"".join(parts) + DONE
    assert fresh.upstream.requests[-1].json()["stream_options"] == {"include_usage": True}
    record = await fresh.last_record()
    assert (record["input_tokens"], record["output_tokens"], record["cost_nano"]) == (12, 3, 18_000)
    assert (record["finish_reason"], record["outcome"], record["stream"]) == ("stop", "completed", 1)


async def test_a_client_that_asks_for_usage_gets_it(fresh: Site) -> None:
    parts = [delta("x"), chunk(choices=[], usage=USAGE), DONE]
    fresh.upstream.set(CHAT, event_stream(*parts))
    answer = await fresh.chat(stream=True, stream_options={"include_usage": True, "other": 1})
    assert answer.content == b"".join(parts)
    assert fresh.upstream.requests[-1].json()["stream_options"] == {"include_usage": True, "other": 1}


async def test_unknown_events_comments_and_line_endings_pass(fresh: Site) -> None:
    parts = [b": ping\n\n", b'event: new.thing\r\nid: 7\r\ndata: {"unheard": "of"}\r\n\r\n', delta("x"), DONE]
    fresh.upstream.set(CHAT, event_stream(*parts))
    assert (await fresh.chat(stream=True)).content == b"".join(parts)


async def test_the_first_event_is_not_held_back(fresh: Site) -> None:
    seen = asyncio.Event()

    async def script(_received: object, write: object) -> None:
        first, rest = delta("first"), delta("second") + DONE
        await write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")  # type: ignore[operator]
        await write(b"%x\r\n%s\r\n" % (len(first), first))  # type: ignore[operator]
        await seen.wait()  # the second event is only sent once the client has the first
        await write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))  # type: ignore[operator]

    fresh.upstream.set(CHAT, script)
    async with (
        within(10),
        fresh.client.stream(
            "POST", "/chat/completions", json={"model": "test-model", "messages": [], "stream": True}
        ) as answer,
    ):
        pieces = answer.aiter_raw()
        assert b"first" in await anext(pieces)
        seen.set()
        assert b"[DONE]" in b"".join([piece async for piece in pieces])


async def test_a_long_stream_of_tiny_events_arrives_whole(fresh: Site) -> None:
    parts = [delta(f"token {number} ") for number in range(500)]
    fresh.upstream.set(CHAT, event_stream(*parts, chunk(choices=[], usage=USAGE), DONE))
    assert (await fresh.chat(stream=True)).content == b"".join(parts) + DONE


async def test_an_upstream_refusal_is_passed_on_faithfully(fresh: Site) -> None:
    error = {
        "error": {
            "message": "max_tokens too large",
            "type": "invalid_request_error",
            "param": "max_tokens",
            "code": "x",
        }
    }
    fresh.upstream.set(CHAT, json_answer(error, 400, {"x-ratelimit-limit-requests": "60"}))
    answer = await fresh.chat()
    assert answer.status_code == 400
    assert answer.json() == error
    assert answer.headers["x-upstream-ratelimit-limit-requests"] == "60"
    record = await fresh.last_record()
    assert (record["outcome"], record["error_code"], record["cost_nano"]) == ("refused", "upstream_status_400", None)


async def test_a_client_id_is_echoed_but_never_identifies(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    for _ in range(2):
        answer = await fresh.client.post(
            "/chat/completions", json={"model": "test-model"}, headers={"x-request-id": "mine-1"}
        )
        assert answer.headers["x-client-request-id"] == "mine-1"
    records = await fresh.new_records(2)
    assert len({record["id"] for record in records}) == 2
    assert {record["client_request_id"] for record in records} == {"mine-1"}


async def test_multipart_goes_up_with_only_the_model_changed(fresh: Site) -> None:
    sound = bytes(range(256)) * 20
    fresh.upstream.set(
        "/v1/audio/transcriptions", json_answer({"text": "hi", "usage": {"type": "duration", "seconds": 2.5}})
    )
    answer = await fresh.client.post(
        "/audio/transcriptions", data={"model": "test-model", "language": "en"}, files={"file": ("a.wav", sound)}
    )
    assert answer.json()["text"] == "hi"
    body = fresh.upstream.requests[-1].body
    assert sound in body
    assert b"real-model" in body
    assert b"test-model" not in body
    assert (await fresh.last_record())["audio_ms"] == 2500


@pytest.mark.parametrize(
    ("path", "body", "answer", "expected"),
    [
        (
            "embeddings",
            {"input": "x"},
            {"data": [], "usage": {"prompt_tokens": 5, "total_tokens": 5}},
            {"input_tokens": 5},
        ),
        ("moderations", {"input": "x"}, {"id": "m", "results": []}, {"usage_source": "provider", "input_tokens": 0}),
        ("rerank", {"query": "q"}, {"results": [], "meta": {"billed_units": {"search_units": 1}}}, {"search_units": 1}),
        ("images/generations", {"prompt": "x"}, {"data": [{"url": "u"}, {"url": "v"}]}, {"images": 2}),
        (
            "responses",
            {"input": "x"},
            {
                "status": "completed",
                "usage": {"input_tokens": 9, "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 3}},
            },
            {"input_tokens": 9, "output_tokens": 1, "reasoning_tokens": 3},
        ),
        (
            "responses",
            {"input": "x"},
            {
                "output": [
                    {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}},
                    {"type": "web_search_call", "id": "ws_2", "action": {"type": "open_page", "url": "u"}},
                    {"type": "message", "content": [{"type": "output_text", "text": "web_search_call"}]},
                ],
                "usage": {"input_tokens": 9, "output_tokens": 4},
            },
            {"input_tokens": 9, "output_tokens": 4, "web_searches": 1},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_kind_is_metered_by_what_it_bills(
    fresh: Site, path: str, body: dict[str, object], answer: dict[str, object], expected: dict[str, object]
) -> None:
    fresh.upstream.set(f"/v1/{path}", json_answer(answer))
    got = await fresh.client.post(f"/{path}", json={"model": "test-model", **body})
    assert got.json() == answer
    record = await fresh.last_record()
    assert {name: record[name] for name in expected} == expected


async def test_speech_is_raw_sound_metered_by_characters(fresh: Site) -> None:
    fresh.upstream.set("/v1/audio/speech", body_answer(b"\x00\xff" * 5000, "audio/mpeg"))
    answer = await fresh.client.post("/audio/speech", json={"model": "test-model", "input": "hällo", "voice": "a"})
    assert (answer.content, answer.headers["content-type"]) == (b"\x00\xff" * 5000, "audio/mpeg")
    assert (await fresh.last_record())["characters"] == 5


async def test_models_lists_what_this_key_may_use(fresh: Site) -> None:
    listed = (await fresh.client.get("/models")).json()
    assert [model["id"] for model in listed["data"]] == ["test-model"]
    assert (await fresh.client.get("/models/test-model")).json()["object"] == "model"
    missing = await fresh.client.get("/models/other")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


async def test_a_body_is_sent_as_one_json_object_whatever_its_spacing(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(ANSWER))
    await fresh.client.post("/chat/completions", content=b' {"model" : "test-model" , "model":"test-model", "n" : 1}\n')
    assert json.loads(fresh.upstream.requests[-1].body) == {"model": "real-model", "n": 1}


@pytest.mark.parametrize(
    "field",
    [
        {"background": True},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"role": "user", "content": "x"}, {"id": "msg_1"}]},
    ],
)
async def test_what_only_the_upstream_would_hold_is_refused(fresh: Site, field: dict[str, object]) -> None:
    fresh.upstream.set(RESPONSES, json_answer({"id": "resp_1", "object": "response", "status": "queued", "output": []}))
    answer = await fresh.client.post("/responses", json={"model": "test-model", "input": "x", **field})
    param = next(iter(field)).replace("input", "input[1]")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert not fresh.upstream.requests
    assert (await fresh.last_record())["outcome"] == "refused"


async def test_that_nothing_is_to_be_held_may_be_said(fresh: Site) -> None:
    fresh.upstream.set(
        RESPONSES, json_answer({"id": "resp_2", "object": "response", "status": "completed", "output": []})
    )
    fields = {"background": False, "conversation": None}
    answer = await fresh.client.post("/responses", json={"model": "test-model", "input": "x", **fields})
    assert answer.status_code == 200
    assert fresh.upstream.requests[-1].json()["background"] is False
