"""A tuning that was killed is gone on with: the same end, and nothing is paid for twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec

from gateway.compare.running.journal import FILE, Answered, Line
from gateway.compare.tuning.tuner import Tuned
from tests.compare.tuning.killed_tuning import CONCURRENCY, run
from tests.conftest import ROOT


def asked(folder: Path) -> list[str]:
    path = folder / "asked"
    return path.read_text().splitlines() if path.exists() else []


def written(folder: Path) -> set[str]:
    data = (folder / "run" / FILE).read_bytes()
    lines = [msgspec.json.decode(line, type=Line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
    trials = [line.trial for line in lines if isinstance(line, Answered)]
    return {f"{one.arm} {one.case} {one.repeat}" for one in trials}


def end(tuned: Tuned) -> object:
    assert tuned.best is not None
    assert tuned.held is not None
    tried = [(one.candidate.digest, one.candidate.how, one.value) for one in tuned.tried]
    return tuned.best.digest, tried, tuned.held.judgements, tuned.calls, tuned.reflections, tuned.ended


def test_killed_again_and_again_it_ends_the_same(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    at_once, _ = run(whole)
    total = len(asked(whole))
    assert total == len(set(asked(whole)))
    assert at_once.proven
    command = [sys.executable, "-m", "tests.compare.tuning.killed_tuning", str(cut)]
    kills = 0
    for part in range(1, 4):
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        while process.poll() is None and len(asked(cut)) < total * part // 4:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait(10)
    assert kills >= 2
    before, asked_before = written(cut), len(asked(cut))
    tuned, _ = run(cut)
    assert not before & set(asked(cut)[asked_before:])
    assert end(tuned) == end(at_once)
    counts = Counter(asked(cut))
    assert set(counts) == set(asked(whole))
    twice = sum(counts.values()) - total
    assert twice <= kills * CONCURRENCY
    # What a kill has lost is known by what it put aside: all of it is in what was spent.
    assert len(counts) * 1_000 <= tuned.spent_nano <= sum(counts.values()) * 1_000


def test_a_run_that_has_ended_asks_nothing_more(tmp_path: Path) -> None:
    first, _ = run(tmp_path)
    again, model = run(tmp_path)
    assert (model.asked, model.reflected) == ([], [])
    assert end(again) == end(first)
    assert again.spent_nano == first.spent_nano
