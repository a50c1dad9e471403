"""Targets that an operator has taken out: a file that all workers follow."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.core.faults import TargetTakenOut
from gateway.router.draining import TakenOut, changing, follow, read_taken_out
from tests.conftest import within
from tests.router.test_attempts_made import A, B, Fleet, fine

OUT = TakenOut("cli:ops", 1_800_000_000.0, "maintenance")


@pytest.mark.asyncio
async def test_what_is_taken_out_gets_no_calls_until_it_is_put_back() -> None:
    fleet = Fleet(a=[fine], b=[fine])
    fleet.router.standings.take_out({"a/m": OUT})
    await fleet.ask(A, B)
    assert fleet.asked == ["b/m"]
    with pytest.raises(TargetTakenOut) as refused:
        await fleet.ask(A)
    assert (refused.value.status, refused.value.code, refused.value.blame) == (503, "upstream_taken_out", "own")
    assert "the target `a/m` of the model `m` was taken out by an operator" in refused.value.message
    assert refused.value.message.endswith("try again later, or ask another model")
    view = fleet.router.targets()
    assert (view["a/m"].taken_out, view["b/m"].taken_out) == (OUT, None)
    fleet.router.standings.take_out({})
    await fleet.ask(A, B)
    assert fleet.asked == ["b/m", "a/m"]


def test_two_who_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state" / "targets.json"

    def add(number: int) -> None:
        with changing(path) as out:
            out[f"p/{number}"] = OUT

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_taken_out(path)) == {f"p/{number}" for number in range(8)}
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_fails_on_the_way_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "targets.json"

    def fail() -> None:
        with changing(path) as out:
            out["p/m"] = OUT
            raise KeyError("on the way")

    with pytest.raises(KeyError):
        fail()
    assert read_taken_out(path) == {}


@pytest.mark.asyncio
async def test_a_broken_file_leaves_what_was_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.router")
    path = tmp_path / "targets.json"
    with changing(path) as out:
        out["p/m"] = OUT
    told: list[Mapping[str, TakenOut]] = []
    following = asyncio.create_task(follow(path, told.append))
    async with within(10):
        while not told:
            await asyncio.sleep(0.01)
        path.write_text("no JSON")
        while "cannot be read" not in caplog.text:
            await asyncio.sleep(0.01)
        path.unlink()
        while len(told) < 2:
            await asyncio.sleep(0.01)
    following.cancel()
    assert told == [{"p/m": OUT}, {}]
    assert caplog.text.count("cannot be read, what was known") == 1, "once is enough for one file"
