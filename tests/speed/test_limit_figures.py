"""What the bench of limits calls kept."""

import pytest

from tests.speed.limits import Kept, told


@pytest.mark.parametrize(
    ("mode", "admitted", "errors", "kept"),
    [
        ("exact", 30_000, 0, True),
        ("exact", 29_690, 0, False),
        ("exact", 30_310, 0, False),
        ("lease", 25_000, 0, True),
        ("lease", 30_310, 0, False),
        ("lease", 10_000, 0, False),
        ("exact", 30_000, 1, False),
    ],
)
def test_a_lease_may_stay_below_the_limit_and_nothing_may_go_above(
    mode: str, admitted: int, errors: int, kept: bool
) -> None:
    """A gateway that was not overloaded has proved nothing."""
    assert not all(one.kept for one in told(mode, Kept(admitted, 31_000, 30.0, errors)))
    figures = told(mode, Kept(admitted, 90_000, 30.0, errors))
    assert all(one.kept for one in figures) == kept
