"""Variables, judged by a prompt's `input.schema`, before they are rendered."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from gateway.core.extras import installing
from gateway.prompts.dotprompt.judging import MISSING, Beyond, Fits, Problem, Schema, judge, kinds, shown, why

if TYPE_CHECKING:
    from gateway.prompts.dotprompt.prompt import Prompt

ROOT = "prompt.variables"
MAX_PROBLEMS = 20
MAX_NUMERAL = 40
NEEDS_EXTRA = f"this is more of JSON Schema than Picoschema has, and needs the extra `guards`: {installing('guards')}"
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class VariablesError(ValueError):
    """Attributes:
    problems: what is wrong with each, with its path; 20 at most.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{one.path} {one.message}" for one in problems))
        self.problems = tuple(problems)


def check(prompt: "Prompt", variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables to render: with the defaults of those that are not given, and of the types that the schema has.

    A text that is exactly a number, `true` or `false` stands for it where the schema has a number, an integer or a
    boolean and no string: clients of OpenAI's `prompt` object can send nothing but texts.

    Raises:
        VariablesError: some are missing, mistyped or unknown.
    """
    merged = {**prompt.defaults, **variables}
    checker = prompt.checker
    if checker is None:
        return merged
    for name, types in checker.converted.items():
        value = merged.get(name)
        if type(value) is str:
            merged[name] = _meant(value, types)
    if not checker.fits(merged):
        raise VariablesError(list(islice(checker.problems(merged, ROOT), MAX_PROBLEMS)))
    return merged


def _meant(text: str, types: frozenset[str]) -> object:
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if len(text) <= MAX_NUMERAL:
        if types & {"integer", "number"} and _INTEGER.fullmatch(text):
            return int(text)
        if "number" in types and _NUMBER.fullmatch(text):
            return float(text)
    return text


class Checker:
    """A schema that variables must be of. `made` from Picoschema, it needs no proof, and is compiled when first used.

    Raises:
        ValueError: it is no JSON Schema, or the extra is missing that judges such schemas.
    """

    def __init__(self, schema: Schema, made: bool) -> None:
        self.schema = schema
        self._fits: Fits | None = None
        if not made:
            try:
                self._fits = judge(schema)
            except Beyond:
                self._fits = self._validator.is_valid

    @cached_property
    def _validator(self) -> Any:
        try:
            import jsonschema_rs
        except ImportError:
            raise ValueError(NEEDS_EXTRA) from None
        try:
            return jsonschema_rs.validator_for(
                dict(self.schema), mask="it", pattern_options=jsonschema_rs.RegexOptions(), offline=True
            )
        except ValueError as error:
            raise ValueError(f"is no JSON Schema: {str(error).splitlines()[0]}") from None

    @cached_property
    def converted(self) -> Mapping[str, frozenset[str]]:
        """The variables that a text may stand for, and what they may be."""
        properties: object = self.schema.get("properties")
        found: dict[str, frozenset[str]] = {}
        for name, one in cast(Schema, properties).items() if isinstance(properties, dict) else ():
            types = _types(one)
            if types & {"integer", "number", "boolean"} and "string" not in types:
                found[name] = types
        return found

    def fits(self, value: Mapping[str, Any]) -> bool:
        if self._fits is None:
            self._fits = judge(self.schema)
        return self._fits(value)

    def problems(self, value: Mapping[str, Any], root: str) -> Iterator[Problem]:
        """What is wrong with a value; `root`: what it is called."""
        if "_validator" in self.__dict__:
            return (_told(error, root) for error in self._validator.iter_errors(value))
        return why(self.schema, value, root)


def _types(schema: Any) -> frozenset[str]:
    try:
        return frozenset(kinds(cast(Schema, schema))) if isinstance(schema, Mapping) else frozenset()
    except Beyond:
        return frozenset()


def _told(error: Any, root: str) -> Problem:
    path = root + "".join(f"[{step}]" if isinstance(step, int) else f".{shown(step)}" for step in error.instance_path)
    if error.kind.name == "required":
        return Problem(f"{path}.{shown(error.kind.property)}", MISSING)
    if error.kind.name == "additionalProperties":
        return Problem(f"{path}.{shown(error.kind.unexpected[0])}", "is not known here")
    return Problem(path, error.message.removeprefix("it "))
