"""From an ASGI request to the pipeline and back, for every endpoint that carries a model call."""

import asyncio
import logging

import msgspec

from gateway.core.call import Call, Operation, Reply, Service, not_to_open
from gateway.core.clock import Clock, Noise, uuid7
from gateway.core.faults import BadRequest, Fault, Internal, ShuttingDown
from gateway.core.fields import NoFields
from gateway.core.record import Record
from gateway.edge.answering import Answer
from gateway.edge.asgi import App, Receive, Scope, Send
from gateway.edge.inflight import InFlight
from gateway.edge.peer import ClientGone, peer_of
from gateway.edge.reading import client_request_id, headers_of, read_body, timeout_s, understand

_log = logging.getLogger("gateway.edge")


class EndpointOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_body_bytes: int = 64 * 1024 * 1024


def endpoint(operation: Operation, service: Service, options: EndpointOptions, flights: InFlight, clock: Clock) -> App:
    """The ASGI application for one endpoint."""

    noise = Noise()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        peer = peer_of(scope, receive, send)
        flight = flights.board(peer)
        call = _new_call(operation, scope, clock, noise)
        if operation.model_in_path:
            call.model, call.stream = scope["path_model"], operation.streams
        flight.call = call
        call.in_cohort = flights.crowded
        answer = Answer(call, flight, clock.monotonic)

        async def open_body() -> None:
            if (patience_s := timeout_s(call.headers)) is not None:
                call.deadline = call.arrived + patience_s
            flight.reading_since = call.arrived
            body = await read_body(peer.read, call.headers, options.max_body_bytes)
            flights.body_read(flight)
            understand(call, body)

        call.open = open_body
        try:
            await _run(_refuse if flights.closing else service, call, answer)
        finally:
            call.close()
            flights.land(flight)
            call.let_go()

    return serve


async def _refuse(call: Call) -> Reply:  # noqa: ARG001  a Service's signature
    raise ShuttingDown(
        "this gateway is shutting down; send the request again", headers={"retry-after": "1", "connection": "close"}
    )


def _new_call(operation: Operation, scope: Scope, clock: Clock, noise: Noise) -> Call:
    headers = headers_of(scope)
    started_ns = clock.now_ns()
    record = Record(
        id=uuid7(started_ns, noise),
        started_ns=started_ns,
        tenant="",
        team="",
        key_id="",
        operation=operation.name,
        client_request_id=client_request_id(headers),
    )
    return Call(
        operation=operation,
        headers=headers,
        record=record,
        open=not_to_open,
        fields=NoFields(),
        arrived=clock.monotonic(),
    )


async def _run(service: Service, call: Call, answer: Answer) -> None:
    """Carry the call out; whichever way it goes, the endings have run when this returns."""
    try:
        await answer.reply(await service(call))
    except Fault as fault:
        if isinstance(fault, Internal):
            _log.error("call %s failed", call.record.id, exc_info=fault)
        await answer.fault(fault)
    except ClientGone as gone:
        answer.end("cancelled", None)
        if not answer.started:  # a body that cannot be framed looks like a hang-up, but somebody may still be there
            await answer.fault(BadRequest(str(gone), headers={"connection": "close"}))
    except asyncio.CancelledError:
        await _aborted(call, answer)
    except Exception as error:  # noqa: BLE001  the border: a bug becomes a 500 without details, and a line in the log
        _log.exception("call %s failed", call.record.id)
        internal = Internal("the gateway failed; the request id finds the reason in its log")
        internal.__cause__ = error
        await answer.fault(internal)
    finally:
        answer.end("cancelled", None)


async def _aborted(call: Call, answer: Answer) -> None:
    """The task was cancelled: by the sweeper, a drain or a hang-up, who left a reason, or by the server itself."""
    task = asyncio.current_task()
    reason = call.abort
    if reason is None or task is None:
        answer.end("cancelled", None)
        raise asyncio.CancelledError
    task.uncancel()
    if isinstance(reason, Fault):
        await answer.fault(reason)
        return
    answer.end("cancelled", None)
