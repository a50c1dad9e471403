"""Which server answers, and what is said where it cannot."""

import importlib.util
from pathlib import Path

import pytest

from gateway.config import missing_to_start, read_config
from gateway.core.extras import installing
from gateway.stores.documents import DocumentError


def told(folder: Path, http: str) -> list[str]:
    file = folder / "config.yaml"
    file.write_text(f'server: {{http: "{http}"}}\n')
    return [problem.reason for problem in missing_to_start(read_config(file, {}))]


def test_http_2_needs_its_extra_and_says_so_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [told(tmp_path, http) for http in ("1", "2", "auto")] == [[], [], []]
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "granian" else found(name, *more)
    )
    assert told(tmp_path, "1") == []
    for http in ("2", "auto"):
        (reason,) = told(tmp_path, http)
        assert reason == f"server.http needs the extra `http2`: {installing('http2')}"


def test_there_is_no_third_kind(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"config.yaml:1"):
        told(tmp_path, "3")
