"""Sharing a rounded sum out among its parts."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import round_half_even, share_out

SCALE = 3_000_000
parts = st.lists(st.integers(0, 10**15), min_size=1, max_size=9)


@given(parts, st.sampled_from([1, 1_000, SCALE]))
def test_shares_add_up_and_each_is_its_part_rounded_one_way_or_the_other(exact: list[int], scale: int) -> None:
    total = round_half_even(sum(exact), scale)
    shares = share_out(total, exact, scale)
    assert sum(shares) == total
    assert all(part // scale <= share <= -(-part // scale) for part, share in zip(exact, shares, strict=True))


@given(parts)
def test_a_part_with_a_larger_remainder_is_rounded_up_first(exact: list[int]) -> None:
    shares = share_out(round_half_even(sum(exact), SCALE), exact, SCALE)
    up = [part % SCALE for part, share in zip(exact, shares, strict=True) if share > part // SCALE]
    down = [part % SCALE for part, share in zip(exact, shares, strict=True) if share == part // SCALE]
    assert not up or not down or min(up) >= max(down)


def test_of_equal_remainders_the_earlier_part_gets_it() -> None:
    assert share_out(3, [15, 15, 0], 10) == [2, 1, 0]
