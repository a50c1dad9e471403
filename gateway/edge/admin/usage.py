"""The admin API's endpoints about usage: reports, and single calls with what they cost."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec

from gateway.core.faults import BadRequest, NotFound
from gateway.edge.admin.table import Asked, Param, Row, cursor_of, key_of_cursor

Object = dict[str, Any]
Words = Mapping[str, str]


class UsageDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends, as plain blocking functions. Every one raises ValueError for what cannot be
    asked, and its message says why.

    Attributes:
        groups, filters: the words that reports know.
        usage: rows by (group_by, since, until, filters, zone, groups of the last one before, at most so many, the
            metric whose feedback they show), in the order of their groups.
        calls: calls by (since, until, filters, (beginning, id) of the last one before, at most so many).
        call: one call with its attempts and charges, by its id.
    """

    groups: Sequence[str]
    filters: Sequence[str]
    usage: Callable[
        [Sequence[str], str | None, str | None, Words, str, Sequence[str] | None, int, str | None], list[Object]
    ]
    calls: Callable[[str | None, str | None, Words, tuple[int, str] | None, int], list[Object]]
    call: Callable[[str], Object | None]


# Where a page of calls ended: what every store can compare a call's beginning and id with.
_Place = tuple[Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)], UUID]


class ObjectPage(msgspec.Struct, frozen=True):
    data: list[Object]
    next_cursor: str | None


_TEXT = Annotated[str, msgspec.Meta(max_length=512)]
# A report is one answer as a rule; it comes in pages so that none is without bound.
MAX_ROWS = 10_000
_ROWS = Param(
    name="limit", summary="how many at most", type=Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS)], default=1000
)


def usage_rows(deps: UsageDeps, page: tuple[Param, ...]) -> tuple[Row, ...]:
    """The rows; `page`: the parameters that all lists have."""
    api = _Usage(deps)
    _, cursor_param = page
    period = (
        Param(name="since", summary="first moment, ISO 8601", type=_TEXT),
        Param(name="until", summary="moment after the last, ISO 8601", type=_TEXT),
    )
    filters = tuple(
        Param(name=name, summary=f"only this {name.replace('_', ' ')}", type=_TEXT) for name in deps.filters
    )
    tag = Param(name="tag", summary="only with this tag, NAME=VALUE", type=_TEXT)
    report = (
        Param(name="group_by", summary=f"comma-separated: {', '.join(deps.groups)}, tag:NAME", type=_TEXT),
        *period,
        Param(name="zone", summary="IANA time zone that months, days and hours are of", type=_TEXT, default="UTC"),
        *filters,
        tag,
        Param(name="feedback", summary="metric whose feedback is shown too, `feedback` as a rule", type=_TEXT),
        _ROWS,
        cursor_param,
    )
    return (
        Row(method="GET", path="/usage", id="usage", summary="Usage and cost from the ledger", handler=api.usage,
            permission="usage.read", answer=ObjectPage, query=report),
        Row(method="GET", path="/calls", id="list_calls", summary="Single calls, the latest first; without content",
            permission="usage.read", handler=api.calls, answer=ObjectPage, query=(*period, *filters, tag, *page)),
        Row(method="GET", path="/calls/{id}", id="get_call", summary="One call with its attempts and charges",
            permission="usage.read", handler=api.call, answer=Object, errors=(404,)),
    )  # fmt: skip


class _Usage:
    def __init__(self, deps: UsageDeps) -> None:
        self._deps = deps

    def _filters(self, query: Mapping[str, Any]) -> dict[str, str]:
        found = {name: query[name] for name in self._deps.filters if query[name] is not None}
        if query["tag"] is not None:
            name, equals, value = query["tag"].partition("=")
            if not equals:
                raise BadRequest("a tag is NAME=VALUE", param="tag")
            found[f"tag:{name}"] = value
        return found

    async def usage(self, asked: Asked) -> ObjectPage:
        query = asked.query
        groups = list(dict.fromkeys(word.strip() for word in (query["group_by"] or "").split(",") if word.strip()))
        after = key_of_cursor(query["cursor"], list[str])
        period = (query["since"], query["until"])
        # Pages go on by the groups themselves, so that calls that come meanwhile move no line to another page.
        asked_for = (groups, *period, self._filters(query), query["zone"], after, query["limit"] + 1)
        rows = await in_thread(self._deps.usage, *asked_for, query["feedback"])
        shown: list[Object] = rows[: query["limit"]]
        key = [shown[-1][name] for name in groups] if len(rows) > len(shown) else None
        return ObjectPage(shown, None if key is None else cursor_of(key))

    async def calls(self, asked: Asked) -> ObjectPage:
        query, limit = asked.query, asked.query["limit"]
        place = key_of_cursor(query["cursor"], _Place)
        before = None if place is None else (place[0], str(place[1]))
        data = await in_thread(self._deps.calls, query["since"], query["until"], self._filters(query), before, limit)
        last = (data[-1]["started_ns"], data[-1]["id"]) if len(data) == limit else None
        return ObjectPage(data, None if last is None else cursor_of(last))

    async def call(self, asked: Asked) -> Object:
        wanted = asked.path["id"]
        found = await in_thread(self._deps.call, wanted)
        if found is None:
            said = f"the ledger has no call `{wanted[:100]}`; its id is the x-request-id of its answer, and it is "
            said += "there within seconds of its end; GET /admin/calls lists those that are"
            raise NotFound(said, code="call_not_found")
        return found


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """What it returns; what cannot be asked is the caller's fault."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except ValueError as error:
        raise BadRequest(str(error)) from None
