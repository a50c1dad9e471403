"""A model of known quality, a model that proposes known texts, and a prompt to tune with the two.

The model answers `yes N` to `qN` rightly if N is divisible by 3, if the instructions hold the rule, or if they give
just this answer away; or if it is shown enough examples.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.compare.cases import Suite, read_suite
from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.finding import Aims
from gateway.compare.running.runner import Bounds
from gateway.compare.running.suites import Means
from gateway.compare.tuning.evaluating import Asking
from gateway.compare.tuning.parts import divide
from gateway.compare.tuning.tuner import Tuned, Tuner, Tuning
from gateway.compare.tuning.workshop import Start, Workshop
from gateway.prompts.versions import Partial, compile_prompt
from gateway.stores.documents import Text
from tests.compare.scripted import heard

RULE = "Be exact."
PLAIN = Partial("plain", "_plain.prompt", "Write plainly.", "sha256:0")
PROMPT = """---
model: test-model
config: {temperature: 0}
input:
  schema: {number: string}
---
{{role "system"}}
Answer the question.
{{>plain}}
{{role "user"}}
q{{number}}
"""


def suite_text(count: int, extra: str = "") -> str:
    tests = "".join(
        f"  - {{description: question {number}, vars: {{number: '{number}'}}, "
        f"assert: [{{type: equals, value: 'yes {number}'}}]}}\n"
        for number in range(count)
    )
    return f"{extra}tests:\n{tests}"


def suite_of(count: int, extra: str = "") -> Suite:
    return read_suite(Text("cases.yaml", suite_text(count, extra).encode()))


def workshop_of(source: str = PROMPT, name: str = "p") -> Workshop:
    prompt, digest = compile_prompt("1.prompt", source.encode(), {"plain": PLAIN})
    return Workshop(
        Start(name=name, version=1, digest=digest, prompt=prompt, data=source.encode(), partials={"plain": PLAIN})
    )


def answer(messages: Sequence[Mapping[str, str]], enough: int = 99) -> str:
    """`enough`: examples from which on it answers rightly."""
    system = messages[0]["content"]
    number = messages[-1]["content"].strip().removeprefix("q")
    examples = sum(one["role"] == "assistant" for one in messages)
    given = f"q{number}=" in system
    right = int(number) % 3 == 0 or RULE in system or given or examples >= enough
    return f"yes {number}" if right else "no"


def proposing(text: str) -> str:
    return f"I think so.\n<instructions>\n{text}\n</instructions>"


class Model:
    """An `Ask`: answers, or proposes what `propose` says to the messages; every question costs the same."""

    def __init__(
        self,
        propose: Callable[[Sequence[Mapping[str, str]]], str] = lambda _: "nothing",
        *,
        enough: int = 99,
        cost_nano: int = 1_000,
        asked: Callable[[Question], None] = lambda _: None,
    ) -> None:
        self._propose, self._enough, self._cost, self._told = propose, enough, cost_nano, asked
        self.asked: list[tuple[str, str, int]] = []
        self.reflected: list[Sequence[Mapping[str, str]]] = []

    @property
    def spent(self) -> int:
        return self._cost * (len(self.asked) + len(self.reflected))

    async def __call__(self, question: Question) -> Heard:
        self._told(question)
        messages = question.request["messages"]
        await asyncio.sleep(0)
        if question.arm.name == "reflection":
            self.reflected.append(messages)
            return heard(self._propose(messages), cost_nano=self._cost, model="reflector")
        self.asked.append((question.arm.name, question.case, question.repeat))
        return heard(answer(messages, self._enough), cost_nano=self._cost)


def tuning_of(suite: Suite, **more: Any) -> Tuning:
    defaults: dict[str, Any] = {
        "id": "run",
        "suite": suite,
        "parts": divide(suite.cases, 0.4),
        "method": "reflect",
        "rounds": 6,
        "most_examples": 4,
        "seed": 1,
        "reflect_model": "reflector",
        "ceiling_nano": None,
        "aims": Aims(name="p"),
        "asking": Asking(bounds=Bounds(concurrency=4), most_calls=more.pop("most_calls", None)),
    }
    return Tuning(**{**defaults, **more})


async def tune(model: Model, tuning: Tuning, source: str = PROMPT, **means: Any) -> Tuned:
    return await Tuner(workshop_of(source), tuning, Means(ask=model, **means)).run()
