"""One row of a run: answered, graded, and told as OpenAI's `eval.run.output_item`."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, cast

import msgspec

from gateway.compare.grading import Grade, Outside, Sample, ToolCall
from gateway.compare.grading.values import clipped
from gateway.dialects.chat.usage import write_usage
from gateway.evals.calls import WITHHELD, CallFailed, Calls, NoLongerAdmitted
from gateway.evals.criteria import Criterion
from gateway.evals.jsonl import DataRow
from gateway.evals.messages import Unfillable, as_told
from gateway.evals.sources import DataSource

MAX_REASON = 2_000
# Of a text that is put in again and again: a few bytes of template would fill the memory.
MAX_FILLED = 32 * 1024 * 1024
_TOO_LARGE = ("template_error", "with all of its values put in, this row would be larger than any model reads")


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    sample: None: there is no answer, and `error` says why, (code, message), or nobody was asked for one.
    messages: what was asked. keep: whether what was said may be kept.
    """

    sample: Sample | None = None
    messages: Sequence[Mapping[str, Any]] = ()
    error: tuple[str, str] | None = None
    keep: bool = True


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is done. `status`: `pass`, `fail` or `error`. `passed`: by each criterion, in order; None: it gave no
    grade. `fields`: of the output item, but for its ids."""

    status: str
    passed: tuple[bool | None, ...]
    fields: dict[str, Any]


class Rows:
    """How the rows of one run are done. Args: `grading`: where grades are worked out for which nobody is asked."""

    def __init__(self, source: DataSource, criteria: Sequence[Criterion], calls: Calls, grading: Executor) -> None:
        self._source = source
        self._criteria = criteria
        self._calls = calls
        self._grading = grading
        self._slots = sum(one.slots for one in criteria)

    async def do(self, number: int, row: DataRow) -> Done:
        """Raises:
        NoLongerAdmitted: the run is over.
        """
        size = len(msgspec.json.encode(row))
        answered = await self._answer(row, size)
        if answered.sample is not None:
            size += len(answered.sample.text)
        if answered.error is None and self._slots * size > MAX_FILLED:
            answered = msgspec.structs.replace(answered, error=_TOO_LARGE)
        grades: list[Grade] = []
        if answered.error is None:
            heard = _Listening(self._calls)
            asking = (self._grade(one, row, answered.sample, heard.outside) for one in self._criteria)
            grades = list(await asyncio.gather(*asking))
            if not self._calls.admitted:  # to a grader a judge that refuses is one that cannot be asked
                raise NoLongerAdmitted
            answered = msgspec.structs.replace(answered, keep=answered.keep and heard.keep)
        errored = answered.error is not None or any(grade.error for grade in grades)
        status = "error" if errored else "pass" if all(grade.passed for grade in grades) else "fail"
        return Done(
            status=status,
            passed=tuple(None if grade.error else grade.passed for grade in grades) or (None,) * len(self._criteria),
            fields={
                "datasource_item": row.item,
                "datasource_item_id": number,
                "results": [
                    _result(criterion, grade, answered.keep)
                    for criterion, grade in zip(self._criteria, grades, strict=False)
                ],
                "sample": self._sample(answered),
                "status": status,
            },
        )

    async def _answer(self, row: DataRow, size: int) -> Answered:
        sampling = self._source.sampling
        if sampling is None:
            return Answered(sample=None if row.sample is None else given_sample(row.sample))
        if sampling.messages.slots * size > MAX_FILLED:
            return Answered(error=_TOO_LARGE)
        try:
            messages = sampling.messages.filled(row.item)
        except Unfillable as error:
            return Answered(error=("template_error", str(error)))
        try:
            heard = await self._calls.ask(sampling.api, sampling.request(messages))
        except CallFailed as failed:
            return Answered(messages=messages, error=(failed.code, failed.message), keep=failed.keep)
        return Answered(sample=heard.sample, messages=messages, keep=heard.keep)

    async def _grade(self, criterion: Criterion, row: DataRow, sample: Sample | None, outside: Outside) -> Grade:
        looked_at = sample or Sample()
        if criterion.asks:
            return await criterion.grade(row.item, looked_at, outside)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._grading, criterion.grade_now, row.item, looked_at)

    def _sample(self, answered: Answered) -> dict[str, Any]:
        """The item's `sample`: of what was not said, what OpenAI takes for unsaid, or 0."""
        sample, sampling = answered.sample or Sample(), self._source.sampling
        params: Mapping[str, Any] = sampling.params if sampling else {}
        used = write_usage(sample.usage) if sample.usage else {}
        error = answered.error
        return {
            "input": as_told(answered.messages) if answered.keep else [],
            "output": [] if answered.sample is None else [_output(sample, answered.keep)],
            "finish_reason": sample.finish_reason,
            "model": sample.model or self._source.model,
            "usage": {
                "prompt_tokens": used.get("prompt_tokens", 0),
                "completion_tokens": used.get("completion_tokens", 0),
                "total_tokens": used.get("total_tokens", 0),
                "cached_tokens": used["prompt_tokens_details"]["cached_tokens"] if used else 0,
            },
            "error": None if error is None else {"code": error[0], "message": error[1]},
            "temperature": params.get("temperature", 1.0),
            "top_p": params.get("top_p", 1.0),
            "max_completion_tokens": params.get("max_completion_tokens", 0),
            "seed": params.get("seed", 0),
        }


