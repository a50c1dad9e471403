"""Langfuse's prompts in and out. Shapes: fern/apis/server/definition/prompts.yml of github.com/langfuse/langfuse and
langfuse.com/docs/prompt-management."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prompts.dotprompt import Message, Prompt, TextPart, read
from gateway.prompts.formats.converted import ConversionError, Converted
from gateway.prompts.formats.exporting import Exported
from gateway.prompts.formats.files import File
from gateway.prompts.formats.langfuse import export_langfuse, import_langfuse
from tests.prompts.drawn_pieces import text_of

# langfuse.com/docs/prompt-management/data-model
MOVIE_CRITIC = {
    "name": "movie-critic",
    "type": "text",
    "prompt": "As a {{criticLevel}} movie critic, do you like {{movie}}?",
    "config": {"model": "gpt-4o", "temperature": 0.5, "supported_languages": ["en", "fr"]},
    "version": 1,
    "labels": ["production", "staging", "latest"],
    "tags": ["movies"],
}
# langfuse.com/docs/prompt-management/features/message-placeholders, and config
CHAT = {
    "name": "movie/critic-chat",
    "type": "chat",
    "version": 2,
    "prompt": [
        {"role": "system", "content": "You are an {{criticlevel}} movie critic"},
        {"type": "placeholder", "name": "chat_history"},
        {"role": "user", "content": "What should I watch next?"},
    ],
    "config": {
        "model": "gpt-4o",
        "max_tokens": 200,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_current_weather",
                    "description": "Get the current weather in a given location",
                    "parameters": {
                        "type": "object",
                        "properties": {"location": {"type": "string"}},
                        "required": ["location"],
                    },
                },
            }
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "invoice_schema",
                "strict": True,
                "schema": {"type": "object", "properties": {"total": {"type": "number"}}},
            },
        },
    },
    "labels": ["production"],
    "tags": [],
    "commitMessage": "sharper",
}


def imported(*prompts: Any, name: str = "") -> Converted:
    return import_langfuse([File("prompts.json", msgspec.json.encode(list(prompts)).decode())], name=name)


def opened(made: Converted) -> dict[str, Prompt]:
    partials = {path[1:-7]: text for path, text in made.files.items() if path.startswith("_")}
    return {
        path: read(text, path=path, partials=partials.get)
        for path, text in made.files.items()
        if path.endswith(".prompt") and not path.startswith("_")
    }


def exported(made: Converted, labels: dict[str, int], tags: list[str]) -> list[Any]:
    """All prompts that were made, exported again."""
    prompts: dict[str, dict[int, Prompt]] = {}
    for path, prompt in opened(made).items():
        name, _, file = path.rpartition("/")
        prompts.setdefault(name, {})[int(file.removesuffix(".prompt"))] = prompt
    messages = {(one.name, one.number): one.message for one in made.versions}
    found: list[Any] = []
    for name, versions in prompts.items():
        told = {number: messages[name, number] for number in versions}
        (text,) = export_langfuse(
            Exported(name=name, versions=versions, messages=told, labels=labels, tags=tags)
        ).files.values()
        found += msgspec.json.decode(text)
    return found


def test_a_text_prompt() -> None:
    made = imported(MOVIE_CRITIC)
    prompt = opened(made)["movie-critic/1.prompt"]
    (message,) = prompt.render({"criticLevel": "expert", "movie": "Dune 2"})
    assert (message.role, text_of([message])) == ("user", "As a expert movie critic, do you like Dune 2?")
    assert (prompt.model, prompt.config) == ("gpt-4o", {"temperature": 0.5, "supported_languages": ["en", "fr"]})
    assert made.files["movie-critic/prompt.yaml"] == "tags: [movies]\nlabels:\n  production: 1\n  staging: 1\n"
    assert prompt.input_schema is not None
    assert prompt.input_schema["required"] == ["criticLevel", "movie"]
    assert made.notes == []


def test_a_chat_prompt() -> None:
    made = imported(CHAT)
    prompt = opened(made)["movie/critic-chat/2.prompt"]
    history = [Message("user", (TextPart("I love Baraka"),))]
    found = prompt.render({"criticlevel": "expert"}, history=history)
    assert [(one.role, text_of([one])) for one in found] == [
        ("system", "You are an expert movie critic"), ("user", "I love Baraka"), ("user", "What should I watch next?"),
    ]  # fmt: skip
    assert prompt.config == {"maxOutputTokens": 200}
    assert [tool["name"] for tool in prompt.tool_defs] == ["get_current_weather"]
    assert prompt.output_schema == {"type": "object", "properties": {"total": {"type": "number"}}}
    assert [(one.name, one.number, one.message) for one in made.versions] == [("movie/critic-chat", 2, "sharper")]
    assert [str(note) for note in made.notes] == [
        "[0].prompt[1]: chat_history: is the conversation of the call: what stands before the last message of the user"
    ]


def test_several_placeholders_stay_variables() -> None:
    places = [
        {"type": "placeholder", "name": "examples"},
        {"role": "user", "content": "Q"},
        {"type": "placeholder", "name": "talk"},
    ]
    made = imported({"name": "p", "type": "chat", "prompt": places})
    (prompt,) = opened(made).values()
    one = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    found = prompt.render({"examples": one, "talk": one[:1]})
    assert [(each.role, text_of([each])) for each in found] == [
        ("user", "a"),
        ("model", "b"),
        ("user", "Q"),
        ("user", "a"),
    ]
    assert exported(made, {}, [])[0]["prompt"] == places


def test_references_become_partials() -> None:
    """langfuse.com/docs/prompt-management/features/composability"""
    inner = {"name": "shared/Tone", "type": "text", "prompt": "Be {{mood}}.\n", "version": 3, "labels": ["production"]}
    older = {**inner, "version": 2, "labels": [], "prompt": "Old. @@@langfusePrompt:name=shared/Tone|version=3@@@"}
    outer = {
        "name": "outer", "type": "text",
        "prompt": "A @@@langfusePrompt:name=shared/Tone|label=production@@@ B @@@langfusePrompt:name=shared/Tone|version=2@@@ C "
        "@@@langfusePrompt:name=x@@@",
    }  # fmt: skip
    made = imported(inner, older, outer)
    assert sorted(path for path in made.files if path.startswith("_")) == [
        "_shared-tone-v2.prompt", "_shared-tone-v3.prompt", "_shared-tone.prompt",
    ]  # fmt: skip
    prompt = opened(made)["outer/1.prompt"]
    assert text_of(prompt.render({"mood": "nice"})) == "A Be nice.\n B Old. Be nice.\n C @@@langfusePrompt:name=x@@@"
    assert prompt.input_schema is not None
    assert prompt.input_schema["required"] == ["mood"]
    assert "is no reference that Langfuse would follow" in "\n".join(map(str, made.notes))


REFUSED: dict[str, tuple[Any, str]] = {
    "list": ({"name": "a", "versions": [1], "labels": []}, "fetch each version from /api/public/v2/prompts/{name}"),
    "no name": ({"prompt": "x"}, "it has no `name`, or no `prompt`"),
    "no prompt": ({"name": "a"}, "it has no `name`, or no `prompt`"),
    "version": ({"name": "a", "prompt": "x", "version": 0}, "is no version: they count from 1"),
    "mustache": ({"name": "a", "prompt": "x\n{{#each y}}z{{/each}}"}, "[0].prompt, line 2: {{#each y}}: is a tag of Mustache"),
    "three braces": ({"name": "a", "prompt": "{{{y}}}"}, "[0].prompt, line 1: {{{y}}: is a tag of Mustache"),
    "role": ({"name": "a", "prompt": [{"role": "tool", "content": "x"}]}, "[0].prompt[0]: {'role': 'tool', 'content': 'x'}: is no message"),
    "content": ({"name": "a", "prompt": [{"role": "user", "content": 1}]}, "[0].prompt[0].content: 1: is neither a text"),
    "missing": ({"name": "a", "prompt": "@@@langfusePrompt:name=b|label=production@@@"}, "refers to a prompt that is not in these files"),
    "circle": ({"name": "a", "prompt": "@@@langfusePrompt:name=a|version=1@@@"}, "goes in circles: a-v1 → a-v1"),
    "no text": ("x", "[0]: x: is no prompt (a JSON object)"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    given, reason = REFUSED[case]
    with pytest.raises(ConversionError) as raised:
        imported(given)
    assert reason in str(raised.value)


def test_a_reference_to_a_chat_is_refused() -> None:
    with pytest.raises(ConversionError, match="only texts can be put into others"):
        imported(
            {"name": "a", "prompt": "@@@langfusePrompt:name=b|version=1@@@"},
            {"name": "b", "prompt": [{"role": "user", "content": "x"}]},
        )


def test_two_forms_of_one_version_are_refused() -> None:
    with pytest.raises(ConversionError, match="of `movie-critic` stands in two forms"):
        imported(MOVIE_CRITIC, {**MOVIE_CRITIC, "prompt": "other"})
    assert len(imported(MOVIE_CRITIC, MOVIE_CRITIC).versions) == 1


def test_a_name_is_for_one_prompt() -> None:
    assert list(imported(MOVIE_CRITIC, name="films/critic").files) == [
        "films/critic/1.prompt",
        "films/critic/prompt.yaml",
    ]
    with pytest.raises(ConversionError, match="is for one prompt, and these files hold 2"):
        imported(MOVIE_CRITIC, CHAT, name="x")


def test_labels_that_cannot_be_are_told() -> None:
    made = imported(
        {**MOVIE_CRITIC, "labels": ["production", "v3", "draft", "Prod"]},
        {**MOVIE_CRITIC, "version": 2, "labels": ["production"]},
    )
    assert made.files["movie-critic/prompt.yaml"].endswith("labels:\n  production: 2\n")
    assert [str(note).partition(":")[2].strip().partition(":")[0] for note in made.notes] == [
        "v3",
        "draft",
        "Prod",
        "production",
    ]


def attempted(given: dict[str, Any]) -> tuple[Converted | None, list[str]]:
    try:
        return imported(copy.deepcopy(given)), []
    except ConversionError as error:
        return None, [one.why for one in error.reasons]


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
PLAIN = st.text(alphabet="ab {}\\\n\t\"':|@#~-\u00e9\u2028", max_size=12)
TEXTS = st.lists(st.one_of(PLAIN, NAMES.map(lambda name: f"{{{{{name}}}}}")), min_size=1, max_size=4).map("".join)
MESSAGES = st.builds(
    lambda role, content: {"role": role, "content": content}, st.sampled_from(["system", "user", "assistant"]), TEXTS
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["gpt-4o", "claude"]),
        "temperature": st.floats(0.001, 2),
        "max_tokens": st.integers(1, 10**6),
        "top_p": st.floats(0.001, 1),
        "stop": st.lists(st.text(max_size=3), min_size=1, max_size=2),
        "languages": st.lists(st.text(max_size=5), max_size=3),
        "nested": st.dictionaries(st.text(min_size=1, max_size=4), st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=9)), max_size=3),
        "reasoning": st.just({"effort": "low"}),
        "response_format": st.just({"type": "json_object"}),
    },
)  # fmt: skip


@settings(max_examples=80)
@given(
    prompt=st.one_of(TEXTS, st.lists(MESSAGES, min_size=1, max_size=3), st.lists(MESSAGES, min_size=1, max_size=2).map(lambda some: [*some, {"type": "placeholder", "name": "past"}])),
    config=CONFIGS,
    labels=st.lists(st.sampled_from(["production", "staging"]), unique=True),
    tags=st.lists(st.text(min_size=1, max_size=5), max_size=2),
    message=st.text(alphabet="ab c", max_size=5),
)  # fmt: skip
def test_what_langfuse_can_say_comes_back(
    prompt: Any, config: Any, labels: list[str], tags: list[str], message: str
) -> None:
    message = " ".join(message.split())
    given: dict[str, Any] = {
        "name": "drawn/one", "type": "text" if isinstance(prompt, str) else "chat", "version": 2, "prompt": prompt,
        "config": config, "labels": labels, "tags": tags, **({"commitMessage": message} if message else {}),
    }  # fmt: skip
    made, reasons = attempted(given)
    if made is None:
        assert all("is a tag of Mustache" in one for one in reasons)
        return
    kept = [one for one in prompt if one.get("type") or one["content"].strip()] if isinstance(prompt, list) else prompt
    if not kept or (isinstance(kept, str) and not kept.strip()):
        return
    (found,) = exported(made, dict.fromkeys(labels, 2), tags)
    assert found == {**given, "prompt": kept}


def test_what_langfuse_cannot_say_is_refused_by_its_line() -> None:
    source = (
        '---\nname: a\n---\n{{role "system"}}\nA {{#if x}}b{{/if}}\n{{media url=y}}\n{{json z}} {{quote x}}\n\\{{name}}'
    )
    prompt = read(source, path="a/1.prompt", partials=lambda _: None)
    with pytest.raises(ConversionError) as raised:
        export_langfuse(Exported(name="a", versions={1: prompt}))
    assert [str(reason) for reason in raised.value.reasons] == [
        "line 5: {{#if x}}: has no counterpart in Langfuse",
        "line 6: {{media url=y}}: has no counterpart in Langfuse",
        "line 7: {{json z}}: has no counterpart in Langfuse",
        "line 7: {{quote x}}: the helper `quote` has no counterpart",
        "version 1: A {{name}}: has braces or names that would be read otherwise; the format has no way to escape them",
    ]


def test_what_is_lost_is_told() -> None:
    source = (
        "---\nname: a\ndescription: d\ninput: {schema: {x: integer, y: string}, default: {y: z}}\nmetadata: {m: 1}\n"
        "gateway.margin: 0.1\n---\n{{x}}{{y}}{{>p}}"
    )
    prompt = read(source, path="a/1.prompt", partials={"p": "P {{x}}"}.get)
    made = export_langfuse(Exported(name="a", versions={1: prompt}))
    assert [note.path for note in made.notes] == [
        "version 1, description", "version 1, defaults", "version 1, metadata", "version 1, gateway.margin", "version 1, input",
    ]  # fmt: skip
    (text,) = made.files.values()
    assert [(one["name"], one["prompt"]) for one in msgspec.json.decode(text)] == [
        ("p", "P {{x}}"), ("a", "{{x}}{{y}}@@@langfusePrompt:name=p|label=production@@@"),
    ]  # fmt: skip
