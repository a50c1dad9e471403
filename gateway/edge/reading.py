"""Reading a request: its body within bounds, then as much of it as the gateway must understand."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

from gateway.core.call import Call
from gateway.core.faults import BadRequest, RequestTimeout, TooLarge
from gateway.dialects.openai.body import check_name, model_and_stream, read_json
from gateway.dialects.openai.multipart import form_model_and_stream, read_multipart
from gateway.edge.asgi import Receive, Scope
from gateway.edge.peer import ClientGone, piece_of

# More digits than any length has: to turn thousands of them into a number takes long, or fails.
MAX_DIGITS = 18
TIMEOUT_HEADER = b"x-request-timeout"
PROMPT_HEADER = b"x-prompt"
MAX_TIMEOUT_S = 86_400
JSON = b"application/json"
_TIMEOUT = re.compile(rb"(\d{1,9}(?:\.\d{1,9})?)(ms|s)?")
_SANE_ID = re.compile(rb"[A-Za-z0-9_.:/+=-]{1,128}")


def whole_number(text: str, least: int, most: int) -> int | None:
    """The number that a query or a field says; None: it says none from `least` to `most`. However many digits there
    are, all of them count."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        return None
    number = int(text)
    return number if least <= number <= most else None


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """A request's headers; one that is sent several times is a list (RFC 9110, 5.3), so that no line hides another."""
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers.clear()
        for name, value in pairs:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def refuse_declared(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Raises:
    TooLarge: the body is larger than `limit` bytes by its own declaration.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > MAX_DIGITS or int(declared) > limit):
        raise _too_large(limit)


def refuse_larger(body: bytes, headers: Mapping[bytes, bytes], limit: int) -> None:
    """Of one that has come before anybody could ask: the same, but its length is known.

    Raises:
        TooLarge: see above.
    """
    if len(body) > limit or len(headers.get(b"content-length", b"")) > MAX_DIGITS:
        raise _too_large(limit)


async def read_body(read: Callable[[], Awaitable[tuple[bytes, bool]]], limit: int) -> bytes:
    """The whole request body; `read`: a peer's.

    Raises:
        TooLarge: by what came.
        ClientGone: the client hung up before it had sent all.
    """
    pieces: list[bytes] = []
    size = 0
    while True:
        piece, more = await read()
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        if not more:
            return piece if not pieces else b"".join([*pieces, piece])
        pieces.append(piece)


async def read_plain_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int, seconds: float) -> bytes:
    """The same of a request that goes to no upstream, once all of it has come.

    Raises:
        TooLarge: by its own declaration, before a byte is read, or by what came.
        BadRequest: it is compressed, or the client hung up.
        RequestTimeout: it did not come within so many seconds.
    """
    refuse_encoded(headers)
    refuse_declared(headers, limit)
    try:
        async with asyncio.timeout(seconds):
            return await read_body(lambda: piece_of(receive), limit)
    except TimeoutError:
        raise RequestTimeout(f"the request body did not arrive within {seconds:g} s") from None
    except ClientGone as gone:
        raise BadRequest(str(gone), headers={"connection": "close"}) from None


def refuse_encoded(headers: Mapping[bytes, bytes]) -> None:
    """Raises:
    BadRequest: the body is compressed.
    """
    if headers.get(b"content-encoding", b"identity") not in (b"", b"identity"):
        raise BadRequest("content-encoding is not supported; send the body uncompressed", param="content-encoding")


def understand(call: Call, body: bytes) -> None:
    """Fill in the call's fields, model and stream from its body.

    Raises:
        BadRequest: it cannot be read as what the endpoint takes.
    """
    operation, headers, record = call.operation, call.headers, call.record
    record.bytes_in = len(body)
    if b"content-encoding" in headers:
        refuse_encoded(headers)
    kind = headers.get(b"content-type", JSON)
    if operation.multipart:
        if not kind.lower().startswith(b"multipart/form-data"):
            raise BadRequest("this endpoint takes multipart/form-data", param="content-type")
        form = read_multipart(body, kind)
        call.fields = form
        call.model, call.stream = form_model_and_stream(form)
    else:
        # Any other type is read as JSON: `curl -d` says it sends a form, and everybody means JSON by it.
        if kind != JSON and kind.lower().startswith(b"multipart/"):
            raise BadRequest("this endpoint takes application/json", param="content-type")
        if not body:
            raise BadRequest("the body is empty; send a JSON object")
        fields = read_json(body)
        call.fields = fields
        if operation.model_in_path:
            check_name(call.model)
        else:
            # A prompt of the registry names one.
            by_prompt = bool(operation.protocol) and ("prompt" in fields or PROMPT_HEADER in headers)
            call.model, call.stream = model_and_stream(fields, may_lack=by_prompt)
    record.model, record.stream = call.model, call.stream


def timeout_s(said: bytes) -> float:
    """How long the client waits for an answer to begin, by its `x-request-timeout`: seconds, or with `ms` behind,
    milliseconds.

    Raises:
        BadRequest: it is no such figure, or nothing.
    """
    found = _TIMEOUT.fullmatch(said.strip().lower())
    seconds = 0.0 if found is None else float(found[1]) / (1000 if found[2] == b"ms" else 1)
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise BadRequest(
            f"x-request-timeout is a number of seconds up to {MAX_TIMEOUT_S}, such as 30 or 1500ms",
            param=TIMEOUT_HEADER.decode(),
        )
    return seconds


def client_request_id(headers: Mapping[bytes, bytes]) -> str:
    """The client's own id for the request, if it is a sane token. It correlates; it never identifies a record."""
    value = headers.get(b"x-client-request-id") or headers.get(b"x-request-id")
    return value.decode("latin-1") if value and _SANE_ID.fullmatch(value) else ""


def _too_large(limit: int) -> TooLarge:
    # What is left of it nobody reads, and so the server ends the connection: nothing else may be sent on it.
    return TooLarge(f"the request body is larger than {limit} bytes", headers={"connection": "close"})
