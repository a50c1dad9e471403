"""OpenAI's organization API over our own ledger: `GET /v1/organization/usage/…` and `/costs`.

Source: OpenAI's API reference, "Usage" (Administration). What is ours in it: a project is `tenant/team`, an API key's
id is our key's id, a user is the end user's name, a model is the name that was asked for. Money is in the price book's
currency. What has no price is a line item of its own, `gpt-4o, input tokens (no price)`, and every result says in
`unpriced_charges`, which OpenAI has not, how many charges its amount is without. Like there, buckets begin on whole
minutes, hours and days of UTC, and the first one at `start_time`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.faults import BadRequest, NotFound
from gateway.core.money import decimal_text
from gateway.edge.organization_kinds import KINDS, Kind

Object = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]
Spans = Sequence[tuple[int, int]]
Admit = Callable[[Request], Awaitable[None]]
Width = Literal["1m", "1h", "1d"]
_SECONDS: Mapping[str, int] = {"1m": 60, "1h": 3_600, "1d": 86_400}
# How many buckets there are in a page: as a rule, and at most.
_BUCKETS: Mapping[str, tuple[int, int]] = {"1m": (60, 1_440), "1h": (24, 168), "1d": (7, 31)}
_COST_BUCKETS = (7, 180)
_COST_GROUPS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")
_NS = 1_000_000_000
LAST_S = 253_402_300_799  # the end of the year 9999
_LAST_NS = 2**63 - 1  # what stores can compare; nothing was recorded beyond
MAX_VALUES = 100


class OrganizationDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends.

    Attributes:
        admit: raises a fault for who may not read usage.
        now: Unix seconds.
        usage: blocking: rows of each of several spans (Unix nanoseconds), by words to group by and filters: the words
            as keys, and the numbers of reports. costs: the same of what was charged, with line items or without.
        currency: of the price book in force.
    """

    admit: Admit
    now: Callable[[], float]
    usage: Callable[[Spans, Sequence[str], Mapping[str, Sequence[str]]], Sequence[Rows]]
    costs: Callable[[Spans, Sequence[str], bool, Mapping[str, Sequence[str]]], Sequence[Rows]]
    currency: Callable[[], str]


# Their words and ours. A batch is a tier of its own.
_WORDS = {"project_id": "project", "user_id": "user", "api_key_id": "key", "model": "model", "service_tier": "tier",
          "batch": "tier", "size": "image_size"}  # fmt: skip
_FILTERS = {"project_ids": "project", "user_ids": "user", "api_key_ids": "key", "models": "model",
            "sizes": "image_size"}  # fmt: skip
_SHARED = ("start_time", "end_time", "bucket_width", "group_by", "limit", "page")
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=LAST_S)]


class Asked(msgspec.Struct, kw_only=True):
    """The query, read."""

    start_time: _Seconds
    end_time: _Seconds | None = None
    bucket_width: Width = "1d"
    group_by: list[str] = []
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    page: str | None = None
    batch: bool | None = None
    line_items: list[str] = []
    filters: dict[str, list[str]] = {}


def organization_routes(base: str, deps: OrganizationDeps) -> list[Route]:
    """The routes; `deps.admit` refuses who may not."""

    async def usage(request: Request) -> Response:
        await deps.admit(request)
        name: str = request.path_params["kind"]
        kind = KINDS.get(name)
        if kind is None:
            raise NotFound(f"there is no usage of `{name[:100]}` here; known: {', '.join(KINDS)}", code="unknown_url")
        asked = _read(request, kind.groups, (*_filters_of(kind), *(("batch",) if "batch" in kind.groups else ())))
        spans, next_page = _spans(asked, deps.now(), _BUCKETS[asked.bucket_width])
        results = await asyncio.to_thread(_usage, deps, kind, asked, spans)
        return _page(spans, results, next_page)

    async def costs(request: Request) -> Response:
        await deps.admit(request)
        asked = _read(request, _COST_GROUPS, ("project_ids", "api_key_ids", "user_ids", "line_items"))
        if asked.bucket_width != "1d":
            raise BadRequest("costs come by the day: `bucket_width` is 1d", param="bucket_width")
        spans, next_page = _spans(asked, deps.now(), _COST_BUCKETS)
        results = await asyncio.to_thread(_costs, deps, asked, spans)
        return _page(spans, results, next_page)

    return [
        Route(f"{base}/organization/usage/{{kind}}", usage, methods=["GET"]),
        Route(f"{base}/organization/costs", costs, methods=["GET"]),
    ]


