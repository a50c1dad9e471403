"""What a run says of arms whose quality is known."""

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.results import Results
from gateway.compare.running.suites import Means, run_suite
from gateway.compare.running.trials import Failure
from gateway.core.usage import Usage
from tests.compare.scripted import Scripted, arms_of, heard, plan_of, suite_of


def run(ask: Any, suite: Any = None, names: tuple[str, ...] = ("old", "new"), **aims: Any) -> Results:
    aims = {"gates": True, "base": "old", **aims}
    return asyncio.run(run_suite(plan_of(suite or suite_of(200), arms_of(*names), aims), Means(ask=ask)))


@pytest.mark.parametrize(
    ("old", "new", "margin", "word", "gate"),
    [
        (0.6, 0.9, 0.02, "better", "passed"),
        (0.9, 0.6, 0.02, "worse", "failed"),
        (1.0, 1.0, 0.05, "equivalent", "passed"),
        (0.8, 0.8, 0.01, "inconclusive", "inconclusive"),
    ],
)
def test_the_verdict_is_what_the_quality_is(old: float, new: float, margin: float, word: str, gate: str) -> None:
    (judgement,) = run(Scripted({"old": old, "new": new}, seed=2), margin=margin).judgements
    assert (judgement.word, judgement.gate) == (word, gate)


def test_what_is_not_decided_says_how_many_more_cases_would_decide_it() -> None:
    (judgement,) = run(Scripted({"old": 0.8, "new": 0.84}, seed=2), suite_of(40), margin=0.05).judgements
    assert judgement.difference is not None
    assert judgement.gate == "inconclusive"
    more = judgement.difference.more_cases
    assert more is not None
    assert more > 40
    assert f"you need about {more} more cases to tell old and new apart" in judgement.difference.said
    assert "more cases would decide the gate" in judgement.reasons[0]


def test_alike_arms_are_called_different_in_few_runs() -> None:
    """Twenty pairs without any difference: a rate of 5 % makes one of them, and five hardly ever."""
    words = [run(Scripted({"old": 0.7, "new": 0.7}, seed=seed), suite_of(80)).judgements[0].word for seed in range(20)]
    assert sum(word in ("better", "worse") for word in words) <= 4


def test_with_many_arms_chance_is_corrected_for() -> None:
    names = tuple(f"m{number}" for number in range(6))
    results = run(Scripted(dict.fromkeys(names, 0.7), seed=3), suite_of(120), names, gates=False)
    assert len(results.differences) == 15
    assert all(one.p_adjusted >= one.p for one in results.differences)
    smallest = min(one.p for one in results.differences)
    assert min(one.p_adjusted for one in results.differences) == pytest.approx(min(1.0, 15 * smallest))
    assert {one.word for one in results.differences} <= {"inconclusive", "equivalent"}


def test_the_same_seed_gives_the_same_results() -> None:
    suite = suite_of(50, each=lambda number: f"    repeat: 2\n    metadata: {{source: s{number % 20}}}\n")
    one, other = (run(Scripted({"old": 0.7, "new": 0.8}), suite, seed=5, metric="score") for _ in range(2))
    assert one.summaries == other.summaries
    assert one.differences == other.differences


def test_cases_of_one_source_count_for_less() -> None:
    """Four questions on each document, all passed or all failed together."""

    async def ask(question: Question) -> Heard:
        number = int(question.request["messages"][0]["content"].removeprefix("q"))
        document = number // 4
        good = document % 3 == 0 if question.arm.name == "new" else document % 5 == 0
        return heard(f"yes {number}" if good else "no")

    alone = run(ask, suite_of(80))
    grouped = run(ask, suite_of(80, each=lambda number: f"    metadata: {{source: d{number // 4}}}\n"))
    for place in (0, 1):
        one, other = alone.summaries[place].pass_rate, grouped.summaries[place].pass_rate
        assert one is not None
        assert other is not None
        assert other.high - other.low > 1.5 * (one.high - one.low)
    assert grouped.differences[0].interval.clusters == 20
    assert grouped.differences[0].test == "sign_flip"


def never_break(number: int) -> str:
    return "    metadata: {severity: never-break}\n    repeat: 3\n" if number == 0 else ""


def test_a_case_that_must_never_break_breaks_the_gate_once_it_fails() -> None:
    """However much better the rest has become."""

    async def ask(question: Question) -> Heard:
        number = question.request["messages"][0]["content"].removeprefix("q")
        if question.arm.name == "old":
            return heard(f"yes {number}" if number == "0" or int(number) % 2 else "no")
        return heard("no" if number == "0" and question.repeat == 1 else f"yes {number}")

    results = run(ask, suite_of(60, each=never_break))
    (judgement,) = results.judgements
    assert results.differences[0].word == "better"
    assert (judgement.word, judgement.gate, judgement.broken) == ("worse", "failed", ("tests[0]",))
    assert judgement.reasons[0] == "tests[0] must never break, and did with new"


def test_what_must_never_break_must_have_been_answered_each_time() -> None:
    async def ask(question: Question) -> Heard:
        number = question.request["messages"][0]["content"].removeprefix("q")
        if number == "0" and question.repeat == 2 and question.arm.name == "new":
            return Heard(failure=Failure(status=500, code="upstream_error", message="down"))
        return heard(f"yes {number}")

    counted = run(ask, suite_of(60, each=never_break), margin=0.1).judgements[0]
    assert (counted.word, counted.gate) == ("worse", "failed")
    excluded = run(ask, suite_of(60, each=never_break), margin=0.1, exclude_errors=True).judgements[0]
    assert excluded.gate == "inconclusive"
    assert "tests[0] must never break, and was not answered each time" in excluded.reasons


