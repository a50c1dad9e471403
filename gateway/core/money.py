"""Money as whole numbers of nano-units (1 USD = 1_000_000_000 nano-USD).

Prices are quoted per million tokens, so a rate is kept as nano-units *per million* and a cost is rounded once, at the
end, half to even. Sums of costs are then exact, whatever the order they are added in.
"""

from collections.abc import Sequence
from decimal import Decimal

NANO = 1_000_000_000
MILLION = 1_000_000
MAX_MAGNITUDE = 15  # powers of ten


def nano_from_decimal(amount: Decimal) -> int:
    """Nano-units of a decimal amount of money.

    Raises:
        ValueError: the amount is not finite, larger than any, or finer than one nano-unit.
    """
    # The bound comes first: to write 1e500000 out as an integer takes minutes.
    if not amount.is_finite() or amount.adjusted() > MAX_MAGNITUDE:
        raise ValueError(f"{amount} is not an amount of money")
    nano = amount * NANO
    if nano != nano.to_integral_value():
        raise ValueError(f"{amount} is finer than a nano-unit (1e-9)")
    return int(nano)


def round_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator`, rounded half to even, in integers only. Both are >= 0 and the denominator > 0."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


def share_out(total: int, exact: Sequence[int], scale: int) -> list[int]:
    """Whole shares of `total` that add up to it, each within one of its exact part `exact[i] / scale`: those with the
    largest remainders are rounded up, the earlier of equals first. `total` is the exact sum, rounded."""
    shares = [part // scale for part in exact]
    missing = total - sum(shares)
    if missing:
        order = sorted(range(len(exact)), key=lambda index: -(exact[index] % scale))
        for index in order[:missing]:
            shares[index] += 1
    return shares


def decimal_text(nano: int) -> str:
    """The amount as decimal text with nine places and no exponent: 1500 -> `0.000001500`."""
    sign = "-" if nano < 0 else ""
    whole, part = divmod(abs(nano), NANO)
    return f"{sign}{whole}.{part:09d}"
