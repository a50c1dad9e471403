"""What a prompt's `config` says of the answer, in the words of `core/`.

The names are dotprompt's (`maxOutputTokens`, `topP`, `stopSequences`) or OpenAI's (`max_output_tokens`, `top_p`,
`stop`); one thing under two names is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from gateway.core.conversation import Reasoning, ToolChoice
from gateway.stores.wording import nearest

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CHOICES = ("auto", "none", "required")
VERBOSITIES = ("low", "medium", "high")
SUMMARIES = ("auto", "concise", "detailed")


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a ChatRequest.

    Raises:
        ValueError: a name or a value that is none; says which.
    """
    found: dict[str, Any] = {}
    for name, value in config.items():
        if name not in _OPTIONS:
            raise ValueError(f"config has no `{name}`{nearest(name, list(_OPTIONS))}")
        field, read = _OPTIONS[name]
        if field in found:
            raise ValueError(f"config says `{field}` twice, once as `{name}`")
        if value is not None:
            found[field] = read(name, value)
    return found


def _number(low: float, high: float) -> Callable[[str, object], float]:
    def read(name: str, value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"config.{name} is a number from {low:g} to {high:g}")
        return value

    return read


def _whole(low: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise ValueError(f"config.{name} is a whole number from {low}")
        return value

    return read


def _texts(name: str, value: object) -> tuple[str, ...]:
    texts = cast(list[object], value) if isinstance(value, list) else [value]
    if not texts or not all(isinstance(one, str) and one for one in texts):
        raise ValueError(f"config.{name} is a text or a list of texts")
    return tuple(cast(list[str], texts))


def _word(*words: str) -> Callable[[str, object], str]:
    def read(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"config.{name} is one of {', '.join(words)}")
        return value

    return read


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"config.{name} is true or false")
    return value


def _reasoning(name: str, value: object) -> Reasoning:
    said = cast(Mapping[str, object], value) if isinstance(value, Mapping) else {"effort": value}
    if unknown := said.keys() - {"effort", "budget_tokens", "summary"}:
        raise ValueError(f"config.{name} has effort or budget_tokens, and summary, and no `{min(unknown)}`")
    summary = "" if "summary" not in said else _word(*SUMMARIES)(f"{name}.summary", said["summary"])
    show = True if summary else None
    if "budget_tokens" in said:
        tokens = _whole(1)(f"{name}.budget_tokens", said["budget_tokens"])
        return Reasoning(budget_tokens=tokens, summary=summary, show=show)
    if "effort" not in said and summary:
        return Reasoning(summary=summary, show=show)
    return Reasoning(effort=_word(*EFFORTS)(f"{name}.effort", said.get("effort")), summary=summary, show=show)


def _choice(name: str, value: object) -> ToolChoice:
    """A word, or the name of the one tool to call, as either of OpenAI's APIs has it too."""
    if isinstance(value, Mapping):
        said = cast(Mapping[str, object], value)
        inner = said.get("function", said)
        tool = cast(Mapping[str, object], inner).get("name") if isinstance(inner, Mapping) else None
        if isinstance(tool, str) and tool:
            return ToolChoice("required", (tool,))
    if value not in CHOICES:
        raise ValueError(f"config.{name} is one of {', '.join(CHOICES)}, or {{name: TOOL}}")
    return ToolChoice(cast(Any, value))


def _of_text(name: str, value: object) -> str:
    """OpenAI's `text` object, as far as it is not the answer's form, which stands under `output`."""
    said: Mapping[str, object] = cast(Mapping[str, object], value) if isinstance(value, Mapping) else {}
    if set(said) != {"verbosity"}:
        raise ValueError(f"config.{name} has verbosity and nothing else; the form of an answer stands under output")
    return _word(*VERBOSITIES)(f"{name}.verbosity", said["verbosity"])


_Read = Callable[[str, Any], object]
_BY_FIELD: Mapping[str, tuple[tuple[str, ...], _Read]] = {
    "temperature": (("temperature",), _number(0, 2)),
    "top_p": (("topP", "top_p"), _number(0, 1)),
    "top_k": (("topK", "top_k"), _whole(1)),
    "max_output_tokens": (("maxOutputTokens", "max_output_tokens", "max_tokens", "max_completion_tokens"), _whole(1)),
    "stop": (("stopSequences", "stop_sequences", "stop"), _texts),
    "seed": (("seed",), _whole(0)),
    "frequency_penalty": (("frequencyPenalty", "frequency_penalty"), _number(-2, 2)),
    "presence_penalty": (("presencePenalty", "presence_penalty"), _number(-2, 2)),
    "parallel_tool_calls": (("parallelToolCalls", "parallel_tool_calls"), _flag),
    "tool_choice": (("toolChoice", "tool_choice"), _choice),
    "reasoning": (("reasoning", "reasoning_effort"), _reasoning),
    "verbosity": (("verbosity",), _word(*VERBOSITIES)),
}
_OPTIONS: Mapping[str, tuple[str, _Read]] = {
    **{name: (field, read) for field, (names, read) in _BY_FIELD.items() for name in names},
    "text": ("verbosity", _of_text),
}
