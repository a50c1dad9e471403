"""How deeply JSON may be nested, whatever the Python."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import BadRequest, UpstreamBroken
from gateway.dialects.nesting import MAX_DEPTH, nested_too_deeply
from gateway.dialects.openai.body import read_json
from gateway.dialects.reading import decoded
from gateway.dialects.sse import read_object

words = st.text(alphabet='[]{}"\\a\n', max_size=8)
values = st.recursive(
    words | st.none(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner), max_leaves=60
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def tower(levels: int, inside: str = "1") -> str:
    return "[" * levels + inside + "]" * levels


@given(values, st.integers(MAX_DEPTH - 8, MAX_DEPTH + 2), st.booleans())
def test_brackets_count_where_they_are_no_letters(value: object, below: int, ascii: bool) -> None:
    text = tower(below, json.dumps(value, ensure_ascii=ascii))
    assert nested_too_deeply(text.encode()) is (below + depth(value) > MAX_DEPTH)


def deepest(text: bytes) -> int:
    """The same byte by byte; of what is not JSON too, as long as no backslash is outside of a string."""
    highest = depth = 0
    within = escaped = False
    for byte in text:
        if within:
            within = escaped or byte != ord('"')
            escaped = not escaped and byte == ord("\\")
        elif byte == ord('"'):
            within = True
        elif byte in b"[{":
            depth += 1
            highest = max(highest, depth)
        elif byte in b"]}":
            depth -= 1
    return highest


strings = st.text(alphabet='[]{}"\\a', max_size=6).map(json.dumps)
pieces = st.lists(st.text(alphabet="[]{},", max_size=9) | strings, max_size=40).map("".join)


@given(
    st.integers(MAX_DEPTH - 12, MAX_DEPTH),
    pieces,
    st.sampled_from(["", '"', '"[{', '"[\\"', '"[\\']),
    st.integers(1, 9),
)
def test_it_is_what_one_finds_who_looks_at_each_byte(below: int, inside: str, end: str, times: int) -> None:
    """Brackets that do not fit and strings that nobody ends, too; over the ends of what is looked at together."""
    text = ("[" * below + inside * times + end).encode()
    assert nested_too_deeply(text) is (deepest(text) > MAX_DEPTH)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 900, 2_000, 9_000, 200_000])
def test_a_body_of_more_levels_is_refused_by_every_python_alike(levels: int) -> None:
    body = f'{{"x": {tower(levels)}}}'.encode()
    with pytest.raises(BadRequest, match=f"nested too deeply; {MAX_DEPTH} arrays"):
        read_json(body)
    with pytest.raises(RecursionError):
        decoded(body)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 900, 2_000])
def test_an_event_of_more_levels_is_not_passed_over_as_if_it_were_no_object(levels: int) -> None:
    with pytest.raises(UpstreamBroken, match="nested too deeply"):
        read_object(f'{{"usage": {{}}, "x": {tower(levels)}}}'.encode())
    assert read_object(f'{{"x": {tower(MAX_DEPTH - 1)}}}'.encode()) is not None


def test_a_body_of_as_many_is_read() -> None:
    body = f'{{"x": {tower(MAX_DEPTH - 1)}}}'.encode()
    assert read_json(body).get("x") == decoded(body)["x"]


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 5_000_000,
        b"[]," * 300_000,
        b'"[' * 1_000_000,
        b'"' + b'\\"' * 2_000_000,
        b'{"a":"' * 600_000,
        b'"\\' * 1_000_000,
    ],
)
def test_hostile_texts_take_no_long_time(text: bytes) -> None:
    began = time.process_time()
    nested_too_deeply(b"[]" * MAX_DEPTH + b"{" + text)  # so many that strings are looked for
    assert time.process_time() - began < 2
