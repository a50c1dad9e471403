"""Reading whole JSON answers: usage, the model that served, how it finished. The bytes stay as they came."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.core.call import Operation, Served
from gateway.core.faults import UpstreamBroken
from gateway.dialects.openai.usage import Json, part, read_usage, used_units

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def read_answer(body: bytes, operation: Operation, request: Mapping[str, object], served: Served) -> Json:
    """Note in `served` what a successful JSON answer says about itself.

    Raises:
        UpstreamBroken: the body is not a JSON object.
    """
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken("the upstream's answer is not valid JSON") from None
    if not isinstance(answer, dict):
        raise UpstreamBroken("the upstream's answer is not a JSON object")
    answer = cast(dict[str, Any], answer)
    note_model(answer, served)
    served.finish_reason = finish_reason(answer) or served.finish_reason
    usage = part(answer, "usage")
    if usage:
        served.usage = read_usage(usage, images_out=operation.name == "images")
    else:
        served.usage = used_units(operation.name, answer, request)
    if served.usage is not None:
        served.usage_source = "provider"
    return answer


def note_model(answer: Json, served: Served) -> None:
    model = answer.get("model")
    if isinstance(model, str):
        served.model = model


def finish_reason(answer: Json) -> str:
    """Chat: the first choice's `finish_reason`; Responses: `incomplete_details.reason`, else the status."""
    choices = answer.get("choices")
    if isinstance(choices, list):
        for choice in cast(list[object], choices):
            reason = cast(Json, choice).get("finish_reason") if isinstance(choice, dict) else None
            if isinstance(reason, str):
                return reason
        return ""
    reason = part(answer, "incomplete_details").get("reason") or answer.get("status")
    return reason if isinstance(reason, str) else ""


def rename_model(data: bytes, said: str, alias: str) -> bytes:
    """`data` with the model name the upstream said replaced by the alias, wherever it stands as a `model` member.

    Inside a JSON string a quote is always escaped, so the pattern cannot match within somebody's text.
    """
    old, new = _encode(said), _encode(alias)
    for member in (b'"model":', b'"model": '):
        data = data.replace(member + old, member + new)
    return data
