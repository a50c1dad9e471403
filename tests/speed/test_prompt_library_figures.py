"""The figures of the library are measured; how fast it is is printed by `python -m tests.speed.prompt_library`."""

from pathlib import Path

from gateway.prompts.loading import read_library
from tests.speed.prompt_library import VERSIONS, figures, write_prompts


def test_every_figure_is_measured() -> None:
    found = list(figures(3))
    assert len(found) == 7
    assert all(figure.measured > 0 for figure in found)
    assert sum(figure.bar is not None for figure in found) == 4


def test_what_is_measured_is_what_the_bars_are_about(tmp_path: Path) -> None:
    write_prompts(tmp_path / "prompts", 3)
    library = read_library(tmp_path / "prompts")
    assert len(library.unverified()) == 3 * VERSIONS, "published as the command does it: nothing is compiled to load it"
    for version in library.unverified():
        version.verify()
    assert library.problems == []
    assert all(len(entry.versions) == VERSIONS for entry in library.prompts.values())
