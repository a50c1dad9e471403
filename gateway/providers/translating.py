"""A call whose client speaks another protocol than its upstream: read, fitted, written anew, and the answer back."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.core.call import Call, Reply
from gateway.core.conversation import ChatRequest, Json
from gateway.core.faults import Fault, UpstreamBroken
from gateway.core.generation import Ended, Event
from gateway.dialects.fitting import Caption, fit
from gateway.dialects.protocols import CLIENTS, UPSTREAMS
from gateway.dialects.translation import ClientProtocol, StreamDecoder, StreamEncoder, UpstreamProtocol
from gateway.providers.dropping import tell_dropped
from gateway.providers.families import Family
from gateway.providers.headers import returned
from gateway.providers.noting import note_answer, note_events
from gateway.transport.client import Exchange


class Translation(msgspec.Struct, frozen=True):
    """One call, half way: what goes to the upstream, and how its answer is told to the client."""

    asked: Json
    request: ChatRequest
    body: Mapping[str, Any]
    client: ClientProtocol
    upstream: UpstreamProtocol
    caption: Caption


def translate(call: Call, protocol: str, model: str, family: Family, changes: Mapping[str, object]) -> Translation:
    """The call in the upstream's words; what was left out is named in a header of the reply.

    Args:
        protocol: the upstream's. changes: fields of the client's body that stand for what it sent.

    Raises:
        BadRequest: it cannot be said in the upstream's words.
    """
    client, upstream = CLIENTS[call.operation.protocol], UPSTREAMS[protocol]
    asked = {**call.fields.decoded(), **changes}
    request = client.decode_request(asked, model, call.stream)
    fitted, dropped = fit(request, family.abilities(upstream.abilities), strict=call.caller.strict)
    if upstream.adapt is not None:
        fitted, more = upstream.adapt(fitted, family.quirks)
        dropped += more
    tell_dropped(call, dropped)
    record = call.record
    caption = Caption(id=record.id.replace("-", ""), created=record.started_ns // 1_000_000_000, model=call.model)
    return Translation(asked, request, upstream.encode_request(fitted, family.quirks), client, upstream, caption)


async def translated_reply(
    translation: Translation, now: Callable[[], float], alias: str, call: Call, exchange: Exchange
) -> Reply:
    """The reply in the client's protocol; `call.served` says what is known of it.

    Raises:
        UpstreamFault: the upstream refused, broke, or did not answer in its protocol.
    """
    headers, call.served.request_id = returned(exchange.headers)
    kept = [pair for pair in headers if pair[0].startswith("x-")]
    if exchange.status != 200:
        body = await exchange.read()
        if exchange.status < 400:
            raise UpstreamBroken(f"the upstream answered {exchange.status}, which is no answer to a request for text")
        raise translation.upstream.decode_error(exchange.status, dict(exchange.headers), body)
    caption = msgspec.structs.replace(translation.caption, model=alias) if alias else translation.caption
    if call.stream:
        encoder = translation.client.encoder(caption, translation.request, translation.asked)
        stream = TranslatedStream(call, exchange, translation.upstream.decoder(), encoder, now)
        await stream.start()
        reply = Reply(200, [("content-type", translation.client.stream_type), *kept], stream=stream.pull)
        reply.broken = encoder.fault
        return reply
    answer = translation.upstream.decode_answer(await exchange.read())
    note_answer(answer, call.served)
    body = translation.client.encode_answer(answer, caption, translation.asked)
    return Reply(200, [("content-type", "application/json"), *kept], body)


class TranslatedStream:
    """Pulls an upstream's stream out of an exchange, already in the client's words."""

    __slots__ = ("_call", "_decoder", "_encoder", "_ended", "_exchange", "_fault", "_first", "_now")

    def __init__(
        self,
        call: Call,
        exchange: Exchange,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        now: Callable[[], float],
    ) -> None:
        self._call = call
        self._exchange = exchange
        self._decoder = decoder
        self._encoder = encoder
        self._now = now
        self._first: bytes | None = None
        self._fault: Fault | None = None
        self._ended = False

    async def start(self) -> None:
        """Wait for the first event: an upstream that fails before it can still be answered with a proper status."""
        self._first = await self._next()

    async def pull(self) -> bytes | None:
        first, self._first = self._first, None
        return first if first is not None else await self._next()

    async def _next(self) -> bytes | None:
        if self._fault is not None:
            raise self._fault
        while not self._ended:
            piece = await self._exchange.piece()
            events = self._decoder.end() if piece is None else self._decoder.feed(piece)
            if written := self._write(events):
                return written
            if piece is None:
                break
        return None

    def _write(self, events: list[Event]) -> bytes:
        """The events in the client's words. What came before a failure still goes out; the failure is told next."""
        note_events(events, self._call.served, self._now)
        if events and isinstance(events[-1], Ended):
            self._ended = True
        written: list[bytes] = []
        for event in events:
            try:
                written.append(self._encoder.encode(event))
            except Fault as fault:
                if not any(written):
                    raise
                self._fault = fault
        return b"".join(written)
