"""OpenAI's hosted prompts in and out. Shapes: the export file of langfuse.com/resources/engineering/
migrate-from-openai-prompts, and `Prompt` and `Response` of github.com/openai/openai-openapi."""

from typing import Any

import msgspec
import pytest

from gateway.prompts.dotprompt import MediaPart, Message, Prompt, read
from gateway.prompts.formats.converted import ConversionError, Converted
from gateway.prompts.formats.exporting import Exported
from gateway.prompts.formats.files import File
from gateway.prompts.formats.openai import export_openai, import_openai
from tests.prompts.drawn_pieces import text_of

SYSTEM = "You are a helpful support assistant for {{customer_name}}. Be concise and offer a concrete next step."
# The example of the migration guide, but for tools and the text format, which it tells to copy into `config`.
EXPORT: dict[str, Any] = {
    "openai_prompt_id": "pmpt_68a1c2f0e4b8",
    "name": "support-assistant",
    "production_version": "3",
    "versions": [
        {"version": "2", "messages": [{"role": "user", "content": "Issue: {{issue}}"}], "config": {"model": "gpt-5"}},
        {
            "version": "3",
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Issue: {{issue}}"}],
            "config": {
                "model": "gpt-5",
                "max_output_tokens": 300,
                "reasoning": {"effort": "low"},
                "tools": [{"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}, "strict": True}],
                "text": {
                    "format": {"type": "json_schema", "name": "reply", "strict": True, "schema": {"type": "object", "properties": {}}},
                    "verbosity": "low",
                },
            },
        },
    ],
}  # fmt: skip


def imported(*given: Any, name: str = "") -> Converted:
    return import_openai(
        [File(f"{index}.json", msgspec.json.encode(one).decode()) for index, one in enumerate(given)], name=name
    )


def opened(made: Converted, path: str) -> Prompt:
    return read(made.files[path], path=path, partials=lambda _: None)


def told(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(one.role, text_of([one])) for one in messages]


def test_the_export_file() -> None:
    made = imported(EXPORT)
    assert list(made.files) == [
        "support-assistant/2.prompt",
        "support-assistant/3.prompt",
        "support-assistant/prompt.yaml",
    ]
    prompt = opened(made, "support-assistant/3.prompt")
    assert told(prompt.render({"customer_name": "Acme", "issue": "billing"})) == [
        ("system", SYSTEM.replace("{{customer_name}}", "Acme")), ("user", "Issue: billing"),
    ]  # fmt: skip
    assert (prompt.model, prompt.config) == (
        "gpt-5", {"maxOutputTokens": 300, "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}},
    )  # fmt: skip
    assert prompt.tool_defs == (
        {"name": "look_up", "inputSchema": {"type": "object", "properties": {}}, "strict": True},
    )
    assert prompt.output_schema == {"type": "object", "properties": {}}
    assert prompt.ext["gateway"] == {"overridable": ["*"]}
    assert made.files["support-assistant/prompt.yaml"] == "aliases: [pmpt_68a1c2f0e4b8]\nlabels:\n  production: 3\n"
    assert made.notes == []


def test_the_export_file_comes_back() -> None:
    made = imported(EXPORT)
    versions = {number: opened(made, f"support-assistant/{number}.prompt") for number in (2, 3)}
    given = Exported(
        name="support-assistant", versions=versions, labels={"production": 3}, aliases=["pmpt_68a1c2f0e4b8"]
    )
    (text,) = export_openai(given).files.values()
    assert msgspec.json.decode(text) == EXPORT


def test_one_version_alone() -> None:
    """As it stands in the dashboard: instructions, messages, settings beside them."""
    made = imported(
        {
            "id": "pmpt_1a", "object": "prompt", "created_at": 1, "version": "4", "name": "Weather",
            "instructions": "Talk about {{ city }}.", "model": "gpt-4.1", "temperature": 1, "top_p": None,
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Dev {{city}}"}]},
                {"role": "user", "content": [{"type": "input_image", "image_url": "{{photo}}", "detail": "low"}, {"type": "input_text", "text": "See"}]},
            ],
            "variables": [{"name": "city", "description": "Where"}, "photo"],
        }
    )  # fmt: skip
    prompt = opened(made, "weather/4.prompt")
    found = prompt.render({"city": "Rome", "photo": "https://x/y.png"})
    assert told(found[:2]) == [("system", "Talk about Rome."), ("system", "Dev Rome")]
    assert isinstance(found[2].content[0], MediaPart)
    assert (prompt.model, prompt.config) == ("gpt-4.1", {"temperature": 1})
    assert prompt.input_schema is not None
    assert prompt.input_schema["properties"]["city"] == {"type": "string", "description": "Where"}
    assert made.files["weather/prompt.yaml"] == "aliases: [pmpt_1a]\nlabels:\n  production: 4\n"
    assert [note.path for note in made.notes] == ["name", "input[0]", "input[1].content[0].detail"]


def test_a_variable_that_is_an_image() -> None:
    made = imported(
        {
            "id": "pmpt_1",
            "messages": [{"role": "user", "content": "Look: {{photo}}"}],
            "variables": {"photo": {"type": "input_image"}},
        }
    )
    (message,) = opened(made, "pmpt_1/1.prompt").render({"photo": "https://x/y.png"})
    assert [type(part).__name__ for part in message.content] == ["TextPart", "MediaPart"]


def test_a_body_of_a_request_is_a_version() -> None:
    made = imported(
        {"model": "gpt-5", "instructions": "Be {{mood}}.", "input": "Hi {{name}}", "stream": True}, name="greeting"
    )
    assert told(opened(made, "greeting/1.prompt").render({"mood": "kind", "name": "Bo"})) == [
        ("system", "Be kind."),
        ("user", "Hi Bo"),
    ]
    assert [str(note) for note in made.notes] == ["config.stream: True: belongs to a call, and is left out"]


# An answer to a call with a prompt, as the Responses API echoes it; settings that nobody has set are told, too.
ANSWER: dict[str, Any] = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-4.1-2025-04-14",
    "instructions": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "You help Acme Corp, a customer of Acme."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Issue: billing question"}]},
    ],
    "prompt": {"id": "pmpt_123", "version": "2", "variables": {"short": "Acme", "customer": "Acme Corp", "issue": {"type": "input_text", "text": "billing question"}}},
    "output": [], "usage": {"total_tokens": 1}, "temperature": 1.0, "top_p": 0.5, "tools": [], "tool_choice": "auto",
    "text": {"format": {"type": "text"}}, "reasoning": {"effort": None, "summary": None}, "parallel_tool_calls": True, "truncation": "disabled",
}  # fmt: skip


