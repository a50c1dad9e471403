"""The admin API's endpoints about policies of the past: the history, and who could use what then."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from gateway.access.activations import Activated
from gateway.core.model import Attributes
from gateway.edge.admin.table import Asked, Param, Row, cursor, number_from_cursor


class AskedAttributes(Attributes, frozen=True, forbid_unknown_fields=True):
    """As somebody writes them. Those in records are read whatever another version knows."""


class ExplainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who, what and for what. `request`: what is asked for, as far as conditions look at it. `all_rules`: show those
    too that miss by more than one condition."""

    tenant: str
    team: str
    model: str
    operation: str = "chat"
    labels: dict[str, str] = {}
    claims: dict[str, list[str]] = {}
    data_class: str = ""
    request: AskedAttributes = AskedAttributes()
    all_rules: bool = False


class PastDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends, as plain blocking functions: entries older than a number, newest first, at
    most so many; and an answer about a moment: without a model about all, without an operation about chat, or any."""

    history: Callable[[int | None, int], list[Activated]]
    at: Callable[[str, ExplainRequest], dict[str, Any]]


class HistoryPage(msgspec.Struct, frozen=True):
    data: list[Activated]
    next_cursor: str | None


_TEXT = Annotated[str, msgspec.Meta(max_length=200)]
_QUESTION = ("tenant", "team", "model", "operation", "data_class")


def past_rows(deps: PastDeps, page: tuple[Param, ...]) -> tuple[Row, ...]:
    """The rows; `page`: the parameters that all lists have."""
    lock = asyncio.Lock()  # the chain is read from the disk: one at a time, and in a thread

    async def history(asked: Asked) -> HistoryPage:
        limit: int = asked.query["limit"]
        before = number_from_cursor(asked.query["cursor"])
        async with lock:
            data = await asyncio.to_thread(deps.history, before, limit)
        return HistoryPage(data, cursor(str(data[-1].seq)) if len(data) == limit else None)

    async def at(asked: Asked) -> dict[str, Any]:
        words: dict[str, Any] = {name: asked.query[name] or "" for name in _QUESTION}
        async with lock:
            return await asyncio.to_thread(deps.at, asked.query["time"], ExplainRequest(**words))

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
