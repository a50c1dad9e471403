"""The figures of detectors are measured; how fast they are is printed by `python -m tests.speed.guards`, not tested."""

from tests.speed.guards import figures


def test_every_figure_is_measured() -> None:
    found = list(figures(2))
    assert len(found) == 49
    assert {figure.unit for figure in found} == {"µs"}
    assert all(figure.measured > 0 for figure in found)
    assert sum(figure.bar is not None for figure in found) == 5
