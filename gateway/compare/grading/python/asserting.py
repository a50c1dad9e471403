"""What `python` assertions mean, as promptfoo has them
(https://www.promptfoo.dev/docs/configuration/expected-outputs/python)."""

import math
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.compare.grading.checks import Asked, Asking, Wanted
from gateway.compare.grading.grades import Ungradable, Verdict
from gateway.compare.grading.judging.judges import Code
from gateway.compare.grading.values import Wrong, clipped, shown, text_of

_FILE = "file://"
_USUAL = "get_assert"
_SNAKE: Mapping[str, str] = {"pass_": "pass", "named_scores": "namedScores"}


def python(wanted: Wanted) -> Asking:
    """An expression, or a function's body, over `output` and `context`; or `file://name.py:function`. It returns true
    or false, a score (which passes from `threshold`, or above 0), or `{pass, score, reason}`."""
    code = _code(wanted)
    threshold = wanted.threshold

    async def ask(asked: Asked) -> Verdict:
        if asked.outside.python is None:
            raise Ungradable("python is not run here")
        context = {**_context(asked), "config": dict(wanted.config)}
        try:
            returned = await asked.outside.python(code, asked.sample.text, context)
        except OSError as error:  # no more processes, no more memory
            raise Ungradable(f"python cannot be run: {error}") from None
        return verdict_of(returned, threshold)

    return ask


def _code(wanted: Wanted) -> Code:
    if not isinstance(wanted.value, str) or not wanted.value.strip():
        raise Wrong(("value",), "expected Python: an expression, the body of a function, or `file://name.py`")
    if not wanted.value.startswith(_FILE):
        _compiles(wanted.value)
        return Code(wanted.value)
    name, _, function = wanted.value.removeprefix(_FILE).partition(":")
    if wanted.read is None:
        raise Wrong(("value",), "there is no folder here for `file://` to be in; write the code out")
    return Code(wanted.read(name), function or _USUAL)


def _compiles(source: str) -> None:
    body = source if "\n" in source else f"return ({source}\n)"
    try:
        compile("def main(output, context):\n" + "".join(f" {line}\n" for line in body.splitlines()), "value", "exec")
    except (SyntaxError, ValueError) as error:
        raise Wrong(("value",), f"is no Python: {getattr(error, 'msg', None) or error}") from None


def _context(asked: Asked) -> dict[str, Any]:
    """promptfoo's names, and the answer's own figures."""
    sample = asked.sample
    return {
        "prompt": asked.question,
        "vars": {},
        **asked.context,
        "providerResponse": {
            "output": sample.text,
            "finishReason": sample.finish_reason,
            "latencyMs": None if sample.latency_s is None else sample.latency_s * 1000,
            "costNano": sample.cost_nano,
            "tokenUsage": None if sample.usage is None else msgspec.to_builtins(sample.usage),
            "toolCalls": [msgspec.to_builtins(call) for call in sample.tool_calls],
            "model": sample.model,
        },
    }


def verdict_of(returned: Any, threshold: float | None) -> Verdict:
    """Raises:
    Ungradable: it is none of what an assertion may return.
    """
    try:
        return _verdict_of(returned, threshold)
    except OverflowError:
        raise Ungradable("python returned a whole number of hundreds of digits, which is no score") from None


def _verdict_of(returned: Any, threshold: float | None) -> Verdict:
    if isinstance(returned, bool):
        return Verdict(returned, float(returned), f"python returned {text_of(returned)}")
    if isinstance(returned, int | float) and math.isfinite(returned):
        passed = returned > 0 if threshold is None else returned >= threshold
        return Verdict(passed, float(returned), f"python returned {returned:g}", measured=float(returned))
    if isinstance(returned, dict):
        return _of_mapping(cast(dict[str, Any], returned), threshold)
    told = shown(text_of(returned))
    raise Ungradable(f"python returned {told}; an assertion returns a bool, a number or {{pass, score, reason}}")


def _of_mapping(returned: dict[str, Any], threshold: float | None) -> Verdict:
    found = {_SNAKE.get(key, key): value for key, value in returned.items()}
    passed, score, reason = found.get("pass"), found.get("score"), found.get("reason", "")
    if score is None and isinstance(passed, bool):
        score = float(passed)
    if not isinstance(passed, bool) or isinstance(score, bool) or not isinstance(score, int | float):
        raise Ungradable("python returned a mapping without `pass` (true or false) and `score` (a number)")
    if not math.isfinite(score):
        raise Ungradable(f"python returned the score {score}")
    told = clipped(text_of(reason), 2_000) or f"python returned {text_of(passed)}"
    if threshold is not None and score < threshold:
        passed, told = False, f"the score {score:g} is below {threshold:g}: {told}"
    return Verdict(passed, float(score), told, measured=float(score), named=_named(found.get("namedScores")))


def _named(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {
        name: float(score)
        for name, score in cast(dict[str, Any], value).items()
        if isinstance(score, int | float) and math.isfinite(score)
    }
