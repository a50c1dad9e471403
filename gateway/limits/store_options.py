"""What config.yaml says about where limits are counted."""

from typing import Any, Literal

import msgspec

from gateway.stores.documents import Document
from gateway.stores.redis import RedisOptions
from gateway.stores.redis import why_invalid as why_redis_invalid


class LimitsStoreOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    kind: `process`: each worker counts for itself. `redis`: all workers of all replicas together, in what `redis:`
        names.
    mode: `exact`: each call asks Redis. `lease`: a worker borrows from limits with a sliding window for up to
        `lease_ms`, and asks only when that is used up.
    timeout_ms: the longest that a call waits for Redis; then Redis counts as away until it answers again.
    hold_s: after so long the reservations of a worker that died are given back.
    prefix: of all keys in Redis; gateways with the same prefix share their limits.
    """

    kind: Literal["process", "redis"] = "process"
    mode: Literal["exact", "lease"] = "exact"
    lease_ms: int = 250
    timeout_ms: int = 20
    hold_s: float = 30.0
    prefix: str = "gateway"


def check_limits_store(
    document: Document[Any], options: LimitsStoreOptions, redis: RedisOptions | None, workers: int, accepted: bool
) -> None:
    """Whether `limits_store:`, `redis:` and the number of workers can be meant as they stand. `accepted`: that each
    worker counts for itself.

    Raises:
        DocumentError: with the line of what is wrong.
    """
    if redis is not None and (wrong := why_redis_invalid(redis)) is not None:
        raise document.error(("redis", wrong[0]) if wrong[0] else ("redis",), wrong[1])
    if (wrong := _why_invalid(options)) is not None:
        raise document.error(("limits_store", wrong[0]), wrong[1])
    if options.kind == "redis" and redis is None:
        raise document.error(
            ("limits_store", "kind"), "limits_store.kind `redis` needs `redis:`, which says where it is"
        )
    if options.kind == "process" and workers > 1 and not accepted:
        raise document.error(
            ("server", "workers"),
            "with more than one worker, limits count in each worker for itself; set `limits_store: {kind: redis}` to "
            "count them together, or `limits_per_worker: true` beside it to accept that",
        )


def _why_invalid(options: LimitsStoreOptions) -> tuple[str, str] | None:
    """(field, reason) if the options cannot work."""
    if not 1 <= options.timeout_ms <= 10_000:
        return "timeout_ms", "timeout_ms goes from 1 to 10000"
    if not 10 <= options.lease_ms <= 10_000:
        return "lease_ms", "lease_ms goes from 10 to 10000"
    if options.lease_ms / 1000 > options.hold_s / 2:
        return "lease_ms", "lease_ms is at most half of hold_s, or what is lent would count as a dead worker's"
    if not 3 <= options.hold_s <= 3600:
        return "hold_s", "hold_s goes from 3 to 3600"
    if not options.prefix or any(letter in options.prefix for letter in "{}* "):
        return "prefix", "the prefix is a word without `{`, `}`, `*` or spaces"
    return None
