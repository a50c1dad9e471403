"""Recorded streams of real providers, asked for twice: the second time they come from the cache, byte for byte."""

import asyncio
import random
from pathlib import Path

import httpx
import pytest

from gateway.testing import ScriptedUpstream
from tests.behaviour.test_corpus import CORPUS, PATHS, body_of, complete, exchanges, script_for
from tests.conftest import gateways

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
CACHE = "rules: [{id: all, ttl_s: 3600}]\n"
# What the gateway gives an upstream's 200 and yet does not keep: filtered, or not the question of a cache.
_WITH_TOOLS = ("server_tools", "refusal_or_filter")


async def test_every_recorded_stream_is_given_again(tmp_path: Path) -> None:
    rows, die = (
        [row for row in exchanges() if row["stream"] and (row["response"]["status"] or 200) == 200],
        random.Random(3),
    )
    assert len(rows) > 150
    wrong: dict[str, str] = {}
    hits = 0
    async with ScriptedUpstream({}) as upstream:
        with gateways(tmp_path) as make:
            gateway = await asyncio.to_thread(make(upstream.base_url, policies={"cache": CACHE}).start)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
                for row in rows:
                    path = PATHS[row["api"]]
                    body = {
                        "input" if path == "responses" else "messages": row["id"],
                        "model": "test-model",
                        "stream": True,
                    }
                    if path == "responses":
                        body["store"] = False
                    else:
                        body["stream_options"] = {"include_usage": True}
                    upstream.set(f"/v1/{path}", script_for(row, die))
                    reached = len(upstream.requests)
                    first = await client.post(f"/{path}", json=body)
                    second = await client.post(f"/{path}", json=body)
                    if second.headers["x-cache"] == "hit":
                        hits += 1
                        if len(upstream.requests) != reached + 1 or not complete(row):
                            wrong[row["id"]] = "it should not have been kept"
                        if not first.content == second.content == body_of(row):
                            wrong[row["id"]] = "not the same bytes"
                    elif complete(row) and not any(word in row["features"] for word in _WITH_TOOLS):
                        wrong[row["id"]] = f"not kept: {row['provider']} {row['features']}"
    assert wrong == {}
    assert hits > 100
