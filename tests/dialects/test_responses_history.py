"""Stored conversations: the next call's input, and the list of a response's input items."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseItemList

from gateway.core.conversation import Text, Thinking, ToolCall, ToolResult
from gateway.core.faults import BadRequest
from gateway.dialects.responses.history import (
    input_items,
    item_list,
    own_items,
    response_ended_in,
    response_in,
    turn_items,
)
from gateway.dialects.responses.items import decode_input

CALL = {"type": "function_call", "id": "fc_1", "status": "completed", "call_id": "c1", "name": "f", "arguments": "{}"}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gw.gemini.S"}
OWN = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "E"}
MESSAGE = {
    "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
    "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
}  # fmt: skip


def test_a_string_is_a_users_message() -> None:
    [item] = input_items("hello")
    assert item == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
    assert input_items([MESSAGE, 3]) == [MESSAGE]
    assert input_items(None) == []


def test_a_turn_is_input_of_the_next() -> None:
    output = [SEALED, CALL, {"type": "web_search_call", "id": "ws_1"}, {"type": "reasoning", "id": "rs", "summary": []}]
    items = turn_items(input_items("go"), {"output": output})
    assert items[1:] == [
        {"type": "reasoning", "summary": [], "encrypted_content": "gw.gemini.S"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]
    result = {"type": "function_call_output", "call_id": "c1", "output": "done"}
    assert [(one.role, one.parts) for one in decode_input({"input": [*items, result]})] == [
        ("user", (Text("go"),)),
        ("assistant", (ToolCall(id="c1", name="f", arguments="{}", signature="gemini.S"),)),
        ("tool", (ToolResult(call_id="c1", parts=(Text("done"),)),)),
    ]


def test_a_chain_of_turns() -> None:
    turns = [turn_items(input_items(text), {"output": [OWN, MESSAGE]}) for text in ("one", "two")]
    items = [item for turn in turns for item in turn] + input_items("three")
    messages = decode_input({"input": items})
    assert [one.role for one in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[3].parts == (Thinking(signature="openai.E", redacted=True), Text("Hi"))


def test_an_upstream_of_the_dialect_gets_only_what_it_can_read() -> None:
    picture = {"type": "image_generation_call", "result": "aGk="}
    assert own_items([SEALED, CALL, OWN, picture, MESSAGE]) == [CALL, OWN, MESSAGE]


def ids(page: dict[str, Any]) -> list[str]:
    if page["data"]:  # its ends have no id when there is none; the reference is silent, its model says always
        ResponseItemList.model_validate(page)
    assert page["object"] == "list"
    assert (page["first_id"], page["last_id"]) == (
        (page["data"][0]["id"], page["data"][-1]["id"]) if page["data"] else (None, None)
    )
    return [item["id"] for item in page["data"]]


def page(count: int, **options: Any) -> dict[str, Any]:
    items = [item for number in range(count) for item in input_items(str(number))]
    return item_list(items, "r", **{"after": "", "limit": 20, "order": "asc", **options})


def test_the_list_of_input_items() -> None:
    first = page(5, limit=2)
    assert (ids(first), first["has_more"]) == (["item_r_0", "item_r_1"], True)
    last = page(5, limit=9, after="item_r_1")
    assert (ids(last), last["has_more"]) == (["item_r_2", "item_r_3", "item_r_4"], False)
    assert ids(page(3, order="desc")) == ["item_r_2", "item_r_1", "item_r_0"]
    assert ids(page(3, order="desc", after="item_r_1")) == ["item_r_0"]
    assert ids(page(0)) == []
    assert item_list([CALL], "r", after="", limit=1, order="asc")["data"] == [CALL]


def test_messages_are_listed_in_one_form_however_they_were_sent() -> None:
    items = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}, MESSAGE]
    page = item_list(items, "r", after="", limit=9, order="asc")
    ResponseItemList.model_validate(page)
    assert [(one["type"], one["content"][0]["type"], one["content"][0]["text"]) for one in page["data"]] == [
        ("message", "input_text", "hi"), ("message", "output_text", "yes"), ("message", "output_text", "Hi"),
    ]  # fmt: skip


@pytest.mark.parametrize(("options", "where"), [({"order": "up"}, "order"), ({"after": "item_x"}, "after")])
def test_a_list_that_cannot_be_given(options: dict[str, str], where: str) -> None:
    with pytest.raises(BadRequest) as caught:
        page(2, **options)
    assert caught.value.param == where


@given(st.integers(0, 30), st.integers(1, 7), st.sampled_from(["asc", "desc"]))
def test_paging_gives_every_item_once(count: int, limit: int, order: str) -> None:
    found: list[str] = []
    while True:
        one = page(count, limit=limit, order=order, after=found[-1] if found else "")
        found += ids(one)
        if not one["has_more"]:
            break
    expected = [f"item_r_{number}" for number in range(count)]
    assert found == (expected if order == "asc" else expected[::-1])


def test_a_response_is_found_in_what_is_sent() -> None:
    body = b'{"id":"resp_1","object":"response","output":[]}'
    assert response_in(body) == {"id": "resp_1", "object": "response", "output": []}
    assert response_in(b'{"id":"x","object":"list"}') is None
    assert response_in(b"<html>") is None
    begun = b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1"}}\n\n'
    said = b'data: {"type":"response.output_text.delta","delta":"response.completed"}\n\n'
    for kind in (b"completed", b"incomplete"):
        end = b'data: {"type":"response.%b","response":{"id":"resp_1"}}\n\n' % kind
        assert response_ended_in(begun + said + end) == {"id": "resp_1"}
    assert response_ended_in(begun + said) is None
    assert response_ended_in(b'data: {"type":"response.failed","response":{"id":"resp_1"}}\n\n') is None
