"""The figures of pricing are measured; how fast it is is printed by `python -m tests.speed.pricing`, not tested."""

from tests.speed.pricing import figures


def test_every_figure_is_measured() -> None:
    found = list(figures(10))
    assert [figure.unit for figure in found] == ["ms", "µs", "ms", "ms", "MB"]
    assert all(figure.measured >= 0 for figure in found)
