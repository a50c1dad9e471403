"""Each provider's way of counting, one row a trap: its usage object, and the disjoint meters that come of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.attempt import Terms
from gateway.core.call import Served
from gateway.core.usage import METERS, TOKEN_METERS, Usage
from gateway.dialects.openai.usage import read_block
from gateway.dialects.sse import event
from tests.dialects.heard import heard, passed_stream, passed_whole, read_stream, read_whole

CHAT: dict[str, tuple[dict[str, Any], Usage]] = {
    "openai: cached and written are part of the prompt": (
        {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
         "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 10},
         "completion_tokens_details": {"reasoning_tokens": 15, "audio_tokens": 5, "rejected_prediction_tokens": 9}},
        Usage(input_tokens=40, cached_input_tokens=30, cache_write_tokens=20, input_audio_tokens=10,
              output_tokens=30, reasoning_tokens=15, output_audio_tokens=5),
    ),
    "openai: cached sound is one meter, and not counted as sound again": (
        {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101, "prompt_tokens_details": {
            "cached_tokens": 60, "audio_tokens": 50, "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 40}}},
        Usage(input_tokens=30, cached_input_tokens=20, cached_audio_tokens=40, input_audio_tokens=10, output_tokens=1),
    ),
    "openai realtime's names": (
        {"input_tokens": 127, "output_tokens": 148, "total_tokens": 275,
         "input_token_details": {"cached_tokens": 64, "text_tokens": 119, "audio_tokens": 8,
                                 "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0}},
         "output_token_details": {"text_tokens": 36, "audio_tokens": 112}},
        Usage(input_tokens=55, cached_input_tokens=64, input_audio_tokens=8, output_tokens=36, output_audio_tokens=112),
    ),
    "an image that was cached is not counted twice": (
        {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101,
         "prompt_tokens_details": {"cached_tokens": 90, "image_tokens": 80}},
        Usage(cached_input_tokens=90, input_image_tokens=10, output_tokens=1),
    ),
    "xai: reasoning is beside the completion": (
        {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 334, "num_sources_used": 3,
         "completion_tokens_details": {"reasoning_tokens": 320}},
        Usage(input_tokens=12, output_tokens=2, reasoning_tokens=320, web_searches=3),
    ),
    "google's chat completions: thoughts are in the total alone": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 95},
        Usage(input_tokens=10, output_tokens=5, reasoning_tokens=80),
    ),
    "deepseek: hits and misses are the prompt": (
        {"prompt_tokens": 100, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36, "completion_tokens": 9,
         "total_tokens": 109, "completion_tokens_details": {"reasoning_tokens": 4}},
        Usage(input_tokens=36, cached_input_tokens=64, output_tokens=5, reasoning_tokens=4),
    ),
    "mistral": (
        {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23, "num_cached_tokens": 16},
        Usage(input_tokens=4, cached_input_tokens=16, output_tokens=3),
    ),
    "perplexity's deep research: citations, reasoning and searches are beside the total": (
        {"prompt_tokens": 33, "completion_tokens": 7163, "total_tokens": 7196, "citation_tokens": 20_000,
         "num_search_queries": 18, "reasoning_tokens": 73_997},
        Usage(input_tokens=20_033, output_tokens=7_163, reasoning_tokens=73_997, web_searches=18),
    ),
    "openrouter's searches": (
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6, "server_tool_use": {"web_search_requests": 2}},
        Usage(input_tokens=5, output_tokens=1, web_searches=2),
    ),
    "cohere bills its billed units": (
        {"billed_units": {"input_tokens": 6, "output_tokens": 33}, "tokens": {"input_tokens": 501, "output_tokens": 35}},
        Usage(input_tokens=6, output_tokens=33),
    ),
    "voyage and jina give a total alone": ({"total_tokens": 18}, Usage(input_tokens=18)),
}  # fmt: skip


@pytest.mark.parametrize(("block", "usage"), CHAT.values(), ids=CHAT)
def test_openai_like_objects(block: dict[str, Any], usage: Usage) -> None:
    assert read_block(block) == (usage, True)


@pytest.mark.parametrize(
    ("block", "spent"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 14}, 15),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99, "completion_tokens_details": {"reasoning_tokens": 2}}, 15),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 11}}, 15),
        ({"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 6}}, 15),
        ({"prompt_tokens": 61, "completion_tokens": 10, "total_tokens": 71, "completion_tokens_details": {"reasoning_tokens": 96}}, 167),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 6, "completion_tokens": 5}, 15),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_marked_and_metered_all_the_same(block: dict[str, Any], spent: int) -> None:
    body = json.dumps({"choices": [], "usage": block}).encode()
    for way in (passed_whole("chat"), read_whole("chat")):
        served = heard(way, body)
        assert served.usage is not None
        assert served.usage.total_tokens == spent
        assert served.usage_source == "inconsistent"


COUNTS = st.integers(-2, 300) | st.none() | st.just(True) | st.just("7")


@given(
    st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens"]), COUNTS),
    st.dictionaries(
        st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "reasoning_tokens"]),
        COUNTS,
    ),
)
def test_whatever_adds_up_sums_to_the_total_that_it_claims(totals: dict[str, Any], parts: dict[str, Any]) -> None:
    block = {**totals, "prompt_tokens_details": parts, "completion_tokens_details": parts}
    usage, agrees = read_block(block)
    assert all(getattr(usage, name) >= 0 for name in METERS)
    spent = sum(getattr(usage, name) for name in TOKEN_METERS)
    total = totals.get("total_tokens")
    if agrees and type(total) is int:
        assert spent == total


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6}
    return {"id": "r", "model": "m", "status": "completed", "output": [*items], "usage": usage, **more}


SEARCH = {"type": "web_search_call", "id": "w", "action": {"type": "search", "query": "x"}}
HOSTED: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "searches, but not pages that were opened": (
        response(SEARCH, SEARCH, {**SEARCH, "action": {"type": "open_page"}}, {"type": "web_search_call"}),
        {"web_searches": 3},
    ),
    "as the upstream counts them itself": (
        response(SEARCH, tool_usage={"image_gen": {}, "web_search": {"num_requests": 4}}),
        {"web_searches": 4},
    ),
    "file searches by the call": (
        response({"type": "file_search_call", "queries": ["a", "b"]}, {"type": "file_search_call"}),
        {"file_searches": 2},
    ),
    "code interpreters by the container": (
        response(*({"type": "code_interpreter_call", "container_id": name} for name in ("c1", "c1", "c2"))),
        {"code_sessions": 2},
    ),
    "xai's own counts": (
        {**response(SEARCH), "usage": {
            "input_tokens": 5, "output_tokens": 1, "total_tokens": 6, "num_server_side_tools_used": 9,
            "server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1, "code_interpreter_calls": 1,
                                               "file_search_calls": 0, "document_search_calls": 5, "mcp_calls": 7}}},
        {"web_searches": 3, "file_searches": 5, "code_sessions": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "meters"), HOSTED.values(), ids=HOSTED)
def test_hosted_tools_are_counted_by_the_piece(said: dict[str, Any], meters: dict[str, int]) -> None:
    expected = Usage(input_tokens=5, output_tokens=1, **meters)
    whole = json.dumps(said).encode()
    done = [
        {"type": "response.output_item.done", "output_index": n, "item": one} for n, one in enumerate(said["output"])
    ]
    end = {"type": "response.completed", "response": said}
    bare = {"type": "response.completed", "response": {**said, "output": []}}  # some leave the output out at the end
    streams = [b"".join(event(json.dumps(one).encode()) for one in events) for events in ([end], [*done, bare])]
    for way in (passed_whole("responses"), read_whole("responses")):
        assert heard(way, whole).usage == expected
    for way in (passed_stream, read_stream("responses")):
        for stream in streams:
            assert heard(way, stream).usage == expected


def test_a_hosted_image_is_counted_with_its_size_and_quality() -> None:
    """It is another model's work, billed by the image."""
    item = {"type": "image_generation_call", "status": "completed", "action": "generate", "size": "1024x1024",
            "quality": "high", "result": "aGk="}  # fmt: skip
    body = json.dumps(response(item, service_tier="flex")).encode()
    for way in (passed_whole("responses"), read_whole("responses")):
        served = heard(way, body)
        assert served.usage == Usage(input_tokens=5, output_tokens=1, images=1)
        assert served.terms == Terms(tier="flex", image_size="1024x1024", image_quality="high")


