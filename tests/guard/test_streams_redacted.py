"""A stream's text comes out redacted and restored the same, whatever pieces it comes in."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.sse import data_of, split
from gateway.guard.answers import look_at_answer
from gateway.guard.escapes import Seen
from gateway.guard.looking import Hit, edited, edits_of, hits
from gateway.guard.streaming import StreamGuard
from gateway.guard.vault import Vault
from gateway.guard.window import Looking
from gateway.guard.words import Span
from tests.guard.doubles import Addresses, Secrets, rule

WORDS = [
    "ann@x.org",
    "key-123456",
    "<EMAIL_1>",
    "<EMAIL_12>",
    "key-",
    "a.b@",
    " ",
    "\n",
    "@",
    "<EMA",
    "12",
    "é",
    '"',
    "\\",
    "key-1234567",
    "b@c",
]
Event = Callable[[str], dict[str, Any]]
PROTOCOLS: dict[str, tuple[Event, Callable[[dict[str, Any]], str], bool]] = {
    "chat": (lambda t: {"choices": [{"index": 0, "delta": {"content": t}}]}, lambda s: s["choices"][0]["delta"]["content"], False),
    "reasoning": (lambda t: {"choices": [{"index": 1, "delta": {"reasoning_content": t, "reasoning_details": [{"index": 0, "text": t}]}}]}, lambda s: s["choices"][0]["delta"]["reasoning_details"][0]["text"], False),
    "completions": (lambda t: {"choices": [{"index": 0, "text": t}]}, lambda s: s["choices"][0]["text"], False),
    "tool call": (lambda t: {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "function": {"arguments": t}}]}}]}, lambda s: s["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"], True),
    "messages": (lambda t: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}, lambda s: s["delta"]["text"], False),
    "tool input": (lambda t: {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": t}}, lambda s: s["delta"]["partial_json"], True),
    "responses": (lambda t: {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": t}, lambda s: s["delta"], False),
    "arguments": (lambda t: {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": t}, lambda s: s["delta"], True),
    "generate": (lambda t: {"candidates": [{"content": {"parts": [{"text": t}]}}]}, lambda s: s["candidates"][0]["content"]["parts"][0]["text"], False),
}  # fmt: skip


def tokens() -> Vault:
    vault = Vault()
    vault.token("email", 'Jo "J" O\\Neil')
    return vault


def whole(text: str, json_text: bool) -> str:
    """The text as one piece."""
    seen = Seen(text, json=json_text)
    found = hits((rule(Addresses(), Secrets()),), seen.text)
    return edited(text, edits_of(found, seen, tokens=tokens(), json=json_text))


def streamed(pieces: Sequence[str], protocol: str, batches: int, note: Callable[[list[Hit]], None] = lambda _: None) -> str:  # fmt: skip
    """The text that comes out of a stream, whose bytes beside it are those that went in."""
    make, text_of, _ = PROTOCOLS[protocol]
    guard = StreamGuard(Looking((rule(Addresses(), Secrets()),), tokens(), note))
    events = [b"data: " + json.dumps(make(piece)).encode() + b"\n\n" for piece in pieces]
    batch = [b"".join(events[at : at + batches]) for at in range(0, len(events), batches)]
    out = [*split(b"".join(map(guard.feed, batch)) + guard.end())]
    assert len(out) == len(events)
    texts = [text_of(json.loads(data_of(event) or b"")) for event in out]
    for event, before, piece, text in zip(out, events, pieces, texts, strict=True):
        if text == piece:
            assert event == before
    return "".join(texts)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_any_cut_gives_the_same_text(protocol: str, data: st.DataObject) -> None:
    said = "".join(data.draw(st.lists(st.sampled_from(WORDS), max_size=12)))
    if json_text := PROTOCOLS[protocol][2]:
        said = json.dumps({"text": said}, ensure_ascii=data.draw(st.booleans()))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    found: list[Hit] = []
    out = streamed(pieces, protocol, data.draw(st.integers(1, 4)), found.extend)
    assert out == whole(said, json_text)
    if json_text:
        json.loads(out)
    once: list[Hit] = []
    streamed([said], protocol, 1, once.extend)
    assert sorted(hit.value for hit in found) == sorted(hit.value for hit in once)


def fed(*events: Any, looking: Looking | None = None) -> list[bytes]:
    """What comes out after each event, and at the end."""
    guard = StreamGuard(looking or Looking((rule(Addresses(), Secrets()),), tokens(), lambda _: None))
    return [*(guard.feed(b"data: " + json.dumps(one).encode() + b"\n\n") for one in events), guard.end()]


def chat(text: str, choice: int = 0, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": choice, "delta": {"content": text}, **more}]}


def test_only_what_is_open_is_held_back() -> None:
    out = fed(chat("all is well. "), chat("ask an"), chat("n@x.org"), {"choices": []}, chat(" now "))
    assert [len(one) > 0 for one in out] == [True, False, False, False, True, False]
    assert out[4].count(b"data:") == 4
    assert b"[EMAIL]" in out[4]
    assert b"ann" not in b"".join(out)


def test_a_text_ends_with_its_choice_or_where_another_goes_on() -> None:
    reasoning = {"choices": [{"index": 0, "delta": {"reasoning": "hm"}}]}
    assert [len(one) > 0 for one in fed(reasoning, chat("Hello "))] == [False, True, False]
    assert fed(chat("Hello"), chat("", finish_reason="stop"))[1] != b"", "nothing more can come"
    first, second, third, _ = fed(chat("one"), chat("two", choice=1), chat(" ", choice=0))
    assert (first, second) == (b"", b"")
    assert third.count(b"data:") == 1, "the other choice's word is still open, and what stands behind it waits"
    guard = StreamGuard(Looking((rule(Addresses()),), Vault(), lambda _: None))
    assert guard.feed(b'data: {"choices":[{"delta":{"content":"ann"}}]}\n\n') == b""
    assert guard.feed(b"data: [DONE]\n\n").endswith(b"data: [DONE]\n\n")


def test_probabilities_of_tokens_go_with_the_text_they_tell() -> None:
    out = fed(
        chat("ann@x.org ", logprobs={"content": [{"token": "ann"}]}),
        chat("fine ", logprobs={"content": [{"token": "fine"}]}),
    )
    assert json.loads(data_of(out[0]) or b"")["choices"][0] == {
        "index": 0,
        "delta": {"content": "[EMAIL] "},
        "logprobs": None,
    }
    assert b'"token": "fine"' in out[1]


def test_a_text_that_is_told_again_is_told_the_same() -> None:
    text = "write to ann@x.org or <EMAIL_1>"
    done = {"type": "response.output_text.done", "output_index": 0, "text": text}
    item = {"type": "message", "id": "m_1", "content": [{"type": "output_text", "text": text}]}
    response = {"id": "r@x.org", "output": [item], "instructions": "i@x.org"}
    out = fed(*({"type": "response.output_text.delta", "output_index": 0, "delta": piece} for piece in (text[:12], text[12:])), done, {"type": "response.completed", "response": response})  # fmt: skip
    said = [json.loads(data_of(event) or b"") for event in split(b"".join(out))]
    told = 'write to [EMAIL] or Jo "J" O\\Neil'
    assert said[0]["delta"] + said[1]["delta"] == told
    assert said[2]["text"] == told
    assert said[3]["response"]["output"][0]["content"][0]["text"] == told
    assert said[3]["response"]["id"] == "r@x.org"


def test_judges_hear_all_that_was_said_and_nothing_twice() -> None:
    guard = StreamGuard(Looking((), tokens(), lambda _: None), keep=True)
    done = {"type": "response.output_text.done", "output_index": 0, "text": "ab"}
    call = {"functionCall": {"name": "f", "args": {"do": "harm"}}}
    deltas = [{"type": "response.output_text.delta", "output_index": 0, "delta": text} for text in "ab"]
    for said in (*deltas, done, {"candidates": [{"content": {"parts": [call]}}]}):
        guard.feed(b"data: " + json.dumps(said).encode() + b"\n\n")
    assert guard.texts == [("ab", False), ("do", True), ("harm", True)]


class Spread(Secrets):
    """Finds `x.org> and` and `n@x.org key`, whatever else is there."""

    def find(self, text: str) -> list[Span]:
        return [Span(*found.span(), "secret") for found in re.finditer(r"n@x\.org key|1> and", text)]


def test_where_two_overlap_what_may_not_come_back_does_not() -> None:
    vault, both = Vault(), (rule(Addresses()), rule(Spread()))
    text = "to ann@x.org key"
    assert edited(text, edits_of(hits(both, text), Seen(text, json=False), vault=vault)) == "to [EMAIL]"
    assert not vault
    said = "to <EMAIL_1> and more"
    edits = edits_of(hits(both, said), Seen(said, json=False), tokens=tokens())
    assert edited(said, edits) == "to [SECRET] more"


def test_memory_is_bounded() -> None:
    guard = StreamGuard(Looking((rule(Addresses()),), Vault(), lambda _: None))
    longest, held = 0, 0
    for _ in range(3000):
        event = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % (b"a" * 50)
        held += len(event) - len(guard.feed(event))
        longest = max(longest, held)
    assert longest < 40_000, "an endless word is let go of"
    guard = StreamGuard(Looking((rule(Addresses()),), Vault(), lambda _: None))
    held = -len(guard.feed(b'data: {"choices":[{"index":1,"delta":{"content":"a"}}]}\n\n'))
    for _ in range(3000):
        event = b'data: {"choices":[{"index":0,"delta":{"content":"%s. "}}]}\n\n' % (b"a " * 500)
        held += len(event) - len(guard.feed(event))
        assert held < 1_100_000, "an open word of one choice does not hold back the others for ever"


def test_an_array_is_looked_at_like_events() -> None:
    guard = StreamGuard(Looking((rule(Addresses()),), tokens(), lambda _: None), array=True)

    def chunk(text: str) -> bytes:
        return json.dumps({"candidates": [{"content": {"parts": [{"text": text}]}}]}).encode()

    batches = [b"[" + chunk("a } b, "), b",\r\n" + chunk("ann") + b",\r\n" + chunk("@x."), b",\r\n" + chunk("org and <EMAIL_1>") + b"]"]  # fmt: skip
    out = [*map(guard.feed, batches), guard.end()]
    assert out[:2] == [batches[0], b""]
    said = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in json.loads(b"".join(out))]
    assert said == ["a } b, ", "[EMAIL]", "", ' and Jo "J" O\\Neil']


@pytest.mark.parametrize("data", [b'["ann\\u0040x.org"]', b'{"choices":[{"delta":{"content":"ann@x.org"}}],"n":1e999}'])
def test_what_is_no_object_that_could_be_read_is_looked_at_as_one_text(data: bytes) -> None:
    looking = Looking((rule(Addresses()),), tokens(), lambda _: None)
    guard = StreamGuard(looking)
    taken = data.replace(b"ann\\u0040x.org", b"[EMAIL]").replace(b"ann@x.org", b"[EMAIL]")
    assert guard.feed(b"data: " + data + b"\n\n") + guard.end() == b"data: " + taken + b"\n\n"
    assert look_at_answer(data, looking)[0] == taken
