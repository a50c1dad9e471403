"""`gateway cache evaluate --write` where nothing compares vectors."""

import sys
from pathlib import Path

import pytest

from gateway.cli import main
from tests.drift.test_findings import Folder

CACHE = """rules:
  - id: faq
    ttl_s: 60
    semantic: {model: embed, threshold: 0.9, evaluated: faq, max_false_hits: 0.01}
"""


def test_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path)
    folder.write("config.yaml", "policies_dir: .\n")
    folder.write("cache.yaml", CACHE)
    folder.write("key", "gw-x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert main(["cache", "evaluate", "--write", "--key-file", "key"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: answers by likeness need the extra `semantic`: ")
    assert "pip install -e '.[semantic]'" in said
