"""The calls of one run: made as its caller, a bounded number at once, put off while somebody is busy, and counted."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.compare.grading import Answer, Outside, Sample
from gateway.compare.grading.judging.judges import Vectors
from gateway.compare.running.samples import sample_of, whole_sample
from gateway.core.call import Operation
from gateway.core.faults import BudgetExhausted, Fault, PolicyFault, RateLimited, Unauthenticated
from gateway.dialects.openai.operations import OPERATIONS
from gateway.dialects.responses.answers import decode_answer
from gateway.evals.messages import Api
from gateway.evals.options import EvalsOptions
from gateway.evals.rows import ModelUsage
from gateway.pipeline.own_calls import Answered

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
MAX_MESSAGE = 500
WITHHELD = "policy wants nothing kept of what was said in this call"
# Statuses of somebody who is busy now. Of others the same question has the same answer.
_BUSY = frozenset({429, 503, 529})
# 429s that waiting does not mend: there is no money left.
_POOR = frozenset({"insufficient_quota", "budget_exhausted"})
_BY_PATH = {one.path: one for one in OPERATIONS}
_PATHS: Mapping[Api, str] = {"chat": "chat/completions", "responses": "responses"}
# (operation, the caller's headers, body, seconds) → how it ended; it raises nothing but a cancel.
Make = Callable[[Operation, Mapping[bytes, bytes], bytes, float], Awaitable[Answered]]
Sleep = Callable[[float], Awaitable[None]]


class CallFailed(Exception):
    """There is no answer. `code`, `message`: why, for the row's `error`. `keep`: policy lets what was said in the call
    be kept; where it does not, the message does not quote it."""

    def __init__(self, code: str, message: str, keep: bool) -> None:
        super().__init__(message if keep else WITHHELD)
        self.code, self.message, self.keep = code, message if keep else WITHHELD, keep


class NoLongerAdmitted(Exception):
    """The caller's credential is not accepted any more: it was revoked, or has run out."""


class Heard(msgspec.Struct, frozen=True):
    """An answer. `keep`: policy lets what was said in the call be kept."""

    sample: Sample
    keep: bool


class _Error(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    type: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str = ""


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class Calls:
    """Args:
        headers: of the request that made the run. They are nowhere but in this process's memory.
        slots: of all calls of this worker's runs.

    Attributes:
        usage: of the answers so far, by the model's name as it was asked for.
        admitted: False: the caller's credential is not accepted any more.
    """

    def __init__(
        self,
        make: Make,
        headers: Mapping[bytes, bytes],
        options: EvalsOptions,
        slots: asyncio.Semaphore,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._make = make
        self._headers = headers
        self._options = options
        self._slots = slots
        self._sleep = sleep
        self.usage: dict[str, ModelUsage] = {}
        self.admitted = True

    async def ask(self, api: Api, body: Mapping[str, Any]) -> Heard:
        """A model's answer.

        Raises:
            CallFailed, NoLongerAdmitted.
        """
        answered = await self._answered(_PATHS[api], body)
        try:
            if api == "chat":
                sample = whole_sample(answered.body, body, None, answered.record.cost_nano)
            else:
                sample = _of_response(answered.body, body, answered.record.cost_nano)
        except Fault as fault:
            raise CallFailed(fault.code, fault.message[:MAX_MESSAGE], answered.keep_content) from None
        return Heard(sample, answered.keep_content)

    def outside(self, heard_by: Callable[[bool], None]) -> Outside:
        """Whom graders may ask. `heard_by` is told of each answer whether what was said may be kept."""

        async def judge(messages: Sequence[Mapping[str, str]], model: str, params: Mapping[str, Any]) -> Answer:
            heard = await self.ask("chat", {"model": model, "messages": messages, **params})
            heard_by(heard.keep)
            return Answer(heard.sample.text, heard.sample.cost_nano or 0, heard.sample.model)

        async def embed(texts: Sequence[str]) -> Vectors:
            vectors, keep = await self._vectors(texts)
            heard_by(keep)
            return vectors

        return Outside(ask=judge, embed=embed if self._options.embedding_model else None)

    async def _vectors(self, texts: Sequence[str]) -> tuple[Vectors, bool]:
        body = {"model": self._options.embedding_model, "input": texts, "encoding_format": "float"}
        answered = await self._answered("embeddings", body)
        try:
            found = msgspec.json.decode(answered.body, type=_Vectors).data
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = "the model for vectors answered with none"
            raise CallFailed("upstream_protocol_error", told, answered.keep_content) from None
        each = [one.embedding for one in sorted(found, key=lambda one: one.index)]
        return Vectors(each, answered.record.cost_nano or 0), answered.keep_content

    async def _answered(self, path: str, body: Mapping[str, Any]) -> Answered:
        """The answer to a call, once there is one."""
        sent, waited, wait = msgspec.json.encode(body), 0.0, FIRST_WAIT_S
        while True:
            async with self._slots:
                answered = await self._make(_BY_PATH[path], self._headers, sent, self._options.call_timeout_s)
            if answered.body:
                self._count(str(body["model"]), answered)
                return answered
            if isinstance(answered.fault, Unauthenticated):
                self.admitted = False
                raise NoLongerAdmitted(answered.fault.message)
            code, message = _why(answered)
            told = _told_wait(answered.fault)
            # Our own limits know when there is room; an upstream that says it again and again is given longer.
            pause = told if told and isinstance(answered.fault, RateLimited) else max(told, wait)
            if not _is_busy(answered, code) or waited + pause > self._options.max_wait_s:
                raise CallFailed(code, message, answered.keep_content)
            await self._sleep(pause)
            waited += pause
            wait = min(wait * 2, LONGEST_WAIT_S)

    def _count(self, model: str, answered: Answered) -> None:
        used, found = answered.record.usage, self.usage.setdefault(model, ModelUsage())
        found.calls += 1
        if used is not None:
            found.prompt += used.total_input
            found.completion += used.total_output
            found.cached += used.cached_input_tokens + used.cached_audio_tokens


def _of_response(body: bytes, request: Mapping[str, Any], cost_nano: int | None) -> Sample:
    sample = sample_of(decode_answer(body), request, latency_s=None, cost_nano=cost_nano)
    # The dialect says only that it is whole.
    reason = "stop" if sample.finish_reason == "completed" else sample.finish_reason
    return msgspec.structs.replace(sample, finish_reason=reason)


def _is_busy(answered: Answered, code: str) -> bool:
    if isinstance(answered.fault, BudgetExhausted) or code in _POOR:
        return False
    if isinstance(answered.fault, PolicyFault) and answered.status != 429:
        return False
    return answered.status in _BUSY


def _told_wait(fault: Fault | None) -> float:
    """Seconds, as the refusal says; 0: it does not."""
    said = fault.headers.get("retry-after", "") if fault is not None else ""
    return float(said) if said.isdecimal() and len(said) < 10 else 0.0


def _why(answered: Answered) -> tuple[str, str]:
    fault = answered.fault
    if fault is not None:
        return fault.code, fault.message[:MAX_MESSAGE]
    if answered.status == 0:
        return "timeout", "the model did not answer in the time allowed, or its answer was not whole"
    try:
        error = msgspec.json.decode(answered.refusal, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        error = ""
    if isinstance(error, str):
        error = _Error(error)
    code = str(error.code or error.type or f"upstream_status_{answered.status}")
    return code, (error.message or f"the upstream answered with status {answered.status}")[:MAX_MESSAGE]
