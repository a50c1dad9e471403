"""Results to report: of runs whose arms are of known quality, with what nobody would wish to have in them."""

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.compare.cases import read_suite
from gateway.compare.grading import Judge, Outside, Sample
from gateway.compare.grading.judging.judges import Answer
from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.comparing import with_contest
from gateway.compare.running.results import Results
from gateway.compare.running.suites import Means, run_suite
from gateway.compare.running.trials import Failure
from gateway.core.usage import Usage
from gateway.stores.documents import Text
from tests.compare.scripted import arms_of, plan_of

TAGS = ("billing", "fraud", "loans")


def suite_text(count: int, never_break: tuple[int, ...] = (), description: str = "the queue is named") -> str:
    tests = [
        {
            "description": description,
            "messages": [{"role": "user", "content": f"case {number}"}],
            "tags": [TAGS[number % 3]],
            "assert": [
                {"type": "is-json"},
                {"type": "icontains", "value": f'"queue": "{TAGS[number % 3]}"', "metric": "routing"},
            ],
            **({"metadata": {"severity": "never-break"}} if number in never_break else {}),
        }
        for number in range(count)
    ]
    return json.dumps({"tests": tests})


class Answering:
    """An asker whose arms route right with a probability of their own, at a price and a speed of their own; each
    twentieth question is answered by nobody."""

    def __init__(self, quality: Mapping[str, float], says: str = "we will look into it") -> None:
        self._quality = quality
        self._says = says

    async def __call__(self, question: Question) -> Heard:
        arm = question.arm.name
        number = int(question.request["messages"][-1]["content"].removeprefix("case "))
        chance = random.Random(f"{arm} {number} {question.repeat}")
        if chance.random() < 0.02:
            return Heard(failure=Failure(status=504, code="timeout", message=f"nobody answered {self._says}"))
        good = chance.random() < self._quality[arm]
        text = json.dumps({"queue": TAGS[(number + (not good)) % 3], "reply": f"{self._says}, says {arm}"})
        place = list(self._quality).index(arm) + 1
        sample = Sample(
            text=text,
            latency_s=place * chance.uniform(0.5, 1.5),
            ttft_s=place * 0.2,
            cost_nano=round(place**3 * 100_000 * chance.uniform(0.8, 1.2)),
            usage=Usage(input_tokens=20, output_tokens=10 + place),
            model=arm,
            finish_reason="stop",
        )
        return Heard(sample=sample, target=f"mock/{arm}", call=f"call-{arm}-{number}-{question.repeat}")


class Preferring:
    """A judge that prefers the first arm by name, mostly."""

    async def __call__(self, messages: Any, model: str, params: Any) -> Answer:
        said = messages[-1]["content"]
        first, second = (said.split(f"<{name} ")[1].split("\n</")[0].split("says ")[-1] for name in ("first", "second"))
        winner = "tie" if len(said) % 7 == 0 else "first" if first < second else "second"
        return Answer(json.dumps({"reason": "it is clearer", "winner": winner}), 7, "judge-1")


def results_of(
    count: int = 30,
    quality: Mapping[str, float] | None = None,
    *,
    never_break: tuple[int, ...] = (),
    judge: bool = False,
    repeats: int = 1,
    says: str = "we will look into it",
    description: str = "the queue is named",
    **aims: Any,
) -> Results:
    quality = quality or {"old": 0.6, "new": 0.95}
    suite = read_suite(Text("suites/triage.yaml", suite_text(count, never_break, description).encode()))
    if judge:
        by = Judge(name="large", model="judge-large")
        suite = msgspec.structs.replace(
            suite, cases=tuple(with_contest(case, "is clearer", by) for case in suite.cases)
        )
    if repeats > 1:
        suite = msgspec.structs.replace(
            suite, cases=tuple(msgspec.structs.replace(case, repeat=repeats) for case in suite.cases)
        )
    plan = plan_of(suite, arms_of(*quality), {"margin": 0.02, "gateway": "http://127.0.0.1:8080", **aims})
    return asyncio.run(run_suite(plan, Means(ask=Answering(quality, says), outside=Outside(ask=Preferring()))))
