"""Embeddings: OpenAI's request and answer as Gemini's, and the other way.

Source: https://ai.google.dev/api/embeddings, https://platform.openai.com/docs/api-reference/embeddings. Gemini embeds
one content (`embedContent`) or many (`batchEmbedContents`); it takes text, not tokens, and answers numbers. Older
embedding models do not say what they used: then nothing is claimed.
"""

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.core.conversation import Json
from gateway.core.faults import BadRequest, UpstreamBroken
from gateway.core.usage import Usage
from gateway.dialects.gemini.naming import plain, set_fields, without_prefix
from gateway.dialects.gemini.usage import has_counts, read_usage
from gateway.dialects.reading import answer_object, field, needed, objects, part, path_to, rows, whole, wrong

_encode = msgspec.json.Encoder().encode
_CONFIG = "embedContentConfig"


def encode_embeddings(request: Json, model: str) -> dict[str, Any]:
    """OpenAI's request as a `batchEmbedContents` body.

    Raises:
        BadRequest: `input` is no text, or is missing.
    """
    name = f"models/{without_prefix(model)}"
    dimensions = field(request, "dimensions", int)
    requests = [
        set_fields({"model": name, "content": {"parts": [{"text": text}]}, "outputDimensionality": dimensions})
        for text in _inputs(request)
    ]
    return {"requests": requests}


def unsaid_to_gemini(request: Json) -> list[str]:
    """Fields of OpenAI's request that have no word here."""
    return [name for name in request if name not in ("model", "input", "dimensions", "encoding_format")]


def _inputs(request: Json) -> list[str]:
    said = request.get("input")
    if isinstance(said, str):
        return [said]
    texts = needed(request, "input", list)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise wrong(f"input[{index}]", "a string: this model takes text, not tokens")
    if not texts:
        raise BadRequest("`input` must hold at least one text", param="input")
    return texts


def decode_embeddings_answer(body: bytes, request: Json, model: str) -> tuple[dict[str, Any], Usage | None]:
    """Gemini's answer as OpenAI's, in the encoding that OpenAI's `request` asked for, and what was used.

    Raises:
        UpstreamBroken: it is no answer, or does not hold as many vectors as were asked for.
    """
    answer = answer_object(body)
    found = rows(answer, "embeddings") or [part(answer, "embedding")]
    vectors = [_numbers(one.get("values")) for one in found]
    said = request.get("input")
    asked = len(cast(list[Any], said)) if isinstance(said, list) else 1
    if len(vectors) != asked:
        raise UpstreamBroken(f"the upstream answered {len(vectors)} embeddings to {asked} inputs")
    in_base64 = request.get("encoding_format") == "base64"
    usage = embedding_usage(answer)
    tokens = usage.total_input if usage is not None else 0
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if in_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    counts = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": counts}, usage


def embedding_usage(answer: Json) -> Usage | None:
    """What the answer says it used; None if it does not say."""
    block = part(answer, "usageMetadata")
    if not has_counts(block):
        return None
    # The details have another name here than in an answer of text.
    return read_usage({"promptTokensDetails": block.get("promptTokenDetails"), **block})


def _numbers(values: object) -> list[float]:
    if not isinstance(values, list):
        raise UpstreamBroken("the upstream's answer has an embedding without values")
    for value in cast(list[object], values):
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise UpstreamBroken("the upstream's answer has an embedding that is not made of numbers")
    return cast(list[float], values)


def _packed(vector: Sequence[float]) -> str:
    """Little-endian 32-bit floats in base64, as OpenAI's clients ask for them."""
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (OverflowError, struct.error):
        raise UpstreamBroken("the upstream's answer has an embedding too large for 32-bit numbers") from None


def decode_embeddings(body: Json, model: str) -> dict[str, Any]:
    """A Gemini client's `embedContent` or `batchEmbedContents` body as OpenAI's request.

    Raises:
        BadRequest: no content, one that is not of text, or different dimensions in one batch.
    """
    body = plain(body)
    batch = objects(body, "requests")
    where = [f"requests[{index}]" for index in range(len(batch))] if batch else [""]
    texts: list[str] = []
    dimensions: set[int | None] = set()
    for said, place in zip(batch or [body], where, strict=True):
        one = plain(said)
        texts.append(_text(one, place))
        config = plain(field(one, _CONFIG, dict, place) or {})
        dimensions.add(
            field(one, "outputDimensionality", int, place)
            or field(config, "outputDimensionality", int, path_to(place, _CONFIG))
        )
    if len(dimensions) > 1:
        name = "requests[].outputDimensionality"
        raise BadRequest(f"`{name}` must be the same in all requests of a batch", param=name)
    return set_fields({"model": model, "input": texts if batch else texts[0], "dimensions": dimensions.pop()})


def unsaid_to_openai(body: Json) -> list[str]:
    """Fields of a Gemini client's request that have no word there."""
    body = plain(body)
    batch = objects(body, "requests")
    found: list[str] = []
    for index, said in enumerate(batch or [body]):
        place, one = f"requests[{index}]" if batch else "", plain(said)
        known = ("model", "content", "outputDimensionality", _CONFIG)
        found += [path_to(place, name) for name in one if name not in known]
        config = plain(field(one, _CONFIG, dict, place) or {})
        found += [f"{path_to(place, _CONFIG)}.{name}" for name in config if name != "outputDimensionality"]
    return found


def _text(request: Json, where: str) -> str:
    """Only the text of a content is embedded; a content without text cannot be."""
    place = path_to(where, "content")
    content = needed(request, "content", dict, where)
    parts = objects(content, "parts", place)
    texts = [needed(block, "text", str, f"{place}.parts[{index}]") for index, block in enumerate(parts)]
    if not texts:
        raise BadRequest(f"`{place}.parts` must hold at least one text", param=f"{place}.parts")
    return "".join(texts)


def encode_embeddings_answer(answer: Mapping[str, Any], *, batch: bool) -> bytes:
    """OpenAI's answer as Gemini's, to one content or to a batch.

    Raises:
        UpstreamBroken: it holds no vectors.
    """
    vectors = [{"values": _unpacked(one.get("embedding"))} for one in rows(answer, "data")]
    if not vectors:
        raise UpstreamBroken("the upstream's answer has no embeddings")
    found: dict[str, Any] = {"embeddings": vectors} if batch else {"embedding": vectors[0]}
    tokens = whole(part(answer, "usage").get("prompt_tokens"))
    if tokens:
        found["usageMetadata"] = {"promptTokenCount": tokens}
    return _encode(found)


def _unpacked(vector: object) -> list[float]:
    if not isinstance(vector, str):
        return _numbers(vector)
    try:
        packed = base64.b64decode(vector, validate=True)
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    except (binascii.Error, ValueError, struct.error):
        raise UpstreamBroken("the upstream's answer has an embedding that is not base64 of numbers") from None
