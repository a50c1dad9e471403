"""Reading whole JSON answers: usage, the model that served, how it finished. The bytes stay as they came."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.core.call import Operation, Served
from gateway.core.conversation import Json
from gateway.core.faults import UpstreamBroken
from gateway.dialects.openai.usage import read_usage, used_units
from gateway.dialects.reading import decoded, part
from gateway.dialects.responses.usage import usage_of

_open = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# What is looked at; the rest of an answer (embeddings are megabytes of numbers) is only checked for being JSON.
_LOOKED_AT = frozenset({"model", "usage", "tool_usage", "status", "incomplete_details", "duration", "meta", "error"})


# Words that an upstream chooses and a record keeps.
MAX_WORD = 256


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Action(msgspec.Struct):
    type: str = "search"


class _Item(msgspec.Struct):
    type: str = ""
    action: _Action | None = None


_decode_choices = msgspec.json.Decoder(list[_Choice]).decode
_decode_items = msgspec.json.Decoder(list[_Item]).decode
_decode_data = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_answer(body: bytes, operation: Operation, request: Mapping[str, object], served: Served) -> None:
    """Note in `served` what a successful JSON answer says about itself.

    Raises:
        UpstreamBroken: the body is not a JSON object.
    """
    try:
        fields: dict[str, msgspec.Raw] = decoded(body, _open)
        answer: dict[str, Any] = {name: _decode(raw) for name, raw in fields.items() if name in _LOOKED_AT}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken("the upstream's answer is not a JSON object") from None
    _open_lists(fields, answer)
    if b"web_search_call" in body:
        _open_output(fields, answer)
    note_model(answer, served)
    served.finish_reason = finish_reason(answer)
    usage = part(answer, "usage")
    if usage:
        images_out = operation.name == "images"
        served.usage = (
            usage_of(answer) if operation.protocol == "responses" else read_usage(usage, images_out=images_out)
        )
    else:
        served.usage = used_units(operation.name, answer, request)
    if served.usage is not None:
        served.usage_source = "provider"


def _open_lists(fields: Mapping[str, msgspec.Raw], answer: dict[str, Any]) -> None:
    """`choices` as their finish reasons, `data` as its length's worth of placeholders; oddly shaped ones not at all."""
    try:
        if "choices" in fields:
            answer["choices"] = [{"finish_reason": one.finish_reason} for one in _decode_choices(fields["choices"])]
        if "data" in fields:
            answer["data"] = [None] * len(_decode_data(fields["data"]))
    except msgspec.MsgspecError:
        return


def _open_output(fields: Mapping[str, msgspec.Raw], answer: dict[str, Any]) -> None:
    """`output` as its items' kinds, for hosted searches are billed by the call."""
    try:
        if "output" in fields:
            answer["output"] = msgspec.to_builtins(_decode_items(fields["output"]))
    except msgspec.MsgspecError:
        return


def note_model(answer: Json, served: Served) -> None:
    model = answer.get("model")
    if isinstance(model, str):
        served.model = model[:MAX_WORD]


def finish_reason(answer: Json) -> str:
    """Chat: the first choice's `finish_reason`; Responses: `incomplete_details.reason`, else the status."""
    choices = answer.get("choices")
    if isinstance(choices, list):
        for choice in cast(list[object], choices):
            reason = cast(Json, choice).get("finish_reason") if isinstance(choice, dict) else None
            if isinstance(reason, str):
                return reason[:MAX_WORD]
        return ""
    reason = part(answer, "incomplete_details").get("reason") or answer.get("status")
    return reason[:MAX_WORD] if isinstance(reason, str) else ""


def rename_model(data: bytes, said: str, alias: str) -> bytes:
    """`data` with the model name the upstream said replaced by the alias, wherever it stands as a `model` member.

    Inside a JSON string a quote is always escaped, so the pattern cannot match within somebody's text.
    """
    old, new = _encode(said), _encode(alias)
    for member in (b'"model":', b'"model": '):
        data = data.replace(member + old, member + new)
    return data
