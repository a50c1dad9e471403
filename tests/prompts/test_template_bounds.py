"""No template takes more time or memory than its caller allows, whatever the variables."""

import contextlib
import time
import tracemalloc
from typing import Any

import pytest

from gateway.prompts.dotprompt import Limits, RenderError
from tests.prompts.rendering import prompt, render

MANY = {"a": list(range(1000)), "t": "x" * 1000}
LOOPS = "{{#each a}}{{#each ../a}}{{#each ../../a}}{{/each}}{{/each}}{{/each}}"
LAYOUT = {"box": "<{{> @partial-block}}>"}


def took(template: str, variables: dict[str, Any], **bounds: int) -> float:
    """Seconds until it is refused."""
    began = time.process_time()
    with pytest.raises(RenderError, match="with these variables"):
        render(template, variables, limits=Limits(**bounds))
    return time.process_time() - began


@pytest.mark.parametrize(
    "template",
    [LOOPS, LOOPS.replace("{{/each}}", "x{{this}}{{/each}}", 1), "{{#each a}}{{#each ../a}}{{> p}}{{/each}}{{/each}}".replace("{{> p}}", "{{json ../t}}")],
    ids=["empty", "writing", "json"],
)  # fmt: skip
def test_loops_within_loops_end(template: str) -> None:
    """A billion rounds."""
    assert took(template, MANY) < 2


def test_a_key_that_is_a_list_is_a_text_as_long() -> None:
    long = {"a": [1] * 1000, "m": {}, "key": [1] * 100_000}
    assert took("{{#each a}}{{lookup ../m ../key}}{{/each}}", long) < 2
    assert took("{{#each a}}{{section ../key}}{{/each}}", long) < 2
    assert render("{{lookup m key}}{{lookup a 1}}", {"m": {"b": "c"}, "key": ["b"], "a": [4, 5]}) == "c5"


def test_a_template_of_many_calls_is_compiled_in_the_time_of_its_length() -> None:
    """Where each stands is looked for when one fails, and not before."""
    template = "{{json a}}{{lookup b c}}\n" * 10_000
    began = time.process_time()
    assert len(render(template, {"a": 1, "b": {}})) == 20_000
    assert time.process_time() - began < 6
    with pytest.raises(RenderError, match=r"^t\.prompt:3: media: `url` is no URL"):
        render("{{json a}}\n\n{{media url=a}}", {"a": 1})


def test_a_loop_that_is_too_long_is_not_begun() -> None:
    with pytest.raises(RenderError, match="takes more than 10 steps with these variables; shorten the lists"):
        render("{{#each a}}{{this}}{{/each}}", {"a": [1] * 6}, limits=Limits(steps=10))
    assert render("{{#each a}}{{this}}{{/each}}", {"a": [1] * 4}, limits=Limits(steps=10)) == "1111"


@pytest.mark.parametrize(
    ("template", "variables", "steps"),
    [
        ("x", {}, 1),
        ("{{a}}" * 5, {}, 6),
        ("{{#if a}}x{{/if}}" * 5, {"a": 1}, 11),
        ("{{#if a}}x{{/if}}" * 5, {}, 6),
        ("{{> p}}" * 5, {}, 11),
        ("{{#with a}}x{{/with}}" * 5, {"a": 1}, 11),
        ("{{#a}}x{{/a}}" * 5, {"a": {"b": 1}}, 11),
        ("{{#a}}{{/a}}", {"a": [1] * 10}, 12),
        ("{{#each a}}{{/each}}", {"a": dict.fromkeys("abcdefghij")}, 12),
        ("{{#each a}}{{this}}{{/each}}", {"a": [1] * 10}, 22),
        ("{{#> gone}}x{{/gone}}" * 5, {}, 11),
        ('{{#*inline "i"}}x{{/inline}}' + "{{> i}}" * 5, {}, 11),
        ("{{#> q}}x{{/q}}", {}, 5),
    ],
)
def test_steps_of_everything_are_counted(template: str, variables: dict[str, Any], steps: int) -> None:
    partials = {"p": "x", "q": "{{> @partial-block}}"}
    render(template, variables, partials, limits=Limits(steps=steps))
    with pytest.raises(RenderError, match=f"more than {steps - 1} steps"):
        render(template, variables, partials, limits=Limits(steps=steps - 1))


