"""How an optional part is installed, where somebody who misses it is told."""

import shlex
import sys

# As a shell takes it.
PYTHON = shlex.quote(sys.executable)


def installing(extra: str) -> str:
    """What to type: with the Python that runs this, for another one's packages are of no use to it."""
    return f"{PYTHON} -m pip install -e '.[{extra}]' in the gateway's folder"