def _filters_of(kind: Kind) -> list[str]:
    return [name for name, word in _FILTERS.items() if any(_WORDS.get(group) == word for group in kind.groups)]


def _read(request: Request, groups: Sequence[str], more: Sequence[str]) -> Asked:
    """The query. Lists come as OpenAI's SDKs send them, `group_by[]=a&group_by[]=b`, or with commas."""
    values: dict[str, Any] = {}
    lists = {"group_by", "line_items", *_FILTERS}
    for name, text in request.query_params.multi_items():
        plain = name.removesuffix("[]")
        if plain not in (*_SHARED, *more):
            raise BadRequest(
                f"unknown query parameter `{name[:100]}`; known: {', '.join((*_SHARED, *more))}", param=name
            )
        if "\0" in text:
            raise BadRequest(f"`{name}` has a NUL character in it", param=name)
        if plain in lists:
            found: list[str] = values.setdefault(plain, [])
            found.extend(text.split(",") if name == plain == "group_by" else [text])
            if len(found) > MAX_VALUES:
                raise BadRequest(f"`{plain}` has at most {MAX_VALUES} values", param=name)
        else:
            values[plain] = text
    values["filters"] = {name: values.pop(name) for name in _FILTERS if name in values}
    try:
        asked = msgspec.convert(values, Asked, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"the query does not fit: {error}") from None
    for word in asked.group_by:
        if word not in groups:
            raise BadRequest(f"cannot group by `{word[:100]}`; known: {', '.join(groups)}", param="group_by")
    if asked.end_time is not None and asked.end_time <= asked.start_time:
        raise BadRequest("`end_time` comes after `start_time`", param="end_time")
    return asked


