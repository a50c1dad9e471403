"""`gateway policy diff`: what reviewers read, for changes whose effect is known."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.access.folders import ACCESS, CARDS, TENANTS, told, told_json, written

AT = ("--at", "2026-02-01")
TERMS = "max_output_tokens: 1000, "


def diff(tmp_path: Path, capsys: Any, *options: str, **changed: Any) -> tuple[int, str]:
    old, new = written(tmp_path / "old"), written(tmp_path / "new", **changed)
    code, said, wrong = told(capsys, "policy", "diff", str(old), str(new), *(options or AT))
    assert wrong == ""
    return code, said


def rows_of(tmp_path: Path, capsys: Any, **changed: Any) -> list[dict[str, Any]]:
    old, new = written(tmp_path / "old"), written(tmp_path / "new", **changed)
    _, found = told_json(capsys, "policy", "diff", str(old), str(new), *AT)
    return found["changes"]


def without(rule: str, text: str = ACCESS) -> str:
    found, count = re.subn(rf"  - {{id: {rule}, .*?}}\n(?=  - |exceptions:|$)", "", text, flags=re.DOTALL)
    assert count == 1
    return found


def test_the_same_policies_do_not_differ(tmp_path: Path, capsys: Any) -> None:
    code, said = diff(tmp_path, capsys, *AT, "--exit-code", access=f"# a comment\n{ACCESS}")
    assert code == 0
    assert said.splitlines()[0] == "rules and exceptions: 0 added, 0 removed, 0 changed"
    assert said.splitlines()[-1].startswith("nothing is decided differently: ")
    assert said.splitlines()[-1].endswith(" questions asked about 3 teams and 2 targets")


def test_a_rule_that_is_gone_is_told_by_whom_it_reached(tmp_path: Path, capsys: Any) -> None:
    code, said = diff(tmp_path, capsys, *AT, "--exit-code", access=without("general"))
    assert code == 1
    assert said.splitlines()[0] == "rules and exceptions: 0 added, 1 removed, 0 changed"
    rows = rows_of(tmp_path, capsys, access=without("general"))
    lost = [row for row in rows if row["change"] == "loses"]
    assert {row["rule"] for row in lost} == {"general"}
    (web,) = [row for row in lost if row["teams"] == ["acme/web"] and row["all_models"] and not row["requests"]]
    assert (web["all_operations"], web["data_classes"], web["callers"]) == (True, ["internal"], [])
    assert {(row["change"], *row["teams"], row["before"], row["after"]) for row in rows if row not in lost} == {
        ("obligations", "acme/fraud", "max_output_tokens 1000", "")
    }, "the exception goes on allowing, and adds no terms"


def test_a_rule_for_prod_only_is_seen(tmp_path: Path, capsys: Any) -> None:
    deny = "\n  - {id: not-in-prod, effect: deny, owner: o, reason: r, environments: [prod], models: [small], operations: [chat, messages]}"
    (row,) = rows_of(tmp_path, capsys, access=ACCESS.replace("\nexceptions:", f"{deny}\nexceptions:"))
    assert row["callers"] == ["env=prod"]
    assert (row["change"], row["why"]) == ("loses", "denied by not-in-prod")
    assert (row["tenants_whole"], row["models"], row["operations"]) == (["acme"], ["small"], ["chat", "messages"])
    _, said = diff(tmp_path, capsys, access=ACCESS.replace("\nexceptions:", f"{deny}\nexceptions:"))
    assert "all teams of acme; env=prod  small   chat, messages  any       denied by not-in-prod" in said


def test_a_number_in_a_condition_is_looked_at_from_both_sides(tmp_path: Path, capsys: Any) -> None:
    deny = '\n  - {id: no-long-answers, effect: deny, owner: o, reason: r, tenants: [acme], when: "request.max_output_tokens > 32000"}'
    found = rows_of(tmp_path, capsys, access=ACCESS.replace("\nexceptions:", f"{deny}\nexceptions:"))
    assert {tuple(row["requests"]) for row in found} == {("max_output_tokens from 32001",)}
    assert {row["rule"] for row in found} == {"no-long-answers"}


def test_a_condition_on_labels_and_claims_is_looked_at(tmp_path: Path, capsys: Any) -> None:
    allow = (
        "\n  - {id: admins, effect: allow, owner: o, reason: r, tenants: [other], models: [small], "
        "when: \"'groups' in subject.claims && 'admins' in subject.claims.groups && subject.labels['tier'] == 'gold'\"}"
    )
    found = rows_of(tmp_path, capsys, access=ACCESS.replace("\nexceptions:", f"{allow}\nexceptions:"))
    assert {(row["change"], row["rule"], *row["teams"]) for row in found} == {("gains", "admins", "other/web")}
    callers = [caller for row in found for caller in row["callers"]]
    assert callers
    assert all("tier=gold" in caller and "groups=admins" in caller for caller in callers)


def test_other_terms_and_what_only_watches_are_no_loss(tmp_path: Path, capsys: Any) -> None:
    text = ACCESS.replace("max_output_tokens: 1000", "max_output_tokens: 500, no_content: true")
    found = rows_of(tmp_path, capsys, access=text)
    assert {(row["change"], row["before"], row["after"]) for row in found} == {
        ("obligations", "max_output_tokens 1000", "max_output_tokens 500, no_content")
    }
    assert found[0]["why"] == "obliged to max_output_tokens 500, no_content; before: max_output_tokens 1000"
    found = rows_of(tmp_path, capsys, access=without("watch-images"))
    assert {(row["change"], row["before"], row["after"], *row["operations"]) for row in found} == {
        ("audit", "watch-images", "", "images")
    }


def test_a_rule_that_stops_enforcing_is_told_first(tmp_path: Path, capsys: Any) -> None:
    text = ACCESS.replace("reason: they stay here,", "reason: they stay here, mode: audit,")
    _, said = diff(tmp_path, capsys, access=text)
    assert said.splitlines()[1] == "1 rule stops enforcing: no-secrets-outside"
    gained = [row for row in rows_of(tmp_path, capsys, access=text) if row["change"] == "gains"]
    assert {row["why"] for row in gained} == {"no longer denied by no-secrets-outside"}
    assert {tuple(row["data_classes"]) for row in gained} == {("secret",), ()}, "a team's own class is all it can send"


def test_cards_and_teams_change_what_is_allowed(tmp_path: Path, capsys: Any) -> None:
    revoked = CARDS["small"].replace("life: {", "life: {revoked: {on: 2026-01-31, reason: r}, ")
    found = rows_of(tmp_path, capsys, cards={**CARDS, "small": revoked})
    assert {(row["change"], row["why"]) for row in found} == {("loses", "the card is revoked")}
    found = rows_of(tmp_path, capsys, cards={"small": CARDS["small"]}, access=ACCESS)
    assert {(row["change"], row["why"]) for row in found} == {("loses", "the target has no card any more")}
    tenants = TENANTS.replace("{id: web}, {id: fraud", "{id: web}, {id: new}, {id: fraud")
    found = rows_of(tmp_path, capsys, tenants=tenants)
    assert {(row["change"], row["why"], *row["teams"]) for row in found} == {("gains", "the team is new", "acme/new")}
    raised = TENANTS.replace("{id: web}, {id: fraud", "{id: web, data_class: secret}, {id: fraud")
    found = rows_of(tmp_path, capsys, tenants=raised)
    assert {(row["change"], row["rule"], *row["teams"]) for row in found} == {
        ("loses", "no-secrets-outside", "acme/web")
    }


def test_names_that_lead_elsewhere_are_told(tmp_path: Path, capsys: Any) -> None:
    aliased = (
        CARDS["small"]
        .replace('name: "small"', 'name: "small"\naliases: [little]')
        .replace("name: small", "name: small\naliases: [little]")
    )
    _, said = diff(tmp_path, capsys, cards={**CARDS, "small": aliased})
    assert "a name that is new: little" in said.splitlines()


def test_what_is_not_in_force_yet_is_told(tmp_path: Path, capsys: Any) -> None:
    deny = "\n  - {id: later, effect: deny, owner: o, reason: r, from: 2026-02-10}"
    access = ACCESS.replace("\nexceptions:", f"{deny}\nexceptions:")
    _, said = diff(tmp_path, capsys, access=access)
    assert "not in force at this moment, and so without effect here: later (--at TIME)" in said.splitlines()
    assert "nothing is decided differently" in said
    _, said = diff(tmp_path, capsys, "--at", "2026-02-10", access=access)
    assert "denied by later" in said


def test_what_was_not_looked_at_is_told(tmp_path: Path, capsys: Any) -> None:
    many = "".join(
        f"\n  - {{id: l{number}, effect: allow, owner: o, reason: r, tenants: [other], labels: {{l{number}: x}}}}"
        for number in range(12)
    )
    found = ACCESS.replace("\nexceptions:", f"{many}\nexceptions:")
    _, said = diff(tmp_path, capsys, access=found)
    assert "not looked at: 256 combinations of labels and claims were looked at, " in said
    rules = {row["rule"] for row in rows_of(tmp_path, capsys, access=found)}
    assert rows_of(tmp_path, capsys, access=found)
    assert rules <= {f"l{number}" for number in range(12)}
    assert len(rules) == 12, "callers of rules that have changed are looked at before all others"


def test_a_comment_for_a_pull_request_is_markdown_that_files_cannot_break(tmp_path: Path, capsys: Any) -> None:
    text = without("general") + (
        "  - {id: 'a|b <img src=x> @everyone [x](y)', lifts: [], owner: a, approver: b, reason: r, tenants: [other],"
        " models: [small], from: 2026-01-01, until: 2026-02-02}\n"
    )
    code, said = diff(tmp_path, capsys, *AT, "--markdown", access=text)
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == "### Policy changes"
    table = [line for line in lines if line.startswith("| ")]
    assert table[0] == "| change | who | models | operations | requests | why |"
    assert all(line.count("|") == 7 for line in table)
    assert any(
        unescape(line).startswith("| **loses access** | acme/web; data internal | all models | all operations | any |")
        for line in table
    )
    assert not any(mark in said for mark in ("<img", "@everyone", "[x]", "a|b"))
    assert "a|b <img src=x> @\u200beveryone [x](y)" in unescape(said)


def test_a_folder_that_does_not_validate_is_told(tmp_path: Path, capsys: Any) -> None:
    old = written(tmp_path / "old")
    new = written(tmp_path / "new", access=ACCESS.replace("effect: deny", "effect: dney", 1))
    code, _, said = told(capsys, "policy", "diff", str(old), str(new))
    assert (code, "did you mean `deny`?" in said) == (1, True)
    assert str(new / "access.yaml") in said
    with pytest.raises(SystemExit):
        told(capsys, "policy", "diff", str(old), str(new), "--json", "--markdown")
