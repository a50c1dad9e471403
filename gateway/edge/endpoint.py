"""From an ASGI request to the pipeline and back, for every endpoint that carries a model call."""

import asyncio
import logging

import msgspec

from gateway.core.call import Call, Operation, Reply, Service, not_to_open
from gateway.core.clock import Clock, Ids
from gateway.core.faults import BadRequest, Fault, Internal, ShuttingDown
from gateway.core.fields import NoFields
from gateway.core.record import Record
from gateway.edge.answering import Answer
from gateway.edge.asgi import App, Receive, Scope, Send
from gateway.edge.errors import SHAPES
from gateway.edge.inflight import InFlight
from gateway.edge.peer import PEER, AsgiPeer, ClientGone, Peer
from gateway.edge.reading import (
    TIMEOUT_HEADER,
    client_request_id,
    headers_of,
    read_body,
    refuse_declared,
    refuse_larger,
    timeout_s,
    understand,
)

_log = logging.getLogger("gateway.edge")


class EndpointOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_body_bytes: int = 64 * 1024 * 1024


def endpoint(operation: Operation, service: Service, options: EndpointOptions, flights: InFlight, clock: Clock) -> App:
    """The ASGI application for one endpoint."""

    ids, now, shape = Ids(), clock.monotonic, SHAPES[operation.dialect]
    limit = options.max_body_bytes

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        peer: Peer = scope.get(PEER) or AsgiPeer(receive, send)
        flight = flights.board(peer)
        call = _new_call(operation, scope, clock, ids)
        if operation.model_in_path:
            call.model, call.stream = scope["path_model"], operation.streams
        flight.call = call
        call.in_cohort = flights.crowded
        answer = Answer(call, flight, shape, now)

        async def open_body() -> None:
            headers = call.headers
            if TIMEOUT_HEADER in headers:
                call.deadline = call.arrived + timeout_s(headers[TIMEOUT_HEADER])
            body = peer.whole()
            if body is None:
                refuse_declared(headers, limit)
                flight.reading_since = call.arrived
                body = await read_body(peer.read, limit)
            else:
                refuse_larger(body, headers, limit)
            flights.body_read(flight)
            understand(call, body)

        call.open = open_body
        try:
            rest = answer.reply(await (_refuse if flights.closing else service)(call))
            if rest is not None:
                await rest
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  the border
            await _broken(call, answer, error)
        finally:
            answer.end("cancelled", None)  # whichever way it went, the endings have run
            call.close()
            flights.land(flight)
            call.let_go()

    return serve


async def _refuse(call: Call) -> Reply:  # noqa: ARG001  a Service's signature
    raise ShuttingDown(
        "this gateway is shutting down; send the request again", headers={"retry-after": "1", "connection": "close"}
    )


def _new_call(operation: Operation, scope: Scope, clock: Clock, ids: Ids) -> Call:
    headers = headers_of(scope)
    started_ns = clock.now_ns()
    record = Record(
        id=ids(started_ns),
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


async def _broken(call: Call, answer: Answer, error: BaseException) -> None:
    """Answer, if there is anybody who can be answered, that there will be no answer, or no more of it.

    Raises:
        CancelledError: the server itself cancelled the call's task.
    """
    match error:
        case Fault():
            if isinstance(error, Internal):
                _log.error("call %s failed", call.record.id, exc_info=error)
            await answer.fault(error)
        case ClientGone():
            answer.end("cancelled", None)
            if not answer.started:  # a body that cannot be framed looks like a hang-up, but somebody may still be there
                await answer.fault(BadRequest(str(error), headers={"connection": "close"}))
        case asyncio.CancelledError():
            await _aborted(call, answer)
        case _:  # a bug becomes a 500 without details, and a line in the log
            _log.error("call %s failed", call.record.id, exc_info=error)
            internal = Internal("the gateway failed; the request id finds the reason in its log")
            internal.__cause__ = error
            await answer.fault(internal)


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
