"""Reading a `.prompt` file: everything that can be wrong with one is found here."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

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
    shape = front.shape
    input_schema, checker = _input(front, schemas)
    template = LANGUAGE.template(Source(front.body, path, front.body_line), partials, partial_names)
    if input_schema is not None:
        _check_declared(template, input_schema)
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
        input_schema=input_schema,
        defaults=shape.input.default,
        output_format=shape.output.format,
        output_schema=_schema(front, "output", shape.output.schema, schemas)[0],
        metadata=shape.metadata,
        ext=_ext(front.raw),
        raw=front.raw,
        checker=checker,
        template=template,
    )


def _schema(
    front: FrontMatter, key: str, schema: Any, schemas: Mapping[str, JsonSchema]
) -> tuple[JsonSchema | None, bool]:
    if schema is None:
        return None, True
    try:
        return to_json_schema(schema, schemas)
    except PicoschemaError as error:
        raise front.error((key, "schema", *error.where), str(error)) from None


def _input(front: FrontMatter, schemas: Mapping[str, JsonSchema]) -> tuple[JsonSchema | None, Checker | None]:
    schema, made = _schema(front, "input", front.shape.input.schema, schemas)
    if schema is None:
        return None, None
    try:
        checker = Checker(schema, made)
        defaults = front.shape.input.default
        wrong = [one for one in checker.problems(defaults, "default") if one.message != MISSING] if defaults else ()
    except ValueError as error:
        raise front.error(("input", "schema"), str(error)) from None
    for one in wrong:
        name = one.path.split(".")[1] if "." in one.path else ""
        raise front.error(("input", "default", name), f"{one.path} {one.message}")
    return schema, checker


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


def _ext(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    ext: dict[str, dict[str, Any]] = {}
    for key, value in raw.items():
        if "." in key:
            space, _, name = key.rpartition(".")
            ext.setdefault(space, {})[name] = value
    return ext
