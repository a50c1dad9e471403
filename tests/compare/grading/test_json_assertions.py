"""JSON: whole answers, parts of them, and what stands where."""

from typing import Any

import pytest

from gateway.compare.grading import Sample, Unmet, look
from gateway.compare.grading.paths import MAX_FOUND, JsonPath
from tests.compare.grading.making_checks import check, graded, wrong

# The example of RFC 9535, 1.5.
STORE: dict[str, Any] = {
    "store": {
        "book": [
            {"category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95},
            {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99},
            {"category": "fiction", "author": "Herman Melville", "isbn": "0-553-21311-3", "price": 8.99},
            {"category": "fiction", "author": "J. R. R. Tolkien", "isbn": "0-395-19395-8", "price": 22.99},
        ],
        "bicycle": {"color": "red", "price": 399},
    }
}
AUTHORS = ["Nigel Rees", "Evelyn Waugh", "Herman Melville", "J. R. R. Tolkien"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [STORE]),
        ("$.store.book[*].author", AUTHORS),
        ("$..author", AUTHORS),
        ("$.store..price", [8.95, 12.99, 8.99, 22.99, 399]),
        ("$..book[2].isbn", ["0-553-21311-3"]),
        ("$..book[2].title", []),
        ("$..book[-1].author", ["J. R. R. Tolkien"]),
        ("$..book[0,1].author", AUTHORS[:2]),
        ("$..book[:2].author", AUTHORS[:2]),
        ("$['store']['bicycle']['color']", ["red"]),
        ('$["store"]["bicycle"].color', ["red"]),
        ("$.store.bicycle.*", ["red", 399]),
        ("$ .store [ 'bicycle' ] .color", ["red"]),
        ("$.store.book[4]", []),
        ("$.store.book[-5]", []),
        ("$.store.book[3:0:-2].price", [22.99, 12.99]),
        ("$.store.book[::0]", []),
        ("$.nowhere.at.all", []),
        ("$.store[0]", []),
        ("output.store.bicycle.color", ["red"]),
        ("output?.store?.bicycle.color", ["red"]),
        ("JSON.parse(output).store.bicycle['color']", ["red"]),
    ],
)
def test_paths(path: str, found: list[Any]) -> None:
    assert JsonPath(path).find(STORE) == found


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("$['it''s']", {}, ValueError),
        (r"$['it\'s']", {"it's": 1}, [1]),
        (r'$["a\"b"]', {'a"b': 1}, [1]),
        (r"$['\u00e9']", {"é": 1}, [1]),
        ("$.é", {"é": 1}, [1]),
        ("$['a b', 'c']", {"a b": 1, "c": 2}, [1, 2]),
        ("$[*][1:]", [[1, 2, 3], [4]], [2, 3]),
        ("$..*", [[1], 2], [[1], 2, 1]),
        ("$..[0]", [[1], 2], [[1], 1]),
        ("a.b", {}, ValueError),
        ("$.a[?@.b > 1]", {}, ValueError),
        ("$.", {}, ValueError),
        ("$..", {}, ValueError),
        ("$[", {}, ValueError),
        ("$[01]", {}, ValueError),
        ("$[1", {}, ValueError),
        ("$.a-b", {}, ValueError),
        ("$[99999999999999999999]", {}, ValueError),
        ("output.toUpperCase()", {}, ValueError),
        ("output.length < 10", {}, ValueError),
        ("", {}, ValueError),
    ],
)
def test_paths_at_the_edges(path: str, value: Any, found: list[Any] | type[Exception]) -> None:
    if isinstance(found, list):
        assert JsonPath(path).find(value) == found
    else:
        with pytest.raises(found, match="no JSON path"):
            JsonPath(path)


def test_a_path_that_selects_everything_many_times_over_ends() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep, deep]
    with pytest.raises(Unmet, match=f"more than {MAX_FOUND}"):
        JsonPath("$..*..*").find([[[0] * 100] * 100] * 100)
    with pytest.raises(Unmet):
        JsonPath("$" + "[*]" * 30).find(deep)


