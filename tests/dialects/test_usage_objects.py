"""Where a usage object stands in an answer, what it says besides counts, and what it may look like."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.attempt import Terms
from gateway.core.call import Served
from gateway.core.faults import UpstreamBroken
from gateway.core.usage import Usage
from gateway.dialects.openai.answers import read_answer
from gateway.dialects.openai.operations import OPERATIONS
from gateway.dialects.openai.usage import read_block, read_usual
from gateway.dialects.sse import event
from gateway.dialects.statements import MAX_RAW
from tests.dialects.heard import heard, passed_stream, passed_whole, read_stream, read_whole


def chat_stream(*usages: object, choices: bool = False, wrapper: str = "") -> bytes:
    content = [{"index": 0, "delta": {"content": "hello"}, "finish_reason": None}]
    events = [json.dumps({"model": "m", "choices": content})]
    for usage in usages:
        told = {wrapper: {"usage": usage}} if wrapper else {"usage": usage}
        events.append(json.dumps({"model": "m", "choices": content if choices else [], **told}))
    return b"".join(event(one.encode()) for one in (*events, "[DONE]"))


ONCE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
LESS = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize(
    "stream",
    [
        chat_stream(ONCE),
        chat_stream(ONCE, choices=True),
        chat_stream(ONCE, ONCE),
        chat_stream(LESS, ONCE, choices=True),
        chat_stream(None, ONCE, None),
        chat_stream(ONCE, wrapper="x_groq"),
        chat_stream(ONCE, ZERO),
    ],
    ids=["alone", "on a chunk that says something", "twice", "a running total", "with nulls", "groq's", "then zeros"],
)
def test_usage_in_a_stream_wherever_it_stands(stream: bytes) -> None:
    for way in (passed_stream, read_stream("chat")):
        served = heard(way, stream)
        assert (served.usage, served.usage_source) == (Usage(input_tokens=9, output_tokens=4), "provider")
        assert [json.loads(one) for one in served.raw_usage] == [ONCE]


def test_a_search_alone_is_no_usage() -> None:
    """A model that searches with every answer, and does not know how many tokens that took."""
    served = Served()
    served.searches = 1
    passed_stream(served, chat_stream(ZERO))
    assert served.usage is None
    passed_stream(served, chat_stream(ONCE))
    assert served.usage == Usage(input_tokens=9, output_tokens=4, web_searches=1)


def test_a_stream_without_usage_or_with_zeros_has_none() -> None:
    """What came out is counted for the estimate."""
    for stream in (chat_stream(), chat_stream(ZERO), chat_stream({})):
        for way in (passed_stream, read_stream("chat")):
            served = heard(way, stream)
            assert (served.usage, served.usage_source, served.estimated_output_tokens) == (None, "none", 1)


@pytest.mark.parametrize("where", ["answer", "usage"])
def test_a_tier_by_whatever_name(where: str) -> None:
    names = {
        "standard": "default",
        "on_demand": "default",
        "Flex": "flex",
        "fast": "priority",
        "auto": "",
        "new": "new",
    }
    for said, tier in names.items():
        answer: dict[str, Any] = {"choices": [], "usage": dict(ONCE)}
        (answer if where == "answer" else answer["usage"])["service_tier"] = said
        chunk = json.dumps(answer).encode()
        for way, body in ((passed_whole("chat"), chunk), (passed_stream, event(chunk)), (read_whole("chat"), chunk)):
            assert heard(way, body).terms == Terms(tier=tier)
    for odd in (7, [], {"a": 1}, None):
        assert heard(passed_whole("chat"), json.dumps({"usage": ONCE, "service_tier": odd}).encode()).terms == Terms()


def test_a_tier_is_known_before_the_usage_for_a_stream_that_is_cut() -> None:
    chunk = {"service_tier": "priority", "choices": [{"index": 0, "delta": {"content": "x"}}]}
    for way in (passed_stream, read_stream("chat")):
        assert heard(way, event(json.dumps(chunk).encode())).terms == Terms(tier="priority")


def test_a_usage_object_too_large_to_keep_breaks_nothing() -> None:
    large = {**ONCE, "x": "y" * MAX_RAW}
    size = len(json.dumps(large))
    body = json.dumps({"choices": [], "usage": large}).encode()
    for way, told in (
        (passed_whole("chat"), body),
        (passed_stream, event(body)),
        (read_whole("chat"), body),
        (read_stream("chat"), event(body)),
    ):
        served = heard(way, told)
        assert served.usage == Usage(input_tokens=9, output_tokens=4)
        assert served.raw_usage == [b'{"too_large":%d}' % size]


COUNT: st.SearchStrategy[Any] = st.integers(0, 9) | st.sampled_from([None, 2.0, -1, 10**12, "4", True, {}])
INTO = st.dictionaries(st.sampled_from(["cached_tokens", "audio_tokens", "image_tokens"]), COUNT)
OUT = st.dictionaries(
    st.sampled_from(["reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"]),
    COUNT,
)


@st.composite
def usages(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly what OpenAI writes."""
    into, out = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    usage: dict[str, Any] = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
    usage |= draw(st.fixed_dictionaries({}, optional={"prompt_tokens_details": st.none() | INTO}))
    usage |= draw(st.fixed_dictionaries({}, optional={"completion_tokens_details": st.none() | OUT}))
    odd = st.sampled_from([*ONCE, "input_tokens", "cached_tokens", "service_tier", "cost"])
    return usage | draw(st.just({}) | st.dictionaries(odd, COUNT, max_size=1))


