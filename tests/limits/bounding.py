"""Bounds and needs for tests, in few words."""

from typing import Any

from gateway.limits.bounds import Bound, Dimension, Need, Span

SECOND = Span("sliding", "second", 1.0, 5)
# Longer than they are called, so that a test that counts in one rarely counts in two.
MINUTE = Span("sliding", "minute", 36_000.0, 1)
HOUR = Span("sliding", "hour", 432_000.0, 12)
MONTH = Span("calendar", "month")
DAY = Span("calendar", "day", zone="Europe/Berlin")
NOW = Span("now")


def bound(dimension: Dimension, span: Span, maximum: int, *, scope: str = "acme", **fields: Any) -> Bound:
    """A figure of the limit `l`. `scope`: of a tenant by this name; empty: of nobody in particular."""
    name = dimension if span.kind == "now" else f"{dimension}_per_{span.unit}"
    limit_id = fields.pop("limit_id", "l")
    return Bound(
        limit_id=limit_id,
        name=name,
        dimension=dimension,
        span=span,
        maximum=maximum,
        scope=(("tenant", scope),) if scope else (),
        key=f"{limit_id}|{name}|{scope}",
        tag=scope,
        **fields,
    )


ONE = Need(0, 0, 0)


def tokens(count: int) -> Need:
    return Need(count, 0, 0)
