"""Runs among several workers, over restarts, and with keys and limits that change meanwhile."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.behaviour.evals_desk import Desk, completions, evals_desk, strictly

LIMITED = """
limits:
  - {id: slow, match: {teams: [team-a]}, per: [team], requests_per_second: 4}
"""
POOR = """
limits:
  - {id: poor, match: {teams: [team-a]}, per: [team], cost_per_day: 0.0000001}
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


def many(count: int, model: str = "slow") -> Any:
    return completions(*[(str(number), "") for number in range(count)], model=model)


async def workers_of(desk: Desk, run: Any) -> None:
    """Every worker of the gateway is asked for the run, as each connection goes to any."""
    for _ in range(12):
        client = desk.client_of(desk.gateway.key)
        assert (await client.evals.runs.retrieve(run.id, eval_id=run.eval_id)).id == run.id
        await client.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A gateway of two workers."""
    server = {"workers": 2, "limits_per_worker": True}
    async with evals_desk(tmp_path_factory.mktemp("evals"), server=server, evals={"lease_s": 2}) as desk:
        yield desk


async def test_any_worker_shows_and_cancels_a_run_of_another(two: Desk) -> None:
    made = await two.eval()
    for _ in range(2):
        two.upstream.requests.clear()
        run = await two.client.evals.runs.create(made.id, data_source=many(2_000))
        await two.until_asked()
        await workers_of(two, run)
        client = two.client_of(two.gateway.key)
        assert (await client.evals.runs.cancel(run.id, eval_id=made.id)).status == "canceled"
        assert await two.until_quiet() < 2_000
        items = [one async for one in client.evals.runs.output_items.list(run.id, eval_id=made.id, limit=100)]
        assert len(items) < 2_000
        run = await client.evals.runs.retrieve(run.id, eval_id=made.id)
        assert run.result_counts.total == len(items)
        strictly(run)


async def test_a_run_whose_worker_is_killed_fails_and_says_so(two: Desk) -> None:
    made = await two.eval()
    done = await two.run(made, completions(("x", "x")))
    two.upstream.requests.clear()
    run = await two.client.evals.runs.create(made.id, data_source=many(500))
    await two.until_asked()
    for pid in two.gateway.worker_pids():
        os.kill(pid, signal.SIGKILL)
    two.client = two.client_of(two.gateway.key)
    async with asyncio.timeout(40):
        while True:
            try:
                run = await two.client.evals.runs.retrieve(run.id, eval_id=made.id)
            except openai.APIConnectionError:
                await asyncio.sleep(0.1)
                continue
            if run.status == "failed":
                break
            assert run.status == "in_progress"
            await asyncio.sleep(0.1)
    strictly(run)
    assert run.error.code == "worker_lost"
    assert (await two.client.evals.runs.retrieve(done.id, eval_id=made.id)).result_counts.passed == 1
    again = await two.run(made, completions(("x", "x")))
    assert again.status == "completed"


async def test_a_gateway_that_stops_ends_its_runs_and_keeps_no_key(tmp_path: Path) -> None:
    async with evals_desk(tmp_path) as desk:
        made = await desk.eval()
        run = await desk.client.evals.runs.create(made.id, data_source=many(500))
        await desk.until_asked()
        stored: dict[str, bytes] = {}
        for path in desk.gateway.state.rglob("*"):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # what is drained goes
                stored[path.name] = path.read_bytes()
        assert "evals.db" in stored
        assert [name for name, held in stored.items() if desk.gateway.key.encode() in held] == []
        await asyncio.to_thread(desk.gateway.stop)
        asked = len(desk.upstream.requests)
        await asyncio.to_thread(desk.gateway.start)
        desk.client = desk.client_of(desk.gateway.key)
        run = await desk.client.evals.runs.retrieve(run.id, eval_id=made.id)
        assert (run.status, run.error.code) == ("failed", "gateway_stopped")
        assert len(desk.upstream.requests) == asked
        assert run.result_counts.total == len(await desk.items(run))


async def test_switched_off_there_is_nothing(tmp_path: Path) -> None:
    async with evals_desk(tmp_path, evals={"enabled": False}) as desk:
        for attempt in (desk.client.evals.list(), desk.client.files.list(), desk.client.evals.retrieve("eval_x")):
            with pytest.raises(openai.NotFoundError) as off:
                await attempt
            assert off.value.code == "evals_disabled"
        assert not (desk.gateway.state / "evals.db").exists()
        with pytest.raises(openai.AuthenticationError):
            await desk.client_of("gw-nobody").evals.list()