@pytest.mark.parametrize("items", [[7], "none", [{"type": 5}], [{"type": "web_search_call", "action": 9}]])
def test_odd_items_cost_nothing_and_break_nothing(items: Any) -> None:
    body = json.dumps({**response(), "output": items, "x": "_call"}).encode()
    assert heard(passed_whole("responses"), body).usage == Usage(input_tokens=5, output_tokens=1)


IMAGES: dict[str, tuple[dict[str, Any], Usage, Terms]] = {
    "tokens, as gpt-image counts them": (
        {"data": [{}, {}], "size": "1024x1536", "quality": "low", "usage": {
            "input_tokens": 50, "output_tokens": 272, "total_tokens": 322,
            "input_tokens_details": {"image_tokens": 40, "text_tokens": 10}}},
        Usage(input_tokens=10, input_image_tokens=40, output_image_tokens=272),
        Terms(image_size="1024x1536", image_quality="low"),
    ),
    "images, as older models are billed, made as they were asked for": (
        {"created": 1, "data": [{"url": "x"}, {"url": "y"}]},
        Usage(images=2),
        Terms(image_size="512x512", image_quality="hd"),
    ),
    "images, where the usage is a price alone": (
        {"data": [{"url": "x"}], "usage": {"cost_in_usd_ticks": 200_000_000}},
        Usage(images=1),
        Terms(image_size="512x512", image_quality="hd", reported_nano=20_000_000),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "usage", "terms"), IMAGES.values(), ids=IMAGES)
