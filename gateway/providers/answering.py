"""From an upstream's exchange to a Reply: whole answers, event streams, raw bytes, and errors passed on faithfully."""

import re
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from gateway.core.call import Call, Reply
from gateway.core.faults import UpstreamBroken, UpstreamFault
from gateway.core.generation import Failed
from gateway.core.usage import Usage
from gateway.dialects.bedrock.invoke import InvokeStream
from gateway.dialects.openai.answers import read_answer, rename_model
from gateway.dialects.openai.streams import StreamReader
from gateway.dialects.openai.usage import used_units
from gateway.dialects.protocols import UPSTREAMS
from gateway.dialects.refusals import CONTEXT_EXCEEDED, CREDENTIALS_REFUSED, error_object
from gateway.dialects.sse import Framer, data_of, read_object, split
from gateway.dialects.translation import StreamDecoder
from gateway.providers.converting import note_native
from gateway.providers.headers import returned
from gateway.providers.noting import Watcher, note_answer
from gateway.transport.client import Exchange

# What of a request images are priced by, where the answer does not say it.
_IMAGE_FIELDS = ("size", "quality")
# What an event that tells of an error holds, and few others.
_ERROR = re.compile(rb'"error"(?!\s*:\s*null)')
_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


class Reading(msgspec.Struct, frozen=True):
    """How to read an answer.

    Attributes:
        alias: takes the place of the upstream's own model name, unless empty.
        strip_usage: the gateway alone asked for the stream's usage chunk.
        protocol: the one to read by, where it is not OpenAI's.
        errors: the one to read errors by, where they come in another dialect than the client's.
        framed: the stream is Bedrock's chunks of events.
        provider: the upstream's name in config.yaml, for messages.
    """

    provider: str
    alias: str = ""
    strip_usage: bool = False
    protocol: str = ""
    errors: str = ""
    framed: bool = False


class EventReader(Protocol):
    """A tap that knows where its stream stands: `StreamReader` or `Watcher`."""

    ended: bool
    broken: Exception | None

    def __call__(self, batch: bytes, /) -> bytes: ...

    def may_end(self) -> bool:
        """The upstream has closed the stream: was the answer whole?"""
        ...


class InvokeFramer:
    """A `Framer` for Bedrock's chunks of events: they come out as the events that are in them."""

    __slots__ = ("_stream",)

    def __init__(self, request_id: str) -> None:
        self._stream = InvokeStream(request_id)

    def feed(self, chunk: bytes) -> bytes:
        return self._stream.feed(chunk)

    def take_rest(self) -> bytes:
        return self._stream.end()


class EventStream:
    """Pulls batches of whole events out of an exchange, and knows whether the stream may end where it does."""

    __slots__ = ("_exchange", "_first", "_framer", "_reader")

    def __init__(self, exchange: Exchange, reader: EventReader, framer: Framer | InvokeFramer) -> None:
        self._exchange = exchange
        self._reader = reader
        self._framer = framer
        self._first: bytes | None = None

    async def start(self, decoder: Callable[[], StreamDecoder]) -> None:
        """Wait for the first event: an upstream that fails before or with it can still be answered with a proper
        status, and another be asked.

        Raises:
            UpstreamFault: the first event tells of an error, or is none.
        """
        first = self._first = await self._next()
        if first is not None:
            _check_first(first)
        if first is not None and _ERROR.search(first) is not None:
            for told in decoder().feed(first)[:1]:
                if isinstance(told, Failed):
                    raise told.fault

    async def pull(self) -> bytes | None:
        first, self._first = self._first, None
        return first if first is not None else await self._next()

    async def _next(self) -> bytes | None:
        if self._reader.broken is not None:
            raise self._reader.broken
        while (piece := await self._exchange.piece()) is not None:
            if batch := self._framer.feed(piece):
                return batch
        rest = self._framer.take_rest()
        # `data: [DONE]` without its empty line is how some servers end; anything else was cut.
        if rest.strip() == b"data: [DONE]":
            return rest
        if not rest.strip() and self._reader.may_end():
            return rest or None
        raise UpstreamBroken("the upstream's stream ended before the answer was complete", code="upstream_cut_short")


def _check_first(batch: bytes) -> None:
    """Raises:
    UpstreamBroken: the first event's data is no JSON.
    """
    for event in split(batch):
        data = data_of(event)
        if data:
            if data.strip() != b"[DONE]":
                read_object(data)
            return


