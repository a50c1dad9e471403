"""A prompt as a request in the words of `core/`."""

import pytest

from gateway.core.conversation import Audio, File, Format, Image, Inline, Message, Text, Tool, Url
from gateway.prompts.dotprompt import Limits, Prompt, RenderError, read
from gateway.prompts.requests import make_frame, turns_of

LIMITS = Limits()


def prompt(body: str, front: str = "model: m") -> Prompt:
    return read(f"---\n{front}\n---\n{body}", path="p.prompt", partials=lambda name: None)


def said(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(one.role, part.text) for one in messages for part in one.parts if isinstance(part, Text)]


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ('{{role "system"}}Be brief.', [("system", "Be brief.")], []),
        ('{{role "system"}}a{{role "user"}}b', [("system", "a")], [("user", "b")]),
        ('{{role "user"}}b{{history}}', [("user", "b")], []),
        ('{{role "system"}}a{{history}}{{role "user"}}b', [("system", "a")], [("user", "b")]),
        ('{{role "user"}}a{{role "model"}}b', [("user", "a"), ("assistant", "b")], []),
        ("", [], []),
    ],
)
def test_the_callers_messages_are_the_history(
    body: str, before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    """As dotprompt has it: where the template says, else before a last message of the user's, else at the end."""
    first, last = turns_of(prompt(body), {}, LIMITS)
    assert (said(first), said(last)) == (before, after)


def test_media_are_what_their_type_says() -> None:
    body = '{{media url=a}}{{media url=b contentType="application/pdf"}}{{media url=c contentType="audio/mpeg"}}{{history}}'
    variables = {"a": "data:image/png;base64,AAAA", "b": "https://x.example/a.pdf", "c": "https://x.example/a.mp3"}
    (turn,), _ = turns_of(prompt(body), variables, LIMITS)
    assert turn.parts == (
        Image(Inline("image/png", "AAAA")),
        File(source=Url("https://x.example/a.pdf", "application/pdf")),
        Audio(Url("https://x.example/a.mp3", "audio/mpeg")),
    )


def test_what_a_tool_says_is_not_lost_in_silence() -> None:
    """A request has it as the answer to a call, and a template holds none."""
    with pytest.raises(RenderError, match="let the user say it"):
        turns_of(prompt('{{role "tool"}}{{x}}{{role "user"}}b'), {"x": "a"}, LIMITS)
    assert said(turns_of(prompt('{{role "tool"}}{{x}}{{role "user"}}b'), {"x": ""}, LIMITS)[1]) == [("user", "b")]


def test_a_section_is_no_message() -> None:
    first, _ = turns_of(prompt('a{{section "output"}}{{history}}'), {}, LIMITS)
    assert said(first) == [("user", "a")]


def test_what_the_front_matter_sets() -> None:
    front = """model: m
config: {temperature: 0}
tools: [look]
toolDefs: [{name: look, description: looks, inputSchema: {what: string}}, {name: other}]
output: {format: json, schema: {total: number}}
gateway.overridable: [temperature]"""
    frame = make_frame(prompt("x", front))
    (tool,) = frame.request.tools
    assert (frame.request.model, frame.request.temperature, frame.overridable) == ("m", 0, {"temperature"})
    assert (tool.name, tool.description) == ("look", "looks")
    assert (tool.parameters or {})["properties"] == {"what": {"type": "string"}}
    wanted = frame.request.format
    assert wanted is not None
    assert (wanted.kind, wanted.name, (wanted.schema or {})["properties"]) == (
        "json_schema",
        "answer",
        {"total": {"type": "number"}},
    )


@pytest.mark.parametrize(
    ("output", "wanted"),
    [("{format: json}", Format(kind="json_object")), ("{format: text}", None), ("{}", None)],
)
def test_the_form_of_the_answer(output: str, wanted: Format | None) -> None:
    assert make_frame(prompt("x", f"output: {output}")).request.format == wanted


def test_tools_that_are_only_defined_are_offered() -> None:
    frame = make_frame(prompt("x", "toolDefs: [{name: look}]"))
    assert frame.request.tools == (Tool(name="look"),)


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ("config: {temprature: 1}", "did you mean `temperature`?"),
        (
            "tools: [lok]\ntoolDefs: [{name: look}]",
            "the tool `lok` is not defined under toolDefs; did you mean `look`?",
        ),
        ("toolDefs: [{description: x}]", "a definition in toolDefs has no name"),
        ("toolDefs: [{name: look, inputSchema: {a: strng}}]", "the tool `look`"),
        ("output: {format: yaml}", "output.format is text or json"),
        ("gateway.overridable: [temprature]", "gateway.overridable has no `temprature`; did you mean `temperature`?"),
        ("gateway.overridable: {temperature: true}", "gateway.overridable is a list of words"),
        ("gateway.overridable: [1]", "gateway.overridable has no `1`"),
    ],
)
def test_what_is_wrong_with_it_is_told(front: str, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        make_frame(prompt("x", front))
    assert told in str(refused.value)
