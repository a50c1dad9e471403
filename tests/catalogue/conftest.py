"""What tests of files of models share: real ones, small."""

import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from gguf import GGUFWriter
from safetensors.numpy import save_file

from tests.conftest import ROOT

STATE = ROOT / ".gateway" / "weights"


def write_gguf(path: Path, **metadata: object) -> Path:
    """A GGUF file by the reference implementation, with two tensors."""
    writer = GGUFWriter(path, "llama")
    for key, value in metadata.items():
        name = key.replace("__", ".")
        match value:
            case bool():
                writer.add_bool(name, value)
            case int():
                writer.add_uint32(name, value)
            case str():
                writer.add_string(name, value)
            case list():
                writer.add_array(name, value)
    writer.add_tensor("a", numpy.ones((4, 8), dtype=numpy.float32))
    writer.add_tensor("b", numpy.ones((3,), dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_safetensors(path: Path) -> Path:
    save_file({"a": numpy.ones((4, 8), dtype=numpy.float32), "b": numpy.zeros((3,), dtype=numpy.int8)}, path)
    return path


@pytest.fixture(scope="session")
def smollm() -> Path:
    """The weights of the repository's own demonstration."""
    command = [sys.executable, "-m", "gateway.cli", "models", "fetch", "--config", str(ROOT / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        pytest.skip(f"SmolLM2's weights cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    return next(STATE.glob("*.gguf"))
