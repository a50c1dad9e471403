"""95 % intervals hold the truth in 93 to 97 of 100 simulated suites; and the README says what was measured."""

import re
from functools import lru_cache

import pytest

from tests.compare.coverage import BOOTSTRAPS, KINDS, Covered, Kind, measured
from tests.conftest import ROOT

PAGE = ROOT / "gateway" / "compare" / "statistics" / "README.md"
CASES = [(kind, n) for kind in KINDS for n in kind.sizes]


KINDS_BY_NAME = {kind.name: kind for kind in KINDS}


@lru_cache(None)
def coverage(name: str, n: int) -> Covered:
    return measured(KINDS_BY_NAME[name], n, KINDS_BY_NAME[name].sizes[n])


@pytest.mark.parametrize(("kind", "n"), CASES, ids=[f"{kind.name}, n = {n}" for kind, n in CASES])
def test_coverage(kind: Kind, n: int) -> None:
    found = coverage(kind.name, n)
    assert kind.least <= found.holds <= kind.most, found
    # Neither side gets all of what is missed, beyond what small samples of skewed scores cannot help.
    assert max(found.below, found.above) <= 0.05


@pytest.mark.parametrize("kind", BOOTSTRAPS, ids=[kind.name for kind in BOOTSTRAPS])
def test_the_bootstrap_covers_less(kind: Kind) -> None:
    """Why means are not bootstrapped."""
    ((n, suites),) = kind.sizes.items()
    assert kind.least <= measured(kind, n, suites).holds <= kind.most


def test_the_page_says_what_was_measured() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \|((?: [\d.]* ?\|){3})$", PAGE.read_text(), re.MULTILINE))
    assert set(rows) == {kind.name for kind in (*KINDS, *BOOTSTRAPS)}
    for kind in KINDS:
        for n, cell in zip((30, 100, 1_000), rows[kind.name].split("|"), strict=False):
            assert (n in kind.sizes) is bool(cell.strip()), (kind.name, n)
            if n in kind.sizes:
                assert float(cell) == pytest.approx(100 * coverage(kind.name, n).holds, abs=0.3), (kind.name, n)
