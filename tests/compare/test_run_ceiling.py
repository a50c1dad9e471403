"""What would let money past a run's ceiling: answers that cost nothing, fail, or have no price, and judges."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.compare.cases import Suite, read_suite
from gateway.compare.grading import Judge, Outside
from gateway.compare.grading.judging.judges import Answer
from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.comparing import with_contest
from gateway.compare.running.journal import FILE, Head, Journal
from gateway.compare.running.judges import Judging
from gateway.compare.running.patience import Patience
from gateway.compare.running.results import Results
from gateway.compare.running.runner import CEILING, UNPRICED, Bounds
from gateway.compare.running.suites import Means, run_suite
from gateway.compare.running.trials import Failure
from gateway.stores.documents import Text
from tests.compare.scripted import arms_of, heard, plan_of, suite_of


def run(ask: Any, ceiling: int | None, *names: str, suite: Any = None, **means: Any) -> Results:
    plan = plan_of(
        suite or suite_of(40), arms_of(*(names or ("a",))), ceiling_nano=ceiling, bounds=Bounds(concurrency=8)
    )
    return asyncio.run(run_suite(plan, Means(ask=ask, **means)))


class Counted:
    """Answers, the first so many of them out of the gateway's cache; keeps how many are asked at once."""

    def __init__(self, kept: int, cost: int = 900) -> None:
        self.asked = self.open = self.most_open = 0
        self._kept, self._cost = kept, cost

    async def __call__(self, question: Question) -> Heard:
        self.asked += 1
        kept = self.asked <= self._kept
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        for _ in range(3):
            await asyncio.sleep(0)
        self.open -= 1
        return msgspec.structs.replace(heard("yes", cost_nano=0 if kept else self._cost), kept=kept)


JUDGED = "judges: {strict: {model: judge-model}}\n"
GRADE = '{"reason": "so", "pass": true, "score": 1}'


def judged(cases: int, labels: int) -> Suite:
    """Cases whose answers are looked at, and labelled ones that a judge is asked about."""
    asks = "  - {{messages: [{{role: user, content: q{0}}}], assert: [{{type: contains, value: yes}}{1}]}}\n"
    brings = "  - {providerOutput: 'labelled %d', human: pass, assert: [{type: llm-rubric, value: is good}]}\n"
    tests = "".join(asks.format(at, ", {type: llm-rubric, value: is good}" if labels else "") for at in range(cases))
    return read_suite(
        Text("c.yaml", (JUDGED + "tests:\n" + tests + "".join(brings % n for n in range(labels))).encode())
    )


def judged_alone(cases: int) -> Suite:
    ask = "  - {messages: [{role: user, content: q%d}], assert: [{type: llm-rubric, value: is good}]}\n"
    return read_suite(Text("c.yaml", (JUDGED + "tests:\n" + "".join(ask % at for at in range(cases))).encode()))


def test_labels_that_no_money_was_left_for_are_not_all_that_was_asked() -> None:
    """Else a judge that would count is silently one that advises, and the gate passes without it."""
    asked = 0

    async def judge(*_: Any) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(GRADE, 60 if "labelled" in str(_[0]) else 0)

    async def ask(_: Question) -> Heard:
        return heard("yes", cost_nano=0)

    found = run(ask, 100, suite=judged(2, 20), outside=Outside(ask=judge))
    assert found.judges[0].labels == 1
    assert found.stopped == CEILING


def test_comparisons_that_no_money_was_left_for_are_not_all_that_was_asked() -> None:
    suite = suite_of(10)
    contest = [with_contest(case, "is better", Judge(name="j", model="j")) for case in suite.cases]

    async def judge(*_: Any) -> Answer:
        return Answer('{"reason": "so", "winner": "tie"}', 10)

    async def ask(_: Question) -> Heard:
        return heard("yes", cost_nano=1)

    more = {"suite": msgspec.structs.replace(suite, cases=tuple(contest)), "outside": Outside(ask=judge)}
    found = run(ask, 120, "a", "b", **more)
    assert found.ranking[0].ties == 5
    assert (found.stopped, found.spent_nano) == (CEILING, 120)
    assert run(ask, 10_000, "a", "b", **more).stopped == ""


