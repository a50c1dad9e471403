"""Messages for a model out of a row, as both APIs want them."""

from typing import Any

import pytest

from gateway.core.faults import BadRequest
from gateway.evals.messages import Api, InputMessages, Unfillable, as_told


def template(*messages: Any) -> Any:
    return {"type": "template", "template": list(messages)}


PARTS = [
    "{{item.a}}",
    {"type": "input_text", "text": "b {{item.b}}"},
    {"type": "input_image", "image_url": "https://e.com/{{item.a}}", "detail": "low"},
    {"type": "input_audio", "input_audio": {"data": "{{item.a}}", "format": "wav"}},
]
AUDIO = {"type": "input_audio", "input_audio": {"data": "{{item.a}}", "format": "wav"}}


@pytest.mark.parametrize(
    ("api", "content"),
    [
        ("chat", [
            {"type": "text", "text": "1"}, {"type": "text", "text": "b x"},
            {"type": "image_url", "image_url": {"url": "https://e.com/1", "detail": "low"}}, AUDIO,
        ]),
        ("responses", [
            {"type": "input_text", "text": "1"}, {"type": "input_text", "text": "b x"},
            {"type": "input_image", "image_url": "https://e.com/1", "detail": "low"}, AUDIO,
        ]),
    ],
)  # fmt: skip
def test_parts_are_written_as_the_api_has_them(api: Api, content: Any) -> None:
    messages = InputMessages(template({"role": "user", "content": PARTS}), api, "m")
    assert messages.filled({"a": 1, "b": "x"}) == [{"role": "user", "content": content}]


def test_one_part_alone_and_what_a_model_said() -> None:
    part = {"type": "output_text", "text": "{{item.a}}"}
    made = template({"role": "assistant", "content": part, "type": "message"})
    assert InputMessages(made, "responses", "m").filled({"a": "x"}) == [
        {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
    ]
    assert InputMessages(made, "chat", "m").filled({"a": "x"})[0]["content"] == [{"type": "text", "text": "x"}]


def test_what_the_data_says_is_no_template() -> None:
    made = InputMessages(template({"role": "user", "content": "{{item.a}} {{item.n.m[0]}}"}), "chat", "m")
    filled = made.filled({"a": "{{item.secret}}", "n": {"m": [True]}, "secret": "s"})
    assert filled == [{"role": "user", "content": "{{item.secret}} true"}]
    turns = [{"role": "user", "content": "{{item.secret}}"}, {"role": "tool", "content": "4", "tool_call_id": "c"}]
    referred = InputMessages({"type": "item_reference", "item_reference": "item.turns"}, "chat", "m")
    assert referred.filled({"turns": turns, "secret": "s"}) == turns


@pytest.mark.parametrize("item", [{}, {"turns": "x"}, {"turns": []}, {"turns": [{}]}, {"turns": [{"role": "user"}]}])
def test_a_row_without_what_is_asked_is_told(item: Any) -> None:
    referred = InputMessages({"type": "item_reference", "item_reference": "item.turns"}, "chat", "m")
    with pytest.raises(Unfillable):
        referred.filled(item)
    with pytest.raises(Unfillable, match=r"item\.q"):
        InputMessages(template({"role": "user", "content": "{{item.q}}"}), "chat", "m").filled(item)


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (None, "m"),
        ("x", "m"),
        ({"type": "template"}, "m"),
        (template(), "m.template"),
        (template("x"), "m.template[0].role"),
        (template({"role": "user", "content": 5}), "m.template[0].content"),
        (template({"role": "user", "content": [["x"]]}), "m.template[0].content[0]"),
        (template({"role": "user", "content": "x"}, {"role": "user", "content": "{% if %}"}), "m.template[1].content"),
        (template({"role": "user", "content": "x", "type": "reasoning"}), "m.template[0].type"),
        ({"type": "item_reference", "item_reference": "item.x | upper"}, "m.item_reference"),
    ],
)
def test_what_are_no_messages_is_told_by_place(value: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        InputMessages(value, "chat", "m")
    assert refused.value.param == param


def test_an_item_tells_each_content_as_one_text() -> None:
    told = as_told([{"role": "user", "content": "x"}, {"role": "user", "content": [{"type": "text", "text": "a"}] * 2}])
    assert told == [{"role": "user", "content": "x"}, {"role": "user", "content": "a\na"}]
    image = {"type": "image_url", "image_url": {"url": "u"}}
    assert "image_url" in as_told([{"role": "user", "content": [image]}])[0]["content"]
