"""The figures of prompts are measured; how fast they are is printed by `python -m tests.speed.prompts`, not tested."""

from tests.speed.prompts import FRONT, LARGE, PARTIALS, SMALL, VARIABLES, figures


def test_every_figure_is_measured() -> None:
    found = list(figures(2))
    assert len(found) == 6
    assert all(figure.measured > 0 for figure in found)
    assert sum(figure.bar is not None for figure in found) == 2


def test_what_is_measured_is_what_the_bars_are_about() -> None:
    assert 1900 <= len(LARGE) <= 2300
    assert 900 <= len(FRONT + SMALL) <= 1100
    assert LARGE.count("{{#each") == 1
    assert LARGE.count("{{#if") == 2
    assert LARGE.count("{{>") == len(PARTIALS) == 1
    assert sum(f"{{{{{name}}}}}" in LARGE for name in VARIABLES) == 9
