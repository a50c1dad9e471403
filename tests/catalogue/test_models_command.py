"""`gateway models` as people and CI use it: drafts, verification, cards and the bill of materials."""

import hashlib
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.catalogue.cards import Card
from gateway.stores.documents import load_document
from tests.catalogue.conftest import write_gguf
from tests.catalogue.test_bom import valid
from tests.conftest import Gateway, GatewayFactory

CARD = """
name: chat
aliases: [chat-latest]
title: A model to talk to
publisher: example
targets: [{{target: ours/chat, hosting: self-served, region: cellar, data: {{retention_days: 0, trains_on_inputs: false}}}}]
licence: {{expression: MIT}}
provenance: {{source: "https://example.com/chat", files: [{{path: chat.gguf, sha256: {digest}}}]}}
use: {{intended: [talk], out_of_scope: [law], restrictions: [no spam]}}
lineage:
  base_models: [{{relation: finetune, card: base}}]
risk: low
life:
  approved: {{by: model board, on: 2026-01-01, until: 2999-12-31}}
"""
BASE = """
name: base
targets: [{target: theirs/base, data: {retention_days: 30, trains_on_inputs: false, residency: [eu]}}]
licence: {expression: CC-BY-NC-4.0}
use: {restrictions: [no weapons]}
life:
  approved: {by: model board, on: 2026-01-01}
  revoked: {on: 2026-02-01, reason: its makers took it back}
"""


@pytest.fixture
def gateway(make_gateway: GatewayFactory, tmp_path: Path) -> Gateway:
    weights = write_gguf(tmp_path / "chat.gguf", general__name="Chat")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return make_gateway(
        engines={"cellar": {"runner": "llamacpp", "weights": {"path": str(weights), "sha256": digest}}},
        providers={
            "ours": {"kind": "llamacpp", "engine": "cellar"},
            "theirs": {"kind": "openai-compatible", "base_url": "http://127.0.0.1:9"},
        },
        models={},
        policies={"models/chat": CARD.format(digest=digest), "models/base": BASE},
    )


