"""Schemas that would take for ever are told before anything is held against them."""

import time
from typing import Any

import pytest

from gateway.core.faults import BadRequest
from gateway.evals.config import Items, read_config
from gateway.evals.schema_work import MAX_ITEM, MAX_REMEMBERED, TooMuchWork, Work


def twice(levels: int, keyword: str = "allOf") -> dict[str, Any]:
    """Each part refers to the next twice: 2 to the power of `levels`, on a few lines."""
    parts: dict[str, Any] = {
        f"a{at}": {keyword: [{"$ref": f"#/$defs/a{at + 1}"}, {"$ref": f"#/$defs/a{at + 1}"}]} for at in range(levels)
    }
    return {"$defs": {**parts, f"a{levels}": {"type": "object"}}, "$ref": "#/$defs/a0"}


def nested(levels: int, **around: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {"a": True}}
    for _ in range(levels):
        schema = {"anyOf": [schema], **around}
    return schema


def chain(length: int) -> dict[str, Any]:
    parts = {f"a{at}": {"$ref": f"#/$defs/a{at + 1}"} for at in range(length)}
    return {"$defs": {**parts, f"a{length}": {}}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize(
    "schema",
    [
        twice(40),
        twice(40, "anyOf"),
        {"properties": {"x": twice(40)["$defs"]["a0"]}, "$defs": twice(40)["$defs"]},
        nested(40, unevaluatedProperties=False),
        chain(5_000),
        {"properties": {f"p{at}": {"pattern": f"\\pL{{120}}{at}"} for at in range(9_000)}},
        {"patternProperties": {f"(a|b|c){{500}}{at}": {} for at in range(9_000)}},
        {"properties": {"x": {"pattern": "(\\pL{50}){5}"}}},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"},
        {"$dynamicRef": "#x", "$dynamicAnchor": "x"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/hostname"},
        {"properties": {"x": {"$ref": "#named"}}},
        {"$defs": {"e": {"$id": "http://e", "properties": {"z": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/e"},
    ],
)
def test_a_schema_that_may_take_for_ever_is_refused_at_once(schema: dict[str, Any]) -> None:
    began = time.perf_counter()
    with pytest.raises(BadRequest) as caught:
        read_config({"type": "custom", "item_schema": schema})
    assert caught.value.param == "data_source_config.item_schema"
    assert time.perf_counter() - began < 2


ADDRESS = {"type": "object", "properties": {"street": {"type": "string"}, "zip": {"pattern": "^[0-9]{5}$"}}}
USUAL: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/order",
    "$defs": {"address": ADDRESS},
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "$id": {"type": "string"},
        "to": {"$ref": "#/$defs/address"},
        "from": {"anyOf": [{"$ref": "#/$defs/address"}, {"type": "null"}]},
    },
    "unevaluatedProperties": False,
}
TREE: dict[str, Any] = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "all": {"items": {"$ref": "#"}}}}


def test_usual_schemas_say_what_is_wrong() -> None:
    items = Items(USUAL)
    assert items.wrong({"id": "1", "$id": "x", "to": {"zip": "12345"}, "from": None}) == ""
    assert items.wrong({"to": {"zip": "x"}}).startswith("`item.to.zip`: ")
    assert items.wrong({"else": 1}).startswith("`item`: ")


def test_a_schema_that_refers_to_itself_holds_for_items_that_are_not_too_deep() -> None:
    items = Items(TREE)
    assert items.wrong({"left": {"left": {"right": {}}}, "all": [{}, {"all": []}]}) == ""
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"left": deep}
    assert "too deep for this item_schema" in items.wrong(deep)


def test_no_item_is_too_deep_for_the_validators_stack() -> None:
    """Which has no bound of its own: 140,000 parts within one another end the process."""
    parts: dict[str, Any] = {f"a{at}": {"allOf": [{"$ref": f"#/$defs/a{at + 1}"}]} for at in range(150)}
    parts["a150"] = {"properties": {"a": {"$ref": "#/$defs/a0"}}}
    deep: dict[str, Any] = {}
    for _ in range(480):
        deep = {"a": deep}
    assert "within one another" in Items({"$defs": parts, "$ref": "#/$defs/a0"}).wrong(deep)
    assert Items({"properties": {"a": {"$ref": "#"}}}).wrong(deep) == ""


def test_a_large_schema_with_a_small_loop_fills_no_memory() -> None:
    wide = {f"p{at}": {"type": "integer"} for at in range(10_000)}
    deep: dict[str, Any] = {}
    for _ in range(480):
        deep = {"a": deep}
    items = Items(
        {
            "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"properties": wide}},
            "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}},
        }
    )
    assert "within one another" in items.wrong(deep)
    assert len(items._work._counted) <= MAX_REMEMBERED + 20_000  # pyright: ignore[reportPrivateUsage]


def test_many_values_and_a_large_schema_are_too_much_together() -> None:
    schema = {"properties": {"a": {"items": {"allOf": [{"type": "integer"}] * 2_000}}}}
    items = Items(schema)
    assert items.wrong({"a": [1, 2, 3]}) == ""
    assert "too many values" in items.wrong({"a": [1] * (MAX_ITEM // 2_000)})
    long = Items({"properties": {"a": {"allOf": [{"pattern": f"x{at}$"} for at in range(200)]}}})
    assert "too many values" in long.wrong({"a": "y" * 3_000_000})


def test_what_rows_take_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    item = {"id": "x", "to": {}}
    work = Work(USUAL)
    work.take(item)
    monkeypatch.setattr("gateway.evals.schema_work.MAX_RUN", 3 * work.spent)
    work.take(item)
    work.take(item)
    with pytest.raises(TooMuchWork, match="rows before it"):
        work.take(item)


def test_a_row_with_a_picture_in_it_is_no_trouble() -> None:
    schema = {"type": "object", "properties": {f"p{at}": {"type": "string"} for at in range(40)}}
    assert Items(schema).wrong({"p1": "x" * 4_000_000}) == ""