@pytest.mark.parametrize("labels", [0, 20])
def test_where_a_judges_price_is_not_known_no_ceiling_can_be_kept(labels: int) -> None:
    """Answers counted as nothing, each of a judge that costs more than what it judges."""
    asked = 0

    async def judge(_: Question) -> Heard:
        nonlocal asked
        asked += 1
        return heard(GRADE, cost_nano=None)

    async def ask(_: Question) -> Heard:
        return heard("yes", cost_nano=1)

    async def nap(_: float) -> None: ...

    judging = Judging(judge, None, Patience(), nap)
    means = {"outside": Outside(ask=judging), "unpriced": lambda: judging.unpriced}
    suite = judged(30, labels) if labels else judged_alone(30)
    found = run(ask, 10**9, suite=suite, **means)
    assert (found.stopped, asked) == (UNPRICED, 1)
    assert run(ask, None, suite=suite, **means).stopped == ""


def broken(cost: int | None) -> Heard:
    return Heard(failure=Failure(status=0, code="timeout", message="it broke off"), cost_nano=cost)


@pytest.mark.parametrize(("cost", "asked", "spent"), [(400, 5, 2_000), (None, 3, 2_100)])
def test_answers_that_broke_off_are_paid_for_too(cost: int | None, asked: int, spent: int, tmp_path: Path) -> None:
    """What nobody says the cost of is taken to cost what was put aside for it."""
    count = 0

    async def ask(_: Question) -> Heard:
        nonlocal count
        count += 1
        return heard("yes", cost_nano=700 if cost is None else 400) if count == 1 else broken(cost)

    with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
        found = run(ask, 2_100, journal=journal)
    assert (count, found.spent_nano, found.stopped) == (asked, spent, CEILING)
    assert found.summaries[0].cost_nano == spent
    # The next part knows of it.
    with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
        again = run(ask, 2_100, journal=journal)
    assert (count, again.spent_nano) == (asked, spent)


def test_what_a_judge_was_asked_when_the_run_was_killed_is_spent_in_all_later_parts(tmp_path: Path) -> None:
    async def judge(*_: Any) -> Answer:
        return Answer(GRADE, 50)

    async def ask(_: Question) -> Heard:
        return heard("yes", cost_nano=10)

    def part() -> int:
        with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
            return run(ask, 10_000, suite=judged_alone(5), outside=Outside(ask=judge), journal=journal).spent_nano

    assert part() == 300
    path = tmp_path / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    last = max(at for at, line in enumerate(lines) if b'"kind":"answered"' in line)
    left = lines[: last + 1]
    path.write_bytes(b"".join(left))
    ungraded = sum(b'"kind":"answered"' in one for one in left) - sum(b'"kind":"graded"' in one for one in left)
    assert ungraded
    assert [part(), part()] == [300 + 50 * ungraded] * 2


@pytest.mark.parametrize(("cost", "spent"), [(400, 1_010), (None, 1_210)])
def test_what_judges_answers_that_broke_off_cost_is_counted(cost: int | None, spent: int) -> None:
    count = 0

    async def judge(_: Question) -> Heard:
        nonlocal count
        count += 1
        return heard(GRADE, cost_nano=600) if count == 1 else broken(cost)

    async def ask(_: Question) -> Heard:
        return heard("yes", cost_nano=5)

    async def nap(_: float) -> None: ...

    judging = Judging(judge, None, Patience(), nap)
    found = run(ask, 10_000, suite=judged_alone(2), outside=Outside(ask=judging), unpriced=lambda: judging.unpriced)
    assert (found.spent_nano, found.stopped, found.judges[0].cost_nano) == (spent, "", spent - 10)


def test_where_nobody_can_say_what_was_lost_no_ceiling_can_be_kept() -> None:
    count = 0

    async def ask(_: Question) -> Heard:
        nonlocal count
        count += 1
        return broken(None)

    assert (run(ask, 2_000).stopped, count) == (UNPRICED, 1)
    assert run(ask, None).stopped == ""


def test_what_a_cache_gave_for_nothing_teaches_nothing_of_what_an_answer_costs(tmp_path: Path) -> None:
    ask = Counted(kept=3)
    found = run(ask, 2_000)
    assert (ask.most_open, found.spent_nano, found.stopped) == (1, 1_800, CEILING)
    # Nor does it in the next part of the run.
    for cases, ask in ((3, Counted(kept=3)), (40, Counted(kept=0))):
        with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
            found = run(ask, 2_000, suite=suite_of(cases), journal=journal)
    assert (ask.most_open, found.spent_nano) == (1, 1_800)
