"""`data_source` of a run: where its rows come from, and who answers them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.faults import BadRequest
from gateway.evals.jsonl import DataRow, read_rows, too_many
from gateway.evals.messages import Api, InputMessages
from gateway.evals.reading import read_as
from gateway.stores.wording import nearest

PLACE = "data_source"
KINDS = ("jsonl", "completions", "responses")
_KEPT_BY_OPENAI = {"stored_completions": "completions", "responses": "responses"}
# OpenAI's names of sampling parameters → those of the call that is made.
_PARAMETERS = ("temperature", "top_p", "seed", "max_completion_tokens", "reasoning_effort", "response_format", "tools")
_CHAT = {name: name for name in _PARAMETERS}
_RESPONSES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_completion_tokens": "max_output_tokens",
    "text": "text",
    "tools": "tools",
    # The Responses API has no seed: it is told in the output items, and sent nowhere, as OpenAI does.
    "seed": "",
    "reasoning_effort": "",
}


class FromFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file_id"):
    id: str


class FromRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file_content"):
    content: list[Any]


class _Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    type: str
    source: dict[str, Any]
    model: str | None = None
    input_messages: dict[str, Any] | None = None
    sampling_params: dict[str, Any] | None = None


class _Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Those of both kinds, for their types; which belong to which, `_CHAT` and `_RESPONSES` say."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    response_format: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is asked for a row's answer. `params`: as they were sent."""

    api: Api
    model: str
    messages: InputMessages
    params: Mapping[str, Any]

    def request(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """The body of the call."""
        names = _CHAT if self.api == "chat" else _RESPONSES
        body: dict[str, Any] = {"model": self.model, "messages" if self.api == "chat" else "input": messages}
        body |= {names[name]: value for name, value in self.params.items() if names[name]}
        if self.api == "responses":
            body["store"] = False
            if effort := self.params.get("reasoning_effort"):
                body["reasoning"] = {"effort": effort}
        return body


class DataSource(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    sampling: None: rows have their answers already, or need none.
    file: the id of the file with the rows; empty: `rows` are they.
    """

    sampling: Sampling | None
    file: str = ""
    rows: list[DataRow] = []

    @property
    def model(self) -> str:
        return self.sampling.model if self.sampling else ""


def read_source(value: Any, most: int | None = None) -> DataSource:
    """`most`: rows that may stand in it; they are counted before they are read.

    Raises:
        BadRequest: it is none, or one that cannot be had here.
    """
    kind: Any = value.get("type") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if kind not in KINDS:
        known = nearest(kind[:64], list(KINDS)) if isinstance(kind, str) else f"; one of {', '.join(KINDS)}"
        raise BadRequest(f"`data_source.type` is no data source's{known}", param=f"{PLACE}.type")
    sent = read_as(value, _Sent, PLACE)
    file, rows = _rows(sent.source, most)
    if kind == "jsonl":
        for name in ("model", "input_messages", "sampling_params"):
            if getattr(sent, name) is not None:
                raise BadRequest(
                    f"a `jsonl` data source asks no model, so it has no `{name}`; `completions` and `responses` do",
                    param=f"{PLACE}.{name}",
                )
        return DataSource(sampling=None, file=file, rows=rows)
    return DataSource(sampling=_sampling(sent, "chat" if kind == "completions" else "responses"), file=file, rows=rows)


def _rows(source: Mapping[str, Any], most: int | None) -> tuple[str, list[DataRow]]:
    place, kind = f"{PLACE}.source", source.get("type")
    if isinstance(kind, str) and kind in _KEPT_BY_OPENAI:
        raise BadRequest(
            f"this gateway keeps no {_KEPT_BY_OPENAI[kind]} to make rows of; send rows, as `file_content` or as the "
            "`file_id` of a file that was sent with `purpose=evals`",
            code="data_source_not_supported",
            param=f"{place}.type",
        )
    if kind == "file_id":
        return read_as(source, FromFile, place).id, []
    if kind == "file_content":
        content = read_as(source, FromRequest, place).content
        if most is not None and len(content) > most:
            raise too_many(most, f"{place}.content")
        return "", read_rows(content, f"{place}.content")
    raise BadRequest("`data_source.source.type` is `file_content` or `file_id`", param=f"{place}.type")


def _sampling(sent: _Sent, api: Api) -> Sampling:
    if not sent.model or sent.input_messages is None:
        missing = "input_messages" if sent.model else "model"
        raise BadRequest(
            f"`{missing}` is missing: which model is asked, and what; rows that have their `sample` already are graded "
            "by a data source of type `jsonl`",
            param=f"{PLACE}.{missing}",
        )
    place, names = f"{PLACE}.sampling_params", _CHAT if api == "chat" else _RESPONSES
    params = {name: value for name, value in (sent.sampling_params or {}).items() if value is not None}
    for name in params:
        if name not in names:
            raise BadRequest(
                f"`{name}` is no parameter of {sent.type}{nearest(name[:64], list(names))}",
                param=f"{place}.{name[:64]}",
            )
    read_as(params, _Params, place)
    messages = InputMessages(sent.input_messages, api, f"{PLACE}.input_messages")
    return Sampling(api=api, model=sent.model, messages=messages, params=params)
