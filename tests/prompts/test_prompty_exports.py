"""Prompts → Prompty's files: what Prompty then sends is what the gateway does."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prompts.dotprompt import read
from gateway.prompts.formats.converted import ConversionError, Converted
from gateway.prompts.formats.exporting import Exported
from gateway.prompts.formats.pieces import Piece
from gateway.prompts.formats.prompty import export_prompty
from tests.prompts import prompty_reference as reference
from tests.prompts.drawn_pieces import VARIABLES, many, spoken, text_of, texts
from tests.prompts.test_prompty_imports import imported, told

HEAD = """---
name: support/triage
description: Route a customer message
model: fast-general
config: {temperature: 0, maxOutputTokens: 200, reasoning: {effort: low}}
toolDefs:
  - {name: look_up, description: Finds, strict: true, inputSchema: {type: object, properties: {id: {type: integer}}, required: [id]}}
input:
  schema:
    message: string, what the customer wrote
    locale?: string
    product(enum): [card, loan]
    vip?: any
    rows(array): any
    picture?: string
  default: {locale: en}
output: {format: json, schema: {type: object, properties: {queue: {type: string, enum: [a, b]}, n: {type: [integer, "null"]}}, required: [queue]}}
metadata: {owner: cx}
gateway.overridable: [temperature]
gateway.margin: 0.1
---
"""
BODY = """{{role "system"}}
You route messages about {{product}}. Literal {{! nothing }}\\{{braces}} {% too %}.
{{>style}}
{{#if vip}}
Be quick.
{{else ifEquals product "card"}}
Cards.
{{/if}}
{{#each rows}}{{@index}} {{name}} of {{../product}}{{#unless @last}}, {{/unless}}{{/each}}
{{history}}
{{role "user"~}}
{{media url=picture}}
{{message}}
"""


def exported(source: str, **partials: str) -> tuple[Converted, dict[str, Any], str]:
    prompt = read(source, path="p/1.prompt", partials=partials.get)
    made = export_prompty(Exported(name="p", versions={1: prompt}, tags=["t"]))
    _, front, body = made.files["p.prompty"].split("---\n", 2)
    return made, yaml.safe_load(front), body


def test_an_export() -> None:
    made, front, body = exported(HEAD + BODY, style="Write in {{locale}}.\n")
    assert front["model"] == {
        "id": "fast-general",
        "apiType": "chat",
        "options": {"temperature": 0, "maxOutputTokens": 200, "additionalProperties": {"reasoning": {"effort": "low"}}},
    }
    assert front["inputs"] == [
        {"name": "message", "kind": "string", "description": "what the customer wrote", "required": True},
        {"name": "locale", "kind": "string", "default": "en"},
        {"name": "product", "kind": "string", "required": True, "enumValues": ["card", "loan"]},
        {"name": "vip", "kind": "boolean"},
        {"name": "rows", "kind": "array", "required": True},
        {"name": "picture", "kind": "image"},
        {"name": "conversation", "kind": "thread"},
    ]
    assert front["outputs"] == [
        {"name": "queue", "kind": "string", "enumValues": ["a", "b"], "required": True},
        {"name": "n", "kind": "string"},
    ]
    assert front["tools"] == [
        {
            "name": "look_up",
            "kind": "function",
            "description": "Finds",
            "strict": True,
            "parameters": [{"name": "id", "kind": "integer", "required": True}],
        }
    ]
    assert front["template"] == {"format": {"kind": "jinja2"}, "parser": {"kind": "prompty"}}
    assert front["metadata"] == {"owner": "cx", "tags": ["t"]}
    assert sorted(note.path for note in made.notes) == ["body", "version 1, gateway.margin", "version 1, output.n"]
    given = {"message": "Hi", "product": "card", "locale": "en", "rows": [{"name": "a"}, {"name": "b"}]}
    assert reference.messages(body, {**given, "conversation": "<thread>", "picture": "<image>"}) == [
        ("system", "You route messages about card. Literal {{braces}} {% too %}.\nWrite in en.\nCards.\n0 a of card, 1 b of card\n\n\n<thread>"),
        ("user", "<image>\nHi"),
    ]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "model"]), many(texts("{}%#~- \n\ta'\"\\"))), max_size=3))
def test_prompty_sends_what_the_gateway_sends(messages: list[tuple[str, tuple[Piece, ...]]]) -> None:
    """But for line breaks at the edges of messages, which Prompty trims."""
    source = f"---\nname: p\n---\n{spoken(messages)}\n"
    prompt = read(source, path="p/1.prompt", partials=lambda _: None)
    _, _, body = exported(source)
    wanted = [(one.role, text_of([one]).strip("\n")) for one in prompt.render(VARIABLES)]
    assert reference.messages(body, VARIABLES) == wanted


def test_what_was_exported_is_imported_again() -> None:
    made, _, _ = exported(HEAD + BODY, style="S\n")
    _, again = imported(made.files["p.prompty"])
    first = read(HEAD + BODY, path="p/1.prompt", partials={"style": "S\n"}.get)
    given = {"message": "Hi", "product": "loan", "rows": [{"name": "a"}], "vip": True, "picture": "https://x"}
    strip = [(role, text.strip("\n")) for role, text in told(first.render(given))]
    assert [(role, text.strip("\n")) for role, text in told(again.render(given))] == strip
    assert (again.model, again.config, again.tool_defs) == (first.model, first.config, first.tool_defs)


REFUSED = {
    '{{media url="https://x/y.png"}}': "stands in the template itself, or in a list",
    "{{#each rows}}{{media url=this}}{{/each}}": "stands in the template itself, or in a list",
    '{{role "tool"}}x': "tool: is no role of a message in Prompty",
    "a\nuser:\nb": "has a line that Prompty would take for the beginning of a message",
    "{{a-b}}": "`a-b` is no name of a variable in Jinja",
    "{{quote a}}": "line 4: {{quote a}}: the helper `quote` has no counterpart",
    '{{section "x"}}': "the helper `section` has no counterpart",
    "{{lookup a b}}": "the helper `lookup` has no counterpart",
    "{{json (lookup a b)}}": "computes a value",
    "{{#with a}}{{b}}{{/with}}": "the block `with` has no counterpart",
    "{{#a}}{{b}}{{/a}}": "this kind of block has no counterpart",
    "{{^a}}b{{/a}}": "this kind of block has no counterpart",
    "{{#if a includeZero=true}}b{{/if}}": "the block `if` has no counterpart",
    "{{#ifEquals a null}}b{{/ifEquals}}": "compares with null",
    "{{@state.x}}": "`@state.x` has no counterpart",
    "{{#each a}}{{@key}}{{/each}}": "`@key` has no counterpart",
    "{{#each a}}{{#each b}}{{@../index}}{{/each}}{{/each}}": "`@../index` has no counterpart",
    "{{../a}}": "`../a` looks outside of the prompt",
    "{{#each a}}{{..}}{{/each}}": "writes all variables at once",
    "{{> p x=1}}": "hands values to a partial",
    "{{#> p}}x{{/p}}": "this kind of block has no counterpart",
    '{{#*inline "q"}}x{{/inline}}{{> q}}': "defines a partial within the file",
    '{{role "user" a=1}}': "gives a message metadata",
    "{{#each a}}{{role this.role}}x{{/each}}": "lets a variable name the role of a message",
}


@pytest.mark.parametrize("template", REFUSED)
def test_what_is_refused(template: str) -> None:
    with pytest.raises(ConversionError) as raised:
        exported(f"---\nname: p\n---\n{template}\n", p="P")
    assert any(REFUSED[template] in str(reason) for reason in raised.value.reasons), raised.value


def test_block_parameters_are_names_of_items() -> None:
    _, _, body = exported(
        "---\nname: p\n---\n{{#each a as |row n|}}{{n}}{{row.x}}{{#each row.y as |z|}}{{z}}{{row.x}}{{@root.b}}{{/each}}{{/each}}"
    )
    given = {"a": [{"x": 1, "y": ["p", "q"]}], "b": "B"}
    assert reference.messages(body, given) == [("user", "01p1Bq1B")]


def test_several_versions_are_several_files() -> None:
    versions = {number: read(f"---\nname: p\n---\nV{number}\n", path="p", partials=lambda _: None) for number in (1, 2)}
    assert list(export_prompty(Exported(name="a/p", versions=versions)).files) == ["a/p.1.prompty", "a/p.2.prompty"]
