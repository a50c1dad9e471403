"""The admin API's endpoints about feedback: what was said of answers, and what people wrote with it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec

from gateway.core.faults import NotFound
from gateway.edge.admin.table import Asked, Note, Param, Row, cursor_of, key_of_cursor
from gateway.edge.admin.usage import in_thread

Object = dict[str, Any]
_Place = tuple[UUID, UUID]
_TEXT = Annotated[str, msgspec.Meta(max_length=512)]
_FILTERS = {"tenant": "only of this tenant", "team": "only of this team", "metric": "only this metric"}


class SaidDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends, as plain blocking functions.

    Attributes:
        page: feedback without what people wrote, on the latest calls first, by (since, until, filters, (call, id) of
            the last one before, at most so many). of_call: all about one call, with it.
    """

    page: Callable[[str | None, str | None, Mapping[str, str], tuple[str, str] | None, int], list[Object]]
    of_call: Callable[[str], list[Object]]


class FeedbackPage(msgspec.Struct, frozen=True):
    data: list[Object]
    next_cursor: str | None


class FeedbackOfCall(msgspec.Struct, frozen=True):
    data: list[Object]


def feedback_rows(deps: SaidDeps, page: tuple[Param, ...], note: Note) -> tuple[Row, ...]:
    """The rows; `page`: the parameters that all lists have."""

    async def listed(asked: Asked) -> FeedbackPage:
        query, limit = asked.query, asked.query["limit"]
        filters = {name: query[name] for name in _FILTERS if query[name] is not None}
        place = key_of_cursor(query["cursor"], _Place)
        before = None if place is None else (str(place[0]), str(place[1]))
        data = await in_thread(deps.page, query["since"], query["until"], filters, before, limit)
        last = (data[-1]["call"], data[-1]["id"]) if len(data) == limit else None
        return FeedbackPage(data, None if last is None else cursor_of(last))

    async def show(asked: Asked) -> FeedbackOfCall:
        call = asked.path["id"]
        found = await in_thread(deps.of_call, call)
        if not found:
            said = f"nothing was said of a call `{call[:100]}`; its id is the x-request-id of its answer, and GET "
            raise NotFound(said + "/admin/feedback lists what was said", code="feedback_not_found")
        # Before it is shown: who has read what somebody wrote is known, or nobody has.
        await note(asked, "feedback.read", call, {name: found[0][name] for name in ("tenant", "team")})
        return FeedbackOfCall(found)

    period = (
        Param(name="since", summary="first moment of calls, ISO 8601", type=_TEXT),
        Param(name="until", summary="moment after the last, ISO 8601", type=_TEXT),
    )
    filters = tuple(Param(name=name, summary=summary, type=_TEXT) for name, summary in _FILTERS.items())
    return (
        Row(method="GET", path="/feedback", id="list_feedback", summary="What was said of answers; no content",
            permission="usage.read", handler=listed, answer=FeedbackPage, query=(*period, *filters, *page)),
        Row(method="GET", path="/feedback/{id}", id="get_feedback", summary="All about one call, with its texts",
            permission="content.read", handler=show, answer=FeedbackOfCall, errors=(404,)),
    )  # fmt: skip
