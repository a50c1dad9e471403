"""Calls that do not generate text, said in another dialect than the client's: embeddings, and counting tokens."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.core.call import Call, Reply, Served
from gateway.core.conversation import ChatRequest, DialectName, Json
from gateway.core.generation import Statement
from gateway.core.usage import Usage
from gateway.dialects.anthropic.requests import decode_request as decode_messages
from gateway.dialects.anthropic.requests import encode_request as encode_messages
from gateway.dialects.gemini.counting import decode_count, decode_count_request, encode_count, encode_count_request
from gateway.dialects.gemini.embeddings import (
    decode_embeddings,
    decode_embeddings_answer,
    embedding_usage,
    encode_embeddings,
    encode_embeddings_answer,
    unsaid_to_gemini,
    unsaid_to_openai,
)
from gateway.dialects.openai.usage import read_block
from gateway.dialects.protocols import UPSTREAMS
from gateway.dialects.reading import answer_object, part, whole
from gateway.dialects.statements import kept, note_usage, raw_usage
from gateway.limits.estimate import input_tokens
from gateway.providers.dropping import tell_dropped
from gateway.providers.families import Family
from gateway.providers.headers import returned
from gateway.providers.profiles import Path, Profile
from gateway.providers.shaping import translated_body
from gateway.transport.client import Exchange

ESTIMATED_HEADER = "x-gateway-estimated"
_encode = msgspec.json.Encoder().encode
# What of a Messages body its counting endpoint takes.
_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking")


class Asked(msgspec.Struct, frozen=True):
    """Whom a call goes to: its kind, and the model's family."""

    profile: Profile
    family: Family


class Conversion(msgspec.Struct, frozen=True):
    """Attributes:
    path: the upstream's, below its base URL, where its kind has no other.
    ask: the upstream's body of a call. told: the client's body of the upstream's answer; notes usage.
    unsaid: fields of the client's body that are left out.
    """

    path: str
    ask: Callable[[Call, str, Asked], Mapping[str, Any]]
    told: Callable[[Call, bytes], bytes]
    unsaid: Callable[[Json], list[str]] = lambda _fields: []


def _to_gemini_embeddings(call: Call, model: str, _asked: Asked) -> Mapping[str, Any]:
    return encode_embeddings(call.fields.decoded(), model)


def _from_gemini_embeddings(call: Call, body: bytes) -> bytes:
    answer, usage = decode_embeddings_answer(body, call.fields.decoded(), str(call.target and call.target.model))
    _note_embeddings(call.served, usage, body)
    return _encode(answer)


def _to_openai_embeddings(call: Call, model: str, _asked: Asked) -> Mapping[str, Any]:
    return decode_embeddings(call.fields.decoded(), model)


def _from_openai_embeddings(call: Call, body: bytes) -> bytes:
    answer = answer_object(body)
    if block := part(answer, "usage"):
        usage, agrees = read_block(block)
        note_usage(call.served, usage, Statement(kept(raw_usage(body)), adds_up=agrees))
    return encode_embeddings_answer(answer, batch=call.operation.path.endswith("batchEmbedContents"))


def _asked_to_count(call: Call, model: str) -> ChatRequest:
    """The request whose tokens a client wants counted."""
    fields = call.fields.decoded()
    if call.operation.dialect == "gemini":
        return decode_count_request(fields, model)
    return decode_messages({"max_tokens": 1, **fields}, model, False)


def _to_gemini_count(call: Call, model: str, asked: Asked) -> Mapping[str, Any]:
    return encode_count_request(
        _asked_to_count(call, model), asked.family.quirks, vertex=asked.profile.counts_beside_contents
    )


def _to_anthropic_count(call: Call, model: str, asked: Asked) -> Mapping[str, Any]:
    body = encode_messages(_asked_to_count(call, model), asked.family.quirks)
    return {name: body[name] for name in _COUNTED if name in body}


def _from_gemini_count(call: Call, body: bytes) -> bytes:
    return _count_told(call, decode_count(body))


def _from_anthropic_count(call: Call, body: bytes) -> bytes:
    return _count_told(call, whole(answer_object(body).get("input_tokens")))


def _count_told(call: Call, count: int) -> bytes:
    call.served.usage, call.served.usage_source = Usage(), "provider"
    return encode_count(count) if call.operation.dialect == "gemini" else _encode({"input_tokens": count})


def _note_embeddings(served: Served, usage: Usage | None, body: bytes) -> None:
    if usage is not None:
        note_usage(served, usage, Statement(kept(raw_usage(body))))


# (operation, the client's dialect, the upstream's)
CONVERSIONS: Mapping[tuple[str, DialectName, DialectName], Conversion] = {
    ("embeddings", "openai", "gemini"): Conversion(
        "models/{model}:batchEmbedContents", _to_gemini_embeddings, _from_gemini_embeddings, unsaid_to_gemini
    ),
    ("embeddings", "gemini", "openai"): Conversion(
        "embeddings", _to_openai_embeddings, _from_openai_embeddings, unsaid_to_openai
    ),
    ("count_tokens", "anthropic", "gemini"): Conversion(
        "models/{model}:countTokens", _to_gemini_count, _from_gemini_count
    ),
    ("count_tokens", "gemini", "anthropic"): Conversion(
        "messages/count_tokens", _to_anthropic_count, _from_anthropic_count
    ),
}


def converted(call: Call, conversion: Conversion, model: str, asked: Asked) -> tuple[Path, bytes]:
    """Where the call goes, and the body that goes there; what is left out is named in a header of the reply.

    Raises:
        BadRequest: it cannot be said in the upstream's words.
    """
    tell_dropped(call, conversion.unsaid(call.fields.decoded()))
    path = asked.profile.others.get(call.operation.name) or Path(path=conversion.path)
    return path, translated_body(conversion.ask(call, model, asked), path)


async def converted_reply(conversion: Conversion, protocol: str, call: Call, exchange: Exchange) -> Reply:
    """The reply in the client's dialect.

    Args:
        protocol: the upstream's, for its errors.

    Raises:
        UpstreamFault: the upstream refused, or broke.
    """
    headers, call.served.request_id = returned(exchange.headers)
    body = await exchange.read()
    if exchange.status != 200:
        raise UPSTREAMS[protocol].decode_error(exchange.status, dict(exchange.headers), body)
    kept = [pair for pair in headers if pair[0].startswith("x-")]
    return Reply(200, [("content-type", "application/json"), *kept], conversion.told(call, body))


async def estimated_count(call: Call) -> Reply:
    """For an upstream that counts in no dialect we know: our own estimate, high rather than low, and marked."""
    _asked_to_count(call, call.model)
    body = _count_told(call, input_tokens(call))
    return Reply(200, [("content-type", "application/json"), (ESTIMATED_HEADER, "true")], body)


def note_native(call: Call, body: bytes) -> None:
    """Usage of a Gemini client's embeddings from a Gemini upstream."""
    _note_embeddings(call.served, embedding_usage(answer_object(body)), body)
