"""Recorded traffic of real providers, replayed by a mock upstream behind a running gateway.

Every recorded exchange of OpenAI's dialect, whoever the provider was: the request arrives intact, the response's bytes
arrive intact, and the usage on the record is the recorded usage.
"""

import asyncio
import base64
import gzip
import json
import random
from typing import Any

import pytest

from gateway.testing import Received, Write
from tests.conftest import SHARED, Site

CORPUS = SHARED / "corpus" / "exchanges.jsonl.gz"
PATHS = {
    "chat.completions": "chat/completions", "completions": "completions", "responses": "responses",
    "embeddings": "embeddings", "moderations": "moderations", "rerank": "rerank",
}  # fmt: skip
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus"),
]


def exchanges() -> list[dict[str, Any]]:
    with gzip.open(CORPUS, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [row for row in rows if row["api"] in PATHS and row["response"] and body_of(row)]


def body_of(row: dict[str, Any]) -> bytes:
    response = row["response"]
    if response.get("body_b64"):
        return base64.b64decode(response["body_b64"])
    return (response.get("body") or "").encode()


def script_for(row: dict[str, Any], die: random.Random) -> Any:
    """Play the recorded answer, cut at random places."""
    body, status = body_of(row), row["response"]["status"] or 200
    kind = row["response"].get("content_type") or ("text/event-stream" if row["stream"] else "application/json")

    async def script(_received: Received, write: Write) -> None:
        head = f"HTTP/1.1 {status} Recorded\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
        await write(head.encode())
        at = 0
        while at < len(body):
            step = die.randint(1, max(2, len(body) // 6))
            piece = body[at : at + step]
            await write(b"%x\r\n%s\r\n" % (len(piece), piece))
            at += step
        await write(b"0\r\n\r\n")

    return script


def expected_usage(row: dict[str, Any]) -> tuple[int, int, int] | None:
    """(input, cached, output) as the provider billed them; the last usage of a stream counts."""
    if not row["usage_raw"]:
        return None
    usage = row["usage_raw"][-1]
    if "billed_units" in usage:
        return None
    if usage.get("total_tokens") == 0:
        return None  # OpenAI once said so of an answer that it had cut: it is estimated
    into = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    out = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens", 0)) or 0
    if prompt is None:
        prompt = usage["total_tokens"]
    reasoning = out.get("reasoning_tokens") or 0
    if row["provider"] == "xai" and row["api"] == "chat.completions":
        completion += reasoning  # xAI's chat completions leave reasoning outside completion_tokens
    elif usage.get("total_tokens") == prompt + completion + reasoning or reasoning > completion:
        completion += reasoning
    names = ("cached_tokens", "num_cached_tokens")
    cached = (
        into.get("cached_tokens")
        or usage.get("prompt_cache_hit_tokens")
        or next((usage[n] for n in names if usage.get(n)), 0)
    )
    # Some report more cached tokens than prompt tokens; a part is never counted beyond its whole.
    return prompt, min(cached, prompt), completion


def complete(row: dict[str, Any]) -> bool:
    return "no_terminator" not in row["features"] and "error_in_stream" not in row["features"]


async def replay(site: Site, row: dict[str, Any], die: random.Random) -> list[str]:
    """What is wrong with this exchange's way through the gateway."""
    path = PATHS[row["api"]]
    recorded = (row["request"] or {}).get("json")
    request = recorded if isinstance(recorded, dict) else {"messages": []}
    sent = {**request, "model": "test-model"}
    if row["stream"]:
        sent["stream"] = True
        if path in ("chat/completions", "completions"):
            sent["stream_options"] = {**(sent.get("stream_options") or {}), "include_usage": True}
    elif sent.get("stream"):
        sent.pop("stream")
    site.upstream.set(f"/v1/{path}", script_for(row, die))
    answer = await site.client.post(f"/{path}", json=sent, headers={"x-client-request-id": row["id"]})
    wrong: list[str] = []
    if sent.get("previous_response_id"):  # another organisation's, and so nobody's here
        refused = answer.status_code == 400 and "previous_response_not_found" in answer.text
        return wrong if refused else ["it went on from a response that is not the tenant's"]
    if sent.get("background"):  # the gateway could neither meter nor stop it
        return wrong if answer.status_code == 400 else ["it went on behind the gateway's back"]
    if site.upstream.requests[-1].json() != {**sent, "model": "real-model"}:
        wrong.append("the request did not arrive intact")
    status = row["response"]["status"] or 200
    if status == 401:
        return wrong if answer.status_code == 502 else [*wrong, "an upstream's 401 must not look like the caller's"]
    if answer.status_code != status:
        wrong.append(f"status {answer.status_code}, not {status}: {answer.text[:200]}")
    elif not answer.content.startswith(body_of(row)) if not complete(row) else answer.content != body_of(row):
        wrong.append("the response did not arrive intact")
    return wrong


async def test_every_recorded_exchange(fresh: Site) -> None:
    rows, die = exchanges(), random.Random(20261123)
    assert len(rows) > 500
    wrong: dict[str, list[str]] = {}
    for row in rows:
        found = await replay(fresh, row, die)
        if found:
            wrong[f"{row['provider']} {row['api']} {row['id']}"] = found
    records = await asyncio.to_thread(fresh.gateway.records, len(rows), 20, fresh.since_ns)
    by_id = {record["client_request_id"]: record for record in records}
    for row in rows:
        record, expected = by_id[row["id"]], expected_usage(row)
        if expected is None or (row["response"]["status"] or 200) >= 400 or record["outcome"] == "refused":
            continue
        into = sum(
            record[n]
            for n in (
                "input_tokens",
                "cached_input_tokens",
                "cache_write_tokens",
                "input_audio_tokens",
                "input_image_tokens",
            )
        )
        out = sum(
            record[n] for n in ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")
        )
        if (into, record["cached_input_tokens"], out) != expected:
            wrong.setdefault(f"{row['provider']} {row['api']} {row['id']}", []).append(
                f"usage {(into, record['cached_input_tokens'], out)}, not {expected}"
            )
    assert wrong == {}
