"""A gateway tells the command line what it was started with."""

import json
import os
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config import read_config
from gateway.running import Started, started, told_of_start
from tests.drift.test_findings import Folder

CONFIG = 'policies_dir: .\nproviders:\n  p: {base_url: "http://127.0.0.1:9/v1", api_key: k}\n'
MORE = '  q: {base_url: "http://127.0.0.1:9/v1", api_key: k}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    made = Folder(tmp_path)
    made.write("config.yaml", CONFIG)
    (tmp_path / ".gateway/run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return made


def test_check_notes_a_gateway_that_runs_with_an_older_config(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    check = ["check", "--at", "2026-06-15", "--strict"]
    with told_of_start(read_config(folder.path / "config.yaml")):
        assert main(check) == 0
        assert "note" not in capsys.readouterr().out
        folder.write("config.yaml", CONFIG + MORE)
        assert main(check) == 0, "the files are right"
        note, summary = capsys.readouterr().out.splitlines()
        assert note == (
            f"config.yaml: note: the gateway that runs (pid {os.getpid()}) was started before it changed: restart it"
        )
        assert summary == "config.yaml and its policies are valid"
        assert main([*check, "--json"]) == 0
        (told,) = json.loads(capsys.readouterr().out)
        assert (told["severity"], told["line"]) == ("note", 0)
        folder.rules("  - {id: r}\n")
        assert main(check) == 1
        assert "note: the gateway that runs" in capsys.readouterr().out
        folder.write("other.yaml", CONFIG + MORE)
        assert main([*check, "--config", "other.yaml"]) == 1
        assert "note:" not in capsys.readouterr().out, "it was started from another file"
    assert main(check) == 1
    assert "note:" not in capsys.readouterr().out, "it has ended"


def test_who_looks_is_in_nobodys_way_and_believes_no_rest_of_a_run(folder: Folder) -> None:
    settings = read_config(folder.path / "config.yaml")
    assert started(settings) is None
    with told_of_start(settings):
        for _ in range(2):
            assert started(settings) == Started(os.getpid(), str(settings.file), settings.digest)
    assert (settings.run_dir / "started.json").exists(), "as after kill -9"
    assert started(settings) is None
    with told_of_start(settings):
        (settings.run_dir / "started.json").write_bytes(b"{")
        assert started(settings) is None