def test_errors_count_as_failures_or_not_at_all() -> None:
    async def ask(question: Question) -> Heard:
        number = int(question.request["messages"][0]["content"].removeprefix("q"))
        if question.arm.name == "new" and number < 10:
            return Heard(failure=Failure(status=502, code="upstream_error", message="the upstream broke"))
        return heard(f"yes {number}")

    counted = run(ask, suite_of(40))
    assert [one.errors for one in counted.summaries] == [0, 10]
    assert counted.summaries[1].passed == 30
    assert counted.differences[0].cases == 40
    assert any("10 of 40 trials were not answered" in note and "count as failures" in note for note in counted.notes)
    excluded = run(ask, suite_of(40), exclude_errors=True)
    assert excluded.summaries[1].excluded == 10
    assert excluded.differences[0].cases == 30
    assert excluded.differences[0].interval.estimate == 0
    assert any("left out of all figures" in note for note in excluded.notes)


def test_what_it_may_cost_more_is_kept_to() -> None:
    async def ask(question: Question) -> Heard:
        number = question.request["messages"][0]["content"].removeprefix("q")
        new = question.arm.name == "new"
        answer = heard(f"yes {number}", cost_nano=1_300 if new else 1_000)
        assert answer.sample is not None
        usage = Usage(input_tokens=5, output_tokens=21 if new else 20)
        return msgspec.structs.replace(answer, sample=msgspec.structs.replace(answer.sample, usage=usage))

    limits = {"cost": 0.2, "output_tokens": 0.1}
    (judgement,) = run(ask, suite_of(60), margin=0.1, limits=limits).judgements
    assert judgement.word == "equivalent"
    assert judgement.gate == "failed"
    assert judgement.reasons == ("cost: the median grew by 30%, and may by 20% at most",)
    assert [(one.metric, one.kept) for one in judgement.guards] == [("cost", False), ("output_tokens", True)]
    (roomy,) = run(ask, suite_of(60), margin=0.1, limits={"cost": 0.5}).judgements
    assert roomy.gate == "passed"
    (unknown,) = run(ask, suite_of(60), margin=0.1, limits={"ttft": 0.5}).judgements
    assert unknown.gate == "failed"
    assert "ttft: is not known for both" in unknown.reasons[0]


@pytest.mark.parametrize(("quality", "gate"), [(1.0, "passed"), (0.8, "failed")])
def test_an_arm_without_anything_to_stand_against_must_pass_everything(quality: float, gate: str) -> None:
    (judgement,) = run(Scripted({"new": quality}), suite_of(40), ("new",), base="").judgements
    assert (judgement.base, judgement.gate) == ("", gate)
    assert "there is no version to compare with" in judgement.reasons[0]


def test_an_arm_that_another_beats_in_everything_is_named() -> None:
    async def ask(question: Question) -> Heard:
        number = int(question.request["messages"][0]["content"].removeprefix("q"))
        cost = {"good": 500, "dear": 5_000, "cheap": 100}[question.arm.name]
        good = question.arm.name != "cheap" or number % 2
        return heard(f"yes {number}" if good and (question.arm.name == "good" or number % 5) else "no", cost_nano=cost)

    results = run(ask, suite_of(100), ("good", "dear", "cheap"), gates=False)
    assert {one.arm: one.dominated_by for one in results.summaries} == {"good": "", "dear": "good", "cheap": ""}
    assert results.pareto == ("good", "cheap")
    assert [one.cost_per_thousand_nano for one in results.summaries] == [500_000, 5_000_000, 100_000]


def test_what_is_unfair_is_said() -> None:
    async def ask(question: Question) -> Heard:
        number = question.request["messages"][0]["content"].removeprefix("q")
        old = question.arm.name == "old"
        model = f"gpt-{int(number) % 2}" if old else "claude"
        answer = heard(
            f"yes {number}", model=model, cost_nano=None if old else 1, finish_reason="" if old else "length"
        )
        assert answer.sample is not None
        return answer

    arms = arms_of("old", "new")
    arms = (msgspec.structs.replace(arms[0], parameters={"max_tokens": 100, "temperature": 0}), arms[1])
    results = asyncio.run(run_suite(plan_of(suite_of(10), arms), Means(ask=ask)))
    assert results.notes == (
        "new: 10 of 10 answers were cut off by the limit of tokens (raise max_tokens before you believe its figures)",
        "arms may write answers of different length: old 100, new none",
        "temperature differs: old 0, new unset",
        "old: more than one model answered: gpt-0, gpt-1",
        "old: more than one target served: mock/gpt-0 5, mock/gpt-1 5",
        "old: 10 answers have no price; its cost is of the others",
    )
    assert results.pareto == ()


@pytest.mark.parametrize("who", ["both", "the one in use"])
def test_an_outage_opens_no_gate(who: str) -> None:
    """What failed for want of an answer of the version in use says nothing good of another."""

    async def ask(question: Question) -> Heard:
        number = int(question.request["messages"][0]["content"].removeprefix("q"))
        if number >= 10 and (who == "both" or question.arm.name == "old"):
            return Heard(failure=Failure(status=502, code="upstream_error", message="down"))
        worse = question.arm.name == "new" and number % 2
        return heard("no" if worse else f"yes {number}")

    (judgement,) = run(ask, suite_of(200), margin=0.05).judgements
    assert judgement.gate != "passed"
    assert judgement.difference is not None
    assert judgement.difference.cases == 10
    assert "190 trials of old" in judgement.reasons[-1]
