"""What a prompt's `config` may say, and how it is told what it may not."""

from typing import Any

import pytest

from gateway.core.conversation import Reasoning, ToolChoice
from gateway.prompts.options import options_of


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        ({}, {}),
        ({"temperature": 0, "topP": 0.5, "topK": 40}, {"temperature": 0, "top_p": 0.5, "top_k": 40}),
        ({"maxOutputTokens": 9}, {"max_output_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_output_tokens": 9}),
        ({"stopSequences": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"stop": "a"}, {"stop": ("a",)}),
        ({"reasoning_effort": "low"}, {"reasoning": Reasoning(effort="low")}),
        ({"reasoning": {"budget_tokens": 512}}, {"reasoning": Reasoning(budget_tokens=512)}),
        (
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"reasoning": Reasoning(effort="low", summary="auto", show=True)},
        ),
        ({"reasoning": {"summary": "auto"}}, {"reasoning": Reasoning(summary="auto", show=True)}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"tool_choice": {"type": "function", "name": "look"}}, {"tool_choice": ToolChoice("required", ("look",))}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
            {"tool_choice": ToolChoice("required", ("look",))},
        ),
        ({"toolChoice": "required"}, {"tool_choice": ToolChoice("required")}),
        ({"tool_choice": {"name": "look"}}, {"tool_choice": ToolChoice("required", ("look",))}),
        (
            {"seed": 1, "verbosity": "low", "parallelToolCalls": False},
            {"seed": 1, "verbosity": "low", "parallel_tool_calls": False},
        ),
        ({"temperature": None}, {}),
    ],
)
def test_names_are_dotprompts_or_openais(config: dict[str, Any], fields: dict[str, Any]) -> None:
    assert options_of(config) == fields


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"temprature": 1}, "config has no `temprature`; did you mean `temperature`?"),
        ({"topP": 0.5, "top_p": 0.5}, "config says `top_p` twice"),
        ({"temperature": "1"}, "config.temperature is a number from 0 to 2"),
        ({"temperature": True}, "config.temperature is a number"),
        ({"temperature": 3}, "config.temperature is a number from 0 to 2"),
        ({"maxOutputTokens": 0}, "config.maxOutputTokens is a whole number from 1"),
        ({"maxOutputTokens": 1.5}, "config.maxOutputTokens is a whole number"),
        ({"stop": []}, "config.stop is a text or a list of texts"),
        ({"stop": [1]}, "config.stop is a text or a list of texts"),
        ({"reasoning": "much"}, "config.reasoning.effort is one of none, minimal"),
        ({"text": {"format": {}}}, "config.text has verbosity and nothing else"),
        ({"reasoning": {"summary": "much"}}, "config.reasoning.summary is one of auto"),
        ({"tool_choice": {"function": 3}}, "config.tool_choice is one of"),
        ({"reasoning": {"budget": 3}}, "no `budget`"),
        ({"toolChoice": "some"}, "config.toolChoice is one of auto, none, required"),
        ({"verbosity": "loud"}, "config.verbosity is one of"),
        ({"parallelToolCalls": "yes"}, "config.parallelToolCalls is true or false"),
    ],
)
def test_what_is_wrong_is_told_by_name(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        options_of(config)
    assert told in str(refused.value)
