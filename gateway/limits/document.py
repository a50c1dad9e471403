"""The shape of policies/limits.yaml."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import msgspec

from gateway.core.days import Moment
from gateway.core.share import Priority
from gateway.limits.bounds import Dimension, OnExceeded, OnStoreFailure, OnUnpriced

# Sliding spans by the unit in a figure's name: (seconds, slices). A call counts for the span, and for a slice at most
# beyond it: with few slices, somebody who has waited for a minute would be refused.
SLIDING: Mapping[str, tuple[float, int]] = {
    "second": (1.0, 5),
    "minute": (60.0, 12),
    "hour": (3600.0, 12),
    "day": (86_400.0, 24),
    "month": (30 * 86_400.0, 30),
}
CALENDAR = frozenset({"day", "month"})
COUNTED: tuple[Dimension, ...] = ("requests", "input_tokens", "output_tokens", "tokens", "cost")


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which calls a limit is for: patterns. What is left out matches everything.

    Attributes:
        models: names of cards. model_groups: names of the file's own groups.
        users, prompts, agents: of calls that name one; `"?*"` leaves those out that name none. Prompts by their names,
            whatever the version.
        labels, claims: by name; of a claim with several words one must fit.
    """

    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    model_groups: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    claims: dict[str, str] | None = None


class Raise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """A limit's other maximum for a while, and who answers for it. Of several the highest counts.

    Attributes:
        figure: which of the limit's figures; may be left out with `factor`: all of them.
        maximum, factor: what it is then, or by how much it is multiplied; one of the two.
        from_, until: the first moment or day, and the last day or the moment at which it is over.
        scope: whom it is for, by the words of `per` and by tenant, team and key: patterns.
    """

    until: Moment
    owner: str
    reason: str
    from_: Moment | None = None
    figure: str = ""
    maximum: Decimal | None = None
    factor: Decimal | None = None
    scope: dict[str, str] = {}


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One limit.

    Attributes:
        per: one counter for each distinct combination of these: tenant, team, key, user, model, model_group, prompt,
            agent, run, `claim:<name>`; empty: one counter for all.
        zone: the IANA time zone whose days and months are counted; the file's if left out.
        rolling: the last 24 hours and 30 days instead of the calendar's.
        on_exceeded: `refuse`, `warn` in a header, a metric and the log, or `queue`: keep waiting up to `queue_ms`, then
            refuse.
        on_store_failure: what holds while the store that replicas share is away.
        on_unpriced: what `cost_per_…` does with a call whose price is not known.
        cost_per_…: in the price book's currency.
    """

    id: str
    match: Match = Match()
    per: tuple[str, ...] = ()
    requests_per_second: int | None = None
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    requests_per_day: int | None = None
    requests_per_month: int | None = None
    input_tokens_per_second: int | None = None
    input_tokens_per_minute: int | None = None
    input_tokens_per_hour: int | None = None
    input_tokens_per_day: int | None = None
    input_tokens_per_month: int | None = None
    output_tokens_per_second: int | None = None
    output_tokens_per_minute: int | None = None
    output_tokens_per_hour: int | None = None
    output_tokens_per_day: int | None = None
    output_tokens_per_month: int | None = None
    tokens_per_second: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_hour: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    cost_per_second: Decimal | None = None
    cost_per_minute: Decimal | None = None
    cost_per_hour: Decimal | None = None
    cost_per_day: Decimal | None = None
    cost_per_month: Decimal | None = None
    concurrent_requests: int | None = None
    zone: str | None = None
    rolling: bool = False
    on_exceeded: OnExceeded = "refuse"
    queue_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] | None = None
    on_store_failure: OnStoreFailure = "local_share"
    on_unpriced: OnUnpriced = "charge_ceiling"
    raises: tuple[Raise, ...] = ()


class WeightRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: Annotated[float, msgspec.Meta(gt=0, le=1_000)]
    match: Match = Match()


class PriorityRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    priority: Priority
    match: Match = Match()


class Sharing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets how much of an upstream when it is the bottleneck. Tenants share it by weight, and interactive calls go
    before batch. Of each list the first entry that matches counts; without one a tenant weighs 1, and a call is
    interactive. Batch always gets a tenth of what an upstream serves, if it asks for so much."""

    weights: tuple[WeightRule, ...] = ()
    priorities: tuple[PriorityRule, ...] = ()


class LimitsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`default_output_tokens`: reserved for a call that does not say how much it may produce. `model_groups`: names for
    patterns of cards' names. `zone`: of limits that name none."""

    limits: tuple[Limit, ...] = ()
    default_output_tokens: int = 1024
    model_groups: dict[str, tuple[str, ...]] = {}
    zone: str = "UTC"
    sharing: Sharing = Sharing()


class Figure(msgspec.Struct, frozen=True):
    """What a figure's name means. `unit`: of its window; empty: what is under way."""

    name: str
    dimension: Dimension
    unit: str = ""


FIGURES: tuple[Figure, ...] = (
    *(Figure(f"{dimension}_per_{unit}", dimension, unit) for dimension in COUNTED for unit in SLIDING),
    Figure("concurrent_requests", "concurrent_requests"),
)
BY_NAME: Mapping[str, Figure] = {figure.name: figure for figure in FIGURES}
