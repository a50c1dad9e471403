"""`json_schema`: an answer must be JSON, of a form.

The validator is jsonschema-rs (drafts 4 to 2020-12), told to fetch nothing and to read patterns with an engine that
takes linear time. fastjsonschema has no wheels to mind, but makes Python source of the schema and runs it, with `re`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.guard.detectors.matching import MISSING, MissingExtra
from gateway.guard.words import Span
from gateway.stores.jsonvalues import as_json

_NO_JSON = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)
MAX_TOLD = 500  # characters of what is wrong
_OPENED = re.compile(r"```(?:json)?[ \t]*\n", re.IGNORECASE)


class JsonSchemaOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    schema: `{}` takes any JSON.
    fenced: JSON in a Markdown fence (```json) counts as JSON.
    repair: a whole answer that is none of this form is asked for once more, and the model told why.
    """

    schema: Mapping[str, Any]
    fenced: bool = False
    repair: bool = False


def validator_of(schema: Any, pattern_bytes: int = 10 * 1024 * 1024) -> Any:
    """What says whether a value is of the schema (plain JSON): `is_valid`, `iter_errors`. `pattern_bytes`: as large as
    a pattern may be once it is compiled; a larger one counts as none.

    Raises:
        ValueError: the schema is none. MissingExtra: jsonschema-rs is not installed.
    """
    try:
        import jsonschema_rs
    except ImportError:
        raise MissingExtra(MISSING) from None
    try:
        patterns = jsonschema_rs.RegexOptions(size_limit=pattern_bytes)
        return jsonschema_rs.validator_for(schema, pattern_options=patterns, offline=True)
    except jsonschema_rs.ValidationError as error:
        at = "/".join(map(str, error.instance_path))
        raise ValueError(f"the schema is none: {error.message}{f' at /{at}' if at else ''}") from None


class JsonSchemaDetector:
    """Kinds: `not_json`, and `schema` for JSON of another form. Both are about the whole text.

    Raises:
        ValueError: the schema is none. MissingExtra: jsonschema-rs is not installed.
    """

    name = "json_schema"
    whole = True

    def __init__(self, options: JsonSchemaOptions) -> None:
        self._fenced = options.fenced
        self.repair = options.repair
        schema = as_json(dict(options.schema))
        self._told = msgspec.json.encode(schema).decode()
        self._validator = validator_of(schema)

    def find(self, text: str) -> Sequence[Span]:
        if not text:
            return ()
        try:
            fits = self._validator.is_valid(self._value(text))
        except _NO_JSON:
            return (Span(0, len(text), "not_json"),)
        except ValueError:  # deeper than the validator looks
            fits = False
        return () if fits else (Span(0, len(text), "schema"),)

    def complaint(self, text: str) -> str:
        """What to tell a model that answered so, to answer better; empty if nothing is wrong."""
        if not text:
            return ""
        try:
            error = next(self._validator.iter_errors(self._value(text)), None)
        except _NO_JSON:
            why = "it is not JSON"
        except ValueError:
            why = "it is nested too deeply"
        else:
            if error is None:
                return ""
            at = "/".join(map(str, error.instance_path))
            why = f"at /{at}: {error.message[:MAX_TOLD]}"
        return (
            f"Your answer is not valid; {why}. Answer again, with JSON only, that fits this JSON schema: {self._told}"
        )

    def _value(self, text: str) -> Any:
        """Raises: _NO_JSON."""
        return msgspec.json.decode(_inside(text) if self._fenced else text)

    def open_from(self, text: str) -> int:  # noqa: ARG002
        return 0


def _inside(text: str) -> str:
    """What stands in a fence, if the whole text is one."""
    bare = text.strip()
    opened = _OPENED.match(bare)
    return bare[opened.end() : -3] if opened and bare.endswith("```") and len(bare) > opened.end() else text
