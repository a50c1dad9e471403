"""Whether verified claims are meant for us and for now (RFC 7519, 4.1; RFC 8725, 3.8 to 3.10). Pure."""

import math
from collections.abc import Mapping
from typing import Any, cast

from gateway.identity.options import IssuerOptions
from gateway.identity.refusing import Refused

MAX_SUBJECT = 255


def check_claims(options: IssuerOptions, claims: Mapping[str, Any], now: float) -> float:
    """Until when (Unix seconds) the token is good, the clocks' allowed difference included.

    Raises:
        Refused: it is not good now, or not for this gateway.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise Refused("claims")
    if any(claims.get(name) is None for name in options.required_claims):
        raise Refused("claims")
    if not _meant_for(claims.get("aud"), options.audience):
        raise Refused("audience")
    skew = options.clock_skew_s
    until = _moment(claims, "exp") + skew
    if now >= until:
        raise Refused("expired")
    if "nbf" in claims and now < _moment(claims, "nbf") - skew:
        raise Refused("not_yet")
    if "iat" in claims and now < _moment(claims, "iat") - skew:
        raise Refused("not_yet")
    if options.max_age_s is not None:
        until = min(until, _moment(claims, "iat") + options.max_age_s + skew)
        if now >= until:
            raise Refused("too_old")
    return until


def _meant_for(found: object, audience: tuple[str, ...]) -> bool:
    named = cast(list[Any], found) if isinstance(found, list) else [found]
    return any(isinstance(word, str) and word in audience for word in named)


def _moment(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate: a number of seconds, maybe with a fraction."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("claims")
    try:
        seconds = float(value)
    except OverflowError:
        raise Refused("claims") from None
    if not math.isfinite(seconds):
        raise Refused("claims")
    return seconds
