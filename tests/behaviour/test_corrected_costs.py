"""From a real gateway's calls to the provider's bill: what agrees, what drifts, and a price that is corrected."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import Gateway, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALLS = 3
ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "model": "real-model-2026-01-31",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {
        "prompt_tokens": 100_000,
        "completion_tokens": 50_000,
        "total_tokens": 150_000,
        "prompt_tokens_details": {"cached_tokens": 40_000},
    },
}
PRICES = """
currency: USD
prices:
  - {{id: known, provider: mock, models: [real-model], from: "2020-01-01", per_million_tokens: {{input: {}, cached_input: 1, output: 8}}}}
"""
# 60,000 tokens in at 2 a million, 40,000 cached ones at 1, 50,000 out at 8.
COST = Decimal("0.56")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with ScriptedUpstream({"*": json_answer(ANSWER)}) as upstream:
        with gateways(tmp_path_factory.mktemp("corrected")) as make:
            policies, models = {"prices": PRICES.format(2)}, {"test-model": {"targets": ["mock/real-model"]}}
            running = await asyncio.to_thread(make(upstream.base_url, policies=policies, models=models).start)
            headers = {"authorization": f"Bearer {running.key}"}
            async with httpx.AsyncClient(base_url=running.base_url, headers=headers, timeout=20) as client:
                for _ in range(CALLS):
                    body = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
                    assert (await client.post("/chat/completions", json=body)).status_code == 200
            await asyncio.to_thread(running.records, CALLS)
            yield running


def usage(calls: int = CALLS, **figures: Any) -> dict[str, Any]:
    told = ANSWER["usage"]
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": told["prompt_tokens"] * calls,  # type: ignore[index]
        "input_cached_tokens": 40_000 * calls,
        "output_tokens": told["completion_tokens"] * calls,  # type: ignore[index]
        "num_model_requests": calls,
        "model": ANSWER["model"],
        **figures,
    }


def cost(amount: Decimal) -> dict[str, Any]:
    value = {"value": str(amount), "currency": "usd"}
    return {"object": "organization.costs.result", "amount": value, "line_item": None}


def written(gateway: Gateway, name: str, result: dict[str, Any]) -> str:
    """A page of today's bucket in a file beside the configuration."""
    begins = gateway.ask_ledger("SELECT min(started_ns) AS at FROM calls")[0]["at"] // 86_400_000_000_000 * 86_400
    bucket = {"object": "bucket", "start_time": begins, "end_time": begins + 86_400, "results": [result]}
    file = Path(gateway.folder) / name
    file.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False}), encoding="utf-8")
    return str(file)


async def run(gateway: Gateway, *arguments: str) -> tuple[int, str]:
    done = await asyncio.to_thread(gateway.cli, *arguments, check=False)
    assert done.returncode != 2, done.stderr
    return done.returncode, done.stdout


async def test_a_bill_that_agrees_is_exact_and_one_that_does_not_fails_the_build(gateway: Gateway) -> None:
    files = written(gateway, "usage.json", usage()), written(gateway, "costs.json", cost(CALLS * COST))
    code, said = await run(gateway, "reconcile", *files, "--provider", "mock", "--all")
    assert code == 0
    assert f"{CALLS * 60_000}" in said
    assert "by day and model: 2 exact" in said
    more = written(gateway, "more.json", usage(input_tokens=309_000))
    code, said = await run(gateway, "reconcile", more, "--provider", "mock", "--format", "json")
    told = json.loads(said)
    assert (code, told["drift"], told["findings"]) == (1, True, {"quantity drift": 1})
    foreign = written(gateway, "foreign.json", usage(CALLS + 2))
    code, said = await run(gateway, "reconcile", foreign, "--provider", "mock", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said)))
    assert code == 1
    assert {row["finding"] for row in rows} == {"bypass"}
    assert next(row for row in rows if row["meter"] == "requests")["difference"] == "+2"


async def test_a_price_that_was_wrong_is_found_corrected_and_then_agrees(gateway: Gateway) -> None:
    """The provider charges 3 for what the book has at 2."""
    right = COST + Decimal("0.06")
    files = written(gateway, "usage.json", usage()), written(gateway, "dear.json", cost(CALLS * right))
    code, said = await run(gateway, "reconcile", *files, "--provider", "mock", "--format", "markdown")
    assert code == 1
    assert "price drift" in said
    rows = gateway.ask_ledger("SELECT * FROM calls"), gateway.ask_ledger("SELECT * FROM charges")
    prices = Path(gateway.folder) / "corrected.yaml"
    prices.write_text(PRICES.format(3), encoding="utf-8")
    asked = ("ledger", "reprice", "--since", "1d", "--prices", str(prices), "--reason", "input costs 3")
    code, said = await run(gateway, *asked, "--dry-run")
    assert "3 of 3 calls to upstreams would cost something else: +0.180000000 USD" in said
    code, said = await run(gateway, *asked)
    assert "kept as correction 1" in said
    assert "0 of 3 calls" in (await run(gateway, *asked))[1]
    code, said = await run(gateway, "reconcile", *files, "--provider", "mock")
    assert code == 0
    assert (gateway.ask_ledger("SELECT * FROM calls"), gateway.ask_ledger("SELECT * FROM charges")) == rows
    code, said = await run(gateway, "usage", "--by", "team", "--json")
    assert [Decimal(row["cost_usd"]) for row in json.loads(said)] == [CALLS * right]
    code, said = await run(gateway, "ledger", "verify")
    assert code == 0, said
    assert f"{CALLS} adjustments" in said


async def test_a_slip_of_the_pen_is_told(gateway: Gateway) -> None:
    file = written(gateway, "usage.json", usage())
    done = await asyncio.to_thread(gateway.cli, "reconcile", file, "--provider", "mok", check=False)
    assert (done.returncode, "did you mean `mock`?" in done.stderr) == (2, True)
    done = await asyncio.to_thread(
        gateway.cli, "reconcile", str(gateway.config_file), "--provider", "mock", check=False
    )
    assert (done.returncode, "known: OpenAI usage and costs" in done.stderr) == (2, True)
