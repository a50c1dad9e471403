"""What says how an optional part is installed names the Python that misses it."""

import re
import sys

from gateway.core.extras import installing
from tests.conftest import ROOT

BARE = re.compile(r"(?<!-m )pip install")


def test_it_is_installed_for_the_python_that_runs() -> None:
    said = installing("redis")
    assert said.endswith(" -m pip install -e '.[redis]' in the gateway's folder")
    assert sys.executable in said


def test_nothing_says_only_pip() -> None:
    pages = [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "gateway").rglob("*.md"), ROOT / "README.md"]
    assert [str(path.relative_to(ROOT)) for path in pages if BARE.search(path.read_text())] == []
