"""What others wrote, whatever it is: read, or refused with a reason; never anything else, and never for long."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prompts.dotprompt import read
from gateway.prompts.formats import IMPORTERS, ConversionError, Converted, File
from gateway.prompts.formats.yaml_text import yaml_text
from gateway.stores.yamltree import build

JSON = ("openai", "langfuse", "mlflow", "promptfoo")
PATHS = {"prompty": "x.prompty", "promptfoo": "x.json"}


def attempted(kind: str, text: str) -> list[str]:
    """The reasons of a refusal; none, if every file that was made can be read."""
    made: Converted | None = None
    refused = ""
    try:
        made = IMPORTERS[kind]([File(PATHS.get(kind, "x.json"), text)], "", lambda _: 1)
    except ConversionError as error:
        refused = str(error)
    if made is None:
        assert refused
        return refused.split("\n")
    partials = {path[1:-7]: text for path, text in made.files.items() if path.startswith("_")}
    for path, file in made.files.items():
        if path.endswith(".prompt") and not path.startswith("_"):
            read(file, path=path, partials=partials.get)
    return []


NOT_JSON = [
    "",
    " ",
    "{",
    "nul",
    "[1,",
    "\ufeff{}",
    "{'a': 1}",
    "[" * 100_000,
    '{"a":' * 100_000,
    '"\\ud800"',
    "\x00",
    "\ud800",
]


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize("text", NOT_JSON, ids=[repr(one[:8]) for one in NOT_JSON])
def test_what_is_not_json(kind: str, text: str) -> None:
    assert attempted(kind, text)


@pytest.mark.parametrize("kind", JSON)
@pytest.mark.parametrize(
    "text", ["1", "null", "[]", "{}", '"x"', "[null]", "[[]]", "[[[]]]", '{"data": []}', '{"prompts": {}}']
)
def test_json_of_another_kind(kind: str, text: str) -> None:
    assert attempted(kind, text)


@pytest.mark.parametrize("kind", JSON)
def test_too_large(kind: str) -> None:
    (reason,) = attempted(kind, " " * (16 * 1024 * 1024 + 1))
    assert reason.endswith("file: is larger than 16777216 bytes")


HUGE: dict[str, tuple[str, Callable[[], str]]] = {
    "prompty braces": ("prompty", lambda: "{{ a }}" * 20_000),
    "prompty ifs": ("prompty", lambda: "{% if a or b %}x{% else %}y{% endif %}" * 2_000),
    "prompty elifs": ("prompty", lambda: "{% if a %}" + "{% elif b %}" * 5000 + "{% endif %}"),
    "prompty open": ("prompty", lambda: "{% for a in b %}" * 20_000),
    "prompty ors": ("prompty", lambda: "{% if " + "a or " * 300 + "b %}" + "x" * 1500 + "{% endif %}"),
    "prompty nested ors": ("prompty", lambda: "{% if a or b %}" * 20 + "x" + "{% endif %}" * 20),
    "prompty markers": ("prompty", lambda: "user:\n" * 20_000),
    "prompty images": ("prompty", lambda: "---\nauthors: [a]\n---\n" + "![" * 50_000),
    "mustache": ("prompty", lambda: "---\ntemplate: mustache\n---\n" + "{{a}}\n" * 5_000),
    "langfuse braces": ("langfuse", lambda: msgspec.json.encode([{"name": "a", "prompt": "{{" * 20_000}]).decode()),
    "langfuse references": (
        "langfuse",
        lambda: msgspec.json.encode(
            [{"name": "a", "prompt": "@@@langfusePrompt:name=b|version=1@@@" * 1000}, {"name": "b", "prompt": "x"}]
        ).decode(),
    ),
    "langfuse chain": (
        "langfuse",
        lambda: msgspec.json.encode(
            [{"name": f"p{n}", "prompt": f"@@@langfusePrompt:name=p{n + 1}|version=1@@@"} for n in range(2000)]
        ).decode(),
    ),
    "openai versions": (
        "openai",
        lambda: msgspec.json.encode(
            {"id": "pmpt_1", "versions": [{"version": n, "instructions": "x"} for n in range(1, 300)]}
        ).decode(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HUGE)
def test_large_sources_take_no_time(case: str) -> None:
    """Nothing is looked at again for each time that it stands there."""
    kind, make = HUGE[case]
    text = make()
    begun = time.process_time()
    attempted(kind, text)
    assert time.process_time() - begun < 5


KEYS = st.sampled_from(
    [
        "name",
        "prompt",
        "type",
        "version",
        "versions",
        "labels",
        "tags",
        "config",
        "messages",
        "instructions",
        "input",
        "role",
        "content",
        "text",
        "model",
        "tools",
        "function",
        "parameters",
        "response_format",
        "json_schema",
        "schema",
        "id",
        "openai_prompt_id",
        "variables",
        "template",
        "aliases",
        "data",
        "prompts",
        "draft",
        "output",
        "object",
        "prompt_id",
        "placeholder",
        "image_url",
        "commitMessage",
        "production_version",
    ]
)
WORDS = st.one_of(
    st.sampled_from(["user", "system", "placeholder", "chat", "response", "pmpt_1", "{{x}}", "{% if x %}", "@@@langfusePrompt:name=a|label=b@@@"]),
    st.text(max_size=6), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(),
)  # fmt: skip
VALUES = st.recursive(
    WORDS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)), max_leaves=25
)


@pytest.mark.parametrize("kind", JSON)
@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_any_json(kind: str, value: Any) -> None:
    attempted(kind, msgspec.json.encode(value).decode())


FRONT = st.dictionaries(
    st.sampled_from(["name", "model", "inputs", "outputs", "tools", "template", "sample", "metadata", "authors", "x"]), VALUES, max_size=5
)  # fmt: skip
BODIES = st.lists(
    st.sampled_from(["system:\n", "user:", "{{ a }}", "{% if a %}", "{% endif %}", "{% for b in c %}", "{% endfor %}", "{#", "-%}", "![a](", ")", "\n", "{{#a}}", "{{/a}}", "}}", " x "]),
    max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(front=FRONT, body=BODIES)
def test_any_prompty(front: dict[str, Any], body: str) -> None:
    attempted("prompty", f"---\n{yaml.safe_dump(front)}---\n{body}")


SCALARS = st.one_of(st.text(), st.integers(-(10**18), 10**18), st.floats(1e-200, 1e200), st.booleans())
DATA = st.dictionaries(
    st.text(min_size=1), st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(min_size=1), inner, max_size=4)), max_leaves=12), max_size=4,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(DATA)
def test_yaml_reads_back_as_it_was(data: dict[str, Any]) -> None:
    text = yaml_text(data)
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    found, _ = build(text.encode(errors="replace"), "t.yaml")
    assert _floats(found) == (data or None)


def _floats(value: Any) -> Any:
    """As `.prompt` files are read: numbers with a point are no Decimals there."""
    from decimal import Decimal

    if isinstance(value, dict):
        return {key: _floats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_floats(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value
