"""Whether a request insists on a tool, in every protocol's own words."""

import json
from typing import Any

import pytest

from gateway.dialects.forcing import forced_tool
from gateway.dialects.openai.body import read_json

FUNCTION = {"type": "function", "function": {"name": "look"}}
AMONG = [FUNCTION]


@pytest.mark.parametrize(
    ("protocol", "body", "where"),
    [
        ("chat", {"tool_choice": "required"}, "tool_choice"),
        ("chat", {"tool_choice": "any"}, "tool_choice"),
        ("chat", {"tool_choice": FUNCTION}, "tool_choice"),
        ("chat", {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": AMONG}}}, "tool_choice"),
        ("chat", {"function_call": {"name": "look"}}, "function_call"),
        ("responses", {"tool_choice": "required"}, "tool_choice"),
        ("responses", {"tool_choice": {"type": "function", "name": "look"}}, "tool_choice"),
        ("responses", {"tool_choice": {"type": "web_search"}}, "tool_choice"),
        ("responses", {"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": AMONG}}, "tool_choice"),
        ("messages", {"tool_choice": {"type": "any"}}, "tool_choice"),
        ("messages", {"tool_choice": {"type": "tool", "name": "look"}}, "tool_choice"),
        ("generate", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "toolConfig"),
        ("generate", {"tool_config": {"function_calling_config": {"mode": "ANY"}}}, "tool_config"),
        ("generate-array", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "toolConfig"),
        ("chat", {}, ""),
        ("chat", {"tools": AMONG}, ""),
        ("chat", {"tool_choice": "auto"}, ""),
        ("chat", {"tool_choice": "none"}, ""),
        ("chat", {"tool_choice": None}, ""),
        ("chat", {"tool_choice": ["required"]}, ""),
        ("chat", {"tool_choice": {"type": "auto"}}, ""),
        ("chat", {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": AMONG}}}, ""),
        ("chat", {"function_call": "auto"}, ""),
        ("responses", {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": AMONG}}, ""),
        ("messages", {"tool_choice": {"type": "auto"}}, ""),
        ("messages", {"tool_choice": "required"}, ""),
        ("generate", {"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}, ""),
        ("generate", {"toolConfig": {"functionCallingConfig": "ANY"}}, ""),
        ("embeddings", {"tool_choice": "required"}, ""),
    ],
)  # fmt: skip
def test_a_request_says_that_a_tool_must_be_called(protocol: str, body: dict[str, Any], where: str) -> None:
    assert forced_tool(protocol, read_json(json.dumps(body).encode())) == where
