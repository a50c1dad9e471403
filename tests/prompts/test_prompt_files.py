"""Reading `.prompt` files: their keys, and what is said of broken ones."""

import re
from typing import Any

import msgspec
import pytest

from gateway.prompts.dotprompt import DataPart, Media, MediaPart, Message, PendingPart, RenderError, TextPart
from gateway.stores.yamltree import DocumentError
from tests.conftest import ROOT
from tests.prompts.rendering import prompt, texts

WHOLE = """\
# Copyright somebody
#   and a licence

---
name: support/triage
variant: b
version: 3
description: Route a customer message
model: fast-general
tools: [lookup_order, refund]
toolDefs:
  - name: lookup_order
    inputSchema: {type: object}
config: {temperature: 0.5, maxOutputTokens: 200, stopSequences: ["END"]}
input:
  schema: {message: string, locale?: string}
  default: {locale: en}
output:
  format: json
  schema: {urgent: boolean}
metadata: {owner: cx-platform}
gateway.overridable: [max_output_tokens]
gateway.margin: 0.02
a.b.c: 1
custom: {x: [1.5, yes, 2026-01-01]}
---

{{role "system"}}
{{> style}}
{{role "user"}}
{{message}} ({{locale}})

"""


def test_every_key() -> None:
    made = prompt(WHOLE, {"style": "Be {{tone}}brief."})
    assert (made.name, made.variant, made.version, made.model) == ("support/triage", "b", "3", "fast-general")
    assert made.description == "Route a customer message"
    assert made.tools == ("lookup_order", "refund")
    assert made.tool_defs == ({"name": "lookup_order", "inputSchema": {"type": "object"}},)
    assert made.config == {"temperature": 0.5, "maxOutputTokens": 200, "stopSequences": ["END"]}
    assert type(made.config["temperature"]) is float, "and no Decimal, which JSON has not"
    assert made.input_schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["message"],
        "properties": {"message": {"type": "string"}, "locale": {"type": ["string", "null"]}},
    }
    assert made.defaults == {"locale": "en"}
    assert made.output_format == "json"
    assert made.output_schema is not None
    assert made.output_schema["properties"] == {"urgent": {"type": "boolean"}}
    assert made.metadata == {"owner": "cx-platform"}
    assert made.ext == {"gateway": {"overridable": ["max_output_tokens"], "margin": 0.02}, "a.b": {"c": 1}}
    assert made.raw["custom"] == {"x": [1.5, "yes", "2026-01-01"]}
    assert list(made.raw)[:3] == ["name", "variant", "version"]
    assert made.partials == {"style": "Be {{tone}}brief."}
    assert made.source == WHOLE
    assert texts(made.render({"message": "Hi"})) == [("system", "\nBe brief."), ("user", "\nHi (en)")]
    msgspec.json.encode([made.raw, made.ext, made.config])


def test_a_file_may_be_a_template_alone() -> None:
    made = prompt("Hello {{name}}\n")
    assert (made.name, made.raw, made.input_schema, made.output_schema, made.tools) == (None, {}, None, None, ())
    assert texts(made.render({"name": "A"})) == [("user", "Hello A\n")]


@pytest.mark.parametrize(
    "source",
    ["---\nmodel: m\n---\nHi", "---\r\nmodel: m\r\n---\r\nHi", "\ufeff---\nmodel: m\n---\nHi", "\n\n---\nmodel: m\n---  \n\n Hi \n", "# licence\n---\nmodel: m # no\n---\nHi"],
)  # fmt: skip
def test_where_front_matter_begins_and_ends(source: str) -> None:
    made = prompt(source)
    assert made.model == "m"
    assert texts(made.render({})) == [("user", "Hi")]


@pytest.mark.parametrize("source", ["---\n---\nHi", "---\n\n---\nHi", "---\n# nothing\n---\nHi"])
def test_empty_front_matter(source: str) -> None:
    assert prompt(source).raw == {}
    assert texts(prompt(source).render({})) == [("user", "Hi")]


