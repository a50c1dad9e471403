"""Command lines that ask a database, where what speaks to it is not installed."""

import sys
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.core.extras import installing
from tests.drift.test_findings import Folder

CONFIG = 'policies_dir: .\nledger: {url: "postgresql://127.0.0.1:1/x"}\nprompts: {url: "postgresql://127.0.0.1:1/x"}\n'


@pytest.mark.parametrize(
    ("verb", "where"),
    [
        ("usage", "ledger.url"),
        ("ledger close 2026-10", "ledger.url"),
        ("prompts list", "prompts.url"),
        ("prompts history a/b", "prompts.url"),
        ("prompts label a/b production 1", "prompts.url"),
        ("prompts show a/b", "prompts.url"),
    ],
)
def test_they_say_what_to_install(
    verb: str, where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Folder(tmp_path).write("config.yaml", CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for loaded in ("gateway.stores.postgres", "gateway.ledger.postgres", "gateway.prompts.labels.postgres"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    assert main(verb.split()) == 1
    assert capsys.readouterr().err.strip() == f"error: {where} needs the extra `postgres`: {installing('postgres')}"
