"""The catalogue as CycloneDX: valid by its own schema, complete, and the same bytes for the same cards."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings

from gateway.catalogue.bom import bom
from gateway.catalogue.cards import Card
from gateway.catalogue.lineage import inherited
from gateway.catalogue.loading import read_cards
from gateway.stores.documents import parse_document
from tests.catalogue.test_lineage import families

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
BASE = """
name: base
publisher: example
provenance: {source: "hf://example/Base", revision: 0123456789abcdef0123456789abcdef01234567}
licence: {expression: LicenseRef-house, class: open-weights-restricted, url: "https://example.com/terms of use"}
use: {restrictions: [no advice on medicine]}
"""
CHAT = """
name: chat
title: A model to talk to
publisher: example
targets:
  - {target: local/chat, hosting: self-served, region: eu}
modalities: {input: [image, text], output: [text]}
licence: {expression: MIT OR Apache-2.0}
use: {intended: [talk], out_of_scope: [law]}
risk: low
provenance:
  source: https://example.com/chat
  files:
    - {path: a/chat.gguf, sha256: "aa00000000000000000000000000000000000000000000000000000000000000", bytes: 12}
lineage:
  base_models:
    - {relation: finetune, card: base}
    - {relation: merge, source: "hf://example/other", licence: {expression: MIT}}
  datasets: ["hf://datasets/example/data", a list of questions]
  training_summary: https://example.com/summary
evaluations:
  - {dataset: A benchmark, metric: accuracy, value: 63.25}
life:
  approved: {by: model board, on: 2026-01-01}
  deprecated: {on: 2026-10-01, successor: base}
"""


@pytest.fixture
def cards(tmp_path: Path) -> dict[str, Card]:
    (tmp_path / "a-chat.yaml").write_text(CHAT)
    (tmp_path / "base.yaml").write_text(BASE)
    return read_cards(tmp_path)


def valid(text: str) -> dict[str, Any]:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    written: dict[str, Any] = json.loads(text)
    assert len(Bom.from_json(written).components) == len(written.get("components", []))
    return written


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in component["properties"]}


def test_a_card_becomes_a_component_with_all_it_tells(cards: dict[str, Card]) -> None:
    written = valid(bom(cards, inherited(cards), AT))
    assert (written["specVersion"], written["metadata"]["timestamp"]) == ("1.6", "2026-11-01T12:00:00+00:00")
    base, chat = sorted(written["components"], key=lambda one: one["name"])
    assert chat["type"] == "machine-learning-model"
    assert chat["licenses"] == [{"expression": "MIT OR Apache-2.0", "acknowledgement": "declared"}]
    assert chat["hashes"] == [{"alg": "SHA-256", "content": "aa" + "0" * 62}]
    assert chat["components"][0]["name"] == "a/chat.gguf"
    assert chat["modelCard"] == {
        "modelParameters": {
            "task": "image-text-to-text",
            "datasets": [
                {
                    "type": "dataset",
                    "name": "hf://datasets/example/data",
                    "contents": {"url": "https://huggingface.co/datasets/example/data"},
                },
                {"type": "dataset", "name": "a list of questions"},
            ],
            "inputs": [{"format": "image"}, {"format": "text"}],
            "outputs": [{"format": "text"}],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [{"type": "accuracy", "value": "63.25", "slice": "A benchmark"}]
        },
        "considerations": {
            "useCases": ["talk"],
            "technicalLimitations": ["law"],
            "ethicalConsiderations": [{"name": "no advice on medicine"}],
        },
    }
    assert [(one["name"], properties(one)) for one in chat["pedigree"]["ancestors"]] == [
        ("base", {"gateway:relation": "finetune"}),
        ("hf://example/other", {"gateway:relation": "merge"}),
    ]
    told = properties(chat)
    assert told["gateway:status"] == "deprecated"
    assert told["gateway:licence-class"] == "open-weights-restricted"
    assert told["gateway:licence-class-through"] == "base"
    assert (told["gateway:risk"], told["gateway:hosting"], told["gateway:region"]) == ("low", "self-served", "eu")
    assert told["gateway:restriction"] == "no advice on medicine (base)"
    assert {one["type"]: one["url"] for one in chat["externalReferences"]} == {
        "distribution": "https://example.com/chat",
        "documentation": "https://example.com/summary",
    }
    assert base["purl"] == "pkg:huggingface/example/Base@0123456789abcdef0123456789abcdef01234567"
    assert {one["type"]: one["url"] for one in base["externalReferences"]} == {
        "distribution": "https://huggingface.co/example/Base",
        "license": "https://example.com/terms%20of%20use",
    }
    assert "modelCard" in base, "what it inherits is told too"
    depends = {one["ref"]: one.get("dependsOn", []) for one in written["dependencies"]}
    assert depends["model:chat"] == ["model:base"]


def test_the_same_cards_give_the_same_bytes_in_every_process(cards: dict[str, Card], tmp_path: Path) -> None:
    code = (
        "from datetime import *; from pathlib import Path; import sys\n"
        "from gateway.catalogue.bom import bom; from gateway.catalogue.lineage import inherited\n"
        "from gateway.catalogue.loading import read_cards\n"
        "cards = read_cards(Path(sys.argv[1]))\n"
        "sys.stdout.write(bom(cards, inherited(cards), datetime(2026, 11, 1, 12, tzinfo=UTC)))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert outputs == {bom(cards, inherited(cards), AT).encode()}
    other = {**cards, "chat": parse_document(CHAT.replace("risk: low", "risk: high").encode(), "c", Card)}
    changed = json.loads(bom(other, inherited(other), AT))
    assert changed["serialNumber"] != json.loads(outputs.pop())["serialNumber"]


@settings(max_examples=30, deadline=None)
@given(families())
def test_every_catalogue_gives_a_valid_document(cards: dict[str, Card]) -> None:
    written = valid(bom(cards, inherited(cards), AT))
    assert {one["name"] for one in written["components"]} == set(cards)
