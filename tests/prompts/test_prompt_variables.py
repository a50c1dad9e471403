"""Variables are checked before they are rendered; what is wrong with them is told by name."""

import sys
import time
from typing import Any

import pytest

from gateway.prompts.dotprompt import Prompt, VariablesError, check
from tests.prompts.rendering import prompt

FIELDS = """\
    message: string, what the customer wrote
    locale?: string
    product(enum): [card, loan, app]
    count?: integer
    ratio?: number
    vip?: boolean
    items?(array): {title: string, price?: number}
    who?(object): {name: string}
    anything?: any"""
TRIAGE = prompt(f"---\ninput:\n  default: {{locale: en}}\n  schema:\n{FIELDS}\n---\n{{{{message}}}}")
GOOD = {"message": "hi", "product": "card"}


def problems(made: Prompt, variables: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(VariablesError) as caught:
        check(made, variables)
    return [tuple(one) for one in caught.value.problems]


def test_defaults_are_merged() -> None:
    assert check(TRIAGE, GOOD) == {**GOOD, "locale": "en"}
    assert check(TRIAGE, {**GOOD, "locale": None, "anything": [1]}) == {**GOOD, "locale": None, "anything": [1]}
    assert GOOD == {"message": "hi", "product": "card"}, "what is given is not changed"


WRONG = [
    ({}, [("message", "is missing"), ("product", "is missing")]),
    ({**GOOD, "mesage": "x"}, [("mesage", "is not known here; known: anything, count, items, ratio, vip, who")]),
    ({"mesage": "x", "product": "card"}, [("message", "is missing"), ("mesage", "is not known here; did you mean `message`?")]),
    ({**GOOD, "message": 3}, [("message", "must be a string, and is a number")]),
    ({**GOOD, "message": None}, [("message", "must be a string, and is null")]),
    ({**GOOD, "product": "cart"}, [("product", "must be one of card, loan, app; did you mean `card`?")]),
    ({**GOOD, "product": "secret word"}, [("product", "must be one of card, loan, app")]),
    ({**GOOD, "count": 1.5}, [("count", "must be an integer or null, and is a number")]),
    ({**GOOD, "vip": 1}, [("vip", "must be a boolean or null, and is a number")]),
    ({**GOOD, "items": [{"title": "a"}, {"price": "1", "x": 1}]},
     [("items[1].title", "is missing"), ("items[1].price", "must be a number or null, and is a string"), ("items[1].x", "is not known here; known: title")]),
    ({**GOOD, "items": {}}, [("items", "must be an array or null, and is an object")]),
    ({**GOOD, "who": {"name": ["x"]}}, [("who.name", "must be a string, and is an array")]),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "told"), WRONG, ids=[str(told) for _, told in WRONG])
def test_what_is_wrong_is_told(variables: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert problems(TRIAGE, variables) == [(f"prompt.variables.{path}", message) for path, message in told]


def test_the_message_is_one_sentence() -> None:
    with pytest.raises(
        VariablesError, match=r"^prompt\.variables\.message is missing; prompt\.variables\.product is missing$"
    ):
        check(TRIAGE, {})


def test_twenty_problems_are_enough() -> None:
    assert len(problems(TRIAGE, {**GOOD, "items": [{}] * 1000})) == 20


TEXTS = [
    ("count", "3", 3), ("count", "-3", -3), ("count", "0", 0), ("ratio", "2.5", 2.5), ("ratio", "-1e3", -1000.0), ("ratio", "7", 7),
    ("vip", "true", True), ("vip", "false", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "value"), TEXTS)
def test_texts_stand_for_numbers_where_the_schema_has_numbers(name: str, text: str, value: object) -> None:
    found = check(TRIAGE, {**GOOD, name: text})[name]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text"),
    [("count", "3.0"), ("count", " 3"), ("count", "03"), ("count", "+3"), ("count", "3\n"), ("count", ""), ("count", "٣"), ("count", "1_000"), ("count", "9" * 41), ("ratio", "nan"),
     ("ratio", "1."), ("ratio", "0x1"), ("vip", "True"), ("vip", "1"), ("vip", "yes"), ("count", "null"), ("items", "[]")],
)  # fmt: skip
def test_other_texts_do_not(name: str, text: str) -> None:
    assert problems(TRIAGE, {**GOOD, name: text})[0][0] == f"prompt.variables.{name}"


