"""Judges: whose grades count, what they cost, and answers held against one another."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from gateway.compare.cases import Suite, read_suite
from gateway.compare.grading import Judge, Outside
from gateway.compare.grading.judging.judges import Answer
from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.comparing import with_contest
from gateway.compare.running.journal import Head, Journal
from gateway.compare.running.judges import Judging, NoAnswer
from gateway.compare.running.keeping import KeptAnswers
from gateway.compare.running.patience import Patience
from gateway.compare.running.results import Results
from gateway.compare.running.standing import Declared
from gateway.compare.running.suites import Means, run_suite
from gateway.compare.running.trials import Failure
from gateway.stores.documents import Text
from gateway.testing import HandClock
from tests.compare.scripted import arms_of, heard, plan_of, suite_of

JUDGES = "judges: {strict: {model: judge-model}}\n"


def labelled(count: int, agree: int) -> str:
    """Answers that a person has judged, half of them good; the judge, who passes what says `good`, agrees on `agree`."""
    tests = ""
    for number in range(count):
        good = number % 2 == 0
        says = "good" if good == (number < agree) else "poor"
        tests += (
            f"  - {{providerOutput: 'a {says} answer {number}', human: {'pass' if good else 'fail'}, "
            f"assert: [{{type: llm-rubric, value: is good}}]}}\n"
        )
    return tests


def judged_suite(labels: str) -> Suite:
    tests = "".join(
        f"  - {{messages: [{{role: user, content: 'q{number}'}}], assert: [{{type: llm-rubric, value: is good}}]}}\n"
        for number in range(10)
    )
    return read_suite(Text("cases.yaml", f"{JUDGES}tests:\n{tests}{labels}".encode()))


class Says:
    """A judge that passes what says `good`, and prefers the longer of two answers."""

    def __init__(self, cost_nano: int = 7) -> None:
        self.asked = 0
        self._cost = cost_nano

    async def __call__(self, messages: Any, model: str, params: Any) -> Answer:
        self.asked += 1
        said = messages[-1]["content"]
        if "<first " in said:
            first, second = (
                said.split(f"<{name} ")[1].split(">\n")[1].split("\n</")[0] for name in ("first", "second")
            )
            winner = "tie" if len(first) == len(second) else "first" if len(first) > len(second) else "second"
            return Answer(json.dumps({"reason": "longer", "winner": winner}), self._cost, "judge-1")
        good = "good answer" in said
        return Answer(json.dumps({"reason": "as it is", "pass": good, "score": float(good)}), self._cost, "judge-1")


async def ask(question: Question) -> Heard:
    number = int(question.request["messages"][0]["content"].removeprefix("q"))
    good = question.arm.name == "new" or number % 2
    return heard(f"a {'good' if good else 'poor'} answer {'!' * len(question.arm.name)}", cost_nano=100)


def run(suite: Suite, judge: Any, journal: Journal | None = None, **aims: Any) -> Results:
    plan = plan_of(suite, arms_of("old", "new"), {"gates": True, "base": "old", "margin": 0.1, **aims})
    return asyncio.run(run_suite(plan, Means(ask=ask, outside=Outside(ask=judge), journal=journal)))


def test_a_judge_that_was_never_held_against_people_advises_only() -> None:
    results = run(judged_suite(""), Says())
    assert not results.judges[0].calibrated
    assert all(not one.counted and one.reason == "nothing is asserted of it that counts" for one in results.graded)
    assert [one.advisory for one in results.graded if not one.trial.grades[0].passed] == [("llm-rubric",)] * 5
    assert results.judgements[0].gate == "inconclusive"
    assert any("the judge strict advises, and decides nothing: it was never held" in note for note in results.notes)


@pytest.mark.parametrize(
    ("count", "agree", "calibrated", "why"),
    [
        (40, 40, True, "kappa 1.00 over 40 labels"),
        (40, 34, True, "kappa 0.70 over 40 labels"),
        (40, 30, False, "kappa 0.50 over 40 labels in this suite; 0.6 is the least"),
        (10, 10, False, "10 labels are too few"),
    ],
)
def test_a_judge_counts_if_it_agrees_with_people(count: int, agree: int, calibrated: bool, why: str) -> None:
    results = run(judged_suite(labelled(count, agree)), Says())
    (judge,) = results.judges
    assert (judge.calibrated, judge.labels) == (calibrated, count)
    assert why in judge.why
    assert [one.passed for one in results.summaries] == ([5, 10] if calibrated else [0, 0])
    # Labelled answers are nobody's: no arm is asked for them.
    assert [one.trials for one in results.summaries] == [10, 10]


@pytest.mark.parametrize(
    ("declared", "calibrated", "why"),
    [
        (Declared(0.72, 240), True, "kappa 0.72 over 240 labels is declared for it"),
        (Declared(0.5, 240), False, "0.6 over 20 is the least"),
        (Declared(0.72, 240, "and has run out"), False, "is declared for it, and has run out"),
    ],
)
def test_what_was_measured_before_counts_too(declared: Declared, calibrated: bool, why: str) -> None:
    results = run(judged_suite(""), Says(), declared={"strict": declared})
    assert (results.judges[0].calibrated, why in results.judges[0].why) == (calibrated, True)


def test_what_judges_cost_is_counted_apart() -> None:
    results = run(judged_suite(labelled(20, 20)), Says(cost_nano=7))
    assert (results.cost_nano, results.grading_cost_nano) == (20 * 100, 40 * 7)
    assert results.spent_nano == 20 * 100 + 40 * 7
    assert (results.judges[0].asked, results.judges[0].cost_nano) == (40, 40 * 7)
    assert [one.grading_cost_nano for one in results.summaries] == [70, 70]


def test_a_judge_that_gives_no_grade_fails_nobody_unless_it_counts() -> None:
    async def silent(*_: Any) -> Answer:
        raise NoAnswer("nobody is there")

    advises = run(judged_suite(""), silent)
    assert [one.errors for one in advises.summaries] == [0, 0]
    counts = run(judged_suite(""), silent, declared={"strict": Declared(0.9, 100)})
    assert [one.errors for one in counts.summaries] == [10, 10]
    assert [one.passed for one in counts.summaries] == [0, 0]


def preferring(suite: Suite) -> Suite:
    judge = Judge(name="by", model="judge-model")
    return msgspec.structs.replace(suite, cases=tuple(with_contest(case, "is longer", judge) for case in suite.cases))


async def ask_lengths(question: Question) -> Heard:
    number = question.request["messages"][0]["content"].removeprefix("q")
    longer = {"short": 1, "middle": 9, "long": 20}[question.arm.name]
    return heard(f"yes {number}" + " " * longer + ".")


def contested(judge: Any, journal: Journal | None = None) -> Results:
    plan = plan_of(preferring(suite_of(12)), arms_of("short", "long", "middle"))
    return asyncio.run(run_suite(plan, Means(ask=ask_lengths, outside=Outside(ask=judge), journal=journal)))


def test_answers_are_held_against_one_another_and_arms_ranked() -> None:
    judge = Says()
    results = contested(judge)
    assert [one.arm for one in results.ranking] == ["long", "middle", "short"]
    assert [(one.wins, one.losses, one.ties) for one in results.ranking] == [(24, 0, 0), (12, 12, 0), (0, 24, 0)]
    # Three pairs a case, each in both orders.
    assert judge.asked == 12 * 3 * 2
    assert results.grading_cost_nano == judge.asked * 7
    # Being preferred fails nobody and passes nobody.
    assert [one.passed for one in results.summaries] == [0, 0, 0]


def test_comparisons_are_written_down_too(tmp_path: Any) -> None:
    judge = Says()
    with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
        first = contested(judge, journal)
    asked = judge.asked
    with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
        again = contested(judge, journal)
    assert judge.asked == asked
    assert (again.ranking, again.spent_nano) == (first.ranking, first.spent_nano)


def test_labels_are_graded_once_in_a_run_that_is_gone_on_with(tmp_path: Any) -> None:
    judge = Says()
    for _ in range(2):
        with Journal(tmp_path, Head(id="run", suite="suite", began=1.0)) as journal:
            results = run(judged_suite(labelled(20, 20)), judge, journal)
    assert judge.asked == 40
    assert results.spent_nano == 20 * 100 + 40 * 7


async def nap(seconds: float) -> None:
    naps.append(seconds)


naps: list[float] = []


def test_a_judge_is_asked_like_an_arm_and_the_same_question_once(tmp_path: Any) -> None:
    asked: list[Question] = []

    async def answer(question: Question) -> Heard:
        asked.append(question)
        if len(asked) == 1:
            return Heard(failure=Failure(status=429, code="rate_limited", message="slow"), again_in_s=2.0)
        return heard("fine", cost_nano=9, model="judge-1")

    async def ask_twice() -> list[Answer]:
        judging = Judging(answer, KeptAnswers(tmp_path, now=HandClock().now()), Patience(), nap)
        return [await judging([{"role": "user", "content": text}], "m", {"seed": 1}) for text in ("a", "b", "a")]

    naps.clear()
    found = asyncio.run(ask_twice())
    assert [(one.text, one.cost_nano, one.model) for one in found] == [
        ("fine", 9, "judge-1"), ("fine", 9, "judge-1"), ("fine", 0, "judge-1"),
    ]  # fmt: skip
    assert naps == [2.0]
    assert len(asked) == 3
    assert asked[0].request == {"model": "m", "messages": [{"role": "user", "content": "a"}], "seed": 1}


def test_a_judge_that_cannot_be_asked_says_why() -> None:
    async def refused(_: Question) -> Heard:
        return Heard(failure=Failure(status=403, code="model_not_allowed", message="not yours"))

    with pytest.raises(NoAnswer, match="model_not_allowed: not yours"):
        asyncio.run(Judging(refused, None, Patience(), nap)([{"role": "user", "content": "a"}], "m", {}))


@pytest.mark.parametrize("asserts", ["{type: contains, value: yes, weight: 0}, {type: llm-rubric, value: is good}", ""])
def test_a_case_of_which_nothing_counts_is_no_pass(asserts: str) -> None:
    """Else cases that no answer can fail, captured ones without assertions say, make arms alike and open every gate."""
    test = f"  - {{messages: [{{role: user, content: q1}}], assert: [{asserts}]}}\n"
    suite = read_suite(Text("cases.yaml", f"{JUDGES}tests:\n{test * 40}".encode()))
    for base in ("old", ""):
        results = run(suite, Says(), base=base)
        assert [(one.passed, one.pass_rate) for one in results.summaries] == [(0, None)] * 2
        assert {one.gate for one in results.judgements} == {"inconclusive"}


def test_a_judge_of_comparisons_that_advises_fails_nobody_when_it_gives_no_grade() -> None:
    async def silent(*_: Any) -> Answer:
        raise NoAnswer("nobody is there")

    test = "  - {messages: [{role: user, content: q1}], assert: [{type: contains, value: answer}, {type: select-best, value: is better}]}\n"
    suite = read_suite(Text("cases.yaml", f"{JUDGES}tests:\n{test * 40}".encode()))
    results = run(suite, silent)
    assert [(one.passed, one.errors) for one in results.summaries] == [(40, 0)] * 2
    assert [one.errors for one in run(suite, silent, declared={"strict": Declared(0.9, 100)}).summaries] == [40, 40]