def test_front_matter_alone() -> None:
    made = prompt("---\nmodel: m\n---")
    assert made.model == "m"
    assert made.render({}) == ()


FRONT = "---\nmodel: m\ninput:\n  schema:\n    a: string\n{}\n---\nx {{{{a}}}}\n"
BROKEN = [
    ("---\nmodel: m\nHi", "1: the front matter is not closed; end it with a line `---`"),
    ("# licence\n\n---\nmodel: [m\n---\nHi", "5: is not valid YAML"),
    ("---\nname: [a]\n---\nHi", "2: name: expected a text, got a list"),
    ("\n---\nmodel: m\nconfig: 3\n---\n", "4: config: expected a mapping (lines of `key: value`), got a whole number"),
    ("---\nmodel: m\ntools: {a: 1}\n---\n", "3: tools: expected a list, got a mapping"),
    ("---\nmodel: m\nmodel: n\n---\n", "3: has the key `model` twice"),
    ("---\nmodel:\n---\n", "2: `model` has no value; give it one, or leave the line out"),
    ("---\nmodel: &a m\nname: *a\n---\n", "2: uses the YAML anchor"),
    ("---\nmodel: !!python/name:os.system x\n---\n", "2: uses the YAML tag"),
    ("---\n- a\n- b\n---\n", "2: expected a mapping"),
    (FRONT.format("    b: strin"), "6: `strin` is neither a type nor a schema that is known here; did you mean `string`?"),
    (FRONT.format("    b: Foo"), "6: `Foo` is neither a type nor a schema that is known here"),
    (FRONT.format("    b: 3"), "6: Picoschema consists of types"),
    (FRONT.format("    b(enum): x"), "6: an enum has a list of values, such as [low, high]"),
    (FRONT.format("    b(arry): string"), "6: what stands in parentheses is array, object or enum, and not `arry`; did you mean `array`?"),
    (FRONT.format("    a?: string"), "6: the field `a` has no name, or stands twice"),
    (FRONT.format("  default: {a: 3}"), "6: default.a must be a string, and is a number"),
    (FRONT.format("  default: {aa: x}"), "6: default.aa is not known here; did you mean `a`?"),
    (FRONT.format("") + "{{#each l}}{{/each}}{{aa}}", "9: column 9: the variable `l` is not in input.schema; known: a"),
    (FRONT.format("") + "{{#if aa}}{{/if}}", "9: column 7: the variable `aa` is not in input.schema; did you mean `a`?"),
    (FRONT.format("") + "{{json (lookup b a)}}", "9: column 16: the variable `b` is not in input.schema"),
    (FRONT.format("") + "{{#with a}}{{b}}{{@root.aa}}{{/with}}{{@root.ab}}", "9: column 40: the variable `ab` is not"),
    (FRONT.format("") + "\n {{#if a}}", "10: column 2: is not closed; end it with {{/if}}"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_broken_files_are_told_with_their_line(source: str, says: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(f"dir/t.prompt:{says}")):
        prompt(source)


def test_variables_that_a_schema_need_not_name() -> None:
    prompt(FRONT.format("    (*): any") + "{{anything}}")
    prompt(
        FRONT.format("")
        + "{{#with a}}{{b}}{{/with}}{{#each a}}{{name}}{{/each}}{{#with a as |x|}}{{x}}{{/with}}{{@state.x}}{{../x}}"
    )
    prompt(FRONT.format("") + "{{> p}}", {"p": "{{#if tone}}{{tone}}{{/if}}"})


def test_history() -> None:
    history = (Message("user", (TextPart("q"),)), Message("model", (DataPart({"x": 1}),), {"id": 7}))
    placed = prompt('{{role "system"}}S{{history}}{{role "user"}}U').render({}, history=history)
    assert [(one.role, one.metadata) for one in placed] == [
        ("system", None),
        ("user", {"purpose": "history"}),
        ("model", {"id": 7, "purpose": "history"}),
        ("user", None),
    ]
    before = prompt('{{role "system"}}S{{role "user"}}U').render({}, history=history)
    assert [one.role for one in before] == ["system", "user", "model", "user"]
    assert before[1:3] == history
    assert [one.role for one in prompt('{{role "system"}}S').render({}, history=history)] == ["system", "user", "model"]
    assert prompt(" ").render({}, history=history) == history
    assert texts(prompt("{{history}} and").render({})) == [("model", " and")]
    with pytest.raises(RenderError, match="was put in twice"):
        prompt("{{history}}{{#if a}}{{history}}{{/if}}").render({"a": 1}, history=history)


def test_parts() -> None:
    source = 'See {{media url=u contentType=c}} and {{section "code"}} {{media url="https://x/y z"}}\n{{section s}}end'
    (message,) = prompt(source).render({"u": "data:image/png;base64,AA==", "c": "image/png", "s": 3})
    assert message.content == (
        TextPart("See "),
        MediaPart(Media("data:image/png;base64,AA==", "image/png")),
        TextPart(" and "),
        PendingPart({"purpose": "code", "pending": True}),
        MediaPart(Media("https://x/y z")),
        PendingPart({"purpose": "3", "pending": True}),
        TextPart("end"),
    )


def test_messages_of_media_alone_are_messages() -> None:
    made = prompt('{{role "user"}} {{media url=u}} {{role "model"}}x').render({"u": "https://x"})
    assert [one.role for one in made] == ["user", "model"]


@pytest.mark.parametrize("variables", [{}, {"u": ""}, {"u": " "}, {"u": 3}, {"u": None}, {"u": ["https://x"]}])
def test_media_without_a_url(variables: dict[str, Any]) -> None:
    with pytest.raises(RenderError, match=r"t\.prompt:1: media: `url` is no URL; put \{\{#if …\}\} around it"):
        prompt("{{media url=u}}").render(variables)


def test_metadata_of_messages() -> None:
    made = prompt('{{role "system" cache=true}} {{role "user" purpose=p n=2}}x{{role "model"}}y').render({"p": "a b=c"})
    assert [(one.role, one.metadata) for one in made] == [("user", {"purpose": "a b=c", "n": 2}), ("model", None)]


def test_what_stands_behind_at() -> None:
    made = prompt("---\nmodel: m\ninput: {default: {a: 1}}\n---\n{{@metadata.prompt.model}} {{@metadata.docs.length}} {{@metadata.messages.[0].role}} {{@state.n}} {{@auth.id}} {{@root.a}}{{@metadata.prompt.input}}")  # fmt: skip
    history = (Message("model", (TextPart("x"),)),)
    found = made.render({}, context={"state": {"n": 5}, "auth": {"id": "u1"}}, history=history, docs=[{}, {}])
    assert texts(found)[-1] == ("user", "m 2 model 5 u1 1")


def test_given_variables_go_before_defaults() -> None:
    made = prompt("---\ninput: {default: {a: 1, b: 2}}\n---\n{{a}}{{b}}{{c}}")
    assert texts(made.render({"b": "x", "c": "y"})) == [("user", "1xy")]


def test_it_is_frozen() -> None:
    with pytest.raises(AttributeError):
        prompt("x").name = "y"  # type: ignore[misc]


PAGE = (ROOT / "gateway" / "prompts" / "DOTPROMPT.md").read_text()


def test_the_page_shows_a_prompt_that_can_be_read() -> None:
    (shown,) = re.findall(r"```yaml\n(---\n.*?)```", PAGE, re.DOTALL)
    (partial,) = re.findall(r"```handlebars\n(.*?)```", PAGE, re.DOTALL)
    made = prompt(shown, {"style-guide": partial})
    rendered = texts(made.render({"message": "my card was stolen", "product": "card"}))
    assert [role for role, _ in rendered] == ["system", "user"]
    assert "my card was stolen" in rendered[1][1]


def test_the_page_names_every_helper() -> None:
    from gateway.prompts.dotprompt.helping import WORDS

    assert [name for name in WORDS if not re.search(rf"`{{{{#?{name}\b", PAGE)] == []
