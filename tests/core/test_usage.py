"""Usages added up: every meter, and nothing twice."""

from gateway.core.usage import METERS, Usage, sum_of


def test_the_sum_of_two_usages_is_meter_by_meter() -> None:
    one = Usage(**{name: place for place, name in enumerate(METERS)})
    other = Usage(**dict.fromkeys(METERS, 100))
    assert sum_of(one, other) == Usage(**{name: 100 + place for place, name in enumerate(METERS)})
    assert sum_of(one, Usage()) == one
