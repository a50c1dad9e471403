"""What a caller is told when a limit says no."""

import math
from collections.abc import Callable, Sequence

from gateway.core.faults import BudgetExhausted, Fault, NotAllowed, Overloaded, RateLimited
from gateway.core.target import Target
from gateway.limits.bounds import Bound, Need, Refusal
from gateway.limits.headers import figure, moment, scope_text, stated, told

# Of these a call always needs one, and every limit has room for one.
_ONE_EACH = ("requests", "concurrent_requests")
# What a call needs for what it sends alone, without an answer: asked for only when it is refused.
Sent = Callable[[], Need]


def refuse_what_never_fits(bounds: Sequence[Bound], need: Need, currency: str, sent: Sent) -> None:
    """To wait would not help: the call alone is larger than all that the limit ever lets pass at once.

    Args:
        currency: of the price book.

    Raises:
        NotAllowed: with the limit, and what the call was taken to need.
    """
    for bound in bounds:
        if bound.dimension in _ONE_EACH or bound.on_exceeded == "warn":
            continue
        needed = need.of(bound.dimension)
        if needed > bound.maximum:
            what = "" if bound.dimension == "cost" else f" {bound.dimension.replace('_', ' ')}"
            less = "send less, ask for less with `max_tokens`,"
            if sent().of(bound.dimension) > bound.maximum:
                less = "what it sends is more than that without any answer: send less,"
            raise NotAllowed(
                f"the call may need {stated(bound, needed, currency)}{what} and limit `{bound.limit_id}` allows "
                f"{figure(bound, currency)}; {less} or have the limit raised",
                code="request_exceeds_limit",
                details={
                    "limit": bound.limit_id,
                    "dimension": bound.name,
                    "scope": scope_text(bound),
                    "needed": told(bound, needed),
                    "maximum": told(bound, bound.maximum),
                },
            )


def refused(refusal: Refusal, now: float, currency: str, sent: Sent) -> Fault:
    """The refusal as a fault. A budget does not come back by trying again: SDKs are told not to.

    Args:
        now: Unix seconds. currency: of the price book.
    """
    bound, wait_s = refusal.bound, refusal.retry_after_s
    headers = {
        "retry-after": str(max(1, math.ceil(wait_s))),
        "retry-after-ms": str(max(1, math.ceil(wait_s * 1000))),
    }
    details = {
        "limit": bound.limit_id,
        "dimension": bound.name,
        "scope": scope_text(bound),
        "maximum": told(bound, bound.maximum),
        "current": told(bound, refusal.current),
        "resets_at": moment(now + wait_s),
    }
    if refusal.store_away:
        said = f"limit `{bound.limit_id}` cannot be asked at the moment, and lets nothing pass then; try again soon"
        return Overloaded(said, code="limits_unavailable", headers=headers, details=details)
    reached = f"limit `{bound.limit_id}` reached: {figure(bound, currency)} for {scope_text(bound)}; "
    reached += f"{stated(bound, refusal.current, currency)} in use"
    left = bound.maximum - refusal.current
    if left > 0:
        reached += ", and this call may need more than is left: "
        short = sent().of(bound.dimension) > left
        reached += "what it sends is too much already, so send less" if short else "ask for less with `max_tokens`"
    if bound.dimension == "cost":
        said = f"{reached}; it has room again at {details['resets_at']}, or once it has been raised"
        return BudgetExhausted(said, headers={**headers, "x-should-retry": "false"}, details=details)
    return RateLimited(f"{reached}; try again in {wait_s:.1f} s", headers=headers, details=details)


def unpriced(bound: Bound, target: Target) -> NotAllowed:
    """A limit on money does not let pass what nobody knows the price of."""
    return NotAllowed(
        f"what `{target}` costs is not known, and limit `{bound.limit_id}` lets nothing pass without a price; "
        "an operator can add it to prices.yaml, 0 if it costs nothing",
        code="model_unpriced",
        param="model",
        details={"limit": bound.limit_id, "dimension": bound.name, "scope": scope_text(bound)},
    )
