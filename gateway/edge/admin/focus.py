"""The ledger as FOCUS over HTTP: CSV, streamed while it is read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response, StreamingResponse

from gateway.core.faults import BadRequest
from gateway.edge.admin.table import Asked, Param, Row


class FocusAsked(msgspec.Struct, frozen=True):
    """`since`, `until`: ISO 8601; no `until`: the end of the last whole hour or day."""

    version: Literal["1.2", "1.3", "1.4"]
    since: str
    until: str | None
    by: Literal["hour", "day"]


class FocusCsv(msgspec.Struct, frozen=True):
    """`pieces`: of UTF-8; closing it ends the reading. `left_out`: how many charges are not in it, because nobody knows
    their price."""

    pieces: Generator[bytes]
    left_out: int


# It blocks, and so do the pieces; both are asked in a thread. Raises ValueError: the period is none.
Focus = Callable[[FocusAsked], FocusCsv]


def focus_rows(focus: Focus) -> tuple[Row, ...]:
    async def export(asked: Asked) -> Response:
        question = msgspec.convert(
            {name: asked.query[name] for name in FocusAsked.__struct_fields__}, FocusAsked, strict=False
        )
        try:
            found = await asyncio.to_thread(focus, question)
            first = await asyncio.to_thread(next, found.pieces, b"")
        except ValueError as error:
            raise BadRequest(str(error)) from None
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="focus-{question.version}.csv"',
            "x-gateway-unpriced-charges": str(found.left_out),
        }
        return StreamingResponse(_streamed(first, found.pieces), headers=headers, media_type="text/csv; charset=utf-8")

    moment = Annotated[str, msgspec.Meta(min_length=4)]
    query = (
        Param(name="version", summary="of the FOCUS specification", type=Literal["1.2", "1.3", "1.4"], default="1.4"),
        Param(name="since", summary="first moment, ISO 8601", type=moment, required=True),
        Param(name="until", summary="moment after the last, ISO 8601; default: the last whole period"),
        Param(name="by", summary="length of a charge period", type=Literal["hour", "day"], default="hour"),
        Param(name="format", summary="csv, the only one here", type=Literal["csv"], default="csv"),
    )  # fmt: skip
    return (
        Row(method="GET", path="/usage/focus", id="usage_focus", summary="Charges as FOCUS, for FinOps tools",
            permission="usage.read", handler=export, answer=str, query=query, media="text/csv"),
    )  # fmt: skip


async def _streamed(first: bytes, pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    """The pieces; whoever hangs up ends the reading, after the piece that is being made."""
    reading: asyncio.Future[Any] | None = None
    try:
        piece = first
        while piece:
            yield piece
            reading = asyncio.ensure_future(asyncio.to_thread(next, pieces, b""))
            piece = await asyncio.shield(reading)
    finally:
        if reading is None or reading.done():
            pieces.close()
        else:
            reading.add_done_callback(lambda done: (done.exception(), pieces.close()))