def _spans(asked: Asked, now: float, buckets: tuple[int, int]) -> tuple[list[tuple[int, int]], str | None]:
    """Begin and end of each bucket of this page, in Unix seconds, and what names the next page."""
    usual, most = buckets
    limit, width = asked.limit or usual, _SECONDS[asked.bucket_width]
    if limit > most:
        raise BadRequest(f"`limit` is at most {most} for buckets of {asked.bucket_width}", param="limit")
    begin = asked.start_time
    if asked.page is not None:
        number = asked.page.removeprefix("page_")
        if not (asked.page.startswith("page_") and number.isdecimal() and len(number) < 13) or int(number) < begin:
            raise BadRequest("`page` is not one that this query gave out", param="page")
        begin = int(number)
    end = asked.end_time if asked.end_time is not None else (int(now) // width + 1) * width
    spans: list[tuple[int, int]] = []
    while begin < end and len(spans) < limit:
        after = min((begin // width + 1) * width, end)
        spans.append((begin, after))
        begin = after
    return spans, f"page_{begin}" if begin < end else None


def _in_ns(spans: Spans) -> Spans:
    return [(min(begin * _NS, _LAST_NS), min(end * _NS, _LAST_NS)) for begin, end in spans]


def _usage(deps: OrganizationDeps, kind: Kind, asked: Asked, spans: Spans) -> list[list[Object]]:
    words = [_WORDS[name] for name in asked.group_by if name in _WORDS]
    if asked.batch is not None:
        words.append("tier")
    filters: dict[str, Sequence[str]] = {_FILTERS[name]: value for name, value in asked.filters.items()}
    if kind.operations:
        filters["operation"] = kind.operations
    found: list[list[Object]] = []
    for rows in deps.usage(_in_ns(spans), list(dict.fromkeys(words)), filters):
        groups: dict[tuple[Any, ...], dict[str, int]] = {}
        for row in rows:
            if asked.batch is not None and (row["tier"] == "batch") != asked.batch:
                continue
            key = tuple(_shown(name, row) for name in asked.group_by)
            sums = groups.setdefault(key, {})
            for name, number in row.items():
                if isinstance(number, int):
                    sums[name] = sums.get(name, 0) + number
        found.append(
            [_usage_result(kind, asked.group_by, key, row) for key, row in groups.items() if not kind.none(row)]
        )
    return found


def _shown(name: str, row: Mapping[str, Any]) -> Any:
    if name == "batch":
        return row["tier"] == "batch"
    if name == "api_source":
        return "unlabeled"
    # What the ledger does not keep, or has nothing of, is null.
    return row[_WORDS[name]] or None if name in _WORDS else None


def _usage_result(kind: Kind, group_by: Sequence[str], key: tuple[Any, ...], row: Mapping[str, int]) -> Object:
    groups: Object = dict.fromkeys(kind.groups)
    return {
        "object": f"organization.usage.{kind.result}.result",
        **kind.numbers(row),
        **groups,
        **dict(zip(group_by, key, strict=True)),
    }


def _costs(deps: OrganizationDeps, asked: Asked, spans: Spans) -> list[list[Object]]:
    words = list(dict.fromkeys(_WORDS[name] for name in asked.group_by if name in _WORDS))
    items = "line_item" in asked.group_by or bool(asked.line_items)
    filters = {_FILTERS[name]: value for name, value in asked.filters.items()}
    currency = deps.currency().lower()
    found: list[list[Object]] = []
    for rows in deps.costs(_in_ns(spans), words, items, filters):
        groups: dict[tuple[Any, ...], tuple[int, int, int]] = {}
        units: dict[tuple[Any, ...], str | None] = {}
        for row in rows:
            item = _item(row) if items else None
            if asked.line_items and item not in asked.line_items:
                continue
            shown = {
                "line_item": item,
                "api_source": "unlabeled",
                **{name: row.get(_WORDS.get(name, "")) for name in _WORDS},
            }
            key = tuple(shown[name] for name in asked.group_by)
            units[key] = _unit(row["meter"])
            nano, quantity, unpriced = groups.get(key, (0, 0, 0))
            groups[key] = nano + row["nano"], quantity + row["quantity"], unpriced + row["unpriced"]
        found.append([_cost_result(asked.group_by, key, sums, units[key], currency) for key, sums in groups.items()])
    return found


def _item(row: Mapping[str, Any]) -> str:
    """The name tells what has no price: the tools that show these lines show no field that OpenAI does not have."""
    return f"{row['model']}, {row['meter'].replace('_', ' ')}{' (no price)' if row['unpriced'] else ''}"


def _unit(meter: str) -> str | None:
    return "tokens" if meter.endswith("_tokens") else meter if meter in ("images", "characters") else None


def _cost_result(
    group_by: Sequence[str], key: tuple[Any, ...], sums: tuple[int, int, int], unit: str | None, currency: str
) -> Object:
    nano, quantity, unpriced = sums
    groups: Object = dict.fromkeys(_COST_GROUPS)
    return {
        "object": "organization.costs.result",
        # A number like theirs, and every digit of it.
        "amount": {"value": msgspec.Raw(decimal_text(nano).encode()), "currency": currency},
        "quantity": quantity if "line_item" in group_by else None,
        "quantity_unit": unit if "line_item" in group_by else None,
        "unpriced_charges": unpriced,
        **groups,
        **dict(zip(group_by, key, strict=True)),
    }


def _page(spans: Spans, results: Sequence[list[Object]], next_page: str | None) -> Response:
    data = [
        {"object": "bucket", "start_time": begin, "end_time": end, "results": found}
        for (begin, end), found in zip(spans, results, strict=True)
    ]
    page = {"object": "page", "data": data, "has_more": next_page is not None, "next_page": next_page}
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(msgspec.json.encode(page), headers=headers)