@pytest.mark.parametrize(
    ("value", "answer", "met"),
    [
        (None, '{"a": 1}', True),
        (None, " [1, 2] \n", True),
        (None, "5", True),
        (None, '"text"', True),
        (None, "null", True),
        (None, "", False),
        (None, "   ", False),
        (None, "{'a': 1}", False),
        (None, '{"a": 1,}', False),
        (None, '{"a": NaN}', False),
        (None, '```json\n{"a": 1}\n```', False),
        (None, '{"a": 1} and more', False),
        (None, "[" * 100_000, False),
        ({"type": "object", "required": ["latitude"]}, '{"latitude": 1}', True),
        ({"type": "object", "required": ["latitude"]}, '{"longitude": 1}', False),
        ({"properties": {"latitude": {"maximum": 90.5}}}, '{"latitude": 90.6}', False),
        ({"type": "string", "pattern": "^(a+)+$"}, '"' + "a" * 5_000 + '!"', False),
        ({"type": "object"}, "not JSON", False),
        (True, "{}", True),
        (False, "{}", False),
    ],
)
def test_is_json(value: Any, answer: str, met: bool) -> None:
    assertion = {"type": "is-json"} if value is None else {"type": "is-json", "value": value}
    assert graded(answer, **assertion).met is met


@pytest.mark.parametrize(
    ("value", "answer", "met"),
    [
        (None, 'Sure: {"a": 1}. Anything else?', True),
        (None, "```json\n[1, 2]\n```", True),
        (None, "no JSON here", False),
        (None, "5 is a number, but no JSON that anybody would look for", False),
        (None, "", False),
        (None, "{broken} but then {} is fine", True),
        (None, "[NaN]", False),
        ({"required": ["b"]}, 'first {"a": 1}, then {"b": 2}', True),
        ({"required": ["b"]}, 'first {"a": 1}, then {"a": 2}', False),
        ({"type": "array"}, '{"inner": [1]}', False),
    ],
)
def test_contains_json(value: Any, answer: str, met: bool) -> None:
    assertion = {"type": "contains-json"} if value is None else {"type": "contains-json", "value": value}
    assert graded(answer, **assertion).met is met


@pytest.mark.parametrize(
    "answer", ["[" * 300_000, '{"a":' * 300_000, '{"' * 300_000, "[1," * 300_000, '[{"a": "' * 100_000]
)
def test_what_begins_like_json_without_end_is_given_up_soon(answer: str) -> None:
    grade = look(check(type="contains-json"), Sample(text=answer))
    assert not grade.met
    assert grade.error in ("", "too much of the answer begins like JSON and is none")


@pytest.mark.parametrize(
    ("value", "met"),
    [
        ({"path": "$.queue", "equals": "fraud"}, True),
        ({"path": "$.queue", "equals": "other"}, False),
        ({"path": "$.queue"}, True),
        ({"path": "$.nothing"}, False),
        ({"path": "$.nothing", "exists": False}, True),
        ({"path": "$.queue", "exists": False}, False),
        ({"path": "$.queue", "in": ["billing", "fraud"]}, True),
        ({"path": "$.queue", "in": ["billing"]}, False),
        ({"path": "$.queue", "contains": "rau"}, True),
        ({"path": "$.tags", "contains": "b"}, True),
        ({"path": "$.tags", "contains": "c"}, False),
        ({"path": "$.n", "contains": "3"}, False),
        ({"path": "$.queue", "regex": "^f.*d$"}, True),
        ({"path": "$.n", "regex": "^3$"}, True),
        ({"path": "$.n", "min": 3, "max": 3}, True),
        ({"path": "$.n", "min": 3.5}, False),
        ({"path": "$.urgent", "min": 0}, False),
        ({"path": "$.urgent", "equals": True}, True),
        ({"path": "$.urgent", "equals": 1}, False),
        ({"path": "$.tags[*]", "count": 2}, True),
        ({"path": "$.tags[*]", "count": 3}, False),
        ({"path": "$.tags[*]", "equals": "a"}, False),
        ({"path": "$.tags[*]", "in": ["a", "b"]}, True),
        ({"path": "$.inner", "equals": {"x": None}}, True),
        ({"path": "$.inner", "schema": {"type": "object", "maxProperties": 1}}, True),
        ({"path": "$.inner", "schema": {"type": "array"}}, False),
    ],
)
def test_json_path(value: dict[str, Any], met: bool) -> None:
    answer = '{"queue": "fraud", "urgent": true, "n": 3, "tags": ["a", "b"], "inner": {"x": null}}'
    assert graded(answer, type="json-path", value=value).met is met
    assert graded("not JSON", type="json-path", value=value).met is False


