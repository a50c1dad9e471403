"""The bench itself works: everybody starts, is loaded, is checked, and the figures come out. Speed is not judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.speed.child import ROOT
from tests.speed.scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc and pins processes: Linux only")


def test_a_quick_run_compares_the_gateway_with_everything_on(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.speed", "--quick"],
        cwd=ROOT,
        env={**os.environ, "BENCH_JSON": str(figures)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    said = json.loads(figures.read_text())
    assert {"direct", "gateway", "guarded", "bare", "translating"} <= set(said["contestants"])
    for name in ("gateway", "guarded", "bare", "translating"):
        loads = said["contestants"][name]["loads"]
        assert set(loads) == {scenario.name for scenario in SCENARIOS}
        assert all(load["cpu_us_per_request"] > 0 for load in loads.values())
    assert said["ratios_to_bare"]["bare"]["busy"]["cpu_per_request"] == 1
    assert said["evidence"]["records"] >= said["gateway_answers"] > 0
    facts = {bar["says"]: bar["passed"] for bar in said["bars"] if not bar["timed"]}
    assert len(facts) == 3
    assert all(facts.values()), facts
    assert "CPU µs/request" in done.stdout
