"""What is missing is told by the name of the extra that brings it, and nothing heavy is loaded before it is needed."""

import subprocess
import sys

import pytest

HEAVY = ("cyclonedx", "huggingface_hub", "license_expression", "model_signing")
USES = {
    "bom": (
        "cyclonedx",
        "from datetime import datetime, UTC; from gateway.catalogue.bom import bom; bom({}, {}, datetime.now(UTC))",
    ),
    "hub": (
        "huggingface_hub",
        "from gateway.catalogue.importing.sources import draft_card; draft_card('hf://example/chat')",
    ),
    "weights": (
        "model_signing",
        "from pathlib import Path; from gateway.catalogue.signatures import signature_problem\n"
        "from gateway.catalogue.cards import Signature\n"
        "raise SystemExit(signature_problem(Signature(method='key'), Path(), Path(), []))",
    ),
}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("extra", USES)
def test_a_missing_extra_is_told_by_its_name(extra: str) -> None:
    module, use = USES[extra]
    done = run(f"import sys; sys.modules[{module!r}] = None\n{use}")
    assert done.returncode == 1
    assert f"pip install -e '.[{extra}]'" in done.stderr.strip().splitlines()[-1]


def test_the_command_line_loads_none_of_the_heavy_libraries() -> None:
    done = run(f"import sys, gateway.cli; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert (done.stdout, done.stderr) == ("[]\n", "")