def test_a_transform_looks_at_a_part_and_what_is_not_there_fails_either_way() -> None:
    answer = Sample(text='{"queue": "fraud", "n": [1, 2]}')
    assert graded(answer, type="equals", value="fraud", transform="$.queue").met
    assert graded(answer, type="equals", value=[1, 2], transform="output.n").met
    assert graded(answer, type="equals", value=[1, 2], transform="$.n[*]").met
    for text in ('{"other": 1}', "no JSON", ""):
        for word in ("contains", "not-contains"):
            grade = look(check(type=word, value="fraud", transform="$.queue"), Sample(text=text))
            assert (grade.met, grade.score, grade.error) == (False, 0.0, "")
            assert "nothing" in grade.reason


@pytest.mark.parametrize(
    ("assertion", "path", "reason"),
    [
        ({"type": "is-json", "value": {"type": "objekt"}}, ("value",), "the schema is none"),
        ({"type": "is-json", "value": {"$ref": "http://127.0.0.1:1/x"}}, ("value",), "the schema is none"),
        ({"type": "is-json", "value": "object"}, ("value",), "expected a JSON schema"),
        ({"type": "contains-json", "value": [1]}, ("value",), "expected a JSON schema"),
        ({"type": "json-path", "value": "$.a"}, ("value",), "expected a mapping"),
        ({"type": "json-path", "value": {"equals": 1}}, ("value", "path"), "expected a JSON path"),
        ({"type": "json-path", "value": {"path": "a"}}, ("value", "path"), "begins with `$`"),
        ({"type": "json-path", "value": {"path": "$.a[?@.b]"}}, ("value", "path"), "filters are not understood"),
        ({"type": "json-path", "value": {"path": "$", "equal": 1}}, ("value", "equal"), "did you mean `equals`"),
        ({"type": "json-path", "value": {"path": "$", "in": []}}, ("value", "in"), "expected a list"),
        ({"type": "json-path", "value": {"path": "$", "min": "a"}}, ("value", "min"), "expected a number"),
        ({"type": "json-path", "value": {"path": "$", "count": 0}}, ("value", "count"), "exists: false"),
        ({"type": "json-path", "value": {"path": "$", "exists": 1}}, ("value", "exists"), "true or false"),
        ({"type": "json-path", "value": {"path": "$", "exists": False, "min": 1}}, ("value", "exists"), "not there"),
        ({"type": "json-path", "value": {"path": "$", "regex": "("}}, ("value", "regex"), "RE2"),
        ({"type": "json-path", "value": {"path": "$", "schema": {"type": 1}}}, ("value", "schema"), "schema is none"),
        ({"type": "contains", "value": "a", "transform": "output.trim()"}, ("transform",), "no JSON path"),
        ({"type": "latency", "threshold": 1, "transform": "$"}, ("transform",), "nothing to transform"),
    ],
)
def test_what_cannot_be_meant_is_refused(assertion: dict[str, Any], path: tuple[str | int, ...], reason: str) -> None:
    found, said = wrong(**assertion)
    assert found == path
    assert reason in said
