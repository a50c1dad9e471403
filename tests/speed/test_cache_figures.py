"""What the bench of the cache calls kept."""

import pytest

from tests.speed.caching import told
from tests.speed.decisions import Figure


@pytest.mark.parametrize(("hit", "miss", "kept"), [(50, 110, True), (95, 110, False), (50, 140, False)])
def test_a_hit_is_to_be_cheap_and_a_miss_not_dear(hit: float, miss: float, kept: bool) -> None:
    """By the median of the rounds: one that was disturbed says nothing."""
    figures: list[Figure] = told("plain", {"off": [100, 100, 100], "hit": [hit, hit, 999], "miss": [miss, 1, miss]})
    assert all(one.kept for one in figures) == kept
