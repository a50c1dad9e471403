"""What tests of templates share."""

from collections.abc import Mapping
from typing import Any

from gateway.prompts.dotprompt import Limits, Message, Prompt, TextPart, read
from gateway.prompts.dotprompt.reading import LANGUAGE
from gateway.prompts.handlebars import Source

NO_PARTIALS: Mapping[str, str] = {}


def render(
    template: str,
    variables: Mapping[str, Any] | None = None,
    partials: Mapping[str, str] = NO_PARTIALS,
    data: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
) -> str:
    """The text that a template makes; marks are left out."""
    made = LANGUAGE.template(Source(template, "t.prompt"), partials.get, partials)
    return "".join(made.render(variables or {}, data or {}, limits or Limits()).pieces)


def prompt(source: str, partials: Mapping[str, str] = NO_PARTIALS, **schemas: Any) -> Prompt:
    return read(source, path="dir/t.prompt", partials=partials.get, partial_names=partials, schemas=schemas)


def texts(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    """Role and text of each message; a text that is in parts is joined by `|`."""
    return [
        (one.role, "|".join(part.text if isinstance(part, TextPart) else "·" for part in one.content))
        for one in messages
    ]
