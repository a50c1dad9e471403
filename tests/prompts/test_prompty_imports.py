"""Prompty's files → prompts: the messages that Prompty would send, or a refusal."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prompts.dotprompt import MediaPart, Message, Prompt, TextPart, read
from gateway.prompts.formats.converted import ConversionError, Converted
from gateway.prompts.formats.files import File
from gateway.prompts.formats.jinja.writing import jinja_text
from gateway.prompts.formats.pieces import Piece, Text, Value, walk
from gateway.prompts.formats.prompty import import_prompty
from tests.prompts import prompty_reference as reference
from tests.prompts.drawn_pieces import VARIABLES, many, text_of, texts

EXAMPLES = Path(__file__).parent / "examples"


def imported(text: str, path: str = "some.prompty") -> tuple[Converted, Prompt]:
    made = import_prompty([File(path, text)])
    (name,) = (one for one in made.files if one.endswith(".prompt"))
    return made, read(made.files[name], path=name, partials=lambda _: None)


def example(name: str) -> str:
    return (EXAMPLES / name).read_text()


def told(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(one.role, text_of([one])) for one in messages]


def test_a_file_of_the_second_version() -> None:
    made, prompt = imported(example("basic.prompty"))
    assert told(prompt.render({"question": "Why?"})) == [
        (
            "system",
            "You are an AI assistant who helps people find information.\n\n# Customer\n"
            "You are helping Jane Doe to find answers to their questions.",
        ),
        ("user", "Why?"),
    ]
    assert (prompt.name, prompt.model, prompt.config) == (
        "basic-prompt",
        "gpt-4",
        {"temperature": 0.7, "maxOutputTokens": 1000},
    )
    assert (prompt.description, prompt.metadata) == ("A basic prompt for testing", {"authors": ["testauthor"]})
    assert prompt.defaults == {"firstName": "Jane", "lastName": "Doe", "question": "What is the meaning of life?"}
    assert [note.path for note in made.notes] == ["model.provider", "model.connection"]
    assert "apiKey" not in str(made.files)


def test_a_file_of_the_first_version() -> None:
    """Loops that spell a conversation are the conversation; samples are defaults; `![…](…)` is an image."""
    made, prompt = imported(example("chat.prompty"))
    found = prompt.render(
        {"input": "Hm?", "picture": "https://x/a.png"}, history=[Message("user", (TextPart("before"),))]
    )
    assert [(one.role, text_of([one])) for one in found[:2]] == [
        ("system", "You are an AI assistant.\nYou are helping Jane Doe."), ("user", "before"),
    ]  # fmt: skip
    assert [type(part) for part in found[2].content] == [MediaPart, TextPart]
    assert (prompt.model, prompt.config) == ("gpt-35-turbo", {"maxOutputTokens": 128, "temperature": 0.2})
    assert "chat_history" not in str(prompt.input_schema)
    assert "chat_history: is the conversation of the call" in "\n".join(map(str, made.notes))


def test_tools_and_outputs() -> None:
    made, prompt = imported(example("tools.prompty"))
    (tool,) = prompt.tool_defs
    assert tool["name"] == "get_weather"
    assert tool["inputSchema"]["properties"]["unit"] == {
        "type": "string", "description": "Temperature unit", "enum": ["celsius", "fahrenheit"],
    }  # fmt: skip
    assert prompt.output_schema == {
        "type": "object",
        "properties": {
            "temperature": {"type": "integer", "description": "Temperature in Fahrenheit"},
            "places": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["temperature"],
    }
    assert [note.path for note in made.notes] == ["tools[1]"]
    assert told(prompt.render({}))[-1] == ("user", "What's the weather in Paris?")


def test_a_thread_stands_where_it_stood() -> None:
    """And behind it goes on who spoke before (spec/vectors/parse/parse_vectors.json, thread_nonce_expansion)."""
    text = "---\nname: t\ninputs:\n  - {name: talk, kind: thread}\n---\nsystem:\nA\n\n{{talk}}\n\nB\n\nuser:\nHi\n"
    _, prompt = imported(text)
    found = prompt.render({}, history=[Message("user", (TextPart("q"),)), Message("model", (TextPart("a"),))])
    assert told(found) == [("system", "A"), ("user", "q"), ("model", "a"), ("system", "B"), ("user", "Hi")]


def test_several_threads_stay_variables() -> None:
    text = "---\nname: t\ninputs:\n  - {name: one, kind: thread}\n  - {name: two, kind: thread}\n---\nsystem:\nA\n{{one}}\n{{two}}\nuser:\nHi"
    _, prompt = imported(text)
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert told(prompt.render({"one": talk, "two": talk[:1]})) == [
        ("system", "A"), ("user", "q"), ("model", "a"), ("user", "q"), ("user", "Hi"),
    ]  # fmt: skip


def test_mustache() -> None:
    head = "---\nname: m\ntemplate: {format: mustache, parser: prompty}\ninputs:\n  items: {type: array}\n  vip: {type: boolean}\n---\n"
    body = "system:\nA {{{a}}} {{&b}}\n{{! nothing }}\n{{#items}}\n- {{.}}\n{{/items}}\n{{^items}}none{{/items}}{{#vip}}VIP{{/vip}}\nuser:\n{{ user.name }}"
    _, prompt = imported(head + body)
    given: dict[str, Any] = {"a": "<x>", "b": "&", "items": ["p", "q"], "user": {"name": "Bo"}}
    assert told(prompt.render({**given, "vip": True})) == [("system", "A <x> &\n- p\n- q\nVIP"), ("user", "Bo")]
    assert told(prompt.render({**given, "items": []})) == [("system", "A <x> &\nnone"), ("user", "Bo")]


# spec/vectors/parse/parse_vectors.json of github.com/microsoft/prompty: what is rendered → its messages.
VECTORS = {
    "system:\nYou are helpful.\n\nuser:\nHello": [("system", "You are helpful."), ("user", "Hello")],
    "system:\nBe concise.\n\nuser:\nHi\n\nassistant:\nHello!": [
        ("system", "Be concise."),
        ("user", "Hi"),
        ("model", "Hello!"),
    ],
    "Just a plain message with no role marker": [("system", "Just a plain message with no role marker")],
    "system:\n  \n  You are helpful.  \n  \n\nuser:\n  Hello  ": [
        ("system", "  \n  You are helpful.  \n  "),
        ("user", "  Hello  "),
    ],
    "system:\n\nuser:\nHello": [("user", "Hello")],
    "system:\nThe user: said hello\n\nuser:\nHi": [("system", "The user: said hello"), ("user", "Hi")],
    "system:\nHelper\n\n\n\nuser:\nHi": [("system", "Helper"), ("user", "Hi")],
    "  # System :\nA\nASSISTANT:\nB": [("system", "A"), ("model", "B")],
    "A\nuser: {{ q }}\nuser:\nB": [("system", "A\nuser: x"), ("user", "B")],
}


@pytest.mark.parametrize(("body", "messages"), VECTORS.items(), ids=[one[:40] for one in VECTORS])
def test_lines_that_begin_messages(body: str, messages: list[tuple[str, str]]) -> None:
    _, prompt = imported(body)
    assert told(prompt.render({"q": "x"})) == messages == reference.messages(body, {"q": "x"})


ROLES = st.sampled_from(["system", "user", "assistant"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ROLES, many(texts("{}%#~- \n\ta'\"\\"))), min_size=1, max_size=3))
def test_messages_are_those_of_prompty(messages: list[tuple[str, tuple[Piece, ...]]]) -> None:
    body = "\n".join(f"{role}:\n{jinja_text(said, lambda _: '', frozenset())}\n" for role, said in messages)
    made, prompt = imported(f"---\nname: drawn\n---\n{body}")
    found, wanted = told(prompt.render(VARIABLES)), reference.messages(body, VARIABLES)
    assert [(role, text.strip("\n")) for role, text in found if text.strip()] == wanted
    if not any("line breaks at the edge" in note.why for note in made.notes) and not any(
        map(_ends_in_nothing, messages)
    ):
        assert found == wanted


def _ends_in_nothing(message: tuple[str, tuple[Piece, ...]]) -> bool:
    """Prompty trims what an empty variable lays bare, too."""
    edges = [one for one in message[1] if not isinstance(one, Text) or one.text.strip("\n")]
    return any(isinstance(one, Value) for one in (*edges[:1], *edges[-1:], *walk(message[1])))


def refused(text: str) -> list[str]:
    with pytest.raises(ConversionError) as raised:
        imported(text)
    return [str(reason) for reason in raised.value.reasons]


REFUSED = {
    "---\nname: x\n": "line 1: ---: the front matter is not closed",
    "---\nname: [x\n---\nHi": "line 3: is not valid YAML",
    "---\n- a\n---\nHi": "front matter: ['a']: is no mapping",
    "---\nname: x\ninputs:\n  a:\n---\nHi": "line 4: `a` has no value",
    "---\nname: x\na: &b 1\n---\nHi": "line 3: uses the YAML anchor",
    "---\nmodel: {apiType: embedding}\n---\nHi": "model.apiType: embedding: is not for conversations",
    "---\ntemplate: liquid\n---\nHi": "template.format: liquid: is neither jinja2 nor mustache",
    "---\ntemplate: {format: jinja2, parser: other}\n---\nHi": "template.parser: other: is not the parser",
    "---\nname: x\n---\nsystem:\nA\nfunction:\nB": "body: function:: calls of tools",
    "---\nname: x\n---\n{% if a %}user:{% endif %}\nB": "body: user:: looks like the beginning of a message, and shares its line",
    "---\nname: x\n---\n\n\n{{ a | upper }}": "line 6: {{ a | upper }}: the filter `upper`",
    "---\nauthors: [a]\n---\nuser:\n![x](photo.png)": "body: ![x](photo.png): is an image in a file beside the prompt",
    "---\ntools:\n  - {name: f, kind: function, bindings: {a: b}}\n---\nHi": "tools[0].bindings: {'a': 'b'}: binds parameters",
    "---\ntools: {f: {kind: function}}\n---\nHi": "tools: {'f': {'kind': 'function'}}: is no list",
    "---\ninputs: [1]\n---\nHi": "inputs[0]: 1: is no property",
    "---\ntemplate: mustache\n---\n{{#a}}x{{/a}}": "line 4: {{#a}}: is a loop or a condition by what it finds",
    "---\ntemplate: mustache\n---\n{{>a}}{{=<% %>=}}": "line 4: {{>a}}: partials, which stand in files of their own",
    "---\ntemplate: mustache\n---\n{{#a}}x": "line 4: {{#a}}: is not closed",
    "---\ntemplate: mustache\n---\n{{/a}}": "line 4: {{/a}}: closes what is not open",
    "x" * (1024 * 1024 + 1): "file: is larger than 1048576 bytes",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=[one[:40] for one in REFUSED])
def test_what_is_refused(text: str, reason: str) -> None:
    assert any(one.startswith(reason) for one in refused(text)), refused(text)


def test_what_is_left_out_is_told() -> None:
    text = (
        "---\nname: My Prompt\nsample: s.json\nfoo: 1\nmodel: {id: m, connection: {kind: key, apiKey: '${env:K}'}, x: 1}\n"
        "inputs:\n  a: {kind: string, default: '${file:a.txt}', example: q}\n  b: {kind: colour}\noutputs: {r: {type: string}}\n"
        '---\nsystem[name="x"]:\n{{ a }} {{ c }} {{ d | tojson }}\n'
    )
    made, _ = imported(text)
    assert [str(note) for note in made.notes] == [
        "inputs.a.default: ${file:a.txt}: is looked up elsewhere, and is left out",
        "model.connection: kind: is left out: how a model is reached is for config.yaml to say, and its keys stay out of prompts",
        "model.x: 1: is no key of the format, and is left out",
        "sample: s.json: stands in another file, and is left out",
        "foo: 1: is no key of the format, and is left out",
        "name: My Prompt: becomes the name `my-prompt`",
        "inputs.b.kind: colour: is no kind that is known here, and is taken for `any`",
        "line 12: {{ d | tojson }}: is written without spaces, with keys in their order, and with `<`, `>`, `&` and `'` as they are",
        'body: system[name="x"]:: what stands in brackets has no place in a `.prompt` file, and is left out',
        "outputs: r: only describes the answer, and is left out",
        "inputs: c: is used and not declared, and may be left out",
        "inputs: d: is used and not declared, and may be left out",
    ]


def test_files_are_read_each_for_itself() -> None:
    files = [File("a.prompty", "{{ x | upper }}"), File("b.prompty", "---\nname: [\n---\nB"), File("c.prompty", "C")]
    with pytest.raises(ConversionError) as raised:
        import_prompty(files)
    assert [one.path for one in raised.value.reasons] == ["a.prompty, line 1", "b.prompty, line 3"]
    made = import_prompty([files[2], File("dir/d.prompty", "D")], free=lambda name: {"c": 4}.get(name, 1))
    assert list(made.files) == ["c/4.prompt", "d/1.prompt"]
    with pytest.raises(ConversionError, match="several files would make the same prompt"):
        import_prompty([files[2], File("x/c.prompty", "D")])
