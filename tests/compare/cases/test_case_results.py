"""Answers to cases, graded."""

import msgspec
import pytest

from gateway.compare.cases import Case, grade, grade_together, read_suite
from gateway.compare.cases.results import grade_at_once, question_of
from gateway.compare.grading import Outside, Sample
from gateway.compare.grading.python.process import run_python
from gateway.stores.documents import Text
from tests.compare.grading.scripted_judges import Reading, Scripted, blocks_in


def case(test: str, **more: bool) -> Case:
    text = f"judges: {{j: {{model: m}}}}\ntests: [{test}]"
    return read_suite(Text("cases.yaml", text.encode()), **more).cases[0]


TRIAGE = "{vars: {who: Ann}, threshold: 0.5, metadata: {severity: never-break, source: s}, assert: [{type: contains, value: '{{who}}', metric: name}, {type: is-json}]}"


async def test_a_result_says_what_is_needed_for_a_comparison() -> None:
    triage = case(TRIAGE)
    found = await grade(triage, Sample(text="dear Ann"))
    assert (found.case, found.passed, found.score, found.error) == ("tests[0]", True, 0.5, "")
    assert (found.severity, found.source, found.human, found.cost_nano) == ("never-break", "s", None, 0)
    assert found.named == {"name": (1.0, 1.0)}
    assert [one.kind for one in found.grades] == ["contains", "is-json"]
    assert grade_at_once(triage, Sample(text="dear Ann")) == found
    written = msgspec.json.decode(msgspec.json.encode(found))
    assert written["pass"] is True
    assert written["grades"][0]["pass"] is True


async def test_what_a_human_said_stands_beside_what_the_judge_said() -> None:
    one = case("{providerOutput: hi, human: fail, assert: [{type: llm-rubric, value: kind}]}")
    assert one.output is not None
    judge = Scripted({"reason": "r", "score": 1, "pass": True})
    found = await grade(one, one.output, judge.outside)
    assert (found.human, found.passed, found.cost_nano) == ("fail", True, 10)
    assert found.grades[0].by is not None


async def test_judges_are_shown_what_was_asked() -> None:
    said = {"reason": "r", "score": 1, "pass": True}
    for test, question in (
        ("{vars: {q: 2+2}, assert: [{type: llm-rubric, value: kind}]}", '{"q":"2+2"}'),
        (
            "{messages: [{role: user, content: hello}, {role: assistant, content: hi}], assert: [{type: llm-rubric, value: kind}]}",
            "user: hello\n\nassistant: hi",
        ),
    ):
        judge = Scripted(said, said)
        await grade(case(test), Sample(text="x"), judge.outside)
        await grade(case(test), Sample(text="x"), judge.outside, question="What is 2+2?")
        assert [blocks_in(asked[0])["input"] for asked in judge.asked] == [question, "What is 2+2?"]
    assert question_of(Case(id="x")) == ""


async def test_a_judge_that_fails_makes_an_error_and_no_failure_of_the_model() -> None:
    found = await grade(
        case("{threshold: 0, assert: [{type: is-json}, {type: llm-rubric, value: kind}]}"),
        Sample(text="{}"),
        Scripted("?", "?").outside,
    )
    assert not found.passed
    assert "no grade" in found.error


async def test_python_knows_its_case() -> None:
    one = case(
        "{description: d, vars: {who: Ann}, metadata: {level: 3}, assert: [{type: python, value: \"context['vars']['who'] in output and context['test']['metadata']['level'] == 3\"}]}",
        python=True,
    )
    assert (await grade(one, Sample(text="dear Ann"), Outside(python=run_python()))).passed


async def test_answers_are_compared_where_the_case_wants_it() -> None:
    one = case("{assert: [{type: contains, value: a}, {type: select-best, value: is long, weight: 3, metric: best}]}")
    assert not one.at_once

    def longest(blocks: dict[str, str]) -> dict[str, str]:
        return {"reason": "r", "winner": "first" if len(blocks["first"]) > len(blocks["second"]) else "second"}

    samples = [Sample(text="a"), Sample(text="aaa")]
    short, long = await grade_together(one, samples, Outside(ask=Reading(longest)))
    assert (short.passed, short.score) == (False, 0.25)
    assert (long.passed, long.score) == (True, 1.0)
    assert long.named["best"] == (1.0, 3.0)
    assert short.preferences == long.preferences
    assert [preference.winner for preference in long.preferences] == ["other"]
    alone = await grade(one, samples[0], Outside(ask=Reading(longest)))
    assert [each.kind for each in alone.grades] == ["contains"], "nothing to compare with"
    failed = await grade_together(one, samples, Scripted(*["?"] * 4).outside)
    assert all("no grade" in each.error and not each.passed for each in failed)
    assert sum(each.cost_nano for each in failed) == 40


async def test_without_contests_several_answers_are_graded_each() -> None:
    found = await grade_together(case(TRIAGE), [Sample(text="Ann"), Sample(text="Bob")])
    assert [one.passed for one in found] == [True, False]
    assert await grade_together(case(TRIAGE), []) == []


def test_a_case_for_which_somebody_must_be_asked_is_not_graded_at_once() -> None:
    with pytest.raises(TypeError, match="use ask"):
        grade_at_once(case("{assert: [{type: llm-rubric, value: kind}]}"), Sample(text="x"))
