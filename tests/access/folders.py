"""Folders of policies to test with: written, and read as the gateway reads them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from gateway.cli import main
from tests.conftest import CARD, GUARDRAILS, LIMITS, PRICES

TENANTS = """
data_classes: [public, internal, secret]
tenants:
  - id: acme
    teams: [{id: web}, {id: fraud, data_class: secret}]
  - {id: other, teams: [{id: web}]}
"""
ACCESS = """
rules:
  - {id: general, effect: allow, owner: board, reason: approved, tenants: [acme], models: [small, big],
     obligations: {max_output_tokens: 1000, regions: [eu, us]}}
  - {id: tools-of-small, effect: allow, owner: board, reason: tried, tenants: [acme], models: [small], operations: [tools]}
  - {id: no-secrets-outside, effect: deny, owner: security, reason: they stay here, data_classes: [secret], hosting: [hosted]}
  - {id: no-tools-in-prod, effect: deny, owner: security, reason: not assessed, environments: [prod], operations: [tools]}
  - {id: watch-images, effect: deny, owner: security, reason: to be seen, mode: audit, operations: [images]}
exceptions:
  - {id: pilot, lifts: [no-secrets-outside], owner: a, approver: b, reason: pilot, tenants: [acme], teams: [fraud],
     models: [big], claims: {groups: [analysts]}, from: 2026-01-01, until: 2026-03-01}
"""
CARDS = {
    "small": CARD.format(name="small", target="here/small").replace("here/small\"", "here/small\", hosting: self-served, region: eu"),
    "big": CARD.format(name="big", target="far/big").replace("far/big\"", "far/big\", region: us"),
}  # fmt: skip


def written(folder: Path, access: str = ACCESS, tests: str = "", tenants: str = TENANTS, cards: Mapping[str, str] = CARDS) -> Path:  # fmt: skip
    """A folder of policies; `tests` is its only file of tests."""
    files = {"tenants": tenants, "access": access, "guardrails": GUARDRAILS, "limits": LIMITS, "prices": PRICES}
    files |= {f"models/{name}": text for name, text in cards.items()}
    files |= {"tests/cases": tests} if tests else {}
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def told(capsys, *arguments: str) -> tuple[int, str, str]:  # type: ignore[no-untyped-def]
    """The exit code of `gateway …`, and what it says on both ways out."""
    code = main(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def told_json(capsys, *arguments: str):  # type: ignore[no-untyped-def]
    """The exit code, and what it says in JSON."""
    code, out, _ = told(capsys, *arguments, "--json")
    return code, json.loads(out)
