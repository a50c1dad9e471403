"""The language, as its guide tells it (handlebarsjs.com/guide); every row was held against handlebars.js 4.7.10."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from gateway.prompts.dotprompt import RenderError
from tests.prompts.rendering import NO_PARTIALS, render

PEOPLE = {"people": [{"name": "Ann", "tags": ["a", "b"]}, {"name": "Bob", "tags": []}], "name": "root", "n": 7}


class Row(NamedTuple):
    says: str
    template: str
    expected: str
    variables: Mapping[str, Any] = {}
    partials: Mapping[str, str] = NO_PARTIALS


EXPRESSIONS = [
    Row("a variable", "Hello {{name}}!", "Hello Ann!", {"name": "Ann"}),
    Row("nothing of HTML is escaped", "{{a}}{{{a}}}{{&a}}", "<&><&><&>", {"a": "<&>"}),
    Row("what is not there is empty", "[{{a}}{{a.b}}{{a.b.c}}]", "[]"),
    Row("null is empty", "[{{a}}]", "[]", {"a": None}),
    Row("booleans and numbers", "{{t}} {{f}} {{i}} {{x}} {{w}}", "true false 3 2.5 4", {"t": True, "f": False, "i": 3, "x": 2.5, "w": 4.0}),
    Row("numbers as JavaScript writes them", "{{a}} {{b}} {{c}} {{d}} {{e}}", "1e-7 0.00001 1e+21 123456789012345680000 -0.5",
        {"a": 1e-7, "b": 1e-5, "c": 1e21, "d": 123456789012345680000.0, "e": -0.5}),
    Row("a list is joined by commas", "{{a}}", "1,x,,true,2,3", {"a": [1, "x", None, True, [2, 3]]}),
    Row("a path", "{{a.b.c}} {{a/b/c}}", "x x", {"a": {"b": {"c": "x"}}}),
    Row("items of lists", "{{a.[1]}} {{a.[0].x}} {{a.[9]}}|{{a.length}}", "y 1 |2", {"a": [{"x": 1}, "y"]}),
    Row("names in brackets", "{{[a b]}} {{x.[c.d]}} {{[this]}}", "1 2 3", {"a b": 1, "x": {"c.d": 2}, "this": 3}),
    Row("a text in a tag is a name", '{{"a b"}} {{12}} {{true}}', "1 2 3", {"a b": 1, "12": 2, "true": 3}),
    Row("names of other scripts, and with hyphens", "{{größe}} {{a-b}} {{名前}}", "1 2 3", {"größe": 1, "a-b": 2, "名前": 3}),
    Row("this", "{{#with a}}{{this}} {{.}} {{this.length}}{{/with}}", "xy xy 2", {"a": "xy"}),
    Row("comments", "a{{! no }}b{{!-- {{no}} --}}c{{~!x~}} d", "abcd"),
    Row("braces that are text", "\\{{a}} {{a}}", "{{a}} 1", {"a": 1}),
    Row("a backslash before a tag", "\\\\{{a}}", "\\1", {"a": 1}),
    Row("braces that are text, twice", "x\\{{a}}\\{{b}}{{a}}", "x{{a}}{{b}}1", {"a": 1}),
    Row("braces and backslashes that mean nothing", "{ } {x} \\ \\n", "{ } {x} \\ \\n"),
    Row("lookup", "{{lookup a k}} {{lookup l 1}} {{lookup a 'z'}}", "1 y ", {"a": {"x": 1}, "k": "x", "l": ["x", "y"]}),
    Row("a helper in parentheses", "{{lookup (lookup a 'b') 'c'}}", "x", {"a": {"b": {"c": "x"}}}),
    Row("a quote in a text", """{{lookup a "x\\"y"}}{{lookup a 'x"y'}}{{lookup a 'it\\'s'}}""", "112", {"a": {'x"y': "1", "it's": "2"}}),
    Row("braces in a text", '{{lookup a "}}"}}', "1", {"a": {"}}": 1}}),
]  # fmt: skip
BLOCKS = [
    Row("if", "{{#if a}}y{{else}}n{{/if}}", "y", {"a": "x"}),
    *(Row(f"if of {value!r}", "{{#if a}}y{{else}}n{{/if}}", "n", {"a": value}) for value in (0, "", [], False, None, 0.0)),
    *(Row(f"if of {value!r}", "{{#if a}}y{{else}}n{{/if}}", "y", {"a": value}) for value in ("0", {}, [0], " ", -1)),
    Row("if of nothing", "{{#if a}}y{{else}}n{{/if}}", "n"),
    Row("if with zero", "{{#if a includeZero=true}}y{{else}}n{{/if}}", "y", {"a": 0}),
    Row("unless", "{{#unless a}}y{{else}}n{{/unless}}", "y"),
    Row("else if", "{{#if a}}1{{else if b}}2{{else if c}}3{{else}}4{{/if}}", "3", {"c": 1}),
    Row("else unless within if", "{{#if a}}1{{else unless b}}2{{/if}}", "2"),
    Row("inverted if", "{{^if a}}n{{/if}}{{#if a}}y{{^}}m{{/if}}", "nm"),
    Row("each over a list", "{{#each a}}{{@index}}{{this}}{{#if @first}}f{{/if}}{{#if @last}}l{{/if}} {{/each}}", "0xf 1y 2zl ", {"a": ["x", "y", "z"]}),
    Row("each over a mapping", "{{#each a}}{{@key}}={{this}}{{#unless @last}},{{/unless}}{{/each}}", "x=1,y=2", {"a": {"x": 1, "y": 2}}),
    Row("each over nothing", "{{#each a}}x{{else}}none{{/each}}{{#each b}}x{{^}}none{{/each}}", "nonenone", {"b": []}),
    Row("each over a text, which is no list", "{{#each a}}x{{else}}none{{/each}}", "none", {"a": "abc"}),
    Row("each within each", "{{#each people}}{{name}}:{{#each tags}}{{../name}}{{.}}{{@index}}{{@../index}}{{../../n}} {{/each}}{{/each}}", "Ann:Anna007 Annb107 Bob:", PEOPLE),
    Row("if opens no scope", "{{#each people}}{{#if name}}{{../name}}{{/if}}{{/each}}", "rootroot", PEOPLE),
    Row("with", "{{#with a}}{{b}}{{../c}}{{else}}none{{/with}}", "12", {"a": {"b": "1"}, "c": "2"}),
    Row("with nothing", "{{#with a}}x{{else}}none{{/with}}", "none", {"a": None}),
    Row("with zero", "{{#with a}}{{this}}{{else}}none{{/with}}", "0", {"a": 0}),
    Row("with what this is already", "{{#with a}}{{#with this}}{{../c}}{{/with}}{{/with}}", "2", {"a": {"b": 1}, "c": 2}),
    Row("block parameters", "{{#each people as |p i|}}{{i}}{{p.name}}{{#each p.tags as |t|}}{{p.name}}{{t}}{{i}}{{/each}} {{/each}}", "0AnnAnna0Annb0 1Bob ", PEOPLE),
    Row("block parameters hide variables, but not behind this", "{{#with a as |n|}}{{n.b}}{{this.n}}{{../n}}{{/with}}", "137", {"a": {"b": "1", "n": "3"}, "n": "7"}),
    Row("@root", "{{#each people}}{{@root.n}}{{/each}}{{@root.name}}", "77root", PEOPLE),
    Row("a section of a list", "{{#people}}{{@index}}{{name}} {{/people}}", "0Ann 1Bob ", PEOPLE),
    Row("a section of a mapping", "{{#a}}{{b}}{{/a}}", "1", {"a": {"b": 1}}),
    Row("a section of true", "{{#a}}{{b}}{{/a}}", "1", {"a": True, "b": 1}),
    Row("a section of nothing", "{{#a}}x{{else}}n{{/a}}{{^a}}m{{/a}}{{^b}}k{{/b}}", "nmk", {"b": False}),
    Row("a section of an empty text is one", "{{#a}}x{{/a}}", "x", {"a": ""}),
    Row("no path goes up from the top", "{{../a}}{{#with b}}{{../../a}}{{/with}}", "", {"a": 1, "b": {"c": 1}}),
]  # fmt: skip
PARTIALS = [
    Row("a partial sees what is around it", "{{#each people}}{{> p}}{{/each}}", "Ann0 Bob1 ", PEOPLE, {"p": "{{name}}{{@index}} "}),
    Row("with a value", "{{> p a}}", "1", {"a": {"b": 1}}, {"p": "{{b}}"}),
    Row("with names of its own", "{{> p x=a y='z' a=3}}", "1z3k", {"a": 1, "k": "k"}, {"p": "{{x}}{{y}}{{a}}{{k}}"}),
    Row("with a value and names", "{{> p a x=b}}", "12", {"a": {"c": "1"}, "b": "2"}, {"p": "{{c}}{{x}}"}),
    Row("../ as its value", "{{#each a}}{{> p o=..}}{{/each}}", "77", {"a": [1, 2], "n": 7}, {"p": "{{o.n}}"}),
    Row("names of files", "{{> shared/style-guide}}{{> 'a b'}}{{> 404}}", "123", {}, {"shared/style-guide": "1", "a b": "2", "404": "3"}),
    Row("of a partial", "{{> p}}", "<1>", {"a": 1}, {"p": "<{{> q}}>", "q": "{{a}}"}),
    Row("a block in place of a partial", "{{#> p}}{{a}}{{/p}}", "1", {"a": 1}),
    Row("a block handed to a partial", "{{#> p}}{{a}}{{/p}}", "<1><1>", {"a": 1}, {"p": "<{{> @partial-block}}><{{> @partial-block}}>"}),
    Row("a block about what the partial is about", "{{#> p}}{{b}}{{/p}}", "2", {"a": {"b": 2}, "b": 1}, {"p": "{{#with a}}{{> @partial-block}}{{/with}}"}),
    Row("blocks within blocks", "{{#> o}}{{v}}{{/o}}", "<[(x)]x>", {"v": "x"},
        {"o": "<{{#> i}}({{> @partial-block}}){{/i}}{{> @partial-block}}>", "i": "[{{> @partial-block}}]"}),
    Row("an inline partial", '{{#*inline "p"}}[{{a}}]{{/inline}}{{> p}}{{> p a=2}}', "[1][2]", {"a": 1}),
    Row("an inline partial is its block's own", '{{#if a}}{{#*inline "p"}}in{{/inline}}{{> p}}{{/if}}{{> p}}', "inout", {"a": 1}, {"p": "out"}),
    Row("inline partials of a layout", '{{#> l}}{{#*inline "h"}}H{{a}}{{/inline}}body{{/l}}', "H1|none|body", {"a": 1},
        {"l": "{{> h}}|{{#> f}}none{{/f}}|{{> @partial-block}}"}),
    Row("alone on its line, it is indented", "x\n  {{> p}}\ny", "x\n  a\n  \n  b 1\ny", {"v": 1}, {"p": "a\n\nb {{v}}\n"}),
    Row("so are values of many lines", "  {{> p}}\n", "  a1\n  2b\n", {"v": "1\n2"}, {"p": "a{{v}}b\n"}),
    Row("indented partials within one another", " {{> p}}\n", " a\n   b\n", {}, {"p": "a\n  {{> q}}\n", "q": "b\n"}),
    Row("not alone, it is not", "x {{> p}}\ny", "x a\nb\n\ny", {}, {"p": "a\nb\n"}),
]  # fmt: skip
SPACE = [
    Row("a block's lines vanish", "a\n{{#if x}}\nb\n{{/if}}\nc", "a\nb\nc", {"x": 1}),
    Row("so do those of else", "{{#if x}}\na\n{{else}}\nb\n{{/if}}\nc", "b\nc"),
    Row("and of else if", "{{#if x}}\na\n{{else if y}}\nb\n{{/if}}\nc", "b\nc", {"y": 1}),
    Row("and indented ones", "a\n  {{#each x}}\n  - {{this}}\n  {{/each}}\nc", "a\n  - 1\n  - 2\nc", {"x": [1, 2]}),
    Row("and a comment's", "a\n  {{! no }}\nb", "a\nb"),
    Row("with CRLF too", "a\r\n{{#if x}}\r\nb\r\n{{/if}}\r\nc", "a\r\nb\r\nc", {"x": 1}),
    Row("at both ends of a file", "{{#if x}}\na\n{{/if}}", "a\n", {"x": 1}),
    Row("what shares its line keeps it", "a {{#if x}}\nb\n{{/if}} c", "a \nb\n c", {"x": 1}),
    Row("two on a line keep it", "{{#if x}}{{#if x}}\nb\n{{/if}}{{/if}}\n", "\nb\n\n", {"x": 1}),
    Row("lines next to one another", "{{#if x}}\n{{#if x}}\nb\n{{/if}}\n{{/if}}\nc", "b\nc", {"x": 1}),
    Row("a value's line stays", "a\n{{x}}\nb", "a\n1\nb", {"x": 1}),
    Row("an empty value's too", "a\n{{x}}\nb", "a\n\nb"),
    Row("~ takes all of it", "a \n\n {{~x~}} \n b", "a1b", {"x": 1}),
    Row("~ on one side", "a {{~x}} b", "a1 b", {"x": 1}),
    Row("~ at a block", "a {{~#if x~}} b {{~else~}} c {{~/if~}} d", "abd", {"x": 1}),
    Row("~ of else", "{{#if x}} b {{~else}} c {{/if}}", " c "),
    Row("~ in three braces", "a {{~{x}~}} b", "a1b", {"x": 1}),
    Row("~ at a partial takes its indentation", "x\n  {{~> p}}\ny", "xa\nb\ny", {}, {"p": "a\nb\n"}),
    Row("an inline partial's lines vanish", '{{#*inline "p"}}\na\n{{/inline}}\n{{> p}}\nb', "a\nb"),
]  # fmt: skip
ROWS = [*EXPRESSIONS, *BLOCKS, *PARTIALS, *SPACE]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_row(row: Row) -> None:
    assert render(row.template, row.variables, row.partials) == row.expected


BEYOND = [
    Row("a mapping is JSON", "{{a}} {{b}}", '{"x":1} 1,{"y":"ü"}', {"a": {"x": 1}, "b": [1, {"y": "ü"}]}),
    Row("a brace behind a tag is text", '{"a": {{json a}}}', '{"a": "x"}', {"a": "x"}),
    Row("a raw block", "a\n{{{{raw}}}}\n{{b}} \\{{c}}\n{{{{/raw}}}}\nd", "a\n{{b}} \\{{c}}\nd"),
    Row("no block was handed over", "{{> p}}", "<>", {}, {"p": "<{{> @partial-block}}>"}),
    Row("end of a chain alone on its line", "{{#if a}}1{{else if b}}2{{else}}\n3\n{{/if}}\n4", "\n3\n4"),
    Row("inverted with else", "{{^if a}}\n1\n{{else}}\n2\n{{/if}}\n3", "1\n3"),
]


@pytest.mark.parametrize("row", BEYOND, ids=lambda row: row.says)
def test_where_it_is_kinder_than_handlebars_js(row: Row) -> None:
    assert render(row.template, row.variables, row.partials) == row.expected


def test_an_inline_partial_that_is_defined_elsewhere_only() -> None:
    with pytest.raises(RenderError, match="the inline partial `p` is not defined where it is called"):
        render('{{#if a}}{{#*inline "p"}}{{/inline}}{{/if}}{{> p}}')


def test_values_are_data_and_nothing_else() -> None:
    """Names of attributes are names like any other, and nothing but mappings, lists and texts is looked into."""

    class Thing:
        secret = "s"

        def __getitem__(self, key: str) -> str:
            return "s"

    variables = {"o": Thing(), "d": {"keys": "k"}, "t": "abc", "l": [1]}
    paths = (
        "o.secret",
        "o.x",
        "o.__class__",
        "d.__class__",
        "d.items",
        "d.pop",
        "t.upper",
        "t.__len__",
        "l.append",
        "l.[-1]",
        "l.[01x]",
    )
    assert [render(f"[{{{{{path}}}}}]", variables) for path in paths] == ["[]"] * len(paths)
    assert render("{{d.keys}}{{__class__}}{{constructor}}{{d.__proto__}}", variables) == "k"
    assert render("{{lookup d name}}", {**variables, "name": "__class__"}) == ""


def test_a_template_is_compiled_once_and_shared() -> None:
    from gateway.prompts.dotprompt.reading import LANGUAGE
    from gateway.prompts.handlebars import Source

    made = LANGUAGE.template(Source("{{#each a}}{{> p}}{{/each}}", "t"), {"p": "{{this}}"}.get)
    assert ["".join(made.render({"a": [n, n + 1]}).pieces) for n in range(3)] == ["01", "12", "23"]
    assert made.partials == {"p": "{{this}}"}
    assert made.variables == ("a",)