def test_an_answer_shows_the_template() -> None:
    made = imported(ANSWER)
    prompt = opened(made, "pmpt_123/2.prompt")
    assert told(prompt.render({"short": "[s]", "customer": "[c]", "issue": "[i]"})) == [
        ("system", "You help [c], a customer of [s]."), ("user", "Issue: [i]"),
    ]  # fmt: skip
    assert (prompt.model, prompt.config) == ("gpt-4.1-2025-04-14", {"topP": 0.5})
    assert [note.path for note in made.notes] == [
        "instructions[0]", "prompt.variables.short", "prompt.variables.customer", "prompt.variables.issue",
    ]  # fmt: skip
    assert made.files["pmpt_123/prompt.yaml"] == "labels:\n  production: 2\n"


def test_a_value_that_is_not_found_is_refused() -> None:
    prompt = {"id": "pmpt_123", "variables": {"a": "nowhere", "b": "x"}}
    with pytest.raises(ConversionError) as raised:
        imported({**ANSWER, "prompt": prompt})
    assert [one.path for one in raised.value.reasons] == ["prompt.variables.a", "prompt.variables.b"]


def test_which_version_answers() -> None:
    """The default one; else the newest that is no draft. A draft becomes the next version."""
    versions = [
        {"version": "1", "instructions": "a"},
        {"version": 2, "instructions": "b", "is_default": True},
        {"version": "draft", "instructions": "c"},
    ]
    draft = {"id": "pmpt_1", "versions": versions}
    assert imported(draft).files["pmpt_1/prompt.yaml"] == "labels:\n  production: 2\n"
    made = imported({"id": "pmpt_1", "versions": versions[:1], "draft": {"instructions": "d"}})
    assert told(opened(made, "pmpt_1/2.prompt").render({})) == [("system", "d")]
    assert made.files["pmpt_1/prompt.yaml"] == "labels:\n  production: 1\n"
    assert [str(note) for note in made.notes] == [
        "draft: draft: becomes version 2",
        "versions: none is said to be the default one; the label `production` is put on the newest, 1",
    ]
    assert (
        imported({"id": "pmpt_1", "versions": versions[2:]}).files["pmpt_1/prompt.yaml"] == "labels:\n  production: 1\n"
    )


