"""Reading a `.prompt` file: everything that can be wrong with one is found here."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.prompts.dotprompt.front_matter import FrontMatter, cut
from gateway.prompts.dotprompt.helping import WORDS
from gateway.prompts.dotprompt.picoschema import NO_SCHEMAS, PicoschemaError, to_json_schema
from gateway.prompts.dotprompt.prompt import JsonSchema, Prompt
from gateway.prompts.handlebars.linking import link
from gateway.prompts.handlebars.sources import Source


def read(
    source: str,
    *,
    path: str,
    partials: Callable[[str], str | None],
    schemas: Mapping[str, JsonSchema] = NO_SCHEMAS,
) -> Prompt:
    """A prompt out of a file's text.

    Args:
        path: what errors call the file.
        partials: the source of a partial, `{{>name}}`, by its name; None if there is none.
        schemas: JSON Schemas that the file's may name.

    Raises:
        DocumentError: with file and line: front matter that is not YAML or not of its shape, a schema that is none, a
            template that cannot be read, a helper or a partial that is not known, partials that go in circles.
    """
    front = cut(source.removeprefix("\ufeff"), path)
    shape = front.shape
    return Prompt(
        path=path,
        source=source,
        name=shape.name,
        variant=shape.variant,
        version=None if shape.version is None else str(shape.version),
        description=shape.description,
        model=shape.model,
        tools=shape.tools,
        tool_defs=shape.tool_defs,
        config=shape.config,
        input_schema=_schema(front, "input", shape.input.schema, schemas),
        defaults=shape.input.default,
        output_format=shape.output.format,
        output_schema=_schema(front, "output", shape.output.schema, schemas),
        metadata=shape.metadata,
        ext=_ext(front.raw),
        raw=front.raw,
        body=front.body,
        template=link(Source(front.body, path, front.body_line), WORDS, partials),
    )


def _schema(front: FrontMatter, key: str, schema: Any, schemas: Mapping[str, JsonSchema]) -> JsonSchema | None:
    if schema is None:
        return None
    try:
        return to_json_schema(schema, schemas)
    except PicoschemaError as error:
        raise front.error((key, "schema", *error.where), str(error)) from None


def _ext(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    ext: dict[str, dict[str, Any]] = {}
    for key, value in raw.items():
        if "." in key:
            space, _, name = key.rpartition(".")
            ext.setdefault(space, {})[name] = value
    return ext