def test_output_that_is_too_long_takes_no_memory() -> None:
    """A gigabyte out of a megabyte: the texts stand in a list, and are not joined before they have been counted."""
    variables = {"a": [0] * 1000, "t": "x" * 1_000_000}
    tracemalloc.start()
    with pytest.raises(
        RenderError, match="makes more than 2000000 characters with these variables; shorten the longest"
    ):
        render("{{#each a}}{{../t}}{{/each}}", variables)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("made", ["{{json ../t}}", "{{quote ../t}}", "{{../l}}", "{{json ../l indent=4}}"])
def test_texts_that_are_made_count_while_they_are_made(made: str) -> None:
    variables = {"a": [0] * 1000, "t": "x" * 100_000, "l": ["x" * 50] * 2000}
    tracemalloc.start()
    with pytest.raises(RenderError, match="makes more than 2000000 characters"):
        render("{{#each a}}" + made + "{{/each}}", variables)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def test_indentation_counts() -> None:
    partials = {"p": "{{#each a}}\n\n{{/each}}"}
    template = " " * 1000 + "{{> p}}\n"
    assert len(render(template, {"a": [0] * 100}, partials)) == 100 * 1001
    with pytest.raises(RenderError, match="makes more than 50000 characters"):
        render(template, {"a": [0] * 100}, partials, limits=Limits(characters=50_000))


def test_the_longest_output_there_may_be() -> None:
    assert render("{{t}}", MANY, limits=Limits(characters=1000)) == MANY["t"]
    with pytest.raises(RenderError):
        render("{{t}}!", MANY, limits=Limits(characters=1000))


def test_inline_partials_that_call_one_another_end() -> None:
    template = '{{#*inline "a"}}{{> b}}{{/inline}}{{#*inline "b"}}{{> a}}{{/inline}}{{> a}}'
    with pytest.raises(RenderError, match="partials call one another deeper than 64 levels; one may go in circles"):
        render(template)


def test_blocks_handed_on_and_on_end() -> None:
    nested = "{{#> box}}" * 30 + "x" + "{{/box}}" * 30
    assert render(nested, {}, LAYOUT) == "<" * 30 + "x" + ">" * 30


def test_equal_texts_cost_what_comparing_them_costs() -> None:
    variables = {"a": [0] * 1000, "s": "x" * 5_000_000, "t": "x" * 4_999_999 + "y"}
    assert took("{{#each a}}{{#ifEquals ../s ../t}}{{/ifEquals}}{{/each}}", variables) < 2


def test_values_nested_deeper_than_python_goes() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for template in ("{{a}}", "{{json a}}", "{{quote a}}"):
        with contextlib.suppress(RenderError):  # a newer Python goes as deep, in C
            assert render(template, {"a": deep}).count("[") == 100_001
    while deep:  # freeing it at once goes as deep
        deep = deep.pop()


def test_what_has_no_form_in_json() -> None:
    for template in ("{{json a}}", "{{a}}"):
        with pytest.raises(RenderError, match="has no form in JSON"):
            render(template, {"a": {"x": object()}})
    with pytest.raises(RenderError, match=r"t\.prompt:1: json: has no form in JSON"):
        render("{{json a}}", {"a": "\ud800"})


def test_limits_are_the_callers() -> None:
    made = prompt("{{#each a}}{{this}}{{/each}}")
    assert len(made.render(MANY, limits=Limits(steps=2002))) == 1
    with pytest.raises(RenderError):
        made.render(MANY, limits=Limits(steps=2001))
