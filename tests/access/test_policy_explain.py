"""`gateway policy explain`: the decision in words, the conditions one by one, by team or by a key's id."""

import json
from pathlib import Path

import pytest

from tests.access.folders import told, told_json, written
from tests.conftest import ACCESS, GatewayFactory

PROD = ("--tenant", "acme", "--team", "web", "--label", "env=prod")


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(written(tmp_path))


def test_a_refusal_is_explained_condition_by_condition(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = told(capsys, "policy", "explain", "--policies", folder, *PROD, "--model", "small", "--tools")
    assert code == 0
    lines = said.splitlines()
    assert lines[:5] == [
        "REFUSED: team web of acme may not use small for chat with tools",
        "  decided by  rule no-tools-in-prod (model_not_allowed)",
        "  because     the model `small` is denied by the rule `no-tools-in-prod` (not assessed)",
        "  remedy      ask security for an exception",
        "",
    ]
    assert lines[5] == "here/small (card small, approved): refused"
    rules, tools = said.split("  with tools, which is a question of its own:\n")
    assert (
        "  ✓ general (allow)\n      ✓ tenants: wanted acme, found acme\n      ✓ models: wanted one of small, big, found small\n"
        in rules
    )
    assert (
        "  ✗ no-tools-in-prod (deny)\n      ✓ environments: wanted prod, found prod\n      ✗ operations: wanted tools, found chat\n"
        in rules
    )
    assert "  ✓ no-tools-in-prod (deny)\n" in tools
    assert "pilot" not in said
    assert "more miss by more than one condition; --all shows them" in said
    _, everything, _ = told(capsys, "policy", "explain", "--policies", folder, *PROD, "--model", "small", "--all")
    assert "✗ pilot (exception)" in everything
    assert "      ✗ claims.groups: wanted analysts, found nothing" in everything


def test_an_allowed_call_is_told_with_what_it_is_obliged_to(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--tenant", "acme", "--team", "web", "--model", "small", "--operation", "images")
    _, said, _ = told(capsys, "policy", "explain", "--policies", folder, *asked)
    assert said.startswith("ALLOWED: team web of acme may use small for images\n")
    assert "  obliged to  max_output_tokens 1000, regions eu+us\n" in said
    assert "  watched by  watch-images: in audit mode; would refuse it\n" in said


def test_claims_class_and_moment_are_asked_with(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (
        "--tenant",
        "acme",
        "--team",
        "fraud",
        "--model",
        "big",
        "--claim",
        "groups=x",
        "--claim",
        "groups=analysts",
    )
    for at, allowed in (("2026-03-01", True), ("2026-03-02", False)):
        _, found = told_json(capsys, "policy", "explain", "--policies", folder, *asked, "--at", at)
        assert found["decision"]["allowed"] == allowed
        assert found["decision"]["rule_id"] == ("pilot" if allowed else "no-secrets-outside")
    web = ("--tenant", "acme", "--team", "web", "--model", "big")
    for data_class, allowed in (("public", True), ("secret", False)):
        _, found = told_json(capsys, "policy", "explain", "--policies", folder, *web, "--data-class", data_class)
        assert found["decision"]["allowed"] == allowed
    labelled = (*web, "--label", "data_class=secret")
    _, found = told_json(capsys, "policy", "explain", "--policies", folder, *labelled)
    assert found["decision"]["allowed"] is False, "the label of a key raises the class here as it does in a call"


def test_a_key_is_looked_up_by_its_id(make_gateway: GatewayFactory) -> None:
    deny = "  - {id: no-tools-in-prod, effect: deny, owner: o, reason: r, environments: [prod], operations: [tools]}\n"
    gateway = make_gateway(policies={"access": ACCESS + deny})
    made = json.loads(
        gateway.cli(
            "keys", "create", "--tenant", "acme", "--team", "team-a", "--owner", "o", "--label", "env=prod", "--json"
        ).stdout
    )
    asked = ("policy", "explain", "--key", made["id"], "--model", "test-model", "--tools")
    found = json.loads(gateway.cli(*asked, "--json").stdout)
    assert (found["decision"]["rule_id"], found["key"]) == ("no-tools-in-prod", {"id": made["id"], "ended": None})
    gateway.cli("keys", "revoke", made["id"])
    assert f"but the key {made['id']} was revoked" in gateway.cli(*asked).stdout
    wrong = gateway.cli("policy", "explain", "--key", "key_nothing", "--model", "test-model", check=False)
    assert (wrong.returncode, "key_nothing" in wrong.stderr) == (1, True)


@pytest.mark.parametrize(("asked", "code", "says"), [
    (["--model", "small"], 2, "--tenant and --team, or --key"),
    (["--tenant", "acme", "--model", "small"], 2, "--tenant and --team, or --key"),
    (["--tenant", "acme", "--team", "web", "--key", "k", "--model", "small"], 2, "--tenant and --team, or --key"),
    (["--tenant", "acme", "--team", "wep", "--model", "small"], 1, "no team `wep` of a tenant `acme`"),
    (["--tenant", "acme", "--team", "web", "--model", "small", "--operation", "chatt"], 1, "no operation `chatt`"),
    (["--tenant", "acme", "--team", "web", "--model", "small", "--data-class", "x"], 1, "`x` is no data class; known, lowest first: public"),
])  # fmt: skip
def test_questions_that_mean_nothing_are_told(
    asked: list[str], code: int, says: str, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, said = told(capsys, "policy", "explain", "--policies", folder, *asked)
    assert (found, says in said) == (code, True)


def test_a_name_that_leads_nowhere_is_told_with_the_nearest(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = told(
        capsys, "policy", "explain", "--policies", folder, "--tenant", "acme", "--team", "web", "--model", "smal"
    )
    assert "  no name `smal`; did you mean `small`?" in said
