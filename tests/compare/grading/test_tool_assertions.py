"""What an answer calls."""

from typing import Any

import pytest

from gateway.compare.grading import Sample, ToolCall, look
from tests.compare.grading.making_checks import check, graded, wrong

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
FLIGHT = {"type": "function", "function": {"name": "book_flight"}}


def calling(*calls: tuple[str, str], **more: Any) -> Sample:
    return Sample(tool_calls=tuple(ToolCall(name, arguments) for name, arguments in calls), **more)


PARIS = calling(("get_weather", '{"city": "Paris", "days": 3, "at": {"hour": 7, "zone": "CET"}}'))


@pytest.mark.parametrize(
    ("value", "met"),
    [
        ("get_weather", True),
        ("book_flight", False),
        ({"name": "get_weather"}, True),
        ({"pattern": "get_*"}, True),
        ({"pattern": "set_*"}, False),
        ({"name": "get_weather", "args": {"city": "Paris"}}, True),
        ({"name": "get_weather", "arguments": {"city": "Rome"}}, False),
        ({"name": "get_weather", "args": {"at": {"hour": 7}}}, True),
        ({"name": "get_weather", "args": {"at": {"hour": 8}}}, False),
        ({"name": "get_weather", "args": {"city": "Paris"}, "mode": "exact"}, False),
        ({"name": "get_weather", "args": {"city": "Paris", "days": 3}, "mode": "exact", "ignore": "at"}, True),
        ({"name": "get_weather", "args": {"city": "Paris"}, "mode": "exact", "ignore": ["a?", "day*"]}, True),
        ({"name": "get_weather", "args": {"city": "Paris"}, "mode": "exact", "ignore": ["at"], "defaults": {"days": 3}}, True),
        ({"name": "get_weather", "args": {"city": "Paris"}, "mode": "exact", "ignore": ["at"], "defaults": {"days": 4}}, False),
        ({"name": "get_weather", "args": {"days": 3.0}}, True),
        ({"name": "get_weather", "args": {"days": "3"}}, False),
    ],
)  # fmt: skip
def test_tool_call(value: Any, met: bool) -> None:
    assert graded(PARIS, type="tool-call", value=value).met is met
    assert graded(Sample(text="get_weather"), type="tool-call", value=value).met is False


def test_any_of_several_calls_will_do_and_broken_arguments_will_not() -> None:
    both = calling(("get_weather", '{"city": "Rome"}'), ("get_weather", '{"city": "Paris"}'))
    assert graded(both, type="tool-call", value={"name": "get_weather", "args": {"city": "Paris"}}).met
    for arguments in ("{", "[1]", "null", '"x"', "{'city': 'Paris'}"):
        assert not graded(calling(("get_weather", arguments)), type="tool-call", value="get_weather").met
    assert graded(calling(("get_weather", "")), type="tool-call", value="get_weather").met, "no arguments are none"


@pytest.mark.parametrize(
    ("expected", "called", "f1"),
    [  # promptfoo's own table
        (["get_weather", "book_flight"], ["get_weather", "book_flight"], 1.0),
        (["get_weather", "book_flight"], ["get_weather"], 2 / 3),
        (["get_weather", "book_flight"], ["get_weather", "book_flight", "search"], 0.8),
        (["get_weather"], ["book_flight"], 0.0),
        ("get_weather, book_flight", ["book_flight", "get_weather"], 1.0),
        (["get_weather"], ["get_weather", "get_weather"], 1.0),
        (["get_weather"], [], 0.0),
    ],
)
def test_tool_call_f1(expected: Any, called: list[str], f1: float) -> None:
    sample = calling(*((name, "{}") for name in called))
    grade = graded(sample, type="tool-call-f1", value=expected)
    assert grade.score == pytest.approx(f1)
    assert grade.met is (f1 == 1)
    assert graded(sample, type="tool-call-f1", value=expected, threshold=f1).met
    assert not graded(sample, type="tool-call-f1", value=expected, threshold=min(1, f1 + 0.01)).met or f1 == 1


@pytest.mark.parametrize(
    ("calls", "met"),
    [
        ([("get_weather", '{"city": "Paris"}')], True),
        ([("get_weather", '{"city": "Paris"}'), ("book_flight", "{}")], True),
        ([("get_weather", '{"city": 1}')], False),
        ([("get_weather", '{"town": "Paris"}')], False),
        ([("get_weather", "{}")], False),
        ([("get_weather", "{")], False),
        ([("get_weather", '{"city": "Paris"}'), ("unknown", "{}")], False),
        ([], False),
    ],
)
def test_valid_calls(calls: list[tuple[str, str]], met: bool) -> None:
    tools = [WEATHER, FLIGHT]
    assert graded(calling(*calls), type="is-valid-openai-tools-call", value=tools).met is met
    assert graded(calling(*calls, tools=tuple(tools)), type="is-valid-openai-tools-call").met is met


def test_without_tools_nobody_can_say_whether_a_call_is_valid() -> None:
    for word in ("is-valid-openai-tools-call", "not-is-valid-openai-tools-call"):
        grade = look(check(type=word), calling(("x", "{}")))
        assert (grade.met, grade.passed) == (False, False)
        assert "no tools to compare with" in grade.error
        broken = calling(("x", "{}"), tools=({"function": {"name": "x", "parameters": {"type": "objekt"}}},))
        assert "the request's tools cannot be read" in look(check(type=word), broken).error


@pytest.mark.parametrize(
    ("assertion", "path"),
    [
        ({"type": "tool-call", "value": {}}, ("value",)),
        ({"type": "tool-call", "value": {"name": "a", "pattern": "b"}}, ("value",)),
        ({"type": "tool-call", "value": {"name": ""}}, ("value", "name")),
        ({"type": "tool-call", "value": {"name": "a", "arg": {}}}, ("value", "arg")),
        ({"type": "tool-call", "value": {"name": "a", "args": []}}, ("value", "args")),
        ({"type": "tool-call", "value": {"name": "a", "args": {}, "arguments": {}}}, ("value", "arguments")),
        ({"type": "tool-call", "value": {"name": "a", "mode": "loose"}}, ("value", "mode")),
        ({"type": "tool-call-f1", "value": []}, ("value",)),
        ({"type": "tool-call-f1", "value": ["a"], "threshold": 2}, ("threshold",)),
        ({"type": "is-valid-openai-tools-call", "value": {}}, ("value",)),
        ({"type": "is-valid-openai-tools-call", "value": [{"type": "web_search"}]}, ("value", 0)),
        (
            {"type": "is-valid-openai-tools-call", "value": [{"function": {"name": "a", "parameters": {"type": 1}}}]},
            ("value", 0, "function", "parameters"),
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(assertion: dict[str, Any], path: tuple[str | int, ...]) -> None:
    assert wrong(**assertion)[0] == path
