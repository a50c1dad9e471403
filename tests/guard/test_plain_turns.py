"""The short way through a conversation in plain words ends where the long one does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard.request_fields import plain_turns, request_places
from gateway.guard.walking import Place, places

WORDS = st.sampled_from(["", "user", "hello there", "a" * 300])
OTHERS = st.sampled_from([None, 1, True, [], {}, ["x"], {"text": "y"}, [{"type": "text", "text": "z"}]])
NAMES = st.sampled_from(["role", "content", "content", "role", "name", "text", "thought", "arguments"])
TURNS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"role": WORDS, "content": WORDS}),
        st.dictionaries(NAMES, st.one_of(WORDS, WORDS, OTHERS), max_size=3),
        WORDS,
    ),
    max_size=4,
)


@given(st.one_of(TURNS, TURNS, WORDS, OTHERS))
def test_both_ways_find_the_same(messages: Any) -> None:
    found = plain_turns(messages)
    assert found is None or found == list(places(messages, "messages"))
    assert request_places("messages", messages) == list(places(messages, "messages"))


def test_which_conversations_are_plain() -> None:
    turns: list[dict[str, object]] = [{"role": "system", "content": "a"}, {"content": "", "role": "user"}]
    assert plain_turns(turns) == [Place((0, "content"), "a")]
    for other in (
        {"role": "user", "content": "a", "name": "ann"},
        {"role": "user", "content": ["a"]},
        {"role": {"x": "a"}, "content": "a"},
        {"role": "user", "text": "a"},
    ):
        assert plain_turns([*turns, other]) is None


@pytest.mark.parametrize("odd", [["text"], {"a": "b"}, 7, None, True])
def test_whatever_stands_where_a_kind_should_the_texts_are_found(odd: object) -> None:
    """A client can write a list there; what it says beside it is looked at all the same, and nothing breaks."""
    body = {"messages": [{"role": "user", "content": [{"type": odd, "text": "hello"}]}]}
    assert "hello" in [place.text for place in places(body)]
