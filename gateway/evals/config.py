"""`data_source_config`: what the rows of an eval look like."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.faults import BadRequest, NotConfigured
from gateway.evals.reading import read_as, refuse_large
from gateway.evals.schema_work import TooMuchWork, Work
from gateway.guard.detectors.json_schema import validator_of
from gateway.guard.detectors.matching import MissingExtra

PLACE = "data_source_config"
MAX_TOLD = 300
# With more, and as many of them as a schema has room for, it would take minutes to compile.
PATTERN_BYTES = 1024 * 1024
_REFUSED = (
    "this gateway keeps no completions to make rows of, so there are no `{}` here: take a `custom` config with an "
    "`item_schema`, and send the rows with the run, as `file_content` or as a file (`purpose=evals`)"
)
# What of an answer criteria may look at, as OpenAI tells it.
_SAMPLE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "choices": {"type": "array", "items": {"type": "object"}},
        "output_text": {"type": "string"},
        "output_json": {"type": "object"},
        "output_tools": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["model", "choices"],
}


class Custom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    type: str
    item_schema: dict[str, Any]
    include_sample_schema: bool = False


class Items:
    """What says whether an item is of the eval's schema. Once for each run: how much work its rows have been adds up.

    Raises:
        ValueError: the schema is none, or may take too long. MissingExtra: the extra `guards` is not installed.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        plain = dict(schema)
        self._work = Work(plain)
        try:
            self._validator = validator_of(plain, PATTERN_BYTES)
        except ValueError as error:
            large = (
                f", or one of more than {PATTERN_BYTES} bytes when it is compiled" if '"regex"' in str(error) else ""
            )
            raise ValueError(f"{error}{large}") from None

    def wrong(self, item: Mapping[str, Any]) -> str:
        """What is wrong with it; empty if nothing is."""
        try:
            self._work.take(item)
        except TooMuchWork as error:
            return str(error)
        try:
            error = next(self._validator.iter_errors(item), None)
        except ValueError:
            return "it is nested too deeply"
        if error is None:
            return ""
        path: Sequence[Any] = error.instance_path
        return f"`{'.'.join(map(str, ('item', *path)))}`: {error.message[:MAX_TOLD]}"


def read_config(value: Any) -> dict[str, Any]:
    """The config as it is answered: with the schema of whole rows.

    Raises:
        BadRequest: it is none, or asks for data that nobody has here. NotConfigured: schemas cannot be checked here.
    """
    kind: Any = value.get("type") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if kind in ("logs", "stored_completions"):
        raise BadRequest(_REFUSED.format(kind), code="data_source_not_supported", param=f"{PLACE}.type")
    if kind != "custom":
        raise BadRequest("`data_source_config.type` is `custom`", param=f"{PLACE}.type")
    custom = read_as(value, Custom, PLACE)
    refuse_large(custom.item_schema, f"{PLACE}.item_schema")
    try:
        Items(custom.item_schema)
    except MissingExtra:
        raise needs_extra() from None
    except ValueError as error:
        raise BadRequest(str(error), param=f"{PLACE}.item_schema") from None
    properties: dict[str, Any] = {"item": custom.item_schema}
    if custom.include_sample_schema:
        properties["sample"] = _SAMPLE_SCHEMA
    return {"type": "custom", "schema": {"type": "object", "properties": properties, "required": list(properties)}}


def items_of(config: Mapping[str, Any]) -> Items:
    """Of a config that `read_config` made.

    Raises:
        NotConfigured: schemas cannot be checked here. BadRequest: this one cannot, as `read_config` would say now.
    """
    try:
        return Items(config["schema"]["properties"]["item"])
    except MissingExtra:
        raise needs_extra() from None
    except ValueError as error:
        raise BadRequest(f"the eval's item_schema cannot be used: {error}") from None


def needs_extra() -> NotConfigured:
    return NotConfigured(
        "rows cannot be held against an item_schema here: whoever runs the gateway has to install its extra `guards`",
        code="evals_unavailable",
    )
