"""What is sent for evals and runs: whatever it is, it is understood or refused, and the call is what it says."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import BadRequest, Fault, NotConfigured
from gateway.evals.config import items_of, read_config
from gateway.evals.criteria import read_criteria
from gateway.evals.jsonl import MAX_LINE, count_lines, lines_of
from gateway.evals.reading import read_metadata, read_object
from gateway.evals.sources import read_source
from tests.evals.test_eval_items import EQ, ITEM_ONLY, MESSAGES, SCORE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CONFIG = {"type": "custom", "item_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}
SOURCE = {
    "type": "completions", "model": "m", "input_messages": MESSAGES, "sampling_params": {"temperature": 1, "tools": []},
    "source": {"type": "file_content", "content": [{"item": {"q": "x"}, "sample": {"output_text": "y"}}]},
}  # fmt: skip


def changed(value: Any, path: list[int], by: Any) -> Any:
    """The value with another one at some place in it."""
    if not path or not isinstance(value, dict | list) or not value:
        return by
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        key = sorted(value)[step % len(value)]
        return {**value, key: changed(value[key], rest, by)}
    at = step % len(value)
    return [*value[:at], changed(value[at], rest, by), *value[at + 1 :]]


@given(st.lists(st.integers(0, 9), max_size=6), JSON)
def test_whatever_is_sent_is_understood_or_refused(path: list[int], by: Any) -> None:
    for read, valid in ((read_config, CONFIG), (read_source, SOURCE), (_criteria, [EQ, ITEM_ONLY, SCORE])):
        with contextlib.suppress(Fault):
            read(changed(valid, path, by))


def _criteria(value: Any) -> Any:
    return read_criteria(value, embeds=False)


@given(st.binary(max_size=200))
def test_whatever_a_file_holds_is_rows_or_told_by_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(content)
    try:
        rows = count_lines(path, 1_000)
    except BadRequest as refused:
        message = refused.message
    else:
        message = f"line by line, {rows}"
        assert rows == len(list(lines_of(path))) > 0
    assert "line " in message or "empty" in message


def test_a_line_is_so_long_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(b'{"item": {}}\n{"item": {"q": "' + b"x" * MAX_LINE + b'"}}')
    with pytest.raises(BadRequest, match="line 2 of the file is longer"):
        count_lines(path, 1_000)


def test_a_file_with_more_rows_than_a_run_takes_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b'{"item": {}}\n' * 6 + b"no row")
    with pytest.raises(BadRequest, match="at most 5 rows"):
        count_lines(path, 5)


def test_the_calls_body_is_what_was_sent_in_the_apis_words() -> None:
    params = {"temperature": 0, "top_p": None, "max_completion_tokens": 5, "seed": 1, "reasoning_effort": "low"}
    chat = read_source({**SOURCE, "sampling_params": params}).sampling
    assert chat is not None
    assert chat.request([{"role": "user", "content": "x"}]) == {
        "model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 0, "max_completion_tokens": 5,
        "seed": 1, "reasoning_effort": "low",
    }  # fmt: skip
    text = {"format": {"type": "json_object"}}
    responses = read_source({**SOURCE, "type": "responses", "sampling_params": {**params, "text": text}}).sampling
    assert responses is not None
    assert responses.request([]) == {
        "model": "m", "input": [], "temperature": 0, "max_output_tokens": 5, "reasoning": {"effort": "low"},
        "text": text, "store": False,
    }  # fmt: skip


def test_a_config_comes_back_with_the_schema_of_whole_rows() -> None:
    told = read_config(CONFIG)
    assert told["schema"] == {"type": "object", "properties": {"item": CONFIG["item_schema"]}, "required": ["item"]}
    with_sample = read_config({**CONFIG, "include_sample_schema": True})
    assert with_sample["schema"]["required"] == ["item", "sample"]
    items = items_of(with_sample)
    assert items.wrong({"q": "x"}) == ""
    assert items.wrong({"q": 5}).startswith("`item.q`: ")


def test_without_the_extra_that_checks_rows_no_eval_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    for read in (read_config, lambda _: items_of({"schema": {"properties": {"item": {}}}})):
        with pytest.raises(NotConfigured, match="guards"):
            read(CONFIG)


def test_which_criteria_look_at_an_answer() -> None:
    found = read_criteria([EQ, ITEM_ONLY, SCORE], embeds=False)
    assert [one.needs_sample for one in found] == [True, False, True]
    assert [one.asks for one in found] == [False, False, True]
    deep: Any = "x"
    for _ in range(2_000):
        deep = [deep]
    with pytest.raises(BadRequest, match=r"recursion|deep"):
        read_criteria([{**SCORE, "input": [{"role": "user", "content": deep}]}], embeds=False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'"\xff"', b"[" * 9_999, b'{"a": ' + b"9" * 5_000 + b"}"])
def test_a_body_is_an_object_that_can_be_given_back(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_object(body, "{}")


def test_what_is_read_for_each_row_is_small() -> None:
    long = "x" * 300_000
    for read, valid, place in (
        (read_config, {**CONFIG, "item_schema": {"description": long}}, "data_source_config.item_schema"),
        (_criteria, [{**EQ, "input": long}], "testing_criteria"),
        (read_source, {**SOURCE, "input_messages": {**MESSAGES, "more": long}}, "data_source.input_messages"),
    ):
        with pytest.raises(BadRequest, match="bytes") as refused:
            read(valid)
        assert refused.value.param == place


def test_metadata_is_as_large_as_openais() -> None:
    assert read_metadata(None) == {}
    full = {f"{at:064}": "x" * 512 for at in range(16)}
    assert read_metadata(full) == full
    assert msgspec.json.decode(msgspec.json.encode(full)) == full
    with pytest.raises(BadRequest, match="1 to 64"):
        read_metadata({"": "x"})
