"""What the tests of evals share: calls that answer by what they are asked, without a pipeline."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.core.call import Operation
from gateway.core.faults import Fault
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.evals.calls import Calls
from gateway.evals.options import EvalsOptions
from gateway.pipeline.own_calls import Answered

HEADERS = {b"authorization": b"Bearer gw-secret"}


def record(usage: Usage | None = None) -> Record:
    return Record(id="r", started_ns=0, tenant="acme", team="a", key_id="k", operation="chat", usage=usage)


def said(text: str, keep: bool = True) -> Answered:
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = msgspec.json.encode({"id": "c", "object": "chat.completion", "model": "m-1", "choices": choices})
    used = Usage(input_tokens=5, cached_input_tokens=2, output_tokens=3)
    return Answered(200, body, record(used), keep_content=keep)


def refused(fault: Fault) -> Answered:
    return Answered(fault.status, b"", record(), fault)


class Pipeline:
    """Answers calls; `answers` are given in turn, the last one for ever, or by a function of the body."""

    def __init__(self, *answers: Answered, by: Callable[[Any], Answered] | None = None, pause_s: float = 0) -> None:
        self._answers = list(answers)
        self._by = by
        self._pause_s = pause_s
        self.asked: list[tuple[str, Any]] = []
        self.headers: list[Mapping[bytes, bytes]] = []
        self.slept: list[float] = []
        self.at_once = self.most_at_once = 0

    async def __call__(
        self, operation: Operation, headers: Mapping[bytes, bytes], body: bytes, timeout_s: float
    ) -> Answered:
        self.asked.append((operation.path, msgspec.json.decode(body)))
        self.headers.append(headers)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self._pause_s)
        self.at_once -= 1
        if self._by is not None:
            return self._by(msgspec.json.decode(body))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def calls(self, slots: int = 16, **options: Any) -> Calls:
        return Calls(self, HEADERS, EvalsOptions(**options), asyncio.Semaphore(slots), self.sleep)
