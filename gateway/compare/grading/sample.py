"""What is graded: one answer, and what is known of it."""

import functools
from typing import Any

import msgspec

from gateway.core.usage import Usage


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A call that the answer asks for. `arguments`: JSON, as the model wrote it, be it valid or not."""

    name: str
    arguments: str = "{}"
    id: str = ""


class NotJson(msgspec.Struct, frozen=True):
    """Stands for the value of a text that has none. `why`: what a parser says."""

    why: str


class Sample(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An answer.

    Attributes:
        text: all of its text; empty if it has none.
        finish_reason: in the upstream's words or OpenAI's.
        refusal: the upstream says that the model refused.
        latency_s: until the last byte; ttft_s: until the first. None: not known, as of an answer out of a cache.
        cost_nano: nano-units of the price book's currency; None: not priced.
        tools: what the request offered, as OpenAI's chat requests have it.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    refusal: bool = False
    latency_s: float | None = None
    ttft_s: float | None = None
    cost_nano: int | None = None
    usage: Usage | None = None
    model: str = ""
    tools: tuple[dict[str, Any], ...] = ()

    @functools.cached_property
    def json(self) -> Any:
        """What the text says as JSON, or NotJson. Decoded once, when first asked for."""
        return decoded(self.text)


def decoded(text: str) -> Any:
    """JSON's value, or NotJson. `NaN` and comments are no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        return NotJson(str(error)[:200] if text.strip() else "it is empty")
    except RecursionError:
        return NotJson("it is nested too deeply")
