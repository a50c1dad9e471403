"""An object that has a name twice is told from the text and what it was decoded to, as a parser that sees all names tells."""

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.fields import has_name_twice

NAMES = st.sampled_from(["a", "b", "a:", ":", "", "é", "\\", '"', "u003a", "\\u003a", "\U0001f600", "\x1f"]) | st.text(
    st.characters(exclude_categories=("Cs",)), max_size=3
)
LEAVES = NAMES | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


class Pairs(list[tuple[str, Any]]):
    """An object as it is written: a name may stand twice."""


VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(NAMES, inner), max_size=4).map(Pairs),
    max_leaves=20,
)


def string(text: str, manner: random.Random) -> str:
    """In one of the ways in which JSON may write it."""
    written = json.dumps(text, ensure_ascii=manner.random() < 0.3)
    if manner.random() < 0.3:
        written = written.replace(":", manner.choice(["\\u003a", "\\u003A"]))
    return written.replace("/", "\\/") if manner.random() < 0.2 else written


def json_text(value: object, manner: random.Random) -> str:
    blank = manner.choice(["", "", " ", "\n\t"])
    if isinstance(value, Pairs):
        members = (f"{string(name, manner)}{blank}:{json_text(inner, manner)}" for name, inner in value)
        return "{" + f"{blank},".join(members) + blank + "}"
    if isinstance(value, list):
        return "[" + f",{blank}".join(json_text(inner, manner) for inner in value) + "]"
    return string(value, manner) if isinstance(value, str) else json.dumps(value)


def twice(value: object) -> bool:
    if isinstance(value, Pairs):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(twice(inner) for _, inner in value)
    return isinstance(value, list) and any(map(twice, value))


@given(VALUES, st.randoms(use_true_random=False))
@example(Pairs([("a", 1), ("a", 2)]), random.Random(0))
def test_a_name_twice_is_seen_however_it_is_written(value: object, manner: random.Random) -> None:
    text = json_text(value, manner).encode()
    assert has_name_twice(text, msgspec.json.decode(text)) == twice(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # A colon that is written in another way makes up for the one that is lost.
        (r'{"a":1, "a":":"}', True), (r'{"a":"x\u003a", "a":1}', True), (r'{"\u003a":1, "b":{"c":1, "c":1}}', True),
        (r'{"a":":", "a":"\u003A"}', True), (r'[{"a":1, "\u0061":1}]', True), (r'[{"a:":1, "a\u003a":":"}]', True),
        (r'{"a":{"b":1}, "a":{"b":1}}', True), (r'[ {"a":{"a":{"a":[{"":0,"":0}]}}} ]', True),
        (r'[ {"a":1}, {"a":1} ]', False), (r'{"a": ":\u003a"}', False), (r'{"a": "\\u003a", "b": 1}', False),
        (r'{"a": 123456789012345678901234567890, "b": 1e-400}', False), ('{"a": "\u00e9", "\u00e9": "\\u00e9"}', False),
    ],
)  # fmt: skip
def test_told(text: str, told: bool) -> None:
    assert has_name_twice(text.encode(), msgspec.json.decode(text)) is told
