"""Answers kept from earlier runs, and patience with whoever is busy."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.compare.running.asking import Heard, Question, digest_of
from gateway.compare.running.keeping import DAY_S, KeptAnswers
from gateway.compare.running.patience import Patience, patiently
from gateway.compare.running.selecting import Selection
from gateway.compare.running.suites import Means, run_suite
from gateway.compare.running.trials import Arm, Failure
from tests.compare.scripted import Scripted, arms_of, heard, plan_of, suite_of

NOW = time.time()


def question(text: str = "hello", repeat: int = 0, arm: str = "m", **parameters: Any) -> Question:
    one = Arm(name=arm, kind="model", model=arm)
    request = {"model": arm, "messages": [{"role": "user", "content": text}], **parameters}
    return Question(
        id="q", arm=one, case="c", repeat=repeat, request=request, digest=digest_of(one, request, streamed=False)
    )


def served(kept: KeptAnswers, model: str = "m-2026", arm: str = "m") -> None:
    """The first question to each arm is asked, and says who serves it now."""
    kept.put(question("who are you?", arm=arm), heard("me", model=model))


def test_the_same_question_is_answered_once_who_serves_is_known(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path, now=NOW)
    kept.put(question(), heard("hi", model="m-2026"))
    again = KeptAnswers(tmp_path, now=NOW + 60)
    assert again.get(question()) is None
    served(again)
    found = again.get(question())
    assert found is not None
    assert found == heard("hi", model="m-2026")


OTHER = {
    "text": {"text": "hallo"},
    "repeat": {"repeat": 1},
    "temperature": {"temperature": 1},
}


@pytest.mark.parametrize("name", OTHER)
def test_another_question_has_another_answer(name: str, tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path, now=NOW)
    kept.put(question(), heard("hi", model="m-2026"))
    assert kept.get(question()) is not None
    assert kept.get(question(**OTHER[name])) is None


def test_another_prompt_under_the_same_name_has_another_answer() -> None:
    one, other = (Arm(name="p", kind="prompt", prompt="p", digest=digest) for digest in ("sha256:a", "sha256:b"))
    assert digest_of(one, {}, streamed=False) != digest_of(other, {}, streamed=False)
    assert digest_of(one, {}, streamed=False) != digest_of(one, {}, streamed=True)


def test_what_another_snapshot_said_is_not_used(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path, now=NOW)
    kept.put(question(), heard("hi", model="m-2026"))
    again = KeptAnswers(tmp_path, now=NOW)
    served(again, "m-2027")
    assert again.get(question()) is None


def test_old_answers_go(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path, keep_days=1, now=NOW)
    kept.put(question(), heard("hi", model="m-2026"))
    (path,) = tmp_path.glob("??/*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    os.utime(path, (NOW, NOW))
    late = KeptAnswers(tmp_path, keep_days=1, now=NOW + 2 * DAY_S)
    served(late)
    assert late.get(question()) is None
    assert not path.exists()


def test_what_is_broken_is_left_aside(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path, now=NOW)
    kept.put(question(), heard("hi", model="m-2026"))
    (path,) = tmp_path.glob("??/*.json")
    path.write_bytes(b"{")
    assert kept.get(question()) is None


def test_failures_are_not_kept(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path, now=NOW)
    kept.put(question(), Heard(failure=Failure(status=500, code="x", message="y")))
    assert list(tmp_path.glob("??/*")) == []


class Slow(Scripted):
    """It has begun to be asked all that may be asked at once before it answers any of it."""

    async def __call__(self, question: Question) -> Heard:
        found = await super().__call__(question)
        await asyncio.sleep(0.02)
        return found


def test_what_a_run_of_a_few_cases_was_told_a_run_of_all_need_not_ask_again(tmp_path: Path) -> None:
    """Though all of the few go out at once."""
    ask, suite = Slow({"a": 0.9, "b": 0.5}), suite_of(20)
    few = plan_of(suite, arms_of("a", "b"), selection=Selection(limit=4))
    counts: list[int] = []
    for plan in (few, few, plan_of(suite, arms_of("a", "b"))):
        results = asyncio.run(run_suite(plan, Means(ask=ask, kept=KeptAnswers(tmp_path))))
        counts.append(sum(one.kept for one in results.summaries))
    assert counts == [0, 6, 8]
    assert len(ask.asked) == 8 + 2 + 32


def test_where_nothing_is_kept_nobody_waits_for_anybody(tmp_path: Path) -> None:
    class Counting(Slow):
        now = most = 0

        async def __call__(self, question: Question) -> Heard:
            self.now += 1
            self.most = max(self.most, self.now)
            found = await super().__call__(question)
            self.now -= 1
            return found

    ask = Counting({"a": 1.0, "b": 1.0})
    asyncio.run(run_suite(plan_of(suite_of(4), arms_of("a", "b")), Means(ask=ask, kept=KeptAnswers(tmp_path))))
    assert ask.most == 8


def test_a_first_question_that_fails_holds_nobody_up(tmp_path: Path) -> None:
    class Failing(Slow):
        async def __call__(self, question: Question) -> Heard:
            found = await super().__call__(question)
            return Heard(failure=Failure(status=400, code="x", message="no")) if len(self.asked) == 81 else found

    ask = Failing({"a": 1.0})
    for _ in range(2):
        plan = plan_of(suite_of(80), arms_of("a"))
        results = asyncio.run(run_suite(plan, Means(ask=ask, kept=KeptAnswers(tmp_path))))
    assert results.summaries[0].errors == 1
    assert results.summaries[0].trials == 80


def test_a_second_run_of_a_suite_asks_each_arm_once(tmp_path: Path) -> None:
    ask = Scripted({"a": 0.9, "b": 0.5})
    plan = plan_of(suite_of(20, each=lambda _: "    repeat: 2\n"), arms_of("a", "b"))
    first, again = (asyncio.run(run_suite(plan, Means(ask=ask, kept=KeptAnswers(tmp_path)))) for _ in range(2))
    assert len(ask.asked) == 80 + 2
    assert [one.pass_rate for one in first.summaries] == [one.pass_rate for one in again.summaries]
    assert sum(one.kept for one in again.summaries) == 80 - 2
    assert again.spent_nano == (len(ask.asked) - 80) * 1_000
    # What an answer costs is told as if none had been kept.
    assert again.summaries[0].cost_per_thousand_nano == 1_000_000


def busy(again_in_s: float | None) -> Heard:
    return Heard(failure=Failure(status=429, code="rate_limited", message="slow"), again_in_s=again_in_s)


async def waited(*said: Heard, patience: Patience | None = None) -> tuple[Any, list[float]]:
    naps: list[float] = []
    left = list(said)

    async def ask(_: Question) -> Heard:
        return left.pop(0)

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    return await patiently(ask, question(), patience or Patience(), nap), naps


async def test_who_is_busy_is_asked_again_when_told() -> None:
    found, naps = await waited(busy(0.5), busy(0.5), busy(0.5), heard("hi"))
    assert (found.heard, found.retries) == (heard("hi"), 3)
    assert naps == [0.5, 1.0, 2.0]
    assert found.waited_s == 3.5


async def test_patience_ends() -> None:
    found, naps = await waited(*[busy(1)] * 3, patience=Patience(tries=3))
    assert (found.heard, found.retries, len(naps)) == (busy(1), 2, 2)
    found, naps = await waited(busy(3_600), heard("hi"))
    assert (found.heard, naps) == (busy(3_600), [])
    found, naps = await waited(busy(100), busy(100), heard("hi"))
    assert naps == [100, 120]


async def test_what_asking_again_does_not_mend_is_not_asked_again() -> None:
    found, naps = await waited(busy(None), heard("hi"))
    assert (found.heard, naps) == (busy(None), [])
