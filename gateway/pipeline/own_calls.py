"""Calls that the gateway makes for a caller (vectors for the cache, the samples of an eval): through the whole
pipeline, and so judged, limited, metered and recorded like his own."""

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from gateway.core.call import Call, Operation, Service
from gateway.core.clock import Clock, uuid7
from gateway.core.faults import Fault, Internal, UpstreamFault
from gateway.core.fields import NoFields
from gateway.core.record import Outcome, Record
from gateway.dialects.openai.body import model_and_stream, read_json

_log = logging.getLogger("gateway.pipeline")
# What a request's headers say of its own body, and of what it wants of the cache.
_ITS_OWN = frozenset(
    {
        *(b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"cache-control"),
        *(b"idempotency-key", b"x-client-request-id", b"x-request-id", b"accept"),
    }
)
# The caller's own prompt, should he have one, is none of it.
_AS_IT_IS = {b"x-prompt": b"none"}


class Answered(msgspec.Struct, frozen=True):
    """How a call of our own ended.

    Attributes:
        body: the answer of a 200, else empty. refusal: the body of an upstream's own answer that is no 200.
        fault: why there is none, if we know; None for a status that the upstream gave, or for a call that took too long
            (status 0).
        keep_content: policy lets what was said in it be kept.
    """

    status: int
    body: bytes
    record: Record
    fault: Fault | None = None
    refusal: bytes = b""
    keep_content: bool = True


class OwnCalls:
    """Attributes:
    service: the whole pipeline; set when it has been built.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.service: Service | None = None

    async def __call__(
        self,
        operation: Operation,
        headers: Mapping[bytes, bytes],
        body: bytes,
        timeout_s: float,
        deadline: float | None = None,
    ) -> Answered:
        """Make the call that whoever sent `headers` could make; it is never streamed. Raises nothing but a cancel."""
        assert self.service is not None, "the pipeline has been built"
        own = self._call(operation, headers, body)
        own.deadline = deadline
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self.service(own)
            whole = reply.body if reply.status == 200 and reply.stream is None else b""
            for tap in reply.taps if whole else ():
                whole = tap(whole)
            own.record.status, own.record.bytes_out = reply.status, len(reply.body)
            self._end(own, None if whole else UpstreamFault("", code=f"upstream_status_{reply.status}"))
            refusal = reply.body if reply.status != 200 else b""
            status = reply.status if whole or reply.status != 200 else 0
            return Answered(status, whole, own.record, refusal=refusal, keep_content=own.keep_content)
        except Fault as fault:
            if isinstance(fault, Internal):  # whoever asked for it goes on without: only the log tells of the bug
                _log.error("call %s failed", own.record.id, exc_info=fault)
            own.record.status = fault.status
            self._end(own, fault)
            return Answered(fault.status, b"", own.record, fault, keep_content=own.keep_content)
        except TimeoutError:
            return Answered(0, b"", own.record, keep_content=own.keep_content)
        finally:
            self._end(own, None, "cancelled")
            own.close()
            own.let_go()

    def _end(self, own: Call, fault: Fault | None, outcome: Outcome = "completed") -> None:
        if own.record.outcome != "open":
            return
        own.record.duration_us = int((self._clock.monotonic() - own.arrived) * 1e6)
        if fault is not None:
            outcome = "refused" if fault.blame in ("caller", "policy") else "failed"
        own.end(outcome, fault)

    def _call(self, operation: Operation, headers: Mapping[bytes, bytes], body: bytes) -> Call:
        started_ns = self._clock.now_ns()

        async def opened() -> None:
            own.fields = fields = read_json(body)
            own.model, _ = model_and_stream(fields)
            own.record.model, own.record.bytes_in = own.model, len(body)

        own = Call(
            operation=operation,
            headers={**{name: value for name, value in headers.items() if name not in _ITS_OWN}, **_AS_IT_IS},
            record=Record(
                id=uuid7(started_ns), started_ns=started_ns, tenant="", team="", key_id="", operation=operation.name
            ),
            open=opened,
            fields=NoFields(),
            arrived=self._clock.monotonic(),
        )
        return own
