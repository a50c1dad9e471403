"""What a `.prompt` file is once it has been read."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.prompts.dotprompt.checking import Checker
from gateway.prompts.dotprompt.messages import Message, as_json, split
from gateway.prompts.handlebars.language import LIMITS, Template
from gateway.prompts.handlebars.running import Limits

JsonSchema = Mapping[str, Any]


class Prompt(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A prompt, ready to be rendered.

    Attributes:
        path: what errors call the file. source: its whole text.
        name, variant, version, description, model: as the front matter has them; None if it does not.
        tools: names. tool_defs: definitions, as the front matter has them. config: of the model.
        input_schema, output_schema: JSON Schema, whatever the file has. defaults: of variables.
        output_format: such as `json`. metadata: the key of that name.
        ext: dotted keys, by what is before the last dot: `gateway.margin: 1` is `{"gateway": {"margin": 1}}`.
        raw: the whole front matter; {} if there is none.
        partials: the sources of all partials it needs, through others too, by name. With `source`, all that is said.
        checker: of variables, by the input schema. template: the body, with its partials.
    """

    path: str
    source: str
    name: str | None
    variant: str | None
    version: str | None
    description: str | None
    model: str | None
    tools: Sequence[str]
    tool_defs: Sequence[Mapping[str, Any]]
    config: Mapping[str, Any]
    input_schema: JsonSchema | None
    defaults: Mapping[str, Any]
    output_format: str | None
    output_schema: JsonSchema | None
    metadata: Mapping[str, Any]
    ext: Mapping[str, Mapping[str, Any]]
    raw: Mapping[str, Any]
    checker: Checker | None
    template: Template

    @property
    def partials(self) -> Mapping[str, str]:
        return self.template.partials

    def render(
        self,
        variables: Mapping[str, Any],
        *,
        context: Mapping[str, Any] | None = None,
        history: Sequence[Message] = (),
        docs: Sequence[Any] = (),
        limits: Limits = LIMITS,
    ) -> tuple[Message, ...]:
        """The messages, with variables that have been checked (`checking.check`), or are taken as they are.

        Args:
            context: what the template finds behind `@`: `{"state": …}` is `@state`.
            history: messages before. docs: `@metadata.docs`.

        Raises:
            RenderError: too long or too many steps, or a helper that cannot do with a variable.
        """
        data: dict[str, Any] = {}
        if self.template.asks_metadata:
            front = {key: value for key, value in self.raw.items() if key != "input"}
            data["metadata"] = {"prompt": front, "docs": docs, "messages": as_json(history)}
        if context:
            data.update(context)
        merged = {**self.defaults, **variables} if self.defaults else variables
        return split(self.template.render(merged, data, limits), history)
