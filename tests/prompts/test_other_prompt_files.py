"""promptfoo's files (promptfoo.dev/docs/configuration/prompts) and MLflow's prompt versions
(mlflow.org/docs/latest/genai/prompt-registry) → prompts."""

from typing import Any

import msgspec
import pytest

from gateway.prompts.dotprompt import Message, Prompt, read
from gateway.prompts.formats.converted import ConversionError, Converted
from gateway.prompts.formats.files import File
from gateway.prompts.formats.mlflow import import_mlflow
from gateway.prompts.formats.promptfoo import import_promptfoo
from tests.prompts.drawn_pieces import text_of


def opened(made: Converted) -> dict[str, Prompt]:
    return {
        path: read(text, path=path, partials=lambda _: None)
        for path, text in made.files.items()
        if path.endswith(".prompt")
    }


def told(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(one.role, text_of([one])) for one in messages]


def test_texts_are_divided_by_lines() -> None:
    text = "Translate to French: {{text}}\n---\n\n  Translate to Spanish: {{ text }}\nNow.\n---\n\n"
    found = opened(import_promptfoo([File("dir/Prompts.txt", text)]))
    assert list(found) == ["prompts-1/1.prompt", "prompts-2/1.prompt"]
    assert [told(one.render({"text": "x"})) for one in found.values()] == [
        [("user", "Translate to French: x")], [("user", "Translate to Spanish: x\nNow.")],
    ]  # fmt: skip


def test_a_template_with_conditions() -> None:
    text = "You are assisting with {{ topic }}.\n{% if advanced %}\nDetails.\n{% else %}\nSimply.\n{% endif %}\n"
    (prompt,) = opened(
        import_promptfoo([File("prompt.j2", text)], name="help/topic", free=lambda name: len(name))
    ).values()
    assert told(prompt.render({"topic": "Go"})) == [("user", "You are assisting with Go.\n\nSimply.\n")]
    assert prompt.path == "help/topic/10.prompt"


CHAT = [
    {"role": "system", "content": "You are {{ who | default('a tutor') }}."},
    {"role": "user", "content": "Explain {{task}}"},
]


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_chats(kind: str) -> None:
    text = msgspec.json.encode(CHAT).decode() if kind == "json" else msgspec.yaml.encode(CHAT).decode()
    (prompt,) = opened(import_promptfoo([File(f"chat.{kind}", text)])).values()
    assert told(prompt.render({"task": "recursion"})) == [("system", "You are a tutor."), ("user", "Explain recursion")]


def test_a_list_of_chats_and_texts() -> None:
    found = opened(import_promptfoo([File("some.json", msgspec.json.encode([CHAT, "Hi {{a}}"]).decode())]))
    assert [told(one.render({"task": "x", "a": "y"}))[-1] for one in found.values()] == [
        ("user", "Explain x"),
        ("user", "Hi y"),
    ]


FOO_REFUSED = {
    "a.txt": ("x\n---\ny\n{{ z | upper }}", "a.txt: line 4: {{ z | upper }}"),
    "b.txt": ("\n \n", "b.txt: b.txt: holds no prompt"),
    "c.js": ("module.exports", "c.js: file: js: is no kind of file that is read: txt, md, j2, json, yaml"),
    "d.json": ("{", "d.json: file: {: is not JSON"),
    "e.json": ("[{}]", "e.json: file: {}: is neither a text nor a list of messages"),
    "f.yaml": ("a: [", "f.yaml: line"),
    "g.json": ('[{"role": "user", "content": "{% if %}"}]', "g.json: [0].content, line 1: {% if %}"),
}


@pytest.mark.parametrize("path", FOO_REFUSED)
def test_promptfoo_files_that_are_refused(path: str) -> None:
    text, reason = FOO_REFUSED[path]
    with pytest.raises(ConversionError) as raised:
        import_promptfoo([File(path, text)])
    assert reason in str(raised.value)


def test_files_of_one_name_are_refused() -> None:
    with pytest.raises(ConversionError, match="several files would make the same prompt"):
        import_promptfoo([File("a/x.txt", "A"), File("b/x.txt", "B")])


def versions(*given: dict[str, Any], **more: Any) -> Converted:
    return import_mlflow([File("m.json", msgspec.json.encode(list(given)).decode())], **more)


def test_versions_of_mlflow() -> None:
    made = versions(
        {
            "name": "summarization_prompt", "version": 2, "template": "Summarize in {{ num_sentences }} sentences: {{ content }}",
            "commit_message": "shorter", "tags": {"team": "ds"}, "aliases": ["production", "Champion"], "user_id": "me",
            "model_config": {"provider": "openai", "model_name": "gpt-4", "temperature": 0.1, "max_tokens": 9, "extra_params": {"seed": 1}},
            "response_format": {"type": "object", "properties": {"a": {"type": "string"}}},
        },
        {"name": "summarization_prompt", "version": "1", "template": [{"role": "user", "content": "{% if a %}A{% endif %}{{ b }}"}], "flag": 1},
    )  # fmt: skip
    found = opened(made)
    assert list(found) == ["summarization_prompt/1.prompt", "summarization_prompt/2.prompt"]
    one, two = found.values()
    assert told(one.render({"a": "x", "b": "y"})) == [("user", "Ay")]
    assert told(two.render({"num_sentences": 2, "content": "c"})) == [("user", "Summarize in 2 sentences: c")]
    assert (two.model, two.config) == ("gpt-4", {"temperature": 0.1, "maxOutputTokens": 9, "seed": 1})
    assert two.output_schema == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert two.metadata == {"tags": {"team": "ds"}}
    assert made.files["summarization_prompt/prompt.yaml"] == "labels:\n  production: 2\n"
    assert [(one.number, one.message) for one in made.versions] == [(1, ""), (2, "shorter")]
    assert [note.path for note in made.notes] == ["[0].aliases", "[1].flag"]


def test_versions_of_mlflow_that_are_refused() -> None:
    for given, reason in (
        ([{"name": "a"}], "it wants `name`, `version` and `template`"),
        ([{"name": "a", "template": "x", "version": -1}], "it wants `name`"),
        ([{"name": "a", "template": "x"}, {"name": "a", "template": "y"}], "of `a` stands twice"),
        ([{"name": "a", "template": "{{#x}}"}], "is a tag of Mustache"),
        ([{"name": "a", "template": "{% set x = 1 %}"}], "`set` has no counterpart"),
    ):
        with pytest.raises(ConversionError, match=reason):
            versions(*given)
    with pytest.raises(ConversionError, match="is for one prompt, and these files hold 2"):
        versions({"name": "a", "template": "x"}, {"name": "b", "template": "x"}, name="c")
