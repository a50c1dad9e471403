"""What is said where llama.cpp cannot be loaded, and starting it again cannot help."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.modelhost.llamacpp import HOPELESS, Orders

ROOT = Path(__file__).parents[2]
ORDERS = Orders(model="m.gguf", alias="m", port=1, api_key="k", context_tokens=1, parallel=1, threads=1)


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("ModuleNotFoundError('No module named xllamacpp')", 78, "the demo engine is not installed: "),
        ("ImportError('libgomp.so.1: cannot open shared object file')", 71, "libgomp.so.1: cannot open shared object"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, fault: str, code: int, says: str) -> None:
    (tmp_path / "xllamacpp.py").write_text(f"raise {fault}\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway.modelhost.llamacpp"],
        input=msgspec.json.encode(ORDERS) + b"\n",
        capture_output=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )
    said = done.stderr.decode()
    assert done.returncode == code
    assert said.startswith(says)
    assert said.rstrip().endswith(HOPELESS[code])
