"""Responses that go on from stored ones, and are stored themselves (`store`, `previous_response_id`)."""

from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec

from gateway.core.additions import Recalled
from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import BadRequest
from gateway.core.fields import Fields
from gateway.dialects.merging import refuse_recalled
from gateway.dialects.openai.body import inline_data
from gateway.dialects.responses.history import (
    input_items,
    refuse_unheld,
    response_ended_in,
    response_in,
    turn_items,
)
from gateway.pipeline.parts import Parts, ResponseMemory
from gateway.responses.store import Stored

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def recall(parts: Parts) -> Layer:
    memory = parts.responses

    def layer(service: Service) -> Service:
        def recalled(call: Call) -> Awaitable[Reply]:
            return service(call) if call.operation.protocol != "responses" else remembering(call)

        async def remembering(call: Call) -> Reply:
            refuse_unheld(call.fields.get("background"), call.fields.get("conversation"), call.fields.get("input"))
            keeps = call.keep_content and call.fields.get("store") is not False
            # As the caller sent it: a guard may take something out on the way.
            asked = call.fields
            previous = call.fields.get("previous_response_id")
            if previous is not None:
                call.recalled = await _earlier(call, memory, previous)
            reply = await service(call)
            if memory is not None and reply.status == 200 and keeps:
                await _keep(call, asked, reply, memory, previous if isinstance(previous, str) else "")
            return reply

        return recalled

    return layer


async def _earlier(call: Call, memory: ResponseMemory | None, previous: object) -> Recalled:
    """What the call goes on from.

    Raises:
        BadRequest: it is not stored for this tenant, or storing is switched off.
    """
    where = "previous_response_id"
    if not isinstance(previous, str):
        raise BadRequest(f"`{where}` must be a string", param=where)
    if memory is None:
        raise BadRequest("this gateway stores no responses; send the whole conversation as `input`", param=where)
    chain = await memory.chain(call.caller.tenant, previous)
    if not chain:
        raise BadRequest(
            f"no response `{previous[:100]}` is stored here; it may have expired",
            code="previous_response_not_found",
            param=where,
        )
    items = tuple(item for stored in chain for item in turn_items(_decode(stored.input), _decode(stored.response)))
    if call.templated is not None and call.templated.keeps_system:
        refuse_recalled(call.templated.keeps_system, items)
    said = _encode(items)
    inline, parts = inline_data(said)
    # An upstream that has it would put what a prompt begins with after it.
    native = all(stored.native for stored in chain) and not (call.templated and call.templated.opening)
    return Recalled(chain[-1].target.partition("/")[0], native, items, len(said) - inline, parts)


def _own_items(call: Call, input: object) -> list[dict[str, Any]]:
    """What stays of `input`: without what a prompt says anew in each call."""
    items, brought = input_items(input), call.templated
    if brought is None:
        return items
    anew = {place + len(items) for place in brought.reminders}
    return [item for place, item in enumerate(items) if place >= brought.opening and place not in anew]


async def _keep(call: Call, asked: Fields, reply: Reply, memory: ResponseMemory, previous: str) -> None:
    """Store what the reply says, before its last byte goes out."""

    brought = call.templated

    async def store(response: Mapping[str, Any]) -> None:
        stored = Stored(
            tenant=call.caller.tenant,
            id=response["id"],
            previous=previous,
            target=str(call.target),
            # Who keeps it there keeps the prompt's examples too.
            native=call.served.native and not (brought and (brought.opening or brought.reminders)),
            input=_encode(_own_items(call, asked.get("input"))),
            response=_encode(response),
        )
        await memory.put(stored)

    if reply.stream is None:
        if (response := response_in(reply.body)) is not None:
            await store(response)
        return
    pull = reply.stream

    async def remembered() -> bytes | None:
        piece = await pull()
        if piece is not None and (response := response_ended_in(piece)) is not None:
            await store(response)
        return piece

    reply.stream = remembered
