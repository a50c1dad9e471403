"""Where marks are placed that tell an upstream what to keep of a prompt."""

from typing import Any

import pytest

from gateway.providers.prompt_caching import marked

MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def test_what_stays_the_same_and_the_last_message_are_marked() -> None:
    body: dict[str, Any] = {
        "system": "be brief",
        "tools": [{"name": "look"}],
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "user", "content": [{"type": "text", "text": "two"}]},
        ],
    }
    assert marked("messages", body, "5m") == {
        "system": [{"type": "text", "text": "be brief", **MARK}],
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "user", "content": [{"type": "text", "text": "two", **MARK}]},
        ],
    }


def test_tools_are_marked_where_there_is_no_system_prompt() -> None:
    body = {"tools": [{"name": "a"}, {"name": "b"}], "messages": [{"role": "user", "content": "x"}]}
    assert marked("messages", body, "1h")["tools"] == [{"name": "a"}, {"name": "b", **HOUR}]


def test_bedrock_has_points_of_their_own() -> None:
    body = {"system": [{"text": "s"}], "messages": [{"role": "user", "content": [{"text": "x"}]}]}
    point = {"cachePoint": {"type": "default"}}
    assert marked("converse", body, "5m") == {
        "system": [{"text": "s"}, point],
        "messages": [{"role": "user", "content": [{"text": "x"}, point]}],
    }


LEFT_ALONE: list[tuple[str, dict[str, Any]]] = [
    ("chat", {"messages": [{"role": "user", "content": "x"}]}),
    (
        "messages",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", **MARK}]}], "system": "s"},
    ),
    ("messages", {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "…"}]}]}),
    ("messages", {"messages": []}),
    ("messages", {"messages": "no list", "system": ""}),
    ("converse", {"messages": [{"role": "user", "content": []}]}),
    ("messages", {"system": 5, "messages": [{"role": "user", "content": 5}]}),
    ("messages", {"system": {"type": "text"}, "messages": [{"role": "user", "content": {"type": "text"}}]}),
    ("messages", {"messages": [{"role": "user", "content": ""}]}),
]


@pytest.mark.parametrize(("protocol", "body"), LEFT_ALONE)
def test_what_has_no_marks_has_its_own_or_takes_none_is_left_alone(protocol: str, body: dict[str, Any]) -> None:
    assert marked(protocol, body, "5m") == {}