@given(usages())
def test_a_usual_usage_object_is_read_as_any_other(usage: dict[str, Any]) -> None:
    found = read_usual(json.dumps(usage).encode())
    assert found is None or (found, True) == read_block(usage)


def test_what_openai_writes_is_usual() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0}}
    details["completion_tokens_details"] = {"reasoning_tokens": 3, "audio_tokens": 0, "accepted_prediction_tokens": 0}
    for usage in (ONCE, {**ONCE, **details}):
        assert read_usual(json.dumps(usage).encode()) == read_block(usage)[0]


WORD: st.SearchStrategy[Any] = st.sampled_from(["stop", "default", "é", "", "x" * 300, None, 3, {}])


@given(
    st.fixed_dictionaries(
        {"choices": st.lists(st.just({}) | st.fixed_dictionaries({"finish_reason": WORD}), max_size=2) | WORD},
        optional={
            "id": WORD,
            "model": WORD,
            "service_tier": WORD,
            "status": WORD,
            "error": WORD,
            "object": WORD,
            "usage": usages() | WORD,
            "incomplete_details": st.just({"reason": "max"}),
        },
    ),
    st.sampled_from([(b"", b""), (b'"object"', b'"\xff"'), (b'"status": 3', b'"status": 1e999'), (b"}", b"")]),
)
def test_a_chat_completion_says_what_any_answer_of_this_shape_says(
    answer: dict[str, Any], broken: tuple[bytes, bytes]
) -> None:
    """Chat completions are read in one go where nothing in them is out of the ordinary."""
    body = json.dumps(answer, ensure_ascii=False).encode().replace(*broken)
    told: list[object] = []
    for name in ("chat", "completions"):
        served = Served()
        try:
            read_answer(body, next(one for one in OPERATIONS if one.name == name), {}, served)
        except UpstreamBroken as error:
            told.append(str(error))
        else:
            told.append(served)
    assert told[0] == told[1]


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ONCE, "prompt_tokens_details", "server_tool_use", "type"]), inner, max_size=4)))  # fmt: skip
def test_odd_usage_breaks_no_answer_and_no_stream(usage: Any) -> None:
    body = json.dumps({"choices": [], "usage": usage}).encode()
    one, other = heard(passed_whole("chat"), body), heard(passed_stream, event(body))
    assert (one.usage, one.raw_usage) == (other.usage, other.raw_usage)
    for protocol in ("chat", "responses", "messages", "converse"):
        heard(read_whole(protocol), body)
