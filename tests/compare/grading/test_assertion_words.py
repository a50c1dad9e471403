"""Words, variables and keys: understood when read, or refused with the place."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.grading import Assertion, Judge, Making, Sample, Wrong, look, make
from gateway.compare.grading.names import NAMES, REFUSED
from gateway.compare.grading.templates import Missing, Template, render
from tests.compare.grading.making_checks import check, wrong


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("equal", "did you mean `equals`"),
        ("not-contain", "did you mean `not-contains`"),
        ("json", "did you mean"),
        ("xyzzy", "known: equals, contains"),
        ("javascript", "it runs code in the process that grades"),
        ("not-javascript", "it runs code in the process that grades"),
        ("is-sql", "a parser of each database's dialect"),
        ("not-assert-set", "did you mean `assert-set`"),
        ("not-select-best", "did you mean `select-best`"),
        ("not-not-contains", "did you mean `not-contains`"),
        ("", "is not a word for this"),
    ],
)
def test_a_word_that_is_none(word: str, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"type": word, "value": "x"}, Assertion)
    assert reason in str(caught.value)
    assert "is not a word for this" in str(caught.value)


@pytest.mark.parametrize("word", REFUSED)
def test_what_promptfoo_has_and_this_has_not_is_refused_with_a_reason(word: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"type": word}, Assertion)
    assert REFUSED[word] in str(caught.value)


VARS = {
    "name": "Ann",
    "n": 4,
    "half": 0.5,
    "list": ["a", "b"],
    "deep": {"x": [{"y": 1}]},
    "with-hyphen": "h",
    "code": "{{name}}",
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello {{name}}!", "Hello Ann!"),
        ("{{ name }}", "Ann"),
        ("{{n}}", 4),
        ("n={{n}}", "n=4"),
        ("{{half}} {{list}}", '0.5 ["a","b"]'),
        ("{{list}}", ["a", "b"]),
        ("{{list[1]}}", "b"),
        ("{{deep.x[0].y}}", 1),
        ("{{deep['x'][0].y}}", 1),
        ("{{with-hyphen}}", "h"),
        ("{{code}}", "{{name}}"),
        ("{% raw %}{{name}}{% endraw %} {{name}}", "{{name}} Ann"),
        ("{ {name} }", "{ {name} }"),
        ("{name}", "{name}"),
        ("}} text", "}} text"),
        ("", ""),
        (["{{name}}", {"k": "{{n}}", "{{name}}": True}], ["Ann", {"k": 4, "{{name}}": True}]),
        (7, 7),
    ],
)
def test_variables_are_put_in(text: Any, filled: Any) -> None:
    assert render(text, VARS, ("value",)) == filled


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("{{nme}}", ("value",), "there is no `nme`; did you mean `name`"),
        (["x", {"k": "{{deep.z}}"}], ("value", 1, "k"), "there is no `deep.z`"),
        ("{{name | upper}}", ("value",), "no filters"),
        ("{{env.KEY}}", ("value",), "there is no `env.KEY`"),
        ("{% if name %}x{% endif %}", ("value",), "`{%` begins what is not understood"),
        ("{# note #}", ("value",), "not understood"),
        ("{{name", ("value",), "not understood"),
        ("{{}}", ("value",), "not understood"),
        ("{{name()}}", ("value",), "not understood"),
        ("{{'x'}}", ("value",), "not understood"),
        ("{{name.__class__}}", ("value",), "there is no `name.__class__`"),
    ],
)
def test_what_is_no_variable_is_refused(text: Any, path: tuple[str | int, ...], reason: str) -> None:
    with pytest.raises(Wrong) as caught:
        render(text, VARS, ("value",))
    assert caught.value.path == path
    assert reason in caught.value.reason


@given(st.text(alphabet="{}%#[]. a0'\"|", max_size=40))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = Template(text)
    except ValueError:
        return
    try:
        template.fill({"a": {"a": [1]}})
    except Missing:
        pass


def test_templates_of_many_braces_are_read_soon() -> None:
    for text in ("{{" * 200_000, "{{a}}" * 100_000, "{% raw %}" * 100_000, "{ " * 500_000):
        try:
            Template(text).text_with({"a": "x"})
        except ValueError as error:
            assert "not understood" in str(error)  # noqa: PT017


def test_values_and_metrics_know_the_cases_variables() -> None:
    making = Making(vars={"expected": "Paris", "words": ["a", "b"], "kind": "geo", "answer": {"x": 1}})
    assert look(check(making, type="contains", value="{{expected}}"), Sample(text="Paris!")).met
    assert look(check(making, type="contains-any", value="{{words}}"), Sample(text="b")).met
    assert look(check(making, type="equals", value="{{answer}}"), Sample(text='{"x": 1}')).met
    assert check(making, type="contains", value="x", metric="{{kind}}").metric == "geo"
    assert wrong(making, type="contains", value="x", metric="{{knd}}")[0] == ("metric",)
    assert wrong(making, type="contains-all", value=["x", "{{wrds}}"])[0] == ("value", 1)


@pytest.mark.parametrize(
    ("assertion", "path", "reason"),
    [
        ({"type": "contains"}, (), "`contains` needs a `value`"),
        ({"type": "contains", "value": "x", "threshold": 0.5}, ("threshold",), "takes no threshold"),
        ({"type": "contains", "value": "x", "config": {"a": 1}}, ("config",), "takes no config"),
        ({"type": "contains", "value": "x", "judge": "j"}, ("judge",), "asks no judge"),
        ({"type": "contains", "value": "x", "rubric": "r"}, ("rubric",), "for those that ask a judge"),
        ({"type": "contains", "value": "x", "assert": [{"type": "is-json"}]}, ("assert",), "only an assert-set"),
        ({"type": "assert-set"}, ("assert",), "asserts nothing"),
        ({"type": "assert-set", "value": "x", "assert": [{"type": "is-json"}]}, ("value",), "means nothing"),
        ({"type": "assert-set", "threshold": 2, "assert": [{"type": "is-json"}]}, ("threshold",), "between 0 and 1"),
        ({"type": "assert-set", "assert": [{"type": "assert-set", "assert": [{"type": "is-json"}]}]}, ("assert", 0, "type"), "has no `assert-set` in it"),
        ({"type": "assert-set", "assert": [{"type": "select-best", "value": "x"}]}, ("assert", 0, "type"), "has no `select-best` in it"),
        ({"type": "assert-set", "assert": [{"type": "is-json"}, {"type": "regex", "value": "("}]}, ("assert", 1, "value"), "RE2"),
    ],
)  # fmt: skip
def test_keys_that_mean_nothing_are_refused(
    assertion: dict[str, Any], path: tuple[str | int, ...], reason: str
) -> None:
    found, said = wrong(**assertion)
    assert found == path
    assert reason in said


@pytest.mark.parametrize("value", [None, {}, [], [None], {"a": {}}, True, -1, 1.5, "", "{{x}}", [[[]]], "\ud800"])
@pytest.mark.parametrize("name", NAMES)
def test_any_value_is_understood_or_refused_when_read(name: str, value: Any) -> None:
    making = Making(judge=Judge(name="j", model="m"), python=True)
    more: list[dict[str, Any]] = [{}, {"threshold": 0.5}, {"config": {"n": value}}, {"transform": "$.a"}, {"metric": "m", "weight": 0.0}]  # fmt: skip
    for extra in more:
        for assertion in (Assertion(type=name, value=value, **extra), Assertion(type=name, **extra)):
            with contextlib.suppress(Wrong):
                assert make(assertion, making).kind == name
