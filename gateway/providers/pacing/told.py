"""What an upstream's headers say of its rate limits.

    OpenAI, xAI, Groq, Azure   x-ratelimit-{limit,remaining,reset}-{requests,tokens}; resets as `1m0.2s`, `12ms`
    Cerebras, SambaNova        the same with the period behind: -requests-day, -tokens-minute; resets in seconds
    Mistral                    x-ratelimit-{limit,remaining}-{req,tokens}-{minute,10-second,month}; no resets
    OpenRouter                 x-ratelimit-{limit,remaining,reset}: requests; reset in milliseconds of Unix time
    Anthropic                  anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}
                               resets as RFC 3339 time (platform.claude.com/docs/en/api/rate-limits)

A name is taken apart once and remembered. What makes no sense (negative, more left than there is, no number) counts as
not said.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from gateway.providers.pacing.meters import DAY_S, INPUT, OUTPUT, REQUESTS, TOKENS, Reading

Headers = Sequence[tuple[str, str]]
MAX_NUMBER = 1e13
MAX_NAMES = 500
MAX_LIMITS = 12

_DIMENSIONS = {"requests": REQUESTS, "req": REQUESTS, "tokens": TOKENS, "input-tokens": INPUT, "output-tokens": OUTPUT}
_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": DAY_S, "month": 30 * DAY_S}
_ONE = re.compile(
    r"x-ratelimit-(limit|remaining|reset)(?:-([a-z]+)(?:-(?:(\d{1,4})-)?(second|minute|hour|day|month))?)?"
)
_ANTHROPIC = re.compile(r"anthropic-ratelimit-([a-z-]+)-(limit|remaining|reset)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|d|h|m|s))+")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_UNITS = {"d": DAY_S, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}

# (dimension, seconds, part): which limit a header is about, and which of its figures it gives. None: another header.
Meaning = tuple[int, float, str]
_meanings: dict[str, Meaning | None] = {}
_UNKNOWN: Meaning = (-1, 0.0, "")


def meaning(name: str) -> Meaning | None:
    """What a header, its name in lower case, tells of."""
    found: Meaning | None = None
    if (match := _ONE.fullmatch(name)) is not None:
        part, what, count, unit = match.groups()
        dimension = _DIMENSIONS.get(what or "requests")
        if dimension is not None and int(count or 1):
            found = (dimension, int(count or 1) * _PERIODS[unit or "minute"], part)
    elif (match := _ANTHROPIC.fullmatch(name)) is not None:
        dimension = _DIMENSIONS.get(match[1])
        if dimension is not None:
            found = (dimension, 60.0, match[2])
    if len(_meanings) < MAX_NAMES:
        _meanings[name] = found
    return found


def read_told(headers: Headers, wall: float) -> list[Reading]:
    """The limits that these headers tell of. `wall`: Unix seconds, for resets that are a time of day; the upstream's
    own `date` counts before it."""
    found: dict[tuple[int, float], dict[str, str]] = {}
    get = _meanings.get
    date = ""
    for name, value in headers:
        known = get(name, _UNKNOWN)
        if known is _UNKNOWN:
            known = meaning(name)
        if known is not None:
            key = known[:2]
            if key not in found:
                if len(found) == MAX_LIMITS:
                    continue
                found[key] = {}
            found[key][known[2]] = value
        elif name == "date":
            date = value
    readings: list[Reading] = []
    for (dimension, period_s), said in found.items():
        remaining, limit = _number(said.get("remaining")), _number(said.get("limit"))
        if remaining is None or (limit is None and "limit" in said) or (limit is not None and not limit >= remaining):
            continue
        if (remaining if limit is None else limit) < 1:
            continue  # of nothing, nothing is left: such headers stand where no limit is kept
        reset_s = None
        if "reset" in said and (limit is None or remaining * 2 < limit):
            reset_s = _until(said["reset"], date, wall)
        readings.append(Reading(dimension, remaining, limit, reset_s, period_s))
    return readings


def retry_after_s(headers: Iterable[tuple[str, str]], wall: float) -> float | None:
    """Seconds after which the upstream wants to be asked again (RFC 9110, 10.2.3; `retry-after-ms` is OpenAI's and
    Azure's, and finer). None where it does not say, or says nothing sensible."""
    found = dict(headers)
    ms = _number(found.get("retry-after-ms"))
    if ms:
        return ms / 1000
    text = found.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds or None
    at = _date(text)
    return at - wall if at is not None and at > wall else None


def _until(text: str, date: str, wall: float) -> float | None:
    """Seconds until a reset that is written as a duration, a number of seconds, or a time."""
    seconds = _number(text)
    if seconds is None and _DURATION.fullmatch(text):
        lasts_s = sum(float(count) * _UNITS[unit] for count, unit in _PIECE.findall(text))
        return lasts_s if lasts_s <= MAX_NUMBER else None
    if seconds is not None and seconds < 1e9:
        return seconds
    if seconds is not None:
        at: float | None = seconds / 1000 if seconds >= 1e11 else seconds
    else:
        at = _time(text)
    return None if at is None else max(0.0, at - (_date(date) or wall))


def _number(text: str | None) -> float | None:
    if not text or len(text) > 24:
        return None
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 <= found <= MAX_NUMBER else None


def _time(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None
