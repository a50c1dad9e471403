"""Jinja → Handlebars: the same text, or a refusal that names the line and the construct."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prompts.formats.converted import Notes
from gateway.prompts.formats.handlebars import body
from gateway.prompts.formats.jinja import read_jinja
from gateway.prompts.formats.jinja.writing import jinja_text
from gateway.prompts.formats.pieces import Piece
from tests.prompts import prompty_reference as reference
from tests.prompts.drawn_pieces import VARIABLES as DRAWN
from tests.prompts.drawn_pieces import pieces, rendered, said, text_of, texts

VARIABLES: dict[str, Any] = {
    "name": "Ann {{x}}", "empty": "", "yes": True, "no": False, "zero": 0, "tier": "gold", "items": ["a", " b", "c\n"],
    "rows": [{"n": 1, "tags": ["p", "q"]}, {"n": 2, "tags": []}], "nil": [], "user": {"name": "Bo", "e-mail": "b@x"},
}  # fmt: skip

# Of Prompty's subset, spec/jinja-subset.md and spec/jinja-grammar.md, and what the language's own page has beside it
# (jinja.palletsprojects.com/en/stable/templates): template → what becomes of it.
SAID = {
    "Hello {{ name }}!": "Hello {{name}}!",
    "{{name}}{{ user.name }}{{ user['e-mail'] }}{{ items[1] }}": "{{name}}{{user.name}}{{user.e-mail}}{{items.[1]}}",
    "Hello{# not rendered #} World": "Hello World",
    "{% if yes %}a{% elif tier == 'gold' %}b{% else %}c{% endif %}": '{{#if yes}}a{{else ifEquals tier "gold"}}b{{else}}c{{/if}}',
    "{% if not yes %}a{% endif %}": "{{#unless yes}}a{{/unless}}",
    "{% if yes and no %}a{% else %}b{% endif %}": "{{#if yes}}{{#if no}}a{{else}}b{{/if}}{{else}}b{{/if}}",
    "{% if no or tier != 'gold' %}a{% endif %}": '{{#if no}}a{{else unlessEquals tier "gold"}}a{{/if}}',
    "{% if not (yes or no) %}a{% endif %}": "{{#unless yes}}{{#unless no}}a{{/unless}}{{/unless}}",
    "{% if 'gold' == tier %}a{% endif %}": '{{#ifEquals tier "gold"}}a{{/ifEquals}}',
    "{% if items | length > 0 %}a{% endif %}": "{{#if items}}a{{/if}}",
    "{% if nil|length == 0 %}a{% endif %}": "{{#unless nil}}a{{/unless}}",
    "{{ 'Dr.' if yes else 'Mr.' }} {{ name }}": "{{#if yes}}Dr.{{else}}Mr.{{/if}} {{name}}",
    "{{ name ~ ', ' ~ tier }}": "{{name}}, {{tier}}",
    "{{ name | safe }}": "{{name}}",
    "Items: {% for item in items %}{{item}} {% endfor %}": "Items: {{#each items}}{{this}} {{/each}}",
    "{% for item in nil %}x{% else %}nothing{% endfor %}": "{{#each nil}}x{{else}}nothing{{/each}}",
    "{% for i in items %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}": "{{#each items}}{{this}}{{#unless @last}}, {{/unless}}{{/each}}",
    "{% for r in rows %}{{ loop.index0 }}:{{ r.n }}{{ name }}{% for t in r.tags %}{{ t }}{{ r.n }}{{ name }}{% endfor %}{% endfor %}": (
        "{{#each rows}}{{@index}}:{{n}}{{../name}}{{#each tags}}{{this}}{{../n}}{{@root.name}}{{/each}}{{/each}}"
    ),
    "a  {%- if yes %}\n b \n{%- endif -%}  c": "a{{#if yes}}\n b{{/if}}c",
    "a {{- name -}} b": "a{{name}}b",
    "{% raw %}{{ name }}{% endraw %}": "\\{{ name }}",
    "{{ 'literal {{' }}": "literal \\{{",
    "{{ empty | default('x', true) }}": "{{#if empty}}{{empty}}{{else}}x{{/if}}",
    "{% if name %}\nHi\n{% endif %}\n": "{{#if name}}\n\nHi\n{{/if}}",
    "{% if true %}a{% else %}b{% endif %}": "a",
}  # fmt: skip


@pytest.mark.parametrize(("template", "source"), SAID.items(), ids=list(SAID))
def test_what_is_brought_over(template: str, source: str) -> None:
    notes = Notes("t")
    found = body(read_jinja(template, notes).pieces)
    assert (found, notes.refused) == (source, [])
    assert text_of(rendered(found, VARIABLES)) == reference.rendered(template.removesuffix("\n"), VARIABLES)


REFUSED = {
    "a\n{{ x | upper }}": ("line 2", "{{ x | upper }}", "the filter `upper` has no counterpart"),
    "{{ x|join(', ') }}": ("line 1", "{{ x|join(', ') }}", "the filter `join`"),
    "{{ items | length }}": ("line 1", "{{ items | length }}", "the filter `length`"),
    "{% set a = 1 %}": ("line 1", "{% set a = 1 %}", "`set` has no counterpart"),
    "{% include 'x' %}": ("line 1", "{% include 'x' %}", "`include`"),
    "{% macro m(a) %}{{ a }}{% endmacro %}": ("line 1", "{% macro m(a) %}", "`macro`"),
    "{{ a + 1 }}": ("line 1", "{{ a + 1 }}", "arithmetic"),
    "{{ f(x) }}": ("line 1", "{{ f(x) }}", "calls of functions"),
    "{{ x.upper() }}": ("line 1", "{{ x.upper() }}", "calls of functions"),
    "{% if x is defined %}{% endif %}": ("line 1", "{% if x is defined %}", "the test `is`"),
    "{% if 'a' in x %}a{% endif %}": ("line 1", "{% if 'a' in x %}", "the test `in`"),
    "{% if x > 3 %}a{% endif %}": ("line 1", "{% if x > 3 %}", "`>` has no counterpart"),
    "{% if x == none %}a{% endif %}": ("line 1", "{% if x == none %}", "none"),
    "{% for a, b in x %}{% endfor %}": ("line 1", "{% for a, b in x %}", "only `for name in list`"),
    "{% for a in x if a %}{% endfor %}": ("line 1", "{% for a in x if a %}", "only over a variable"),
    "{% for a in range(3) %}{% endfor %}": ("line 1", "{% for a in range(3) %}", "calls of functions"),
    "{% for a in x %}{{ loop.index }}{% endfor %}": ("line 1", "{{ loop.index }}", "counts from 0"),
    "{{ true }}": ("line 1", "{{ true }}", "true, false and none"),
    "{{ a == b }}": ("line 1", "{{ a == b }}", "can be tested, not written"),
    "{{ x[1:2] }}": ("line 1", "{{ x[1:2] }}", "brackets"),
    "{{ x[y] }}": ("line 1", "{{ x[y] }}", "brackets"),
    "{{ a.b | default('x') }}": ("line 1", "{{ a.b | default('x') }}", "but for a variable of the prompt"),
    "{{ a | default('x') }}{{ a }}": ("line 1", "{{ a | default(…) }}", "without one elsewhere"),
    "{{ a | default('x') }}{{ a | default('y') }}": ("line 1", "{{ a | default('y') }}", "several defaults"),
    "\n{% if x %}": ("line 2", "{% if x %}", "is not closed"),
    "{% endif %}": ("line 1", "{% endif %}", "ends nothing"),
    "{{ x ": ("line 1", "{{ x", "not closed"),
    "{# x": ("line 1", "{# x", "not closed"),
    "{% raw %}x": ("line 1", "{% raw %}", "not closed"),
    "{{ }}": ("line 1", "{{ }}", "ends too early"),
    "{{ a b }}": ("line 1", "{{ a b }}", "`b` cannot be brought over"),
    "{{ 'a }}": ("line 1", "{{ 'a }}", "cannot be read"),
    "{{ " + "(" * 40 + "x" + ")" * 40 + " }}": ("line 1", "…", "nested deeper"),
    "{% if a or " + " or ".join("b" * 401) + " %}x{% endif %}": ("line 1", "…", "more than 400 parts"),
    "{% if a or b %}" + "x" * 3000 + "{% endif %}": ("line 1", "{% if a or b %}", "written several times"),
    "{% if a %}" * 40 + "{% endif %}" * 40: ("line 1", "{% if a %}", "nested deeper than 24"),
}  # fmt: skip


@pytest.mark.parametrize(("template", "reason"), REFUSED.items(), ids=[one[:40] for one in REFUSED])
def test_what_is_refused(template: str, reason: tuple[str, str, str]) -> None:
    notes = Notes("t")
    read_jinja(template, notes)
    path, what, why = reason
    assert [(one.path, one.what if what != "…" else "…") for one in notes.refused][:1] == [(path, what)]
    assert why in notes.refused[0].why


def test_everything_that_stands_in_the_way_is_told() -> None:
    notes = Notes("t")
    read_jinja("{{ a | upper }}\n{% set x = 1 %}\n{% if b > 1 %}{{ c() }}{% endif %}", notes, first_line=10)
    assert [one.path for one in notes.refused] == ["line 10", "line 11", "line 12", "line 12"]


def test_a_default_becomes_the_variables_own() -> None:
    notes = Notes("t")
    template = read_jinja("{{ a | default('x') }} {{ a|d('x') }} {{ b | default(3) }}", notes)
    assert (dict(template.defaults), notes.refused) == ({"a": "x", "b": 3}, [])


def test_a_declared_default_stands_before_that_of_the_template() -> None:
    notes = Notes("t")
    template = read_jinja("{{ a | default('x') }}{{ a }}", notes, declared=("a",))
    assert (dict(template.defaults), notes.refused) == ({}, [])


@settings(deadline=None, max_examples=100)
@given(st.lists(pieces(texts("{}%#~- \n\ta'\"\\")), max_size=4))
def test_there_and_back(some: list[Piece]) -> None:
    """Pieces → Jinja: jinja2 makes of it what they say. → Handlebars: so does the gateway."""
    template = jinja_text(some, lambda _: "", frozenset())
    assert reference.rendered(template, DRAWN) == said(some)
    notes = Notes("t")
    again = read_jinja(template + "\n", notes)
    assert notes.refused == []
    wanted = said(some)
    assert text_of(rendered(body(again.pieces))) == (wanted if wanted.strip() else "")