def test_images(said: dict[str, Any], usage: Usage, terms: Terms) -> None:
    way = passed_whole("images", {"size": "512x512", "quality": "hd"})
    served = heard(way, json.dumps(said).encode(), "xai")
    assert (served.usage, served.terms, served.usage_source) == (usage, terms, "provider")


def test_streamed_images_are_added_up() -> None:
    usage = {"input_tokens": 50, "output_tokens": 272, "total_tokens": 322}
    done = {"type": "image_generation.completed", "size": "1024x1024", "quality": "low", "usage": usage}
    stream = event(json.dumps({"type": "image_generation.partial_image"}).encode())
    served = Served()
    passed_stream(served, stream + 2 * event(json.dumps(done).encode()), images=True)
    assert served.usage == Usage(input_tokens=100, output_image_tokens=544)
    assert served.terms == Terms(image_size="1024x1024", image_quality="low")
    assert [json.loads(one) for one in served.raw_usage] == [usage, usage]
    served = Served()
    served.reports_cost = "xai"
    priced = event(b'{"type": "image_generation.completed", "usage": {"cost_in_usd_ticks": 200000000}}')
    passed_stream(served, 2 * priced, images=True)
    assert (served.usage, served.terms.reported_nano) == (Usage(images=2), 40_000_000)
    served = Served()
    passed_stream(served, 3 * event(b'{"type": "image_edit.completed"}'), images=True)
    assert served.usage == Usage(images=3)


def test_speech_comes_out_as_sound() -> None:
    done = {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}}
    assert heard(passed_stream, event(json.dumps(done).encode())).usage == Usage(
        input_tokens=14, output_audio_tokens=101
    )


ANTHROPIC: dict[str, tuple[dict[str, Any], Usage, Terms, str]] = {
    "cache is beside the input, split by how long it lasts": (
        {"input_tokens": 10, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 35, "output_tokens": 9,
         "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 30},
         "output_tokens_details": {"thinking_tokens": 4}, "server_tool_use": {"web_search_requests": 2},
         "service_tier": "priority", "inference_geo": "us"},
        Usage(input_tokens=10, cached_input_tokens=20, cache_write_tokens=5, cache_write_1h_tokens=30, output_tokens=5,
              reasoning_tokens=4, web_searches=2),
        Terms(tier="priority", region="us"),
        "provider",
    ),
    "anywhere is no place, and fast is a tier": (
        {"input_tokens": 1, "output_tokens": 2, "service_tier": "standard", "speed": "fast", "inference_geo": "global"},
        Usage(input_tokens=1, output_tokens=2), Terms(tier="fast"), "provider",
    ),
    "what compacting used is beside the totals, and billed": (
        {"input_tokens": 23_000, "output_tokens": 1_000, "iterations": [
            {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500},
            {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000}]},
        Usage(input_tokens=203_000, output_tokens=4_500), Terms(), "provider",
    ),
    "another model's turn has no price here": (
        {"input_tokens": 10, "output_tokens": 1, "iterations": [
            {"type": "message", "input_tokens": 10, "output_tokens": 1},
            {"type": "advisor_message", "model": "other", "input_tokens": 5, "output_tokens": 5}]},
        Usage(input_tokens=10, output_tokens=1), Terms(), "inconsistent",
    ),
    "parts larger than their whole": (
        {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 3,
         "cache_creation": {"ephemeral_5m_input_tokens": 9}},
        Usage(input_tokens=1, cache_write_tokens=3, output_tokens=2), Terms(), "inconsistent",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("block", "usage", "terms", "source"), ANTHROPIC.values(), ids=ANTHROPIC)
def test_anthropic(block: dict[str, Any], usage: Usage, terms: Terms, source: str) -> None:
    body = json.dumps({"type": "message", "content": [], "stop_reason": "end_turn", "usage": block}).encode()
    served = heard(read_whole("messages"), body)
    assert (served.usage, served.terms, served.usage_source) == (usage, terms, source)
    assert served.raw_usage == [json.dumps(block).encode()]


def test_anthropics_last_delta_counts_and_what_it_leaves_out_still_stands() -> None:
    start = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 7, "service_tier": "batch"}
    deltas = [{"output_tokens": 5}, {"output_tokens": 30, "server_tool_use": {"web_search_requests": 1}}]
    events = [
        {"type": "message_start", "message": {"usage": start}},
        *({"type": "message_delta", "delta": {}, "usage": one} for one in deltas),
        {"type": "message_stop"},
    ]
    served = heard(read_stream("messages"), b"".join(event(json.dumps(one).encode()) for one in events))
    assert served.usage == Usage(input_tokens=10, cached_input_tokens=7, output_tokens=30, web_searches=1)
    assert served.terms == Terms(tier="batch")
    assert [json.loads(one) for one in served.raw_usage] == [start, deltas[-1]]