class _Listening:
    """Whom the criteria of one row ask. `keep`: policy lets all of what they said be kept."""

    def __init__(self, calls: Calls) -> None:
        self.keep = True
        self._calls = calls
        self.outside = calls.outside(self._heard)

    def _heard(self, keep: bool) -> None:
        self.keep = self.keep and keep


def given_sample(said: Mapping[str, Any]) -> Sample:
    """The answer that a row brings, as OpenAI's `sample` has one: `output_text`, or chat's `choices`."""
    choices: Any = said.get("choices")
    first: Any = cast(list[Any], choices)[0] if isinstance(choices, list) and choices else None
    choice = cast(dict[str, Any], first) if isinstance(first, dict) else {}
    message: Any = choice.get("message")
    spoken = cast(dict[str, Any], message) if isinstance(message, dict) else {}
    text: Any = said.get("output_text", spoken.get("content"))
    if not isinstance(text, str):
        json: Any = said.get("output_json")
        text = "" if json is None else msgspec.json.encode(json).decode()
    calls: Any = said.get("output_tools", spoken.get("tool_calls"))
    return Sample(
        text=text,
        tool_calls=tuple(_tool_calls(calls)),
        finish_reason=str(choice.get("finish_reason") or ""),
        model=str(said.get("model") or ""),
    )


def _tool_calls(calls: Any) -> list[ToolCall]:
    found: list[ToolCall] = []
    for one in cast(list[Any], calls) if isinstance(calls, list) else []:
        call = cast(dict[str, Any], one) if isinstance(one, dict) else {}
        inner: Any = call.get("function")
        function = cast(dict[str, Any], inner) if isinstance(inner, dict) else call
        arguments: Any = function.get("arguments", "{}")
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        found.append(ToolCall(name=str(function.get("name") or ""), arguments=text, id=str(call.get("id") or "")))
    return found


def _output(sample: Sample, keep: bool) -> dict[str, Any]:
    """An output message; of one that nothing may be kept of, that there was one."""
    said: dict[str, Any] = {"role": "assistant", "content": sample.text if keep else None}
    if sample.tool_calls and keep:
        said["tool_calls"] = [
            {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
            for one in sample.tool_calls
        ]
    return said


def _result(criterion: Criterion, grade: Grade, keep: bool) -> dict[str, Any]:
    sample: dict[str, Any] = {}
    if grade.error:
        sample["error"] = clipped(grade.error, MAX_REASON) if keep else WITHHELD
    elif keep:
        sample["reason"] = clipped(grade.reason, MAX_REASON)
    if grade.by is not None:
        sample |= {"model": grade.by.answered or grade.by.model}
    return {
        "name": criterion.name,
        "type": f"{criterion.grader.type.replace('_', '-')}-grader",
        "passed": grade.passed and not grade.error,
        "score": grade.score if grade.measured is None else grade.measured,
        "sample": sample or None,
    }