def test_versions_in_files_of_their_own_are_one_prompt() -> None:
    one, two = ({"id": "pmpt_1", "name": "a", "version": number, "instructions": str(number)} for number in ("1", "2"))
    assert [(one.name, one.number) for one in imported(one, two).versions] == [("a", 1), ("a", 2)]
    with pytest.raises(ConversionError, match="stands here in two forms"):
        imported(one, {**one, "instructions": "other"})


REFUSED: dict[str, tuple[Any, str]] = {
    "empty": ([], "0.json: file: []: holds no prompt"),
    "no object": (["x"], "[0]: x: is no prompt (a JSON object)"),
    "nothing": ({"id": "pmpt_1"}, "file: 1: says nothing: there are neither `messages` nor `instructions`"),
    "version": ({"id": "pmpt_1", "versions": [1]}, "versions[0]: 1: is no version"),
    "message": ({"id": "pmpt_1", "messages": [{"role": "tool", "content": "x"}]}, "messages[0]: {'role': 'tool', 'content': 'x'}: is no message"),
    "call": ({"id": "pmpt_1", "input": [{"type": "function_call", "name": "f"}]}, "calls of tools and their results are no templates"),
    "part": ({"id": "pmpt_1", "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0]"),
    "number": ({"id": "pmpt_1", "instructions": 1}, "instructions: 1: is neither a text nor a list"),
    "tag": ({"id": "pmpt_1", "instructions": "{{#if x}}a{{/if}}"}, "instructions, line 1: {{#if x}}: is a tag of Mustache"),
    "answer": ({"object": "response", "instructions": "x", "output": []}, "prompt: is not there: the answer is not one to a call"),
    "name": ({"id": "pmpt_1", "name": "//", "instructions": "x"}, "name: //: makes no name"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    given, reason = REFUSED[case]
    with pytest.raises(ConversionError) as raised:
        imported(given)
    assert reason in str(raised.value)


def test_what_is_not_understood_is_told() -> None:
    made = imported(
        {
            "id": "ft-1", "prompt_id": "pmpt_1", "name": "a", "weight": 3, "variables": {"x": "example", "y": {"type": "string", "enum": [1]}},
            "versions": [{"version": "one", "instructions": "{{x}} {{ y z }}", "config": {"tools": [{"type": "web_search"}], "response_format": {"type": "grammar"}}}],
        }
    )  # fmt: skip
    assert [str(note) for note in made.notes] == [
        "versions[0].version: one: is no number; the version gets the next one that is free",
        "weight: 3: is not understood, and is left out",
        "versions[0].instructions, line 1: {{ y z }}: is no name of a variable, and stays as text",
        "versions[0].config.tools[0]: {'type': 'web_search'}: is no function; it is kept as `openai.tools`, and not sent",
        "versions[0].config.response_format: {'type': 'grammar'}: is no format that is known here, and is left out",
        "variables.x: example: is taken for an example, and is left out",
        "variables.y.enum: [1]: is left out",
    ]


def test_exports_with_media_partials_and_the_conversation() -> None:
    source = '---\nname: a\ninput: {schema: {"u": "string, where"}}\n---\n{{role "system"}}\n{{>p}}\n{{history}}\n{{role "user"~}}\nSee {{media url=u}}{{media url="https://x"}}\n'
    prompt = read(source, path="a/1.prompt", partials={"p": "P"}.get)
    made = export_openai(Exported(name="a", versions={1: prompt}, messages={1: "m"}))
    (text,) = made.files.values()
    assert msgspec.json.decode(text) == {
        "name": "a",
        "variables": {"u": {"description": "where"}},
        "versions": [
            {
                "version": "1", "config": {}, "message": "m",
                "messages": [
                    {"role": "system", "content": "\nP\n"},
                    {"role": "user", "content": [{"type": "input_text", "text": "See "}, {"type": "input_image", "image_url": "{{u}}"}, {"type": "input_image", "image_url": "https://x"}]},
                ],
            }
        ],
    }  # fmt: skip
    assert [str(note) for note in made.notes] == [
        "version 1, input: u: is more than its name; a hosted prompt has no place for the rest",
        "version 1: {{history}}: is left out: a hosted prompt stands before the `input` of the call",
    ]


@pytest.mark.parametrize("name", ["../outside", "/etc/x", "a//b", ".hidden", "a" * 300, "a\nb"])
def test_a_name_stays_within_the_folder_of_prompts(name: str) -> None:
    with pytest.raises(ConversionError, match="a prompt's name"):
        imported(EXPORT, name=name)
    made = imported({**EXPORT, "name": name})
    assert all(part not in ("", "..") for path in made.files for part in path.split("/"))