GEMINI: dict[str, tuple[dict[str, Any], Usage, str, str]] = {
    "thoughts and the tools' input are beside the totals": (
        {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 10, "thoughtsTokenCount": 5,
         "toolUsePromptTokenCount": 7, "totalTokenCount": 122, "serviceTier": "FLEX"},
        Usage(input_tokens=47, cached_input_tokens=60, output_tokens=10, reasoning_tokens=5), "flex", "provider",
    ),
    "cached sound": (
        {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 1, "totalTokenCount": 101,
         "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 80}, {"modality": "TEXT", "tokenCount": 20}],
         "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}, {"modality": "TEXT", "tokenCount": 10}],
         "trafficType": "ON_DEMAND_PRIORITY"},
        Usage(input_tokens=10, cached_input_tokens=10, cached_audio_tokens=50, input_audio_tokens=30, output_tokens=1),
        "priority", "provider",
    ),
    "a total that is something else": (
        {"promptTokenCount": 10, "candidatesTokenCount": 1, "totalTokenCount": 99},
        Usage(input_tokens=10, output_tokens=1), "", "inconsistent",
    ),
    "more cached than there is": (
        {"promptTokenCount": 10, "cachedContentTokenCount": 11, "candidatesTokenCount": 1, "totalTokenCount": 11},
        Usage(cached_input_tokens=10, output_tokens=1), "", "inconsistent",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("block", "usage", "tier", "source"), GEMINI.values(), ids=GEMINI)
def test_gemini(block: dict[str, Any], usage: Usage, tier: str, source: str) -> None:
    """A stream repeats the running total in every chunk: the last one counts."""
    said = {"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "x"}]}}], "usageMetadata": block}
    body, first = json.dumps(said).encode(), b'{"usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 100}}'
    for way, told in ((read_whole("generate"), body), (read_stream("generate"), event(first) + event(body))):
        served = heard(way, told)
        assert (served.usage, served.terms, served.usage_source) == (usage, Terms(tier=tier), source)
        assert served.raw_usage == [json.dumps(block).encode()]


@pytest.mark.parametrize(
    ("model", "searches"), [("gemini-2.5-pro", 1), ("gemini-3-pro", 2)], ids=["by the answer", "by the query"]
)
def test_geminis_grounding(model: str, searches: int) -> None:
    grounding = {"webSearchQueries": ["a", "b"]}
    said = {"modelVersion": model, "candidates": [{"finishReason": "STOP", "groundingMetadata": grounding}],
            "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}}  # fmt: skip
    served = heard(read_whole("generate"), json.dumps(said).encode())
    assert served.usage == Usage(input_tokens=1, web_searches=searches)


@pytest.mark.parametrize(
    ("total", "source"), [(1303, "provider"), (275, "provider"), (276, "inconsistent")],
    ids=["with what was written to the cache", "without", "neither"],
)  # fmt: skip
def test_bedrock(total: int, source: str) -> None:
    block = {"inputTokens": 11, "outputTokens": 264, "totalTokens": total, "cacheWriteInputTokens": 1028,
             "cacheDetails": [{"ttl": "1h", "inputTokens": 1000}, {"ttl": "5m", "inputTokens": 28}]}  # fmt: skip
    said = {"output": {"message": {"content": []}}, "stopReason": "end_turn", "usage": block,
            "serviceTier": {"type": "flex"}}  # fmt: skip
    served = heard(read_whole("converse"), json.dumps(said).encode())
    assert served.usage == Usage(input_tokens=11, cache_write_tokens=28, cache_write_1h_tokens=1000, output_tokens=264)
    assert (served.terms, served.usage_source) == (Terms(tier="flex"), source)
