"""The shape of policies/routes.yaml."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from gateway.core.experiment import Experiment

# What went wrong with an upstream, as `troubles.py` tells it apart.
Trouble = Literal[
    "rate_limited",
    "timeout",
    "unreachable",
    "server_error",
    "broken_answer",
    "context_too_long",
    "content_filter",
    "credentials",
    "not_served",
    "not_expressible",
    "busy",
]
Strategy = Literal["ordered", "weighted", "least_in_flight", "least_latency", "cheapest"]
Ms = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class RouteTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    target: `provider/model`; a card describes it.
    weight: its part of the traffic among those of its priority; 0: only when no other can be used.
    priority: those of a higher number are asked only when none of a lower can be used.
    when: a CEL condition on the request (`request.input_tokens > 100000`); no target of other calls.
    quality: any figure of yours by which models can be compared; see `min_quality`.
    """

    target: str
    weight: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 1.0
    priority: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    when: str = ""
    quality: float = 0.0


class Sticky(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls that are alike go to the same target, so that what it keeps of the earlier ones (a KV cache) is of use.

    Attributes:
        by: `session` (the header, or `prompt_cache_key`), `user`, `key`, or `prompt_prefix`: how the prompt begins.
        header: the request header that names a session.
        prefix_bytes: how much of the prompt's beginning counts.
        max_load: no target gets more than this many times its part of the calls under way; those go on to the next.
    """

    by: Literal["session", "user", "key", "prompt_prefix"] = "session"
    header: str = "x-session-id"
    prefix_bytes: Annotated[int, msgspec.Meta(ge=16, le=65_536)] = 1_024
    max_load: Annotated[float, msgspec.Meta(ge=1, le=100)] = 1.25


class Retries(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    max_attempts: upstream calls that one call may cause in all, the first included; 1: no retries, no fallback. The
        last goes to a model that the route falls back to, where it names one for what went wrong.
    base_ms, max_ms: the wait before the same target is asked again: random, between 0 and `base_ms` doubled each
        time, at most `max_ms`. An upstream's `retry-after` counts instead; if it is longer than `max_ms`, the answer is
        passed on.
    """

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    base_ms: Ms = 100
    max_ms: Ms = 2_000


class Hedge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A second target is asked when the first has not begun to answer; the slower one is stopped, and what it cost goes
    to `gateway:retries`.

    Attributes:
        after_ms: how long to wait; left out: as long as 95 of 100 of the route's calls took lately.
        min_ms: never sooner than this.
    """

    after_ms: Ms | None = None
    min_ms: Ms = 50


class Fallbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of other models to ask when no target of this one is left, by what went wrong (`troubles.py` tells).

    Attributes:
        any: for every trouble, after its own.
    """

    rate_limited: tuple[str, ...] = ()
    timeout: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    server_error: tuple[str, ...] = ()
    broken_answer: tuple[str, ...] = ()
    context_too_long: tuple[str, ...] = ()
    content_filter: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    not_served: tuple[str, ...] = ()
    not_expressible: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    any: tuple[str, ...] = ()


NO_FALLBACKS = Fallbacks()


class Mirror(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the calls is also sent to another model, whose answers no caller gets.

    Attributes:
        model: a name of the catalogue that the caller may use as well; calls of others are not mirrored.
        share: the part of calls. max_in_flight: more than so many at once are left out.
        cost_per_day: in the price book's currency, per worker and day of UTC, so that what is under way has room in it
            too; left out for no bound.
        timeout_s: given up when its whole answer is not there by then.
        keep: keep both answers for comparison, unless nothing of the call may be kept.
    """

    model: str
    share: Share = 1.0
    max_in_flight: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 20
    cost_per_day: Annotated[float, msgspec.Meta(gt=0, le=1_000_000_000)] | None = None
    timeout_s: Seconds = 300.0
    keep: bool = False


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new target that takes over step by step, and goes back to nothing by itself when it does worse.

    Attributes:
        target: `provider/model`. since: the moment of the first step.
        steps: its parts of the traffic, in turn. step_s: how long each lasts.
        max_error_rate: more of its calls failed, while those of the others did not: rolled back.
        max_latency_ratio: its time to the first token beside that of the others.
        min_calls: it is not judged before so many.
    """

    target: str
    since: str
    steps: tuple[Share, ...] = (0.01, 0.05, 0.25, 1.0)
    step_s: Seconds = 3_600.0
    max_error_rate: Share = 0.05
    max_latency_ratio: Annotated[float, msgspec.Meta(ge=1, le=1_000)] = 2.0
    min_calls: Annotated[int, msgspec.Meta(ge=1)] = 50


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How calls for one name find their target.

    Attributes:
        targets: left out: those of the card, alias or config.yaml's route of that name, in their order.
        strategy: `ordered` best first; `weighted` at random; `least_in_flight`; `least_latency` by a peak-sensitive
            moving average of the time to the first token; `cheapest` of those that keep `max_latency_ms` and
            `min_quality`.
        timeout_s: an attempt that has not begun to answer by then is given up.
        fallbacks: other models, for when no target of this one is left.
        experiment: its targets are held against each other, and what does worse is stopped; of a weighted route.
    """

    targets: tuple[RouteTarget, ...] = ()
    strategy: Strategy = "ordered"
    max_latency_ms: Ms | None = None
    min_quality: float | None = None
    sticky: Sticky | None = None
    retries: Retries | None = None
    timeout_s: Seconds | None = None
    fallbacks: Fallbacks = NO_FALLBACKS
    hedge: Hedge | None = None
    mirrors: tuple[Mirror, ...] = ()
    canary: Canary | None = None
    experiment: Experiment | None = None


class Ejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a target is left alone for a while. Attributes:

    enabled: false: never; every call is sent, whatever became of those before.
    consecutive: failures in a row. failure_rate: of the calls of the last 10 seconds, if there were `min_calls`.
    open_s, max_open_s: for how long, doubled each time that a trial fails.
    trials: calls that are let through to find out, one at a time; so many in a row must succeed.
    probe_s: a target that is left alone is asked for its list of models so often, and calls are tried only when it
        answers; left out: calls are the trials.
    """

    enabled: bool = True
    consecutive: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 5
    failure_rate: Share = 0.5
    min_calls: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 20
    open_s: Seconds = 0.5
    max_open_s: Seconds = 3.0
    trials: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    probe_s: Seconds | None = None


class Overload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many calls may be under way at a target, found out from its time to the first token. Attributes:

    enabled: false: there is no such limit.
    min, max: of the limit, in each worker. Until a target was too slow, `max` holds.
    tolerance: too slow is a target when even the quickest of its last calls took so many times as long as calls usually
        do, while more and more of them are there.
    batch_share: calls of the priority `batch` get in only up to this part of the limit.
    """

    enabled: bool = True
    min: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 20
    max: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    tolerance: Annotated[float, msgspec.Meta(ge=1.1, le=1_000)] = 3.0
    batch_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.7


class RetryBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`share`: attempts besides the first, as a part of the calls, per worker; `at_least`: so many in ten seconds are
    always allowed, for gateways with few calls."""

    share: Share = 0.2
    at_least: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 10


class RoutesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    retries, timeout_s: of every name, where its own route does not say otherwise.
    """

    retries: Retries = Retries()
    timeout_s: Seconds | None = None
    retry_budget: RetryBudget = RetryBudget()
    ejection: Ejection = Ejection()
    overload: Overload = Overload()
    routes: Mapping[str, Route] = {}
