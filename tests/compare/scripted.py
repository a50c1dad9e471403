"""Upstreams, and askers, of known quality: what a run must find out is what they were told to be."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.compare.cases import Suite, read_suite
from gateway.compare.grading import Sample
from gateway.compare.running.asking import Ask, Heard, Question
from gateway.compare.running.finding import Aims
from gateway.compare.running.selecting import Selection, select
from gateway.compare.running.suites import Plan
from gateway.compare.running.trials import Arm
from gateway.core.usage import Usage
from gateway.stores.documents import Text
from gateway.testing import Received, Write, event_stream, json_answer


def suite_of(count: int, extra: str = "", each: Callable[[int], str] = lambda _: "") -> Suite:
    """Cases `q0`, `q1` …, whose right answers are `yes 0`, `yes 1` …"""
    return read_suite(Text("cases.yaml", suite_text(count, extra, each).encode()))


def suite_text(count: int, extra: str = "", each: Callable[[int], str] = lambda _: "") -> str:
    tests = [
        f"  - description: question {number}\n"
        f"    messages: [{{role: user, content: 'q{number}'}}]\n"
        f"    assert: [{{type: equals, value: 'yes {number}'}}]\n{each(number)}"
        for number in range(count)
    ]
    return f"{extra}tests:\n{''.join(tests)}"


def arms_of(*names: str) -> tuple[Arm, ...]:
    return tuple(Arm(name=name, kind="model", model=name) for name in names)


def plan_of(suite: Suite, arms: Sequence[Arm], aims: Mapping[str, Any] | None = None, **more: Any) -> Plan:
    selected = select(suite, more.pop("selection", Selection()))
    requests = {
        (arm.name, case.id): {"model": arm.model, "messages": list(case.messages), **arm.parameters}
        for arm in arms
        for case in selected.asked
    }
    return Plan(
        id="run", suite=suite, selected=selected, arms=tuple(arms), requests=requests,
        aims=Aims(name="suite", **(aims or {})), **more,
    )  # fmt: skip


class Scripted:
    """An asker whose arms pass each case with a probability of their own: the same cases each time."""

    def __init__(self, quality: Mapping[str, float], cost_nano: int = 1_000, seed: int = 1) -> None:
        self._quality = quality
        self._cost = cost_nano
        self._seed = seed
        self.asked: list[tuple[str, str, int]] = []

    async def __call__(self, question: Question) -> Heard:
        arm, case = question.arm.name, question.case
        self.asked.append((arm, case, question.repeat))
        number = question.request["messages"][-1]["content"].removeprefix("q")
        chance = random.Random(f"{self._seed} {arm} {case} {question.repeat}").random()
        return heard(f"yes {number}" if chance < self._quality[arm] else "no", cost_nano=self._cost, model=arm)


def heard(text: str, *, cost_nano: int | None = 1_000, model: str = "m", **more: Any) -> Heard:
    sample = Sample(
        text=text, latency_s=0.1, cost_nano=cost_nano, usage=Usage(input_tokens=5, output_tokens=2), model=model, **more
    )
    return Heard(sample=sample, target=f"mock/{model}", call="id")


assert Ask  # what Scripted is


def chat_answer(text: str, model: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
    }


def answering(reply: Callable[[dict[str, Any]], str]):
    """An upstream's script: what `reply` says to the request's body, as a stream if one is asked for."""

    async def script(received: Received, write: Write) -> None:
        body = received.json()
        text, model = reply(body), body["model"]
        if not body.get("stream"):
            await json_answer(chat_answer(text, model))(received, write)
            return
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
        pieces = [{"role": "assistant", "content": ""}, *({"content": letter} for letter in text)]
        events: list[dict[str, Any]] = [
            {**chunk, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces
        ]
        events.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
        events.append({**chunk, "choices": [], "usage": usage})
        lines = [b"data: " + json.dumps(one).encode() + b"\n\n" for one in events]
        await event_stream(*lines, b"data: [DONE]\n\n")(received, write)

    return script