async def read_reply(reading: Reading, now: Callable[[], float], call: Call, exchange: Exchange) -> Reply:
    """The reply for what the upstream answered; `call.served` says what is known of it.

    Raises:
        UpstreamFault: it is not an answer in the dialect.
    """
    served = call.served
    headers, served.request_id = returned(exchange.headers)
    kind = _content_type(headers)
    if exchange.status >= 300:
        return await _error_reply(exchange, headers, kind, reading)
    if kind == "text/event-stream" or (reading.framed and kind == "application/vnd.amazon.eventstream"):
        reader = _reader(call, reading, now)
        stream = EventStream(exchange, reader, InvokeFramer(call.record.id) if reading.framed else Framer())
        if reading.framed:
            headers = [("content-type", "text/event-stream"), *(pair for pair in headers if pair[0] != "content-type")]
        await stream.start(UPSTREAMS[call.operation.protocol or "chat"].decoder)
        reply = Reply(exchange.status, headers, stream=stream.pull)
        reply.taps.append(reader)
        return reply
    if call.operation.name == "speech" and "json" not in kind:
        _note_units(call)
        return Reply(exchange.status, headers, stream=exchange.piece)
    return _noted(call, Reply(exchange.status, headers, await exchange.read()), kind, reading)


def _reader(call: Call, reading: Reading, now: Callable[[], float]) -> EventReader:
    if reading.protocol:
        return Watcher(UPSTREAMS[reading.protocol].decoder(), call.served, now)
    images = call.operation.name == "images"
    return StreamReader(call.served, now, strip_usage=reading.strip_usage, alias=reading.alias, images=images)


def _noted(call: Call, reply: Reply, kind: str, reading: Reading) -> Reply:
    """A whole answer, and what it says about itself noted."""
    operation, body = call.operation, reply.body
    if operation.protocol and not reading.protocol:  # nearly always: text, in OpenAI's words
        read_answer(body, operation, {}, call.served)
    elif operation.multipart and "json" not in kind and not body.lstrip().startswith(b"<"):
        return reply  # transcriptions as text, srt or vtt say nothing about usage
    elif not operation.billed:
        call.served.usage, call.served.usage_source = Usage(), "provider"
    elif operation.dialect == "gemini" and operation.name == "embeddings":
        note_native(call, body)
    elif reading.protocol:
        note_answer(UPSTREAMS[reading.protocol].decode_answer(body), call.served)
    else:
        asked = {name: call.fields.get(name) for name in _IMAGE_FIELDS} if operation.name == "images" else {}
        read_answer(body, operation, asked, call.served)
    if reading.alias and call.served.model:
        reply.body = rename_model(body, call.served.model, reading.alias)
    return reply


def _note_units(call: Call) -> None:
    """Speech answers with sound alone; what it bills is the request's text."""
    served = call.served
    served.usage = used_units("speech", {}, {"input": call.fields.get("input")})
    if served.usage is not None:
        served.usage_source = "provider"


async def _error_reply(exchange: Exchange, headers: list[tuple[str, str]], kind: str, reading: Reading) -> Reply:
    """The upstream's refusal, as it said it, where it said it in JSON.

    Raises:
        UpstreamFault: a redirect, a page of HTML, our own credentials refused (its message could quote the key), or a
            5xx that says that the request will never be served there.
    """
    status = exchange.status
    body = await exchange.read()
    if reading.errors and status >= 400:
        raise UPSTREAMS[reading.errors].decode_error(status, dict(exchange.headers), body)
    if status < 400:
        raise UpstreamBroken(f"the upstream `{reading.provider}` answered with a redirect ({status})")
    meant = UPSTREAMS[reading.protocol or "chat"].decode_error(status, dict(exchange.headers), body)
    # What is no failure at all must not look like one to the client either: SDKs would send it again. And how long a
    # request may be is told in words that its caller can follow.
    if (status >= 500 and meant.blame == "caller") or meant.code == CONTEXT_EXCEEDED:
        raise meant
    if status in (401, 407) or (status == 400 and meant.code == CREDENTIALS_REFUSED):
        raise UpstreamFault(
            f"the upstream `{reading.provider}` refused the gateway's credentials; an operator must renew them",
            code=CREDENTIALS_REFUSED,
        )
    if reading.protocol and not error_object(body):
        raise meant
    if "json" not in kind and not body.lstrip().startswith(b"{"):
        return Reply(status, _json_headers(headers), _plain_error(status, reading.provider))
    try:
        _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reply(status, _json_headers(headers), _plain_error(status, reading.provider))
    return Reply(status, headers, body)


def _json_headers(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("content-type", "application/json"), *(pair for pair in headers if pair[0] != "content-type")]


def _plain_error(status: int, provider: str) -> bytes:
    """An error object in the place of an answer that was none (a proxy's HTML page, a bare line)."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    message = f"the upstream `{provider}` answered {status} without an error object"
    return msgspec.json.encode(
        {"error": {"message": message, "type": kind, "param": None, "code": f"upstream_status_{status}"}}
    )


def _content_type(headers: list[tuple[str, str]]) -> str:
    for name, value in headers:
        if name == "content-type":
            if value == "application/json":  # nearly always
                return value
            return value.partition(";")[0].strip().lower()
    return ""
