"""What programs say to each other has names that are texts; elsewhere a name is structure."""

import json
from typing import Any

import pytest

from gateway.guard.answers import look_at_answer
from gateway.guard.streaming import StreamGuard
from gateway.guard.vault import Vault
from gateway.guard.window import Looking
from tests.guard.doubles import Addresses, looked_at, rule, texts_of

RULES = (rule(Addresses()),)
CONTACTS = {"ann@x.org": {"boss": "bob@x.org", "n": 1.0}, "kind": ["cid@x.org"]}


def redacted(vault: Vault, messages: list[Any]) -> list[Any]:
    texts = texts_of({"messages": messages})
    return texts.redacted(looked_at(texts, RULES), vault)["messages"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "t", "name": "f", "input": CONTACTS},
        {"functionCall": {"name": "f", "args": CONTACTS}},
        {"functionResponse": {"name": "f", "response": CONTACTS}},
    ],
)
def test_names_in_a_tool_s_words_are_taken_out_and_come_back(block: dict[str, Any]) -> None:
    vault = Vault()
    (sent,) = redacted(vault, [{"role": "user", "content": [block]}])[0]["content"]
    assert "@" not in json.dumps(sent)
    taken = {"<EMAIL_1>": {"boss": "<EMAIL_2>", "n": 1.0}, "kind": ["<EMAIL_3>"]}
    assert taken in (sent.get("input"), *(inner.get("args", inner.get("response")) for inner in sent.values() if isinstance(inner, dict)))  # fmt: skip
    said = json.dumps({"content": [sent], "candidates": [{"content": {"parts": [sent]}}]}, separators=(" , ", " : "))
    back, _ = look_at_answer(said.encode(), Looking((), vault, lambda _: None))
    assert json.loads(back) == {"content": [block], "candidates": [{"content": {"parts": [block]}}]}
    assert back.count(b" : 1.0") == 2


def test_names_in_a_stream_are_texts_too() -> None:
    call = {"functionCall": {"name": "f", "args": CONTACTS}}
    event = b"data: " + json.dumps({"candidates": [{"content": {"parts": [call]}}]}).encode() + b"\n\n"
    guard = StreamGuard(Looking(RULES, Vault(), lambda _: None))
    assert b"@" not in guard.feed(event) + guard.end()
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [{"function": {"name": "f", "arguments": CONTACTS}}]}}]}
    out = guard.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n") + guard.end()
    assert b"@" not in out
    assert out.count(b"[EMAIL]") == 3


def test_who_speaks_is_told_to_the_model_and_what_a_tool_is_called_is_not_changed() -> None:
    call = {"id": "bob@x.org", "type": "function", "function": {"name": "cid@x.org", "arguments": "{}"}}
    (sent,) = redacted(Vault(), [{"role": "assistant", "name": "ann@x.org", "tool_calls": [call]}])
    assert sent == {"role": "assistant", "name": "<EMAIL_1>", "tool_calls": [call]}
