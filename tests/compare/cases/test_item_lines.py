"""Lines of JSON, as OpenAI's evals take them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.cases import items_digest, read_items
from gateway.compare.cases.outputs import sample_of
from gateway.compare.grading import Sample, ToolCall, Wrong
from gateway.stores.documents import DocumentError, Text


def test_items_and_their_samples(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"item": {"q": "2+2", "n": 4.0}}\n\n{"item": {}, "sample": {"output_text": "4"}}\r\n'
    )
    first, second = read_items(path)
    assert (first.item, first.sample, first.line) == ({"q": "2+2", "n": 4.0}, None, 1)
    assert second.sample == Sample(text="4")
    assert second.line == 3
    same = read_items(Text("x", b'{"item": {"n": 4, "q": "2+2"}}'))
    assert same[0].digest == first.digest
    assert items_digest((first, second)) != items_digest((second, first))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, "holds no items"),
        ("\n\n", 0, "holds no items"),
        ('{"item": {}}\n{"item": ', 2, "is not a line such as"),
        ('{"item": {}}\n\n[1]', 3, "is not a line such as"),
        ('{"itme": {}}', 1, "did you mean `item`"),
        ('{"sample": {}}', 1, "`item` is missing"),
        ('{"item": "x"}', 1, "is no object"),
        ('{"item": {}, "sample": {"tool_calls": {}}}', 1, "to be a list"),
        ("[" * 100_000, 1, "is not a line"),
        ('{"item": {"a": NaN}}', 1, "is not a line"),
    ],
)
def test_each_mistake_has_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_items(Text("items.jsonl", text.encode()))
    assert (caught.value.file, caught.value.line) == ("items.jsonl", line)
    assert reason in caught.value.reason


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        read_items(tmp_path / "nothing.jsonl")


@given(st.binary(max_size=80))
def test_any_bytes_are_items_or_refused(data: bytes) -> None:
    try:
        assert read_items(Text("x", data))
    except DocumentError as error:
        assert error.reason  # noqa: PT017


@pytest.mark.parametrize(
    ("value", "sample"),
    [
        ("text", Sample(text="text")),
        (4, Sample(text="4")),
        ({"a": 1}, Sample(text='{"a":1}')),
        ([1], Sample(text="[1]")),
        ({"content": "x", "role": "assistant"}, Sample(text="x")),
        ({"refusal": "No.", "content": None}, Sample(text="No.", refusal=True)),
        ({"output_text": "x", "output_tools": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}, Sample(text="x", tool_calls=(ToolCall("f", "{}", "1"),))),
        ({"tool_calls": [{"name": "f", "arguments": {"a": 1}}]}, Sample(tool_calls=(ToolCall("f", '{"a":1}'),))),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}, Sample(text="x", finish_reason="stop")),
        ({"choices": []}, Sample(text='{"choices":[]}')),
    ],
)  # fmt: skip
def test_answers_in_files(value: object, sample: Sample) -> None:
    assert sample_of(value, "sample") == sample


@pytest.mark.parametrize("calls", [3, [{}], [{"function": {"name": 3}}], ["f"]])
def test_calls_that_are_none_are_refused(calls: object) -> None:
    with pytest.raises(Wrong, match="tool"):
        sample_of({"tool_calls": calls}, "sample")
