"""Quotas in the headers that clients read: OpenAI's, and Anthropic's on answers in its dialect.

Sources: OpenAI's page "Rate limits" (resets as durations, `6m0s`), Anthropic's page "Rate limits" (resets as RFC 3339
times). Of several bounds of one dimension the one that has least left is told. Money has headers of our own.
"""

from collections.abc import Sequence
from functools import lru_cache

from gateway.core.days import written
from gateway.core.money import decimal_text
from gateway.limits.bounds import PLACES, Bound, Dimension, Least, Level, Refusal

# A dimension's place, and the names that its limit, what remains of that, and its reset have, by whose they are.
_Names = tuple[int, str, str, str]


def _of_openai(dimension: Dimension) -> _Names:
    limit, remaining, reset = (f"x-ratelimit-{word}-{dimension}" for word in ("limit", "remaining", "reset"))
    return PLACES[dimension], limit, remaining, reset


def _of_anthropic(dimension: Dimension) -> _Names:
    name = f"anthropic-ratelimit-{dimension.replace('_', '-')}"
    return PLACES[dimension], f"{name}-limit", f"{name}-remaining", f"{name}-reset"


_OPENAI = (_of_openai("requests"), _of_openai("tokens"))
_ANTHROPIC = tuple(map(_of_anthropic, ("requests", "tokens", "input_tokens", "output_tokens")))
_COST = PLACES["cost"]


def put_quotas(headers: dict[str, str], least: Least, dialect: str, now: float) -> None:
    """Put what is left into the headers of an answer; a dimension without a limit has none.

    Args:
        now: Unix seconds.
    """
    anthropic = dialect == "anthropic"
    for place, limit, remaining, reset in _ANTHROPIC if anthropic else _OPENAI:
        if (found := least(place)) is not None:
            most, left, reset_s = found
            headers[limit], headers[remaining] = f"{most}", f"{left}"
            headers[reset] = moment(now + reset_s) if anthropic else duration(reset_s)
    if (found := least(_COST)) is not None:
        most, left, reset_s = found
        headers["x-gateway-budget-limit"] = decimal_text(most)
        headers["x-gateway-budget-remaining"] = decimal_text(left)
        headers["x-gateway-budget-reset"] = moment(now + reset_s)


def refused_level(refusal: Refusal) -> Level:
    """How full the bound is that said no, where no more is known."""
    return Level(refusal.bound, min(refusal.current, refusal.bound.maximum), refusal.retry_after_s)


def warning(bounds: Sequence[Bound], currency: str) -> str:
    """What `x-gateway-warning` says of limits that a call goes over and that only warn."""
    return "; ".join(f"limit {bound.limit_id} exceeded: {figure(bound, currency)}" for bound in bounds)


def figure(bound: Bound, currency: str) -> str:
    """What the bound allows: `5 requests per minute`, and of money `2.500000000 USD per month`."""
    return f"{stated(bound, bound.maximum, currency)} {bound.name.removeprefix('cost_').replace('_', ' ')}"


def stated(bound: Bound, number: int, currency: str) -> str:
    """An amount of the bound's dimension as people read it: money with its currency."""
    return f"{shown(bound, number)} {currency}" if bound.dimension == "cost" else shown(bound, number)


def shown(bound: Bound, amount: int | None = None) -> str:
    """An amount of the bound's dimension, its maximum if none is given, as people write it."""
    amount = bound.maximum if amount is None else amount
    return decimal_text(amount) if bound.dimension == "cost" else str(amount)


def told(bound: Bound, amount: int) -> int | str:
    """The same in JSON: money as decimal text, because a float would not be exact."""
    return shown(bound, amount) if bound.dimension == "cost" else amount


def scope_text(bound: Bound) -> str:
    return ", ".join(f"{word} {value or '(none)'}" for word, value in bound.scope) or "everybody"


def moment(unix_s: float) -> str:
    """RFC 3339, in whole seconds: the nearest, so that a period's end is its end however long the sum took."""
    return _second(round(unix_s))


@lru_cache(maxsize=1_000)
def _second(unix_s: int) -> str:
    """Remembered: the same few come in every answer."""
    return written(unix_s)


def duration(seconds: float) -> str:
    """As OpenAI writes it: `12ms`, `1s`, `6m0s`, `1h2m3s`."""
    return _whole(round(seconds)) if seconds >= 1 else f"{max(0, round(seconds * 1000))}ms"


@lru_cache(maxsize=1_000)
def _whole(whole: int) -> str:
    if whole < 60:
        return f"{whole}s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}h{minutes}m{left}s" if hours else f"{minutes}m{left}s"
