"""The admin API's endpoints about policies of the past: the history, and who could use what then."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from gateway.access.activations import Activated
from gateway.core.faults import BadRequest
from gateway.edge.admin.table import Asked, Param, Row, cursor, from_cursor


class PastRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who, when and for what. Without `model`: which models. `operation`: empty for chat, and for any of them."""

    time: str
    tenant: str
    team: str
    model: str = ""
    operation: str = ""
    data_class: str = ""


class PastDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends, as plain blocking functions: entries older than a number, newest first, at
    most so many; and an answer."""

    history: Callable[[int | None, int], list[Activated]]
    at: Callable[[PastRequest], dict[str, Any]]


class HistoryPage(msgspec.Struct, frozen=True):
    data: list[Activated]
    next_cursor: str | None


_TEXT = Annotated[str, msgspec.Meta(max_length=200)]


def past_rows(deps: PastDeps, page: tuple[Param, ...]) -> tuple[Row, ...]:
    """The rows; `page`: the parameters that all lists have."""
    lock = asyncio.Lock()  # the chain is read from the disk: one at a time, and in a thread

    async def history(asked: Asked) -> HistoryPage:
        limit: int = asked.query["limit"]
        before = from_cursor(asked.query["cursor"])
        if before and not (before.isascii() and before.isdigit() and len(before) < 19):
            raise BadRequest("the cursor is not one this API gave out", param="cursor")
        async with lock:
            data = await asyncio.to_thread(deps.history, int(before) if before else None, limit)
        return HistoryPage(data, cursor(str(data[-1].seq)) if len(data) == limit else None)

    async def at(asked: Asked) -> dict[str, Any]:
        given = {name: value for name, value in asked.query.items() if value is not None}
        async with lock:
            return await asyncio.to_thread(deps.at, PastRequest(**given))

    who = (
        Param(name="time", summary="the moment, ISO 8601; a day is its first moment", type=_TEXT, required=True),
        Param(name="tenant", summary="whose call", type=_TEXT, required=True),
        Param(name="team", summary="which team of the tenant", type=_TEXT, required=True),
        Param(name="model", summary="a name that callers may ask for; without one: all that could be used", type=_TEXT),
        Param(name="operation", summary="without one: chat, or any if no model is named", type=_TEXT),
        Param(name="data_class", summary="the class of what is sent, if higher than the team's", type=_TEXT),
    )
    return (
        Row(method="GET", path="/policy/history", id="list_policy_history", summary="What took force, newest first",
            permission="policy.read", handler=history, answer=HistoryPage, query=page, errors=(409,)),
        Row(method="GET", path="/policy/at", id="policy_at", summary="Who could use what then, and what proves it",
            permission="policy.read", handler=at, answer=dict[str, Any], query=who, errors=(404, 409)),
    )  # fmt: skip
