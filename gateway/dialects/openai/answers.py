"""Reading whole JSON answers: usage, the model that served, how it finished. The bytes stay as they came."""

from collections.abc import Mapping
from typing import Any, TypedDict, cast

import msgspec

from gateway.core.attempt import Terms
from gateway.core.call import Operation, Served
from gateway.core.conversation import Json
from gateway.core.faults import UpstreamBroken
from gateway.core.generation import Statement
from gateway.core.usage import Usage
from gateway.dialects.openai.usage import read_block, read_usual, used_units
from gateway.dialects.reading import decoded, part
from gateway.dialects.responses.usage import BILLED_ITEMS, statement_of, usage_of
from gateway.dialects.statements import kept, note_usage, term, tier_terms

_open = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# What is looked at; the rest of an answer (embeddings are megabytes of numbers) is only checked for being JSON.
_LOOKED_AT = frozenset(
    {
        *("model", "usage", "tool_usage", "service_tier", "status", "incomplete_details", "duration", "meta", "error"),
        *("id", "size", "quality"),
    }
)

# Words that an upstream chooses and a record keeps.
MAX_WORD = 256


class _Choice(TypedDict, total=False):
    finish_reason: str | None


class _Item(msgspec.Struct):
    """An output item without what it holds (an image's base64)."""

    type: str = ""
    action: dict[str, Any] | str | None = None
    container_id: str | None = None
    size: str | None = None
    quality: str | None = None


class _Chosen(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Usual(msgspec.Struct):
    """A chat completion as far as it is looked at. What says nothing there is opened all the same: an answer in which
    it is no JSON is none."""

    choices: list[_Chosen]
    usage: msgspec.Raw
    id: str = ""
    model: str = ""
    service_tier: str | None = None
    tool_usage: Any = None
    status: Any = None
    incomplete_details: Any = None
    duration: Any = None
    meta: Any = None
    error: Any = None
    size: Any = None
    quality: Any = None


_decode_usual = msgspec.json.Decoder(_Usual).decode
_decode_choices = msgspec.json.Decoder(list[_Choice]).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_answer(body: bytes, operation: Operation, request: Mapping[str, object], served: Served) -> None:
    """Note in `served` what a successful JSON answer says about itself.

    Raises:
        UpstreamBroken: the body is not a JSON object.
    """
    if operation.name == "chat" and _note_usual(body, served):
        return
    try:
        fields: dict[str, msgspec.Raw] = decoded(body, _open)
        answer: dict[str, Any] = {name: _decode(raw) for name, raw in fields.items() if name in _LOOKED_AT}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken("the upstream's answer is not a JSON object") from None
    _open_lists(fields, answer)
    if operation.protocol == "responses" and b'_call"' in body:
        _open_output(fields, answer)
    note_model(answer, served)
    served.finish_reason = finish_reason(answer)
    usage = part(answer, "usage")
    if usage:
        raw = bytes(fields["usage"])
        if operation.protocol == "responses":
            _note_response(answer, raw, fields, served)
            return
        images = operation.name == "images"
        used, agrees = read_block(usage, images_out=images)
        terms = _image_terms(answer, request) if images else terms_of(answer, usage)
        note_usage(served, used, Statement(kept(raw), terms, agrees))
        if images and served.usage is None:  # it counts no tokens, but what it costs, say
            note_usage(served, used_units("images", answer, request) or Usage(), Statement())
        return
    _note_units(operation.name, answer, request, fields, served)


def _note_usual(body: bytes, served: Served) -> bool:
    """The same for a chat completion without anything out of the ordinary, read in one go; False, and nothing noted,
    for all others."""
    try:
        if not body.isascii():
            body.decode()  # names of fields that nobody asked for are not looked into
        said: _Usual = _decode_usual(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    usage = read_usual(said.usage)
    if usage is None:
        return False
    if said.model:
        served.model = said.model[:MAX_WORD]
    if said.id:
        served.response_id = said.id[:MAX_WORD]
    served.finish_reason = ""
    for choice in said.choices:
        if choice.finish_reason is not None:
            served.finish_reason = choice.finish_reason[:MAX_WORD]
            break
    note_usage(served, usage, Statement(kept(bytes(said.usage)), tier_terms(said.service_tier)))
    return True


def _note_response(answer: Json, raw: bytes, fields: Mapping[str, msgspec.Raw], served: Served) -> None:
    used, agrees = usage_of(answer) or (Usage(), True)
    tools = fields.get("tool_usage") if used.web_searches or used.images else None
    raws = (raw,) if tools is None else (raw, bytes(tools))
    note_usage(served, used, statement_of(answer, raws, agrees))


def _note_units(
    operation: str, answer: Json, request: Mapping[str, object], fields: Mapping[str, msgspec.Raw], served: Served
) -> None:
    """Of an answer without a usage object: what its content tells."""
    used = used_units(operation, answer, request)
    if used is None:
        return
    served.usage, served.usage_source = used, "provider"
    raw = kept(bytes(fields["meta"])) if operation == "rerank" else ()
    terms = _image_terms(answer, request) if operation == "images" else Terms()
    note_usage(served, used, Statement(raw, terms))


def terms_of(answer: Json, usage: Json) -> Terms:
    """The tier that served; Mistral says it in the usage object."""
    said = answer.get("service_tier")
    return tier_terms(usage.get("service_tier") if said is None else said)


def _image_terms(answer: Json, request: Mapping[str, object]) -> Terms:
    """Of generated images: as the answer says; what it leaves out was made as it was asked for."""
    return Terms(
        image_size=term(answer, "size") or term(request, "size"),
        image_quality=term(answer, "quality") or term(request, "quality"),
    )


def _open_lists(fields: Mapping[str, msgspec.Raw], answer: dict[str, Any]) -> None:
    """`choices` as their finish reasons, `data` as its length's worth of placeholders; oddly shaped ones not at all."""
    try:
        if "choices" in fields:
            answer["choices"] = _decode_choices(fields["choices"])
        if "data" in fields:
            answer["data"] = [None] * len(_decode_list(fields["data"]))
    except msgspec.MsgspecError:
        return


def _open_output(fields: Mapping[str, msgspec.Raw], answer: dict[str, Any]) -> None:
    """`output` as far as it tells what hosted tools did, for they are billed by the piece."""
    items: list[Any] = []
    try:
        for raw in _decode_list(fields["output"]) if "output" in fields else ():
            try:
                items.append(_decode_item(raw))
            except msgspec.MsgspecError:
                continue
    except msgspec.MsgspecError:
        return
    answer["output"] = [msgspec.to_builtins(item) for item in items if item.type in BILLED_ITEMS]


def note_model(answer: Json, served: Served) -> None:
    model, said_id = answer.get("model"), answer.get("id")
    if isinstance(model, str):
        served.model = model[:MAX_WORD]
    if isinstance(said_id, str):
        served.response_id = said_id[:MAX_WORD]


def finish_reason(answer: Json) -> str:
    """Chat: the first choice's `finish_reason`; Responses: `incomplete_details.reason`, else the status."""
    choices = answer.get("choices")
    if isinstance(choices, list):
        for choice in cast("list[object]", choices):
            reason = cast("Json", choice).get("finish_reason") if isinstance(choice, dict) else None
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