def test_a_text_stays_one_where_the_schema_has_texts() -> None:
    made = prompt("---\ninput: {schema: {properties: {a: {type: [string, integer]}, b: {}, c: {enum: [1]}}}}\n---\n")
    assert check(made, {"a": "3", "b": "4"}) == {"a": "3", "b": "4"}
    assert problems(made, {"c": "1"}) == [("prompt.variables.c", "must be one of 1")]


def test_without_a_schema_everything_passes() -> None:
    assert check(prompt("{{a}}"), {"x": object}) == {"x": object}


def test_bounds() -> None:
    made = prompt(
        "---\ninput: {schema: {properties: {a: {maxLength: 3, minLength: 2}, b: {maximum: 3, minimum: 1}, c: {maxItems: 1}}}}\n---\n"
    )
    assert problems(made, {"a": "abcd", "b": 0, "c": [1, 2]}) == [
        ("prompt.variables.a", "must have 3 characters at most"),
        ("prompt.variables.b", "must be 1 at least"),
        ("prompt.variables.c", "must have 1 items at most"),
    ]
    assert problems(made, {"a": "a", "b": 4})[1] == ("prompt.variables.b", "must be 3 at most")


FULL = """\
---
input:
  schema:
    type: object
    additionalProperties: false
    required: [id]
    properties:
      id: {type: string, pattern: "^[a-z]+$"}
      n: {type: integer}
      either: {anyOf: [{type: string}, {type: array}]}
  default: {id: abc}
---
{{id}}
"""


def test_the_whole_of_json_schema() -> None:
    made = prompt(FULL)
    assert check(made, {"n": "3", "either": []}) == {"id": "abc", "n": 3, "either": []}
    assert problems(made, {"id": "A1", "n": "x", "other": 1}) == [
        ("prompt.variables.id", 'does not match "^[a-z]+$"'),
        ("prompt.variables.n", 'is not of type "integer"'),
        ("prompt.variables.other", "is not known here"),
    ]
    assert problems(prompt(FULL.replace("  default: {id: abc}\n", "")), {}) == [("prompt.variables.id", "is missing")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('pattern: "^[a-z]+$"', 'pattern: "("'), "is no JSON Schema"),
        (("type: string, pattern", "type: strin, pattern"), "is no JSON Schema"),
        (("anyOf: [{type: string}, {type: array}]", '$ref: "https://example.com/x.json"'), "is no JSON Schema"),
        (("default: {id: abc}", "default: {id: A1}"), "default.id does not match"),
    ],
)
def test_a_schema_that_is_none_is_told_when_the_file_is_read(change: tuple[str, str], says: str) -> None:
    with pytest.raises(Exception, match=rf"dir/t.prompt:\d+: {says}"):
        prompt(FULL.replace(*change))


def test_without_the_extra_it_is_told_when_the_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    with pytest.raises(Exception, match=r"dir/t.prompt:3: this is more of JSON Schema .* pip install -e '.\[guards\]'"):
        prompt(FULL.replace("  schema:", "  schema: # of another file"))
    assert check(TRIAGE, GOOD), "Picoschema needs no extra"


@pytest.mark.parametrize("schema", ["{a: string}", "{type: object, properties: {a: {anyOf: [{type: string}]}}, additionalProperties: false}"])  # fmt: skip
def test_a_name_of_a_megabyte_is_told_by_its_beginning(schema: str) -> None:
    began = time.process_time()
    with pytest.raises(VariablesError) as refused:
        check(prompt(f"---\ninput:\n  schema: {schema}\n---\n{{{{a}}}}"), {"a": "x", "y" * 1_000_000: 1})
    assert len(str(refused.value)) < 500
    assert len(refused.value.problems[0].path) < 200
    assert time.process_time() - began < 0.5
