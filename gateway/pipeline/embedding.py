"""Vectors for the cache, by a call of the gateway's own: for the same caller, judged, limited and recorded like his."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.call import Call, Service
from gateway.core.clock import Clock, uuid7
from gateway.core.faults import Fault, UpstreamFault
from gateway.core.fields import NoFields
from gateway.core.record import Outcome, Record
from gateway.dialects.openai.body import read_json
from gateway.dialects.openai.operations import OPERATIONS

TIMEOUT_S = 5.0
_EMBEDDINGS = next(one for one in OPERATIONS if one.name == "embeddings")
# What a request's headers say of its own body, and of what it wants of the cache.
_ITS_OWN = frozenset(
    {
        *(b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"cache-control"),
        *(b"idempotency-key", b"x-client-request-id", b"x-request-id", b"accept"),
    }
)


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


_decode = msgspec.json.Decoder(_Vectors).decode
_encode = msgspec.json.Encoder().encode


class Embedding:
    """Attributes:
    service: the whole pipeline; set when it has been built.
    """

    def __init__(self, clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self.service: Service | None = None

    async def __call__(self, call: Call, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]] | None:
        """A vector for each text; None: the caller may not have them, or they did not come in time."""
        assert self.service is not None, "the pipeline has been built"
        own = self._call(call, model, texts)
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await self.service(own)
            own.record.status, own.record.bytes_out = reply.status, len(reply.body)
            self._end(own, None if reply.status == 200 else UpstreamFault("", code=f"upstream_status_{reply.status}"))
            return _vectors(reply.body, len(texts)) if reply.status == 200 else None
        except Fault as fault:
            own.record.status = fault.status
            self._end(own, fault)
            return None
        except TimeoutError:
            return None
        finally:
            self._end(own, None, "cancelled")
            own.close()

    def _end(self, own: Call, fault: Fault | None, outcome: Outcome = "completed") -> None:
        if own.record.outcome != "open":
            return
        own.record.duration_us = int((self._clock.monotonic() - own.arrived) * 1e6)
        if fault is not None:
            outcome = "refused" if fault.blame in ("caller", "policy") else "failed"
        own.end(outcome, fault)

    def _call(self, call: Call, model: str, texts: Sequence[str]) -> Call:
        started_ns = self._clock.now_ns()
        body = _encode({"model": model, "input": texts, "encoding_format": "float"})

        async def opened() -> None:
            own.fields = read_json(body)
            own.model = own.record.model = model
            own.record.bytes_in = len(body)

        own = Call(
            operation=_EMBEDDINGS,
            headers={name: value for name, value in call.headers.items() if name not in _ITS_OWN},
            record=Record(
                id=uuid7(started_ns), started_ns=started_ns, tenant="", team="", key_id="", operation="embeddings"
            ),
            open=opened,
            fields=NoFields(),
            arrived=self._clock.monotonic(),
        )
        own.deadline = call.deadline
        return own


def _vectors(body: bytes, count: int) -> Any:
    """In the order of the texts; None: it is something else."""
    try:
        found = sorted(_decode(body).data, key=lambda one: one.index)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return [one.embedding for one in found] if [one.index for one in found] == list(range(count)) else None
