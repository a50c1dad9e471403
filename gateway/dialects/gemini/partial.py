"""A call whose arguments come piecewise: `partialArgs`, each a value and the path it belongs to.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc. Paths are JSON
Paths of names and indices, `$.foo.bar[0]`; a string that continues is appended to.
"""

import re
from itertools import pairwise
from typing import Any, cast

from gateway.core.conversation import Json
from gateway.dialects.reading import rows, words

_STEP = re.compile(r"""\.([^.\[\]'"]+)|\[(\d{1,4})\]|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]""")
_MAX_STEPS = 64


class PartialCall:
    """The arguments of one call as far as they have come."""

    __slots__ = ("_begun", "arguments")

    def __init__(self) -> None:
        self.arguments: dict[str, Any] = {}
        self._begun: set[str] = set()

    def add(self, call: Json) -> None:
        """Take in what a `functionCall` says more. A path that is none is left out."""
        for piece in rows(call, "partialArgs"):
            path = words(piece, "jsonPath")
            steps = _steps(path)
            if steps:
                self._set(path, steps, piece)
        more = call.get("args")
        if isinstance(more, dict):
            self.arguments.update(cast(dict[str, Any], more))

    def _set(self, path: str, steps: list[str | int], piece: Json) -> None:
        holder: Any = self.arguments
        for step, following in pairwise(steps):
            empty: Any = [] if isinstance(following, int) else {}
            held = _get(holder, step)
            if type(held) is not type(empty):
                held = empty
                _put(holder, step, held)
            holder = held
        value = _value(piece)
        before = _get(holder, steps[-1])
        if path in self._begun and isinstance(before, str) and isinstance(value, str):
            value = before + value
        _put(holder, steps[-1], value)
        if piece.get("willContinue") is True:
            self._begun.add(path)
        else:
            self._begun.discard(path)


def _steps(path: str) -> list[str | int]:
    """A path's steps; empty if it is none, or one that no arguments need."""
    steps: list[str | int] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) == _MAX_STEPS:
            return []
        name, number, single, double = found.groups()
        steps.append(int(number) if number else next(one for one in (name, single, double) if one is not None))
        at = found.end()
    return steps if steps and isinstance(steps[0], str) else []


def _get(holder: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return holder[step] if step < len(holder) else None
    return holder.get(step)


def _put(holder: Any, step: str | int, value: Any) -> None:
    if isinstance(step, int):
        holder.extend([None] * (step + 1 - len(holder)))
    holder[step] = value


def _value(piece: Json) -> Any:
    for name in ("stringValue", "numberValue", "boolValue"):
        value = piece.get(name)
        if isinstance(value, str | int | float):
            return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
    return None
