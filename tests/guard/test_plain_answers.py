"""The short way through a chat completion in plain words ends where the long one does; of other answers it says nothing."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.faults import UpstreamBroken
from gateway.dialects.nesting import MAX_DEPTH
from gateway.dialects.sse import read_object
from gateway.guard.answers import look_at_answer, plain_places, says_nothing
from gateway.guard.detectors.personal import PersonalDataDetector, PersonalDataOptions
from gateway.guard.detectors.secrets import SecretsDetector, SecretsOptions
from gateway.guard.events import answer_places
from gateway.guard.first_look import FirstLook
from gateway.guard.vault import Vault
from gateway.guard.walking import ANSWERED, Place
from gateway.guard.window import Looking
from tests.guard.doubles import rule
from tests.speed.answers import WHOLE

TEXTS = st.sampled_from(
    ["", "stop", "write to ann@example.com", "so it goes", "é", "\ud83d", "\U0001f600", "a\\u0040b.org"]
)
NUMBERS = st.sampled_from([0, 1, -1, 0.5, 10**30, 10**400])
ODD = st.one_of(
    TEXTS,
    NUMBERS,
    st.none(),
    st.booleans(),
    st.sampled_from([[], {}, ["ann@example.com"], {"text": "ann@example.com"}]),
)
MESSAGE = st.fixed_dictionaries(
    {"content": st.one_of(TEXTS, TEXTS, ODD)},
    optional={
        "role": st.one_of(TEXTS, ODD),
        **dict.fromkeys(
            ("refusal", "annotations", "tool_calls", "function_call", "audio", "reasoning_content", "name"), ODD
        ),
    },
)
CHOICE = st.fixed_dictionaries(
    {"message": st.one_of(MESSAGE, MESSAGE, ODD)},
    optional=dict.fromkeys(("index", "finish_reason", "stop_reason", "logprobs", "text", "delta"), ODD),
)
ANSWERS = st.fixed_dictionaries(
    {"choices": st.one_of(st.lists(CHOICE, max_size=3), ODD)},
    optional=dict.fromkeys(("id", "created", "usage", "model", "timings", "new", *ANSWERED[1:]), ODD),
)
PLAIN: dict[str, Any] = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m", "service_tier": None, "system_fingerprint": "f",
    "usage": {"prompt_tokens": 1, "completion_tokens_details": {"audio_tokens": 0}},
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "a", "refusal": None, "annotations": []}, "logprobs": {"content": [{"token": "a"}]}, "finish_reason": "stop"},
        {"index": 1, "message": {"content": ""}}, {"message": {"content": "b\n\u0001é"}},
    ],
}  # fmt: skip


def long_way(body: bytes) -> list[Place] | None:
    """None: it is no object, and looked at as one text."""
    try:
        said = read_object(body)
    except UpstreamBroken:
        return None
    return None if said is None else list(answer_places(said))


@given(ANSWERS, st.booleans())
@example(answer=PLAIN, ensure_ascii=True)
@example(answer=PLAIN, ensure_ascii=False)
def test_both_ways_find_the_same(answer: dict[str, Any], ensure_ascii: bool) -> None:
    body = json.dumps(answer, ensure_ascii=ensure_ascii).encode(errors="surrogatepass")
    found = plain_places(body)
    assert found is None or found == long_way(body)


def test_which_answers_are_plain() -> None:
    body = json.dumps(PLAIN).encode()
    assert plain_places(body) == [
        Place(("choices", 0, "message", "content"), "a"),
        Place(("choices", 2, "message", "content"), "b\n\u0001é"),
    ]
    assert plain_places(WHOLE) is not None
    for name in (*ANSWERED[1:], "unheard_of"):
        assert plain_places(json.dumps({**PLAIN, name: "x"}).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b'{"choices":null}', b'{"choices":[1]}', b'{"choices":[{}]}', b'{"choices":[{"message":{"content":null}}]}',
        b'{"choices":[{"message":{"content":"a","x":"b"}}]}', b'{"choices":[{"message":{"content":"a"},"x":"b"}]}',
        b'{"choices":[{"message":{"content":"a","tool_calls":[{}]}}]}', b'{"choices":[{"message":{"content":"a"}}],"id":1e999}',
        b'{"choices":[{"message":{"content":"\xff"}}]}', b'{"choices":[{"message":{"content":"a"}}],"id":"\xff"}',
        b'{"choices":[{"message":{"content":"a"}}],"\xff":1}', rb'{"choices":[{"message":{"content":"\ud83d"}}]}',
        b'{"choices":[{"message":{"content":"a"}}],"usage":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)  # fmt: skip
def test_others_go_the_long_way(body: bytes) -> None:
    assert plain_places(body) is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"choices":[{"message":{"content":"a"}}],"choices":[{"message":{"content":"b"}}]}', "b"),
        (b'{"choices":[{"message":{"content":"a","content":"b"}}]}', "b"),
        (rb'{"choices":[{"message":{"cont\u0065nt":"b"}}]}', "b"), (rb' { "choices" : [ { "message" : { "content" : "\u0062" } } ] } ', "b"),
    ],
)  # fmt: skip
def test_the_same_of_two_is_read(body: bytes, text: str) -> None:
    assert plain_places(body) == long_way(body) == [Place(("choices", 0, "message", "content"), text)]


def test_one_look_passes_only_what_a_whole_one_lets_pass() -> None:
    detectors = (PersonalDataDetector(PersonalDataOptions()), SecretsDetector(SecretsOptions()))
    first, noted = FirstLook(detectors), list[object]()
    looking = Looking((rule(*detectors),), Vault(), noted.extend)
    for text in ("a", "é", "write to ann@example.com", "x" * 600, "", "call +41 44 668 18 00"):
        body = json.dumps(
            {**PLAIN, "choices": [{"message": {"content": "x"}}, {"message": {"content": text}}]}
        ).encode()
        noted.clear()
        assert look_at_answer(body, looking) == (body, [one for one in ("x", text) if one]) or noted
        assert says_nothing(body, first) == (not noted and text.isascii())
    assert not says_nothing(json.dumps({**PLAIN, "text": "x"}).encode(), first)


def test_an_answer_nested_too_deeply_to_be_read_is_looked_at_as_json_all_the_same() -> None:
    """Who sends it to a client that reads more levels hides nothing behind an escape."""
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    body = f'{{"choices": [{{"message": {{"content": "\\u0061nn@example.com"}}}}], "x": {deep}}}'.encode()
    _, texts = look_at_answer(body, Looking((), Vault(), lambda _: None))
    assert "ann@example.com" in texts[0]
