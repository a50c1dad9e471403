"""A request that goes on from its own answer, in each protocol that holds a conversation."""

from typing import Any

import pytest

from gateway.dialects.turns import exchanged

HELLO = {"role": "user", "content": "hello"}
CHAT = [HELLO, {"role": "assistant", "content": "{"}, {"role": "user", "content": "again"}]
CASES: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    ("chat", {"messages": [HELLO]}, {"messages": CHAT}),
    ("messages", {"messages": [HELLO]}, {"messages": CHAT}),
    ("responses", {"input": [HELLO]}, {"input": CHAT}),
    ("responses", {"input": "hello"}, {"input": CHAT}),
    (
        "generate",
        {"contents": [{"parts": [{"text": "hello"}]}]},
        {
            "contents": [
                {"parts": [{"text": "hello"}]},
                {"role": "model", "parts": [{"text": "{"}]},
                {"role": "user", "parts": [{"text": "again"}]},
            ]
        },
    ),
    ("completions", {"prompt": "hello"}, None),
    ("responses", {}, None),
    ("chat", {"messages": "hello"}, None),
]


@pytest.mark.parametrize(("protocol", "fields", "changed"), CASES)
def test_the_answer_and_what_is_said_to_it_stand_last(
    protocol: str, fields: dict[str, Any], changed: dict[str, Any] | None
) -> None:
    assert exchanged(protocol, fields.get, "{", "again") == changed
