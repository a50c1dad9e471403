"""Who is asked: models as judges, models for vectors, and a process for an organisation's own code. Callables that the
caller of this room injects; it opens no connection itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

Message = Mapping[str, str]


class Answer(msgspec.Struct, frozen=True):
    """What a model said. `cost_nano`: of asking, in nano-units of the price book's currency; `model`: as its answer
    names it, which says which of several snapshots it was."""

    text: str
    cost_nano: int = 0
    model: str = ""


# (messages, model, parameters of the request) → its answer. Whatever it raises is the grade's error; if that has a
# `cost_nano`, so much was spent in vain.
AskModel = Callable[[Sequence[Message], str, Mapping[str, Any]], Awaitable[Answer]]


class Vectors(msgspec.Struct, frozen=True):
    """One for each text, all of one length. `cost_nano`: of asking."""

    each: Sequence[Sequence[float]]
    cost_nano: int = 0


Embed = Callable[[Sequence[str]], Awaitable[Vectors]]


class Code(msgspec.Struct, frozen=True):
    """Python to run. `function`: which of the source's is called with (output, context); without one the source is an
    expression or a function's body over `output` and `context`."""

    source: str
    function: str = ""


# (code, output, context) → what it returned, as JSON has it.
RunPython = Callable[[Code, str, Mapping[str, Any]], Awaitable[Any]]


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a grade may ask. What is None cannot be asked, and an assertion that needs it has an error."""

    ask: AskModel | None = None
    embed: Embed | None = None
    python: RunPython | None = None


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """A model that grades, and the words it is asked with.

    Attributes:
        prompt: its own words instead of the usual ones, with `{{output}}` where the answer goes; see `prompts`.
        params: further parameters of the request, such as `seed`; the temperature is 0.
    """

    name: str
    model: str
    prompt: str = ""
    params: Mapping[str, Any] = {}
