"""Judges that say what they are told to: the callables that a caller of the room injects."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.compare.grading import Answer, Outside

Said = str | dict[str, Any] | Exception


class Scripted:
    """Answers in turn, each `cost_nano` dear; keeps what it was asked."""

    def __init__(self, *answers: Said, cost_nano: int = 10, model: str = "judge-2026-01-01") -> None:
        self._answers = list(answers)
        self._cost, self._model = cost_nano, model
        self.asked: list[tuple[Sequence[Mapping[str, str]], str, Mapping[str, Any]]] = []

    async def __call__(self, messages: Sequence[Mapping[str, str]], model: str, params: Mapping[str, Any]) -> Answer:
        self.asked.append((messages, model, params))
        said = self._answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return Answer(said if isinstance(said, str) else json.dumps(said), self._cost, self._model)

    @property
    def outside(self) -> Outside:
        return Outside(ask=self)


class Reading:
    """Answers by what stands in the blocks of the question."""

    def __init__(self, answer: Callable[[dict[str, str]], dict[str, Any]]) -> None:
        self._answer = answer
        self.asked: list[dict[str, str]] = []

    async def __call__(self, messages: Sequence[Mapping[str, str]], model: str, params: Mapping[str, Any]) -> Answer:
        blocks = blocks_in(messages)
        self.asked.append(blocks)
        return Answer(json.dumps(self._answer(blocks)), 1, model)


def blocks_in(messages: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The blocks of a question, read as the judge is told to: only a line with the mark ends one."""
    mark = messages[0]["content"].partition("`<name ")[2].partition(">`")[0]
    assert len(mark) == 32
    found: dict[str, str] = {}
    name, lines = "", list[str]()
    for line in messages[-1]["content"].split("\n"):
        if not name and line.endswith(f" {mark}>") and line.startswith("<"):
            name, lines = line[1:].split(" ")[0], []
        elif name and line == f"</{name} {mark}>":
            found[name] = "\n".join(lines)
            name = ""
        elif name:
            lines.append(line)
    assert not name, "every block ends"
    return found
