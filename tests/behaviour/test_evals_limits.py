"""Runs within limits and budgets of their callers, and within those of evals themselves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from gateway.testing import Gated
from tests.behaviour.evals_desk import CHAT, CUSTOM, MATCH, Desk, chat_answer, completions, evals_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = """
limits:
  - {id: slow, match: {teams: [team-b]}, per: [team], requests_per_second: 4}
  - {id: poor, match: {teams: [theirs]}, per: [team], cost_per_day: 0.0000001}
"""
BOUNDS = {"concurrent_runs": 1, "concurrent_rows": 3, "concurrent_calls": 2, "max_live_runs": 2}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    policies = {"limits": LIMITS}
    async with evals_desk(tmp_path_factory.mktemp("evals"), evals=BOUNDS, policies=policies) as made:
        yield made


async def ran_by(desk: Desk, key: str, rows: int) -> Any:
    """A run of another team's, once it has ended."""
    client = desk.client_of(key)
    made = await client.evals.create(data_source_config=CUSTOM, testing_criteria=[MATCH])
    run = await client.evals.runs.create(made.id, data_source=completions(*[("x", "x")] * rows))
    async with asyncio.timeout(40):
        while run.status in ("queued", "in_progress"):
            await asyncio.sleep(0.05)
            run = await client.evals.runs.retrieve(run.id, eval_id=made.id)
    return run


async def test_runs_wait_for_their_turn_and_so_many_may_wait(desk: Desk) -> None:
    made = await desk.eval()
    gated = Gated(chat_answer("x"))
    desk.upstream.set(CHAT, gated)
    runs = [await desk.client.evals.runs.create(made.id, data_source=completions(*[("x", "x")] * 4)) for _ in range(2)]
    await desk.until_asked(2)
    await asyncio.sleep(0.3)
    assert len(desk.upstream.requests) == 2  # as many calls as may be under way at once
    waiting = await desk.client.evals.runs.retrieve(runs[1].id, eval_id=made.id)
    assert waiting.status == "queued"
    with pytest.raises(openai.RateLimitError, match="max_live_runs"):
        await desk.client.evals.runs.create(made.id, data_source=completions(("x", "x")))
    assert (await desk.client.evals.runs.cancel(waiting.id, eval_id=made.id)).status == "canceled"
    gated.gate.set()
    assert (await desk.ended(runs[0])).result_counts.total == 4
    assert len(desk.upstream.requests) == 4


async def test_a_limit_of_the_callers_own_is_waited_for(desk: Desk) -> None:
    desk.upstream.set(CHAT, chat_answer("x"))
    run = await ran_by(desk, await asyncio.to_thread(desk.gateway.create_key, "team-b"), 12)
    assert run.result_counts.to_dict() == {"total": 12, "passed": 12, "failed": 0, "errored": 0}
    async with asyncio.timeout(20):  # it was met
        while not any(row["outcome"] == "refused" for row in desk.gateway.records()):
            await asyncio.sleep(0.1)


async def test_a_budget_that_is_spent_is_not_waited_for(desk: Desk) -> None:
    key = (await asyncio.to_thread(desk.key_of, "other", "theirs"))["key"]
    desk.upstream.requests.clear()
    run = await ran_by(desk, key, 6)
    assert (run.status, run.result_counts.errored) == ("completed", 6)
    items = desk.client_of(key).evals.runs.output_items.list(run.id, eval_id=run.eval_id)
    codes = {one.sample.error.code async for one in items}
    assert codes <= {"budget_exhausted", "request_exceeds_limit"}
    assert not desk.upstream.requests
