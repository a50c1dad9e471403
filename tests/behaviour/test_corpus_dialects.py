"""Recorded traffic of Anthropic, Google and Bedrock through a running gateway.

A client of the same dialect: the request arrives intact, the response's bytes arrive intact, the record holds what the
provider counted. A client of every other: it gets an answer that says the same, and the same is recorded.
"""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream
from tests.behaviour.test_corpus import script_for
from tests.conftest import ROOT, Gateway, gateways

sys.path.insert(0, str(ROOT / "tests" / "dialects"))
from recorded import CORPUS, PROTOCOLS, body_of, exchanges, is_stream, name_of, succeeded, truth
from sdks import READERS
from test_recorded_answers import ODD

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus"),
]
NOVA = "us.amazon.nova-lite-v1:0"
AWS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "not-a-secret"}
# Where each protocol's upstream is asked, and the target that speaks it.
TARGETS = {
    "chat": ("chat/real-model", "/v1/chat/completions", "/v1/chat/completions"),
    "responses": ("responses/real-model", "/v1/responses", "/v1/responses"),
    "messages": ("anthropic/real-model", "/v1/messages", "/v1/messages"),
    "generate": (
        "gemini/real-model",
        "/v1/models/real-model:generateContent",
        "/v1/models/real-model:streamGenerateContent",
    ),
    "converse": (
        f"bedrock/{NOVA}",
        f"/v1/model/{NOVA.replace(':', '%3A')}/converse",
        f"/v1/model/{NOVA.replace(':', '%3A')}/converse-stream",
    ),
}
TOKENS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens",
          "input_image_tokens")  # fmt: skip
MADE = ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")


@dataclass
class Place:
    gateway: Gateway
    upstream: ScriptedUpstream
    client: httpx.AsyncClient

    async def ask(self, client: str, row: dict[str, Any], request: dict[str, Any]) -> httpx.Response:
        """Send a client's request for the alias that leads to the row's upstream."""
        protocol, streams = PROTOCOLS[row["api"]], is_stream(row)
        headers = {"x-client-request-id": f"{client}-{row['id']}"}
        if client == "generate":
            method = "streamGenerateContent?alt=sse" if streams else "generateContent"
            return await self.client.post(f"/v1beta/models/to-{protocol}:{method}", json=request, headers=headers)
        path = {"chat": "chat/completions", "responses": "responses", "messages": "messages"}[client]
        body = {**request, "model": f"to-{protocol}", **({"stream": True} if streams else {})}
        return await self.client.post(f"/v1/{path}", json=body, headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with ScriptedUpstream({}) as upstream:
        url = upstream.base_url
        providers = {
            "chat": {"kind": "openai-compatible", "base_url": url},
            "responses": {"kind": "openai-compatible", "base_url": url, "protocols": ["responses"]},
            "anthropic": {"kind": "anthropic", "base_url": url, "api_key": "k"},
            "gemini": {"kind": "gemini", "base_url": url, "api_key": "k"},
            "bedrock": {"kind": "bedrock", "base_url": url, "region": "us-east-1", "aws": AWS},
        }
        models = {f"to-{name}": {"targets": [target]} for name, (target, *_) in TARGETS.items()}
        with gateways(tmp_path_factory.mktemp("place")) as make:
            gateway = await asyncio.to_thread(make(providers=providers, models=models).start)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=30) as client:
                yield Place(gateway, upstream, client)


def of_protocols(*names: str) -> list[dict[str, Any]]:
    """Exchanges whose bytes were kept. Google's JSON arrays are for clients that ask for them: those are translated."""
    rows = [row for row in exchanges() if PROTOCOLS[row["api"]] in names and row["wire"] != "events-decoded"]
    return [row for row in rows if not body_of(row).lstrip().startswith(b"[")]


def recorded_tokens(record: dict[str, Any]) -> tuple[int, int, int]:
    return sum(record[n] for n in TOKENS), record["cached_input_tokens"], sum(record[n] for n in MADE)


