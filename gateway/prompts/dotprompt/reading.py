"""Reading a `.prompt` file: everything that can be wrong with one is found here."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from gateway.prompts.dotprompt.checking import Checker
from gateway.prompts.dotprompt.front_matter import FrontMatter, cut
from gateway.prompts.dotprompt.helping import WORDS
from gateway.prompts.dotprompt.judging import MISSING
from gateway.prompts.dotprompt.picoschema import NO_SCHEMAS, PicoschemaError, to_json_schema
from gateway.prompts.dotprompt.prompt import JsonSchema, Prompt
from gateway.prompts.handlebars.language import Language, Template
from gateway.prompts.handlebars.sources import Source
from gateway.stores.wording import nearest

LANGUAGE = Language(WORDS)


def read(
    source: str,
    *,
    path: str,
    partials: Callable[[str], str | None],
    partial_names: Collection[str] = (),
    schemas: Mapping[str, JsonSchema] = NO_SCHEMAS,
) -> Prompt:
    """A prompt out of a file's text.

    Args:
        path: what errors call the file.
        partials: the source of a partial, `{{>name}}`, by its name; None if there is none.
        partial_names: of those that there are, to name the nearest when one is not.
        schemas: JSON Schemas that the file's may name.

    Raises:
        DocumentError: with file and line: front matter that is not YAML or not of its shape, a schema that is none, a
            template that cannot be read, a helper or a partial that is not known, partials that go in circles.
    """
    front = cut(source.removeprefix("\ufeff"), path)
    keys = front.keys
    found = keys.schemas or _schemas(front, schemas)
    template = LANGUAGE.template(Source(front.body, path, front.body_line), partials, partial_names)
    if found.input is not None:
        _check_declared(template, found.input)
    shape = keys.shape
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
        input_schema=found.input,
        defaults=shape.input.default,
        output_format=shape.output.format,
        output_schema=found.output,
        metadata=shape.metadata,
        ext=keys.ext,
        raw=keys.raw,
        checker=found.checker,
        template=template,
    )


class _Schemas(NamedTuple):
    input: JsonSchema | None
    checker: Checker | None
    output: JsonSchema | None


def _schemas(front: FrontMatter, schemas: Mapping[str, JsonSchema]) -> _Schemas:
    shape = front.keys.shape
    given, made = _schema(front, "input", shape.input.schema, schemas)
    output, output_made = _schema(front, "output", shape.output.schema, schemas)
    found = _Schemas(given, None if given is None else _checker(front, given, made), output)
    if not schemas or (made and output_made):  # no others could come of it
        front.keys.schemas = found
    return found


def _schema(
    front: FrontMatter, key: str, schema: Any, schemas: Mapping[str, JsonSchema]
) -> tuple[JsonSchema | None, bool]:
    if schema is None:
        return None, True
    try:
        return to_json_schema(schema, schemas)
    except PicoschemaError as error:
        raise front.error((key, "schema", *error.where), str(error)) from None


def _checker(front: FrontMatter, schema: JsonSchema, made: bool) -> Checker:
    """Raises: DocumentError: the schema is none, or defaults are not of it."""
    defaults = front.keys.shape.input.default
    try:
        checker = Checker(schema, made)
        wrong = [one for one in checker.problems(defaults, "default") if one.message != MISSING] if defaults else ()
    except ValueError as error:
        raise front.error(("input", "schema"), str(error)) from None
    for one in wrong:
        name = one.path.split(".")[1] if "." in one.path else ""
        raise front.error(("input", "default", name), f"{one.path} {one.message}")
    return checker


def _check_declared(template: Template, schema: JsonSchema) -> None:
    """A variable that a closed schema does not name can never have a value.

    Raises:
        TemplateError: the template looks up one.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    if schema.get("additionalProperties") is not False:
        return
    for name in template.variables:
        if name not in properties:
            reason = f"the variable `{name}` is not in input.schema{nearest(name, sorted(properties))}"
            raise template.source.error(template.place(name), reason)
