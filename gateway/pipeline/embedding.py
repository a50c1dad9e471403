"""Vectors for the cache, by a call of the gateway's own for the same caller."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.call import Call
from gateway.dialects.openai.operations import OPERATIONS
from gateway.pipeline.own_calls import OwnCalls

TIMEOUT_S = 5.0
_EMBEDDINGS = next(one for one in OPERATIONS if one.name == "embeddings")


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


_decode = msgspec.json.Decoder(_Vectors).decode
_encode = msgspec.json.Encoder().encode


class Embedding:
    def __init__(self, own_calls: OwnCalls, timeout_s: float = TIMEOUT_S) -> None:
        self._make = own_calls
        self._timeout_s = timeout_s

    async def __call__(self, call: Call, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]] | None:
        """A vector for each text; None: the caller may not have them, or they did not come in time."""
        body = _encode({"model": model, "input": texts, "encoding_format": "float"})
        answered = await self._make(_EMBEDDINGS, call.headers, body, self._timeout_s, call.deadline)
        return _vectors(answered.body, len(texts)) if answered.body else None


def _vectors(body: bytes, count: int) -> Any:
    """In the order of the texts; None: it is something else."""
    try:
        found = sorted(_decode(body).data, key=lambda one: one.index)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return [one.embedding for one in found] if [one.index for one in found] == list(range(count)) else None
