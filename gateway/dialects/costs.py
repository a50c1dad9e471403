"""What a provider itself says that a call costs, in nano-USD, exactly.

Which provider is trusted with that is a column of the table of providers: anybody can write `cost` into an answer.

    word         where it stands                                             unit
    openrouter   usage.cost; with a key of one's own at the maker's (BYOK)   USD (its credits)
                 besides usage.cost_details.upstream_inference_cost
    perplexity   usage.cost.total_cost                                       USD
    xai          usage.cost_in_usd_ticks                                     1e-10 USD

Sources: https://openrouter.ai/docs/cookbook/administration/usage-accounting, https://docs.perplexity.ai (chat
completions, `usage.cost`), https://docs.x.ai/developers/cost-tracking.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import msgspec

from gateway.core.money import NANO

# No single call costs as much; what says so is no figure of money.
MOST_USD = 10_000
_MAX_DIGITS = 64
_EXACT = Context(prec=4 * _MAX_DIGITS, rounding=ROUND_HALF_EVEN)
_NONE = msgspec.Raw()
_TICKS_PER_USD = 10**10


class _Details(msgspec.Struct):
    upstream_inference_cost: msgspec.Raw = _NONE


class _OpenRouter(msgspec.Struct):
    cost: msgspec.Raw = _NONE
    is_byok: bool | None = None
    cost_details: _Details | None = None


class _Sum(msgspec.Struct):
    total_cost: msgspec.Raw = _NONE
    currency: str | None = None


class _Perplexity(msgspec.Struct):
    cost: _Sum | None = None


class _Xai(msgspec.Struct):
    cost_in_usd_ticks: msgspec.Raw = _NONE


_decode_openrouter = msgspec.json.Decoder(_OpenRouter).decode
_decode_perplexity = msgspec.json.Decoder(_Perplexity).decode
_decode_xai = msgspec.json.Decoder(_Xai).decode


def _openrouter(usage: bytes) -> Decimal | None:
    said = _decode_openrouter(usage)
    cost = _number(said.cost)
    if cost is None or not said.is_byok:
        return cost
    makers = _number(said.cost_details.upstream_inference_cost) if said.cost_details is not None else None
    return None if makers is None else _EXACT.add(cost, makers)


def _perplexity(usage: bytes) -> Decimal | None:
    said = _decode_perplexity(usage).cost
    return None if said is None or said.currency not in (None, "USD") else _number(said.total_cost)


def _xai(usage: bytes) -> Decimal | None:
    ticks = _number(_decode_xai(usage).cost_in_usd_ticks)
    # Elsewhere its models count no cost and say 0: that is no price.
    return _EXACT.divide(ticks, Decimal(_TICKS_PER_USD)) if ticks else None


READERS: Mapping[str, Callable[[bytes], Decimal | None]] = {
    "openrouter": _openrouter,
    "perplexity": _perplexity,
    "xai": _xai,
}


def reported_nano(how: str, usage: bytes) -> int | None:
    """The cost in a usage object, rounded half to even; None if it tells none that can be.

    Args:
        how: a word of READERS. usage: the object's JSON.
    """
    try:
        usd = READERS[how](usage)
    except (msgspec.MsgspecError, ArithmeticError):  # the latter: a sum that is out of all bounds
        return None
    if usd is None or not 0 <= usd <= MOST_USD:
        return None
    return int(_EXACT.multiply(usd, Decimal(NANO)).to_integral_value(ROUND_HALF_EVEN))


def _number(raw: msgspec.Raw) -> Decimal | None:
    """A JSON number, digit for digit; None for anything else."""
    text = bytes(raw)
    if not text or len(text) > _MAX_DIGITS or text[:1] not in b"-0123456789":
        return None
    try:
        return Decimal(text.decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError):
        return None