def gateway_import(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli", "models", "import", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_imported_card_is_written_once_and_reads_back(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "m.gguf", general__name="My Model", general__license="mit")
    printed = gateway_import(str(source))
    assert (printed.returncode, printed.stderr) == (0, "")
    done = gateway_import(str(source), "--name", "house/m:1", "--write", str(tmp_path))
    written = tmp_path / "house-m-1.yaml"
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{written}: a draft; " in done.stderr
    assert load_document(written, Card).value.name == "house/m:1"
    assert printed.stdout.replace("name: my-model", "name: house/m:1") == written.read_text()
    before = written.read_bytes()
    again = gateway_import(str(source), "--name", "house/m:1", "--write", str(tmp_path))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert written.read_bytes() == before
    told = json.loads(gateway_import(str(source), "--json").stdout)
    assert (told["name"], told["file"], "risk" in told["missing"]) == ("my-model", None, True)
    nowhere = gateway_import(str(source), "--write", str(tmp_path / "none"))
    assert (nowhere.returncode, "cannot be written" in nowhere.stderr) == (1, True)
    assert gateway_import("nowhere").returncode == 1


def test_a_hub_that_is_out_of_reach_is_an_error_and_no_traceback() -> None:
    command = [sys.executable, "-m", "gateway.cli", "models", "import", "hf://example/chat"]
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("error: example/chat cannot be had from the Hub")
    assert "Traceback" not in done.stderr


def test_verify_looks_at_what_engines_serve(gateway: Gateway, tmp_path: Path) -> None:
    done = gateway.cli("models", "verify")
    assert done.stdout == f"chat: {tmp_path / 'chat.gguf'}: good, 1 file as on the card\n"
    write_gguf(tmp_path / "chat.gguf", general__name="Another")
    refused = gateway.cli("models", "verify", "chat-latest", check=False)
    assert refused.returncode == 1
    assert "which no file of the card has [differs]" in refused.stdout
    (tmp_path / "chat.gguf").unlink()
    gone = gateway.cli("models", "verify", check=False)
    assert (gone.returncode, "is not there" in gone.stderr) == (1, True)


def test_verify_looks_at_a_folder(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(tmp_path / "chat.gguf", folder)
    assert gateway.cli("models", "verify", "chat", "--folder", str(folder)).returncode == 0
    (folder / "notes.txt").write_bytes(pickle.dumps({"a": 1}))
    refused = gateway.cli("models", "verify", "chat", "--folder", str(folder), "--json", check=False)
    (told,) = json.loads(refused.stdout)
    assert (refused.returncode, told["good"], told["checked"]) == (1, False, 1)
    assert [(one["kind"], one["path"]) for one in told["findings"]] == [("pickle", "notes.txt")]
    allowed = gateway.cli("models", "verify", "chat", "--folder", str(folder), "--allow-pickle")
    assert "note: notes.txt is a pickle" in allowed.stdout
    for given, code, says in (
        (["--folder", str(folder)], 2, "--folder is for one card"),
        (["nobody"], 1, "there is no card `nobody`"),
        (["base"], 1, "no engine of config.yaml serves `base`"),
        (["chat", "--folder", str(folder / "none")], 1, "is not there"),
    ):
        wrong = gateway.cli("models", "verify", *given, check=False)
        assert (wrong.returncode, says in wrong.stderr) == (code, True), wrong.stderr


def test_show_tells_a_person_what_a_model_inherits(gateway: Gateway) -> None:
    said = gateway.cli("models", "show", "chat-latest").stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    for line in (
        "model chat, chat-latest",
        "status approved",
        "approved by model board from 2026-01-01 until 2999-12-31 (inclusive)",
        "licence MIT",
        "licence class non-commercial, through base",
        "restriction no spam",
        "restriction no weapons (from base)",
        "made from base (finetune)",
        "not meant for law",
        "target ours/chat",
        "self-served in cellar",
    ):
        assert line in lines, said
    assert any(line.startswith("missing: context.tokens") for line in lines)
    base = gateway.cli("models", "show", "base").stdout
    assert "revoked         from 2026-02-01: its makers took it back" in base
    assert "requests kept: 30 days; trained on: no; residency: eu" in base
    told = json.loads(gateway.cli("models", "show", "chat", "--json").stdout)
    assert (told["status"], told["inherited"]["through"], told["card"]["name"]) == ("approved", ["base"], "chat")
    unknown = gateway.cli("models", "show", "caht", check=False)
    assert (unknown.returncode, "did you mean `chat`?" in unknown.stderr) == (1, True)


def test_list_tells_on_what_terms_each_target_comes(gateway: Gateway) -> None:
    rows = {row["model"]: row for row in json.loads(gateway.cli("models", "list", "--json").stdout)}
    assert rows["chat"]["status"] == "approved"
    assert (rows["chat"]["licence_class"], rows["chat"]["region"]) == ("non-commercial", "cellar")
    assert rows["base"]["status"] == "revoked"
    assert rows["base"]["missing"] > rows["chat"]["missing"] > 0
    heading = gateway.cli("models", "list").stdout.splitlines()[0]
    assert heading.split() == ["model", "target", "state", "status", "licence_class", "region", "missing"]


def test_the_bill_of_materials_is_valid_and_repeatable(gateway: Gateway, tmp_path: Path) -> None:
    given = ("models", "bom", "--at", "2026-11-01T12:00:00Z")
    text = gateway.cli(*given).stdout
    assert [one["name"] for one in valid(text)["components"]] == ["base", "chat"]
    target = tmp_path / "bom.json"
    done = gateway.cli(*given, "--output", str(target), "--json")
    assert json.loads(done.stdout) == {"file": str(target), "components": 2}
    assert target.read_text() == text
    wrong = gateway.cli("models", "bom", "--at", "tomorrow", check=False)
    assert (wrong.returncode, "is no day or moment" in wrong.stderr) == (2, True)
    nowhere = gateway.cli("models", "bom", "--output", str(tmp_path / "none" / "bom.json"), check=False)
    assert (nowhere.returncode, "No such file" in nowhere.stderr) == (1, True)


def test_a_card_that_is_wrong_is_told_by_file_and_line(gateway: Gateway) -> None:
    path = gateway.folder / "policies" / "models" / "base.yaml"
    path.write_text(BASE.replace("CC-BY-NC-4.0", "CC-BY-NC-4.1"))
    for verb in (["list"], ["show", "chat"], ["verify"], ["bom"]):
        done = gateway.cli("models", *verb, check=False)
        assert done.returncode == 1
        assert f"{path}:4: " in done.stderr
        assert "did you mean `CC-BY-NC-4.0`?" in done.stderr
