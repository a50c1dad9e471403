"""Sending an answer: whole, streamed, or a fault, with the call's endings run before the last byte."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.core.call import Call, Reply
from gateway.core.cohort import others_first
from gateway.core.faults import Fault, Shed, UpstreamFault
from gateway.core.money import decimal_text
from gateway.core.record import Outcome
from gateway.dialects.refusals import of_the_request
from gateway.edge.errors import ErrorShape
from gateway.edge.inflight import Flight
from gateway.edge.peer import Head, Headers

_log = logging.getLogger("gateway.edge")


class Answer:
    """One call's answer on its way out. Knows whether bytes have gone out, and so which shape a fault must take."""

    __slots__ = ("_call", "_flight", "_now", "_shape", "_tell", "started")

    def __init__(self, call: Call, flight: Flight, shape: ErrorShape, now: Callable[[], float]) -> None:
        """`shape`: how a fault looks to who asked."""
        self._call = call
        self._flight = flight
        self._shape = shape
        self._now = now
        self._tell = shape.event
        self.started = False

    def reply(self, reply: Reply) -> Awaitable[None] | None:
        """Send a reply to its end: what is to be awaited of that; None: it is sent."""
        return self._whole(reply) if reply.stream is None else self._stream(reply)

    def _whole(self, reply: Reply) -> Awaitable[None] | None:
        body = reply.body
        for tap in reply.taps:
            body = tap(body)
        call = self._call
        size = call.record.bytes_out = len(body)
        self._note_first_byte()
        if call.in_cohort:
            return self._whole_beside_others(reply, body)
        self._answered(reply.status)
        return self._write(self._start(reply.status, reply.headers, size), body, more=False)

    async def _whole_beside_others(self, reply: Reply, body: bytes) -> None:
        try:
            await others_first()
            self._answered(reply.status)
            await others_first()
        except asyncio.CancelledError:
            # Too late: the answer is there and has been paid for, and so whoever is left to read it is to have it.
            self._flight.task.uncancel()
            self._answered(reply.status)
        if (rest := self._write(self._start(reply.status, reply.headers, len(body)), body, more=False)) is not None:
            await rest

    async def _stream(self, reply: Reply) -> None:
        call, taps, pull = self._call, reply.taps, reply.stream
        assert pull is not None, "a streamed reply has a stream"
        self._tell = reply.broken or self._tell
        while (piece := await pull()) is not None:
            for tap in taps:
                piece = tap(piece)
            if not piece:
                continue
            call.record.bytes_out += len(piece)
            if not self.started:
                self._note_first_byte()
            if call.served.complete:
                self._answered(reply.status)
            head = None
            if not self.started:
                head = self._start(reply.status, [*reply.headers, ("cache-control", "no-cache")])
            if (rest := self._write(head, piece, more=True)) is not None:
                await rest
        self._answered(reply.status)
        await self._send(None if self.started else self._start(reply.status, reply.headers), b"", more=False)

    async def fault(self, fault: Fault) -> None:
        """Answer with a fault: as a response, or, once bytes are out, as the stream's last event."""
        record = self._call.record
        if self.started and record.outcome == "completed":
            await self._send(None, b"", more=False)  # the answer was whole; what broke after it is nobody's concern
            return
        if self.started:
            self.end("failed", fault)
            await self._send(None, self._tell(fault, record.id), more=True)
            await self._send(None, b"", more=False)
            return
        record.status = fault.status
        body = self._shape.body(fault, record.id)
        size = record.bytes_out = len(body)
        self.end("refused" if _is_refusal(fault) else "failed", fault)
        await self._send(self._start(fault.status, self._shape.headers(fault), size), body, more=False)

    def end(self, outcome: Outcome, fault: Fault | None) -> None:
        """Run the call's endings, once. A bug in one is logged; the answer goes out all the same."""
        call = self._call
        if call.record.outcome != "open":
            return
        call.record.duration_us = int((self._now() - call.arrived) * 1e6)
        try:
            call.end(outcome, fault)
        except Exception:  # noqa: BLE001  a border: what an ending could not do must not take the answer with it
            _log.exception("an ending of call %s failed", call.record.id)

    def _answered(self, status: int) -> None:
        """The upstream has answered in full. Its error is an answer, but no success; nor is an error event."""
        call = self._call
        record = call.record
        if record.outcome != "open":
            return
        record.status = status
        failed = call.served.failed
        if status < 400 and not failed:
            self.end("completed", None)
            return
        record.error_code = "upstream_error" if failed else f"upstream_status_{status}"
        record.blame = "upstream" if failed or status >= 500 or status == 429 else "caller"
        refused = not failed and of_the_request(status)
        self.end("refused" if refused else "failed", None)

    def _note_first_byte(self) -> None:
        call = self._call
        first = call.served.first_output_at or self._now()
        call.record.ttfb_us = int((first - call.arrived) * 1e6)

    def _start(self, status: int, headers: Headers, length: int | None = None) -> Head:
        """`length`: of the body, where it is known."""
        call = self._call
        record = call.record
        headers = [*headers, (self._shape.request_id_header, record.id)]
        if record.client_request_id:
            headers.append(("x-client-request-id", record.client_request_id))
        headers.extend(call.reply_headers.items())
        if record.cost_nano is not None:
            headers.append(("x-gateway-cost-usd", decimal_text(record.cost_nano)))
        if record.queued_us:
            headers.append(("x-gateway-queue-ms", str(record.queued_us // 1000)))
        self.started = True
        record.status = status
        return status, headers, length

    def _write(self, head: Head | None, piece: bytes, *, more: bool) -> Awaitable[None] | None:
        """See `Peer.write`."""
        behind = self._flight.peer.write(head, piece, more=more)
        return None if behind is None else self._wait_for_reader(behind)

    async def _wait_for_reader(self, behind: Awaitable[None]) -> None:
        self._flight.writing_since = self._now()
        try:
            await behind
        finally:
            self._flight.writing_since = 0.0

    async def _send(self, head: Head | None, piece: bytes, *, more: bool) -> None:
        if (rest := self._write(head, piece, more=more)) is not None:
            await rest


def _is_refusal(fault: Fault) -> bool:
    """Whether nothing broke: the caller or the organisation is told no, by us or, of the request itself, upstream."""
    if isinstance(fault, UpstreamFault):
        return fault.blame == "caller" and of_the_request(fault.status)
    return fault.blame in ("caller", "policy") or isinstance(fault, Shed)
