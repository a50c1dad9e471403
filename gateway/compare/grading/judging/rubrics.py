"""Judges that grade one answer: llm-rubric, model-graded-closedqa, g-eval, factuality."""

import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.compare.grading.checks import Asked, Asking, Wanted
from gateway.compare.grading.grades import Ungradable, Verdict
from gateway.compare.grading.judging.asking import Malformed, Question, Said, one_of, only_keys, score_in, typed
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.judging.prompts import PROMPTS
from gateway.compare.grading.values import Wrong, clipped, keys, number, one_text, references, share

MAX_REASON = 2_000
# OpenAI's category → (promptfoo's name for its score, the score if not said).
_CATEGORIES: Mapping[str, tuple[str, float]] = {
    "A": ("subset", 1.0),
    "B": ("superset", 1.0),
    "C": ("agree", 1.0),
    "D": ("disagree", 0.0),
    "E": ("differButFactual", 1.0),
}


def question_for(wanted: Wanted) -> Question:
    """Raises:
    Wrong: there is no judge, or its prompt does not fit.
    """
    return Question(judge_of(wanted), PROMPTS[wanted.name])


def judge_of(wanted: Wanted) -> Judge:
    if wanted.judge is None:
        raise Wrong(("judge",), "who judges? Declare a judge under `judges`, with its model, and name it here")
    return wanted.judge


def llm_rubric(wanted: Wanted) -> Asking:
    """Passes if the judge says so; with a `threshold`, if its score reaches it besides. promptfoo takes a missing
    `pass` for true; here it is an answer that is no grade."""
    question, rubric = question_for(wanted), one_text(wanted.value)
    threshold = share(wanted.threshold, 0.0)

    def check(value: Mapping[str, Any]) -> None:
        only_keys(value, "reason", "score", "pass")
        typed(value, "reason", str, "a text")
        typed(value, "pass", bool, "true or false")
        score_in(value, "score", 0, 1)

    async def ask(asked: Asked) -> Verdict:
        said = await question.ask(asked.outside, _blocks(asked, rubric=rubric), check)
        score = float(said.value["score"])
        return _verdict(question, said, said.value["pass"] and score >= threshold, score)

    return ask


def closed_qa(wanted: Wanted) -> Asking:
    """Yes or no."""
    question, criterion = question_for(wanted), one_text(wanted.value)

    def check(value: Mapping[str, Any]) -> None:
        only_keys(value, "reason", "pass")
        typed(value, "reason", str, "a text")
        typed(value, "pass", bool, "true or false")

    async def ask(asked: Asked) -> Verdict:
        said = await question.ask(asked.outside, _blocks(asked, rubric=criterion), check)
        return _verdict(question, said, said.value["pass"], float(said.value["pass"]))

    return ask


def g_eval(wanted: Wanted) -> Asking:
    """The mean of the criteria's scores. Passes from `threshold`, 0.7 if not said."""
    question, threshold = question_for(wanted), share(wanted.threshold, 0.7)
    criteria = references(wanted.value)

    def check(value: Mapping[str, Any]) -> None:
        only_keys(value, "steps", "reason", "score")
        typed(value, "steps", list, "a list")
        typed(value, "reason", str, "a text")
        if score_in(value, "score", 0, 10) % 1:
            raise Malformed("`score` is not a whole number from 0 to 10")

    async def ask(asked: Asked) -> Verdict:
        # One after the other where there is one to ask; a failure is known before more is spent.
        found = await asyncio.gather(
            *(question.ask(asked.outside, _blocks(asked, rubric=one), check) for one in criteria),
            return_exceptions=True,
        )
        spent = sum(one.cost_nano for one in found if isinstance(one, Said | Ungradable))
        failed = next((one for one in found if isinstance(one, BaseException)), None)
        if isinstance(failed, Ungradable):
            raise Ungradable(str(failed), spent)
        if failed is not None:
            raise failed
        said = [one for one in found if isinstance(one, Said)]
        score = sum(float(one.value["score"]) for one in said) / len(said) / 10
        reason = " ".join(str(one.value["reason"]) for one in said)
        return Verdict(
            score >= threshold,
            score,
            clipped(reason, MAX_REASON),
            measured=score,
            cost_nano=spent,
            by=question.with_model(said[0]),
        )

    return ask


def factuality(wanted: Wanted) -> Asking:
    """By category, as OpenAI's evals have them: `config` gives each a score; those above 0 pass, and from `threshold`,
    if there is one."""
    question, reference = question_for(wanted), one_text(wanted.value)
    threshold = share(wanted.threshold, 0.0)
    names = {name for name, _ in _CATEGORIES.values()}
    said_scores = keys(wanted.config, sorted(names), ("config",))
    scores: dict[str, float] = {}
    for letter, (name, otherwise) in _CATEGORIES.items():
        score = number(said_scores.get(name, otherwise), ("config", name))
        if not 0 <= score <= 1:
            raise Wrong(("config", name), "a score is between 0 and 1")
        scores[letter] = score

    def check(value: Mapping[str, Any]) -> None:
        only_keys(value, "reason", "category")
        typed(value, "reason", str, "a text")
        one_of(value, "category", _CATEGORIES)

    async def ask(asked: Asked) -> Verdict:
        said = await question.ask(asked.outside, _blocks(asked, reference=reference), check)
        letter = said.value["category"]
        score = scores[letter]
        verdict = _verdict(question, said, score > 0 and score >= threshold, score)
        return Verdict(
            verdict.passed,
            verdict.score,
            f"{_CATEGORIES[letter][0]} ({letter}): {verdict.reason}",
            cost_nano=verdict.cost_nano,
            by=verdict.by,
        )

    return ask


def _blocks(asked: Asked, **more: str) -> dict[str, str]:
    # An empty answer is graded too, and its block must be there.
    return {"input": asked.question, "output": asked.sample.text or "(the answer is empty)", **more}


def _verdict(question: Question, said: Said, passed: bool, score: float) -> Verdict:
    reason = clipped(str(said.value["reason"]), MAX_REASON)
    return Verdict(passed, score, reason, cost_nano=said.cost_nano, by=question.with_model(said))
