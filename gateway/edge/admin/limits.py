"""The admin API's endpoint about limits: how full they are now."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from gateway.edge.admin.table import Asked, Param, Row

_TEXT = Annotated[str, msgspec.Meta(max_length=200)]


class LimitsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Whose limits. Left out: of every declared team, of no key in particular, on every model, of no user, …"""

    tenant: str = ""
    team: str = ""
    key: str = ""
    model: str = ""
    user: str = ""
    prompt: str = ""
    agent: str = ""
    run: str = ""


class LimitLevel(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one limit, for one combination of what it is per.

    Attributes:
        dimension: the figure's name, `cost_per_month`. maximum, used, remaining: of money, decimal text in the price
            book's currency; `used` includes what calls under way have reserved. share: of the maximum, in use.
        resets_at: when nothing that is counted now is counted any more; of calendar periods, their end.
        raised_until: until when the maximum is a raised one.
    """

    limit: str
    dimension: str
    scope: dict[str, str]
    maximum: int | str
    used: int | str
    remaining: int | str
    share: float
    on_exceeded: str
    resets_at: str | None = None
    raised_until: str | None = None


class LimitLevels(msgspec.Struct, frozen=True):
    data: list[LimitLevel]


Levels = Callable[[LimitsQuestion], Awaitable[list[LimitLevel]]]


def limit_rows(levels: Levels) -> tuple[Row, ...]:
    """The rows; `levels` answers the question, or raises BadRequest or NotFound for words that name nothing."""

    async def show(asked: Asked) -> LimitLevels:
        words: dict[str, Any] = {name: asked.query[name] or "" for name in LimitsQuestion.__struct_fields__}
        return LimitLevels(await levels(LimitsQuestion(**words)))

    summaries = {
        "tenant": "whose limits; left out: everybody's",
        "team": "which team's; left out: every declared one's",
        "key": "the id of a key, for limits per key, and on labels",
        "model": "a card's name; left out: all",
        "user": "for limits per user",
        "prompt": "for limits per prompt",
        "agent": "for limits per agent",
        "run": "for limits per run",
    }
    query = tuple(Param(name=name, summary=summary, type=_TEXT) for name, summary in summaries.items())
    return (
        Row(method="GET", path="/limits", id="list_limits", summary="How full limits and budgets are now",
            permission="usage.read", handler=show, answer=LimitLevels, query=query, errors=(404,)),
    )  # fmt: skip