async def test_the_same_dialect_passes_byte_for_byte(place: Place) -> None:
    die, wrong, since = random.Random(20261124), dict[str, str](), time.time_ns()
    rows = of_protocols("messages", "generate")
    assert len(rows) > 180
    for row in rows:
        protocol = PROTOCOLS[row["api"]]
        sent = (row["request"] or {}).get("json") or {"messages": [], "max_tokens": 1}
        sent = {name: value for name, value in sent.items() if name not in ("model", "stream")}
        path = TARGETS[protocol][2 if is_stream(row) else 1]
        place.upstream.set(path, script_for(row, die))
        answer = await place.ask(protocol, row, sent)
        status = row["response"]["status"] or 200
        arrived = place.upstream.requests[-1].json()
        expected = dict(sent)
        if protocol == "messages":
            expected |= {"model": "real-model", **({"stream": True} if is_stream(row) else {})}
        if arrived != expected:
            wrong[name_of(row)] = "the request did not arrive intact"
        elif answer.status_code != (502 if status == 401 else status):
            wrong[name_of(row)] = f"status {answer.status_code}: {answer.text[:200]}"
        elif status != 401 and succeeded(row) and answer.content != body_of(row):
            wrong[name_of(row)] = "the response did not arrive intact"
        elif status != 401 and not answer.content.startswith(body_of(row)[: len(answer.content) // 2]):
            wrong[name_of(row)] = "a broken response did not arrive as far as it came"
    records = await asyncio.to_thread(place.gateway.records, len(rows), 20, since)
    by_id = {record["client_request_id"]: record for record in records}
    for row in rows:
        if succeeded(row) and name_of(row) not in ODD:
            record, said = by_id[f"{PROTOCOLS[row['api']]}-{row['id']}"], truth(row)
            if said.used is not None and recorded_tokens(record) != said.used:
                wrong.setdefault(name_of(row), f"usage {recorded_tokens(record)}, not {said.used}")
    assert wrong == {}


REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hello"}], "stream_options": {"include_usage": True}},
    "responses": {"input": "Hello"},
    "messages": {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100},
    "generate": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
}


def some_rows() -> list[dict[str, Any]]:
    """A few good answers of every protocol: the longest and the shortest, whole and streamed."""
    chosen: list[dict[str, Any]] = []
    for protocol in TARGETS:
        for streams in (False, True):
            rows = [r for r in of_protocols(protocol) if succeeded(r) and is_stream(r) == streams]
            rows = sorted((r for r in rows if name_of(r) not in ODD), key=lambda r: len(body_of(r)))
            chosen += [*rows[:2], *rows[len(rows) // 2 : len(rows) // 2 + 2], *rows[-2:]]
    return chosen


@pytest.mark.parametrize("client", sorted(REQUESTS))
async def test_every_client_is_told_what_every_provider_said(place: Place, client: str) -> None:
    die, wrong, since = random.Random(7), dict[str, str](), time.time_ns()
    rows = [row for row in some_rows() if PROTOCOLS[row["api"]] != client]
    assert len(rows) > 30
    for row in rows:
        protocol = PROTOCOLS[row["api"]]
        place.upstream.set(TARGETS[protocol][2 if is_stream(row) else 1], script_for(row, die))
        request = REQUESTS[client]
        if client == "chat" and not is_stream(row):
            request = {"messages": request["messages"]}
        answer = await place.ask(client, row, request)
        if answer.status_code != 200:
            wrong[name_of(row)] = f"status {answer.status_code}: {answer.text[:300]}"
            continue
        read = READERS[client]
        got, said = (read.streamed if is_stream(row) else read.whole)(answer.content), truth(row)
        if got.text not in (said.text, said.text + said.refusal) or got.calls != said.calls:
            wrong[name_of(row)] = f"{got} is not {said}"
        elif said.used is not None and got.used != said.used:
            wrong[name_of(row)] = f"usage {got.used}, not {said.used}"
    records = await asyncio.to_thread(place.gateway.records, len(rows), 20, since)
    by_id = {record["client_request_id"]: record for record in records}
    for row in rows:
        record, said = by_id.get(f"{client}-{row['id']}"), truth(row)
        if record is None or record["outcome"] != "completed":
            wrong.setdefault(name_of(row), "not recorded as completed")
        elif said.used is not None and recorded_tokens(record) != said.used:
            wrong.setdefault(name_of(row), f"recorded {recorded_tokens(record)}, not {said.used}")
    assert wrong == {}
