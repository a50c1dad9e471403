"""A run that was killed, or whose suite was changed, is gone on with: nothing that is written down is asked again."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.journal import FILE, HEAD, Answered, Asking, GradesGiven, Head, Journal, JournalError, Line
from gateway.compare.running.results import Results
from gateway.compare.running.runner import TIME, Bounds
from gateway.compare.running.suites import Means, run_suite
from gateway.testing import HandClock
from tests.compare.killed_run import CONCURRENCY, run
from tests.compare.scripted import Scripted, arms_of, plan_of, suite_of
from tests.conftest import ROOT

CASES = 60
QUALITY = {"a": 0.9, "b": 0.7}


def lines(folder: Path) -> list[Line]:
    data = (folder / "run" / FILE).read_bytes()
    return [msgspec.json.decode(line, type=Line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def written(folder: Path) -> set[tuple[str, str, int]]:
    trials = [line.trial for line in lines(folder) if isinstance(line, Answered)]
    return {(one.arm, one.case, one.repeat) for one in trials}


def asked(folder: Path) -> list[tuple[str, str, int]]:
    found = [line.split() for line in (folder / "asked").read_text().splitlines()]
    return [(arm, case, int(repeat)) for arm, case, repeat in found]


def figures(results: Results) -> object:
    return (
        results.summaries,
        results.differences,
        [(one.trial.arm, one.trial.case, one.passed) for one in results.graded],
    )


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_it_loses_nothing_and_asks_nothing_twice(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    command = [sys.executable, "-m", "tests.compare.killed_run", str(tmp_path), str(CASES)]
    total = CASES * 2 * 2
    kills = 0
    for part in range(1, 4):
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        enough = total * part // 4 + chance.randrange(10)
        while process.poll() is None and (not (tmp_path / "asked").exists() or len(asked(tmp_path)) < enough):
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait(10)
    assert kills >= 2
    before = written(tmp_path)
    asked_before = len(asked(tmp_path))
    results = run(tmp_path, CASES)
    assert not before & set(asked(tmp_path)[asked_before:])
    counts = Counter(asked(tmp_path))
    assert len(counts) == total
    twice = sum(counts.values()) - total
    assert twice <= kills * CONCURRENCY
    assert len(results.graded) == total
    assert results.missing == 0
    fresh = asyncio.run(
        run_suite(
            plan_of(suite_of(CASES, each=lambda _: "    repeat: 2\n"), arms_of("a", "b")),
            Means(ask=Scripted(QUALITY, cost_nano=100)),
        )
    )
    assert figures(results) == figures(fresh)
    # The run's answers, and those that were under way when it was killed, if only just about to be asked: what they cost
    # is not known, but put aside.
    assert (total + twice) * 100 <= results.spent_nano <= (total + kills * CONCURRENCY) * 100


def part(folder: Path, ask: Scripted, suite: object = None, **more: object) -> Results:
    plan = plan_of(suite or suite_of(10), arms_of("a", "b"), **more)  # type: ignore[arg-type]
    with Journal(folder, Head(id="run", suite="suite", began=1.0)) as journal:
        return asyncio.run(run_suite(plan, Means(ask=ask, journal=journal)))


def test_what_is_done_is_not_asked_again(tmp_path: Path) -> None:
    ask = Scripted(QUALITY)
    first = part(tmp_path, ask)
    asked_first = len(ask.asked)
    again = part(tmp_path, ask)
    assert (asked_first, len(ask.asked)) == (20, 20)
    assert figures(first) == figures(again)
    assert again.spent_nano == first.spent_nano == 20_000


def test_of_a_changed_suite_the_changed_part_is_asked(tmp_path: Path) -> None:
    ask = Scripted(QUALITY)
    part(tmp_path, ask)
    ask.asked.clear()
    changed = part(tmp_path, ask, suite_of(12))
    assert {case for _, case, _ in ask.asked} == {"tests[10]", "tests[11]"}
    assert len(changed.graded) == 24


def test_with_another_temperature_all_of_it_is_asked_anew(tmp_path: Path) -> None:
    ask = Scripted(QUALITY)
    part(tmp_path, ask)
    arms = [msgspec.structs.replace(arm, parameters={"temperature": 1}) for arm in arms_of("a", "b")]
    with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
        results = asyncio.run(run_suite(plan_of(suite_of(10), arms), Means(ask=ask, journal=journal)))
    assert len(ask.asked) == 40
    # What was spent on answers that others took the place of is spent.
    assert (results.cost_nano, results.spent_nano) == (20_000, 40_000)


def test_other_assertions_are_held_against_the_same_answers(tmp_path: Path) -> None:
    ask = Scripted(QUALITY)
    before = part(tmp_path, ask)
    stricter = suite_of(10, extra="defaultTest: {assert: [{type: contains, value: nothing has this}]}\n")
    after = part(tmp_path, ask, stricter)
    assert len(ask.asked) == 20
    assert before.summaries[0].passed > 0
    assert after.summaries[0].passed == 0


def test_more_repeats_ask_the_new_ones_only(tmp_path: Path) -> None:
    ask = Scripted(QUALITY)
    part(tmp_path, ask)
    ask.asked.clear()
    part(tmp_path, ask, suite_of(10, each=lambda _: "    repeat: 3\n"))
    assert {repeat for *_, repeat in ask.asked} == {1, 2}
    assert len(ask.asked) == 40


def test_a_time_limit_begins_nothing_more_and_can_be_gone_on_from(tmp_path: Path) -> None:
    clock = HandClock()
    scripted = Scripted(QUALITY)

    async def ask(question: Question) -> Heard:
        clock.advance(1.0)
        return await scripted(question)

    plan = plan_of(suite_of(10), arms_of("a", "b"), bounds=Bounds(concurrency=1, time_limit_s=5.0))
    with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
        stopped = asyncio.run(run_suite(plan, Means(ask=ask, journal=journal, clock=clock)))
    assert (stopped.stopped, stopped.missing, len(stopped.graded)) == (TIME, 15, 5)
    whole = part(tmp_path, scripted)
    assert (whole.stopped, whole.missing, len(scripted.asked)) == ("", 0, 20)
    assert whole.began == 1.0


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    ask = Scripted(QUALITY)
    part(tmp_path, ask)
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind":"answered","questi')
    part(tmp_path, ask)
    assert path.read_bytes() == whole
    assert len(ask.asked) == 20


def test_a_grade_that_was_not_written_is_given_again_without_asking(tmp_path: Path) -> None:
    ask = Scripted(QUALITY)
    part(tmp_path, ask)
    path = tmp_path / FILE
    kept = [line for line in path.read_bytes().splitlines() if b'"kind":"graded"' not in line]
    path.write_bytes(b"\n".join(kept) + b"\n")
    again = part(tmp_path, ask)
    assert len(ask.asked) == 20
    assert again.summaries[0].passed > 0
    found = [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]
    assert Counter(type(line) for line in found) == {Asking: 20, Answered: 20, GradesGiven: 20}


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    head = Head(id="run", suite="suite", began=1.0)
    with Journal(tmp_path, head), pytest.raises(JournalError, match="another run is writing there now"):
        with Journal(tmp_path, head):
            pass


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (HEAD, '{"format":1,"id":"x","suite":"other","began":1}', "a run of the suite `other`, not of `suite`"),
        (HEAD, '{"format":9,"id":"x","suite":"suite","began":1}', "another version"),
        (HEAD, "nonsense", "is not the head of a run"),
        (FILE, '{"kind":"nonsense"}\n', "journal.jsonl:1: is not what a run writes"),
    ],
)
def test_what_is_no_run_is_refused(file: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(JournalError, match="an empty folder") as refused:
        with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)):
            pass
    assert says in str(refused.value)


def test_what_is_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    part(tmp_path / "run", Scripted(QUALITY))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "run").iterdir()} == {0o600}
