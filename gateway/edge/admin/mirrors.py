"""The admin API's endpoints about mirrors: the pairs of answers that are kept to compare models by."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec

from gateway.core.faults import NotFound
from gateway.edge.admin.table import Asked, Note, Param, Row, cursor_of, key_of_cursor

Object = dict[str, Any]
_Place = tuple[Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)], Annotated[str, msgspec.Meta(max_length=64)]]
_TEXT = Annotated[str, msgspec.Meta(max_length=512)]
_FILTERS = {"route": "only of this route", "model": "only with this mirror", "tenant": "only of this tenant's calls"}


class PairsDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends.

    Attributes:
        page: pairs without what was said, the latest first: (filters, (time, id) of the last one before, at most so
            many). get: one with what was said; None: it is not there.
    """

    page: Callable[[Mapping[str, str], tuple[int, str] | None, int], Awaitable[list[Object]]]
    get: Callable[[str], Awaitable[Object | None]]


class PairPage(msgspec.Struct, frozen=True):
    data: list[Object]
    next_cursor: str | None


def mirror_rows(deps: PairsDeps, page: tuple[Param, ...], note: Note) -> tuple[Row, ...]:
    """The rows; `page`: the parameters that all lists have."""

    async def listed(asked: Asked) -> PairPage:
        query, limit = asked.query, asked.query["limit"]
        filters = {name: query[name] or "" for name in _FILTERS}
        data = await deps.page(filters, key_of_cursor(query["cursor"], _Place), limit)
        last = (data[-1]["at_ns"], data[-1]["id"]) if len(data) == limit else None
        return PairPage(data, None if last is None else cursor_of(last))

    async def show(asked: Asked) -> Object:
        wanted = asked.path["id"]
        found = await deps.get(wanted)
        if found is None:
            said = f"no pair of answers `{wanted[:100]}` is kept here; GET /admin/mirrors lists those that are"
            raise NotFound(said, code="pair_not_found")
        # Before it is shown: who has read what somebody said is known, or nobody has.
        await note(asked, "mirror.read", wanted, {name: found[name] for name in ("call", "tenant", "team")})
        return found

    filters = tuple(Param(name=name, summary=summary, type=_TEXT) for name, summary in _FILTERS.items())
    return (
        Row(method="GET", path="/mirrors", id="list_mirrors", summary="Pairs of answers kept of mirrors; no content",
            permission="usage.read", handler=listed, answer=PairPage, query=(*filters, *page)),
        Row(method="GET", path="/mirrors/{id}", id="get_mirror", summary="One pair with its request and both answers",
            permission="content.read", handler=show, answer=Object, errors=(404,)),
    )  # fmt: skip
