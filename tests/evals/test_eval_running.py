"""Runs of a worker: begun, ended once, and never left behind. A real store and files; calls that answer by hand."""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.core.clock import SystemClock
from gateway.core.faults import Unauthenticated
from gateway.evals import running
from gateway.evals.desk import Desk
from gateway.evals.files import STALE_S, Files
from gateway.evals.memory import Memory
from gateway.evals.options import EvalsOptions
from gateway.evals.rows import Page
from gateway.evals.running import Runs
from gateway.evals.store import EvalStore
from gateway.evals.turns import Turns
from gateway.pipeline.own_calls import Answered
from tests.evals.eval_doubles import HEADERS, Pipeline, refused, said
from tests.evals.test_eval_items import EQ, MESSAGES

ACME = "acme"
CLOCK = SystemClock()
EVAL = msgspec.json.encode({"data_source_config": {"type": "custom", "item_schema": {}}, "testing_criteria": [EQ]})


class Worker:
    def __init__(self, desk: Desk, runs: Runs, files: Files, memory: Memory) -> None:
        self.desk, self.runs, self.files, self.memory = desk, runs, files, memory

    async def begin(self, rows: int, source: Any = None, model: str = "m") -> dict[str, Any]:
        made = await self.desk.create_eval(ACME, EVAL)
        content = [{"item": {"q": "x", "a": "x"}}] * rows
        sent = {
            "type": "completions", "model": model, "input_messages": MESSAGES,
            "source": source or {"type": "file_content", "content": content},
        }  # fmt: skip
        body = msgspec.json.encode({"data_source": sent})
        return await self.desk.create_run(ACME, made["id"], body, HEADERS, "http://x/")

    async def look(self, run: dict[str, Any]) -> dict[str, Any]:
        return await self.desk.get_run(ACME, run["eval_id"], run["id"], "http://x/")

    async def ended(self, run: dict[str, Any]) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while (found := await self.look(run))["status"] in ("queued", "in_progress"):
                await asyncio.sleep(0.01)
        return found


@contextlib.asynccontextmanager
async def worker(folder: Path, pipeline: Any, **options: Any) -> AsyncIterator[Worker]:
    chosen = EvalsOptions(lease_s=2, **options)
    with EvalStore(folder / "evals.db", chosen, CLOCK) as store, Memory(store) as memory:
        files = Files(folder / "evals")
        async with Runs(memory, files, pipeline, chosen, CLOCK) as runs:
            yield Worker(Desk(memory, files, runs, chosen, CLOCK), runs, files, memory)


