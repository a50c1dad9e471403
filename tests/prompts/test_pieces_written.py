"""Pieces → Handlebars: whatever a text holds, rendering gives it back, character by character."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.prompts.formats.handlebars import body
from gateway.prompts.formats.pieces import (
    Branch,
    History,
    Json,
    Loop,
    Media,
    Messages,
    Name,
    Partial,
    Piece,
    Place,
    Role,
    Same,
    Text,
    Value,
)
from tests.prompts.drawn_pieces import NASTY, many, pieces, rendered, said, spoken, text_of, texts

ANY_TEXT = st.one_of(st.text(alphabet=NASTY, max_size=30), st.text(max_size=40))


@settings(deadline=None, max_examples=60)
@given(ANY_TEXT)
@example("{{x}}")
@example("\\{{x}}")
@example("\\\\{{{{")
@example("{{{{raw}}}}x{{{{/raw}}}}")
@example("{{! no comment }}")
@example("<<<dotprompt:role:system>>>")
@example('{"a": {"b": {}}}')
@example("\n \n")
def test_literal_text_stays_as_it_is(text: str) -> None:
    assert text_of(rendered(body([Text(text)]))) == (text if text.strip() else "")


@settings(deadline=None, max_examples=60)
@given(ANY_TEXT, ANY_TEXT)
@example("\\", "}")
@example("\\\\", "}}")
@example("{", "{")
@example("{{", "\\")
@example("  ", "\n")
def test_text_beside_a_tag_stays_as_it_is(before: str, after: str) -> None:
    found = rendered(body([Text(before), Value(Name(("v",))), Text(after)]), {"v": "V"})
    assert text_of(found) == f"{before}V{after}"


@settings(deadline=None, max_examples=100)
@given(st.lists(pieces(texts()), max_size=5))
def test_templates_say_what_their_pieces_say(some: list[Piece]) -> None:
    wanted = said(some)
    assert text_of(rendered(body(some))) == (wanted if wanted.strip() else "")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "model"]), many(texts())), max_size=4))
def test_messages_have_exactly_their_texts(messages: list[tuple[str, tuple[Piece, ...]]]) -> None:
    found = [(one.role, text_of([one])) for one in rendered(spoken(messages))]
    wanted = [(role, said(some)) for role, some in messages]
    assert found == [(role, text) for role, text in wanted if text.strip()]


@settings(deadline=None, max_examples=60)
@given(ANY_TEXT, ANY_TEXT)
def test_a_partial_is_put_in_exactly(text: str, around: str) -> None:
    """Of its file everything counts, and a file ends with a line break."""
    file = body([Text(text)], partial=True) + "\n"
    found = text_of(rendered(body([Text(f"[{around}"), Partial("p"), Text(f"{around}]")]), p=file))
    assert found == f"[{around}{text}{around}]"


NAME = Name(("name",))
CASES: list[tuple[list[Piece], str]] = [
    ([Value(NAME)], "{{name}}"),
    ([Value(Name(("user", "first name", "0")))], "{{user.[first name].[0]}}"),
    ([Value(Name(("odd]name",)))], "{{[odd\\]name]}}"),
    ([Value(Name(("history",)))], "{{this.history}}"),
    ([Value(Name(("role", "x")))], "{{this.role.x}}"),
    ([Value(Name(("true",)))], "{{[true]}}"),
    ([Json(NAME, 2), Json(NAME)], "{{json name indent=2}}{{json name}}"),
    ([Branch(NAME, (Text("a"),), (Text("b"),))], "{{#if name}}a{{else}}b{{/if}}"),
    ([Branch(NAME, (), (Text("b"),))], "{{#unless name}}b{{/unless}}"),
    ([Branch(Same(NAME, "x"), (Text("a"),))], '{{#ifEquals name "x"}}a{{/ifEquals}}'),
    ([Branch(Same(NAME, 'x"'), (), (Text("a"),))], "{{#unlessEquals name 'x\"'}}a{{/unlessEquals}}"),
    ([Branch(Same(NAME, True), (Text("a"),))], "{{#ifEquals name true}}a{{/ifEquals}}"),
    (
        [Branch(NAME, (Text("a"),), (Branch(Name(("b",)), (Text("b"),), (Text("c"),)),))],
        "{{#if name}}a{{else if b}}b{{else}}c{{/if}}",
    ),
    (
        [Loop(NAME, (Value(Name((), 1)), Value(Name(("x",), 1)), Value(Name(("y",))), Value(Place("index"))))],
        "{{#each name}}{{this}}{{x}}{{../y}}{{@index}}{{/each}}",
    ),
    (
        [Loop(NAME, (Loop(Name(("in",), 1), (Value(Name(("o",), 1)), Value(Name(("top",))))),), (Text("none"),))],
        "{{#each name}}{{#each in}}{{../o}}{{@root.top}}{{/each}}{{else}}none{{/each}}",
    ),
    (
        [Media(NAME), Media("https://a/b", "image/png")],
        '{{media url=name}}{{media url="https://a/b" contentType="image/png"}}',
    ),
    ([Text("a "), Partial("style")], "a {{> style}}"),
    ([Role("system"), Text("S"), Role("user"), Text("U")], '{{role "system"~}}\nS\n{{~role "user"~}}\nU'),
    ([Role("system"), Text(" S\n"), Role("user"), Value(NAME)], '{{role "system"}} S\n{{role "user"~}}\n{{name}}'),
    (
        [Role("system"), Text("S"), History(), Role("user"), Text("U")],
        '{{role "system"~}}\nS\n{{~history}}\n{{~role "user"~}}\nU',
    ),
    # A tag alone on its line takes the line with it: what it would take is there once more.
    ([Text("a\n"), Branch(NAME, (Text("\nb\n"),)), Text("\nc")], "a\n{{#if name}}\n\nb\n{{/if}}\n\nc"),
    ([Text("a\n  "), Branch(NAME, (Text("\nb"),))], "a\n  {{! }}{{#if name}}\nb{{/if}}"),
]


@pytest.mark.parametrize(("some", "source"), CASES, ids=[source for _, source in CASES])
def test_how_it_is_written(some: list[Piece], source: str) -> None:
    assert body(some) == source
    rendered(source, {"name": "https://a", "user": {}, "b": 1}, style="x")


def test_messages_in_a_variable_keep_their_roles() -> None:
    given = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ho"},
        {"role": "model", "content": "x"},
    ]
    found = rendered(body([Role("system"), Text("S"), Messages(NAME), Role("user"), Text("U")]), {"name": given})
    assert [(one.role, text_of([one])) for one in found] == [
        ("system", "S"), ("user", "hi"), ("model", "ho"), ("model", "x"), ("user", "U"),
    ]  # fmt: skip


def test_a_text_that_no_tag_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="both kinds of quotes"):
        body([Branch(Same(NAME, "\"'"), (Text("a"),))])
