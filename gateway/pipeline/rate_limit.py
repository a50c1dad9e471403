"""Reserve before the call, settle after it, tell the caller what is left."""

import math
from collections.abc import Sequence

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import NotAllowed, RateLimited
from gateway.limits.counters import Refusal
from gateway.limits.headers import quota_headers
from gateway.limits.rules import Applied
from gateway.pipeline.estimate import all_tokens, known_usage
from gateway.pipeline.parts import Parts


def rate_limit(parts: Parts) -> Layer:
    clock, counters, limits = parts.clock, parts.counters, parts.limits

    def layer(service: Service) -> Service:
        async def limited(call: Call) -> Reply:
            policy = limits.value
            applying = policy.applying(call.caller, call.permits[0].model.name)
            if not applying:
                return await service(call)
            needed = all_tokens(call, policy.default_output_tokens)
            _refuse_what_never_fits(applying, needed)
            hold = await counters.reserve(applying, needed, clock.now())
            if isinstance(hold, Refusal):
                parts.limited(hold)
                raise _refused(hold)
            call.on_end(lambda: counters.settle(hold, used_tokens(call), clock.now()))
            call.reply_headers.update(quota_headers(hold.requests, hold.token_quota))
            return await service(call)

        return limited

    return layer


def _refuse_what_never_fits(applying: Sequence[Applied], needed: int) -> None:
    """To wait would not help: the call alone is larger than a whole minute's tokens.

    Raises:
        NotAllowed: with the limit, and what the call was taken to need.
    """
    for applied in applying:
        most = applied.limit.tokens_per_minute
        if most is not None and needed > most:
            raise NotAllowed(
                f"the call may need {needed} tokens and limit `{applied.limit.id}` allows {most} a minute; "
                "send less, ask for less with `max_tokens`, or have the limit raised",
                code="request_exceeds_limit",
                details={"limit": applied.limit.id, "needed": needed, "maximum": most},
            )


def used_tokens(call: Call) -> int:
    """What the call turned out to use; 0 for one that never reached its upstream."""
    usage, _ = known_usage(call)
    return 0 if usage is None else usage.total_tokens


def _refused(refusal: Refusal) -> RateLimited:
    words = refusal.dimension.replace("_", " ")
    return RateLimited(
        f"limit `{refusal.rule_id}` reached: {refusal.limit} {words} for {refusal.scope}; "
        f"{refusal.current} in use; try again in {refusal.retry_after_s:.1f} s",
        headers={
            "retry-after": str(max(1, math.ceil(refusal.retry_after_s))),
            "retry-after-ms": str(max(1, math.ceil(refusal.retry_after_s * 1000))),
        },
        details={
            "limit": refusal.rule_id,
            "dimension": refusal.dimension,
            "scope": refusal.scope,
            "maximum": refusal.limit,
            "current": refusal.current,
        },
    )