class Hanging(Pipeline):
    """Answers nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__(said("x"))
        self.gate = asyncio.Event()

    async def __call__(self, *call: Any) -> Answered:
        answered = await super().__call__(*call)
        await self.gate.wait()
        return answered


async def test_every_row_is_done_once_and_by_so_many_at_once(tmp_path: Path) -> None:
    pipeline = Pipeline(said("x"), pause_s=0.003)
    async with worker(tmp_path, pipeline, concurrent_rows=5) as one:
        run = await one.ended(await one.begin(200))
        assert run["result_counts"] == {"total": 200, "passed": 200, "failed": 0, "errored": 0}
        assert (len(pipeline.asked), pipeline.most_at_once) == (200, 5)
        numbers: list[int] = []
        page = Page(limit=100)
        while True:
            listed = msgspec.json.decode(
                msgspec.json.encode(await one.desk.list_items(ACME, run["eval_id"], run["id"], page))
            )
            numbers += [item["datasource_item_id"] for item in listed["data"]]
            if not listed["has_more"]:
                break
            page = Page(limit=100, after=listed["last_id"])
        assert sorted(numbers) == list(range(200))
        assert run["report_url"] == f"http://x/v1/evals/{run['eval_id']}/runs/{run['id']}"


async def test_a_row_that_is_kept_later_takes_no_count_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put, away = EvalStore.put_item, [True]

    def first_in_vain(store: EvalStore, *row: Any) -> bool:
        if away:
            away.clear()
            raise sqlite3.OperationalError("database is locked")
        return put(store, *row)

    monkeypatch.setattr(EvalStore, "put_item", first_in_vain)
    monkeypatch.setattr("gateway.evals.memory.AGAIN_S", 0.3)
    async with worker(tmp_path, Pipeline(said("x")), concurrent_rows=2) as one:
        run = await one.ended(await one.begin(6))
        assert run["result_counts"]["passed"] == 6
        assert [counted["passed"] for counted in run["per_testing_criteria_results"]] == [6]


async def test_a_run_ends_with_the_key_that_made_it(tmp_path: Path) -> None:
    async with worker(tmp_path, Pipeline(said("x"), said("x"), refused(Unauthenticated("gone")))) as one:
        run = await one.ended(await one.begin(50))
        assert (run["status"], run["error"]["code"]) == ("failed", "invalid_api_key")


async def test_a_run_ends_where_there_is_no_more_room(tmp_path: Path) -> None:
    async with worker(tmp_path, Pipeline(said("x" * 1_000)), max_bytes=50_000) as one:
        run = await one.ended(await one.begin(200))
        assert (run["status"], run["error"]["code"]) == ("failed", "storage_limit")
        assert 10 < run["result_counts"]["total"] < 50


async def test_a_run_ends_where_its_file_is_gone(tmp_path: Path) -> None:
    pipeline = Hanging()
    async with worker(tmp_path, pipeline, concurrent_runs=1) as one:
        async with one.desk.spool(ACME) as spool:
            await spool.write(b'{"item": {"q": "x", "a": "x"}}\n')
            file = await one.desk.keep_file(ACME, spool, "a", None)
        await one.begin(1)
        second = await one.begin(0, {"type": "file_id", "id": file["id"]})
        await one.desk.delete_file(ACME, file["id"])
        pipeline.gate.set()
        run = await one.ended(second)
        assert (run["status"], run["error"]["code"]) == ("failed", "file_not_found")


async def test_a_bug_ends_a_run_and_is_told_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(body: Any) -> Answered:
        raise ZeroDivisionError("a bug")

    async with worker(tmp_path, Pipeline(by=broken)) as one:
        run = await one.ended(await one.begin(3))
        assert (run["status"], run["error"]["code"]) == ("failed", "internal_error")
    assert "ZeroDivisionError" in caplog.text


async def test_a_worker_that_stops_leaves_no_run_under_way(tmp_path: Path) -> None:
    async with worker(tmp_path, Hanging(), concurrent_runs=1) as one:
        runs = [await one.begin(3), await one.begin(3)]
        async with asyncio.timeout(10):
            while (await one.look(runs[0]))["status"] == "queued":
                await asyncio.sleep(0.01)
        assert [(await one.look(run))["status"] for run in runs] == ["in_progress", "queued"]
    async with worker(tmp_path, Pipeline(said("x"))) as other:
        for run in runs:
            found = await other.look(run)
            assert (found["status"], found["error"]["code"]) == ("failed", "gateway_stopped")


async def test_another_worker_cancels_and_ends_what_a_dead_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BEAT_S", 0.05)
    pipeline = Hanging()
    async with worker(tmp_path, pipeline) as one, worker(tmp_path, Pipeline(said("x"))) as other:
        run = await one.begin(3)
        await asyncio.sleep(0.1)
        cancelled = await other.desk.cancel_run(ACME, run["eval_id"], run["id"], "http://x/")
        assert cancelled["status"] == "canceled"
        async with asyncio.timeout(5):
            while one.runs._tasks:
                await asyncio.sleep(0.01)
        lost = await one.begin(3)
        one.runs._beside[0].cancel()  # it says nothing any more
        found = await other.ended(lost)
        assert (found["status"], found["error"]["code"]) == ("failed", "worker_lost")
        pipeline.gate.set()
        await asyncio.sleep(0.1)
        assert (await other.look(lost))["result_counts"]["total"] == 0, "what comes later is not kept"


async def test_a_client_that_hangs_up_leaves_no_run_that_nobody_carries_out(tmp_path: Path) -> None:
    async with worker(tmp_path, Pipeline(said("x"))) as one:
        asking = asyncio.create_task(one.begin(2))
        await asyncio.sleep(0.005)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.1)
        listed = await one.desk.list_evals(ACME, Page())
        for made in listed["data"]:
            runs = await one.desk.list_runs(ACME, made["id"], Page(), "http://x/")
            for run in runs["data"]:
                assert (await one.ended(run))["status"] == "completed"


async def test_what_nobody_knows_of_is_swept_from_the_folder(tmp_path: Path) -> None:
    files = Files(tmp_path)
    for name in ("file-a.jsonl", "file-b.jsonl", ".incoming-1"):
        (tmp_path / name).write_bytes(b"")
    for name in ("file-a.jsonl", ".incoming-1"):
        os.utime(tmp_path / name, (0, time.time() - STALE_S - 1))
    stray = tmp_path / "lost+found"
    stray.mkdir()
    os.utime(stray, (0, 0))
    files.sweep(frozenset({"file-c"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file-b.jsonl", "lost+found"]


async def test_a_tenant_with_many_runs_keeps_no_other_waiting() -> None:
    turns, order = Turns(2), list[str]()
    gates: dict[str, asyncio.Event] = {}

    async def run(tenant: str, name: str) -> None:
        async with turns.of(tenant):
            order.append(name)
            await gates.setdefault(name, asyncio.Event()).wait()

    tasks = {name: asyncio.create_task(run("big", name)) for name in ("b1", "b2", "b3", "b4")}
    await asyncio.sleep(0)
    tasks["s1"] = asyncio.create_task(run("small", "s1"))
    await asyncio.sleep(0)
    tasks["b3"].cancel()
    assert order == ["b1", "b2"]
    gates["b1"].set()
    await asyncio.sleep(0.01)
    assert order == ["b1", "b2", "s1"]
    for name in ("b2", "s1"):
        gates[name].set()
    await asyncio.sleep(0.01)
    assert order == ["b1", "b2", "s1", "b4"]
    gates["b4"].set()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    async with asyncio.timeout(1), turns.of("big"), turns.of("big"):
        pass
