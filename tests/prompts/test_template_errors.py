"""What is wrong with a template is said when it is read: where, and what to do."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prompts.dotprompt import RenderError
from gateway.prompts.dotprompt.reading import LANGUAGE
from gateway.prompts.handlebars import Source, TemplateError
from gateway.stores.yamltree import DocumentError

PARTIALS = {
    "style-guide": "Be brief.\n",
    "broken": "ok\n  {{#if x}}",
    "a": "\n{{> b}}",
    "b": "{{#if x}}{{> c}}{{/if}}",
    "c": "{{> a}}",
    "self": "{{> self}}",
    "lost": "x\ny {{> gone}}",
}
# template, line, column, reason
CASES = [
    ("a {{name", 1, 3, r"a tag is not closed; end it with }}, or write \{{ to mean the braces themselves"),
    ("a\n {{#if x}}b", 2, 2, "is not closed; end it with {{/if}}"),
    ("{{#if x}}\n{{/each}}", 2, 1, "closes each, but what is open is {{#if …}} of line 1"),
    ("x {{/if}}", 1, 3, "closes if, which is not open"),
    ("{{#if x}}{{else if y}}{{/unless}}", 1, 23, "closes unless, but what is open is {{#if …}} of line 1"),
    ("{{else}}", 1, 1, "`else` stands in no block"),
    ("{{#if x}}{{else}}{{else}}{{/if}}", 1, 18, "a block has one `else`, and nothing but its end behind it"),
    ("{{#> p}}{{else}}{{/p}}", 1, 9, "{{#> …}} has no `else`"),
    ("{{! never ends", 1, 1, "a comment is not closed; end it with }}"),
    ("{{!-- never }} ends", 1, 1, "a comment is not closed; end it with --}}"),
    ("{{}}", 1, 1, "is empty; a tag or a parenthesis begins with a name"),
    ("{{lookup a ()}}", 1, 12, "is empty; a tag or a parenthesis begins with a name"),
    ("{{lookup a (lookup b 1}}", 1, 23, "`}}` may not stand here"),
    ("{{a)}}", 1, 4, "`)` may not stand here"),
    ("{{a %}}", 1, 5, "`%` may not stand here"),
    ("{{json a indent=}}", 1, 10, "`indent=` has no value"),
    ("{{json indent=2 a}}", 1, 17, "stands behind `name=value`; put it before"),
    ("{{{a}}", 1, 1, "begins with {{{, and ends otherwise"),
    ("{{(json a)}}", 1, 4, "begins with a parenthesis; it must begin with a name"),
    ("{{a.../b}}", 1, 3, "`..` stands only at the beginning of a path"),
    ("{{a.this}}", 1, 3, "`this` stands only at the beginning of a path"),
    ("{{@}}", 1, 3, "`@` may not stand here"),
    ("{{a as |b|}}", 1, 1, "only a block has parameters, `as |name|`"),
    ("{{#if a as |b|}}{{/if}}", 1, 1, "`if` has no parameters, `as |name|`"),
    ("{{* decorate}}", 1, 1, "decorators are not read here, but for {{#*inline …}}"),
    ('{{#*other "x"}}{{/other}}', 1, 5, "the decorator `other` is not known here; known: inline"),
    ("{{#*inline name}}{{/inline}}", 1, 5, 'an inline partial has a name; write {{#*inline "name"}}…{{/inline}}'),
    ("{{{{raw}}}} {{a}}", 1, 1, "is not closed; end it with {{{{/raw}}}}"),
    ("{{{{other}}}}{{{{/other}}}}", 1, 1, "the one block in four braces is {{{{raw}}}} … {{{{/raw}}}}"),
    ("{{jsn a}}", 1, 3, "the helper `jsn` is not known here; did you mean `json`?"),
    ("{{#eech a}}{{/eech}}", 1, 4, "the helper `eech` is not known here; did you mean `each`?"),
    ("{{json (lokup a b)}}", 1, 9, "the helper `lokup` is not known here; did you mean `lookup`?"),
    ("{{log a}}", 1, 3, "`log` writes to a console, and there is none; leave it out"),
    ("{{if a}}", 1, 1, "`if` is a block; write {{#if value}}…{{/if}}"),
    ("{{#json a}}{{/json}}", 1, 1, "`json` is no block; write {{json value indent=2}}"),
    ("{{json (if a)}}", 1, 9, "`if` is a block; write {{#if value}}…{{/if}}"),
    ('{{json (role "user")}}', 1, 9, '`role` writes, and has no value; write {{role "user"}}'),
    ("{{#if}}{{/if}}", 1, 4, "`if` takes 1 value, and has 0; write {{#if value}}…{{/if}}; to write a variable of this name, say {{this.if}}"),
    ("{{#ifEquals a}}{{/ifEquals}}", 1, 4, "`ifEquals` takes 2 values, and has 1; write {{#ifEquals a b}}…{{/ifEquals}}"),
    ("{{json a indnt=2}}", 1, 16, "`json` takes no `indnt=`; did you mean `indent`?"),
    ('{{history "x"}}', 1, 3, "`history` takes 0 values, and has 1; write {{history}}"),
    ('{{role "systm"}}', 1, 9, "`systm` is no role; did you mean `system`?"),
    ('\n\n{{role "assistant"}}', 3, 9, "`assistant` is no role; write `model`"),
    ("{{> style_guide}}", 1, 5, "the partial `style_guide` is not known here; did you mean `style-guide`?"),
    ("{{> (lookup . 'x')}}", 1, 6, "begins with a parenthesis; it must begin with a name"),
    ("{{> @name}}", 1, 5, "a partial is called by a name that is written out, not by a value"),
    ("{{> style-guide a b}}", 1, 19, "a partial takes one value, and any number of `name=value`"),
    ("{{> self}}", None, None, "self (a partial of dir/t.prompt):1: column 5: partials go in circles: self → self; take one of these calls out"),
    ("{{> a}}", None, None, "c (a partial of dir/t.prompt):1: column 5: partials go in circles: a → b → c → a; take one of these calls out"),
    ("{{> broken}}", None, None, "broken (a partial of dir/t.prompt):2: column 3: is not closed; end it with {{/if}}"),
    ("{{> lost}}", None, None, "lost (a partial of dir/t.prompt):2: column 7: the partial `gone` is not known here"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "line", "column", "reason"), CASES, ids=[repr(case[0]) for case in CASES])
def test_error(template: str, line: int | None, column: int | None, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        LANGUAGE.template(Source(template, "dir/t.prompt", 10), PARTIALS.get, PARTIALS)
    error = caught.value
    assert isinstance(error, DocumentError)
    if line is None:
        assert str(error).startswith(reason)
    else:
        assert (error.line, error.column) == (9 + line, column)
        assert str(error).startswith(f"dir/t.prompt:{9 + line}: column {column}: {reason}")


def test_depth_is_bounded() -> None:
    def nested(levels: int) -> str:
        return "{{#if x}}" * levels + "{{/if}}" * levels

    def chain(length: int) -> dict[str, str]:
        return {f"p{n}": f"{{{{> p{n + 1}}}}}" for n in range(length)} | {f"p{length}": "end"}

    def read(template: str, partials: dict[str, str]) -> None:
        LANGUAGE.template(Source(template, "t"), partials.get)

    read(nested(32), {})
    with pytest.raises(TemplateError, match="blocks stand deeper than 32 levels"):
        read(nested(33), {})
    with pytest.raises(TemplateError, match="parentheses stand deeper than 16 levels"):
        read("{{json " + "(json " * 17 + "a" + ")" * 17 + "}}", {})
    read("{{> p0}}", chain(90))
    with pytest.raises(TemplateError, match="deeper than 100 levels"):
        read("{{> p0}}", chain(300))
    with pytest.raises(TemplateError, match="deeper than 100 levels"):
        read(
            "{{> a}}",
            {"a": nested(32).replace("{{#if x}}{{/if}}", "{{> b}}")}
            | {
                "b": nested(31).replace("{{#if x}}{{/if}}", "{{> c}}"),
                "c": nested(32).replace("{{#if x}}{{/if}}", "{{> d}}"),
                "d": nested(32),
            },
        )


PIECES = [
    "{{", "}}", "{{{", "}}}", "{{{{", "}}}}", "{{~", "~}}", "{{#if a}}", "{{#each a}}", "{{/if}}", "{{/each}}", "{{else}}", "{{else if b}}",
    "{{^}}", "{{> p}}", "{{#> p}}", "{{/p}}", "{{> @partial-block}}", '{{#*inline "i"}}', "{{/inline}}", "{{> i}}", "{{! ", "{{!--", "--}}",
    "{{a}}", "{{a.b.[c]}}", "{{../a}}", "{{@index}}", "json", "lookup", "(", ")", "a", "b=", "=", "|", " as |x|", "'", '"', "[", "]", "\\",
    "1", "-2.5", "null", ".", "/", "@", "this", "role", '{{role "user"}}', "{{history}}", "\n", " ", "\r\n", "é", "{{{{raw}}}}", "{{{{/raw}}}}",
    "{{#a}}", "{{/a}}", "{{^a}}", "{{quote a}}", "{{json this indent=2}}", "{{#ifEquals a b}}", "{{/ifEquals}}",
]  # fmt: skip
VALUES = st.recursive(st.sampled_from([None, True, 0, 1.5, "x", "a\nb", ""]), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=6)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
    VALUES,
)
def test_a_source_is_read_or_told_what_is_wrong_and_what_is_read_is_rendered(
    source: str, partial: str, value: object
) -> None:
    try:
        made = LANGUAGE.template(Source(source, "t"), {"p": partial}.get)
    except TemplateError:
        return
    trouble = ""
    try:
        made.render({"a": value, "b": value})
    except RenderError as error:
        trouble = str(error)
    # No other is left to rendering.
    assert re.fullmatch(r"|the inline partial .*|.* deeper than .*|.*: role: .*", trouble, re.DOTALL)


@pytest.mark.parametrize("size", [20_000])
def test_hostile_sources_are_read_in_time_that_grows_with_their_length(size: int) -> None:
    """Each would take minutes where the time grows with the square of the length."""
    for piece in ("\\{{", "a{{! }}", "{{a}} ", " \n", "{{!-- -- --}}", "}}", "\\\\", "{{#if a}}{{/if}}", "{{a.b.c.d}}"):
        LANGUAGE.template(Source(piece * size, "t"), {}.get)
    for piece in ('{{"', "{{[", "{{a ", "{{{{raw}}}}", "{{!", "{{(", "{{#if ("):
        with pytest.raises(TemplateError):
            LANGUAGE.template(Source(piece * size, "t"), {}.get)
