"""Tests of policies: what they may say, what a failure tells, what counts as covered, and the reports."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from gateway.access.cases import read_cases
from gateway.cli.junit import Result, Suite, junit
from gateway.policyset import policy_texts, read_policies
from gateway.policytest import coverage, names_of, run_cases
from gateway.stores.documents import DocumentError, Text
from tests.access.folders import ACCESS, told, told_json, written
from tests.conftest import ROOT

NOW = 1_769_000_000.0  # 2026-01-21
WHO = "who: {tenant: acme, team: web}"


def outcomes(folder: Path, *tests: str) -> list[Any]:
    policies = read_policies(written(folder))
    text = "tests:\n" + "".join(f"  - {{name: t{number}, {one}}}\n" for number, one in enumerate(tests))
    return run_cases(policies, read_cases([Text("f.yaml", text.encode())], names_of(policies)), NOW)


def test_the_shipped_policies_pass_their_own_tests_and_all_rules_have_one() -> None:
    command = [sys.executable, "-m", "gateway.cli", "policy", "test", "--require-coverage"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" passed, 0 failed\n")


@pytest.mark.parametrize("test", [
    f"{WHO}, model: small, expect: allow, rule: general, basis: rule, target: here/small",
    f"{WHO}, model: small, expect: allow, obligations: {{max_output_tokens: 1000, regions: [eu, us], no_content: false}}",
    f"{WHO}, model: small, operation: images, expect: allow, would_deny: [watch-images]",
    f"{WHO}, model: small, expect: allow, would_deny: []",
    f"{WHO}, model: small, request: {{tools: true}}, expect: allow, rule: tools-of-small",
    f"{WHO}, model: big, request: {{tools: true}}, expect: allow, rule: general",
    "who: {tenant: acme, team: web, labels: {env: prod}}, model: big, request: {tools: true}, expect: deny, "
    "rule: no-tools-in-prod, code: model_not_allowed",
    "who: {tenant: acme, team: web, data_class: secret}, model: big, expect: deny, rule: no-secrets-outside",
    "who: {tenant: acme, team: web, labels: {data_class: secret}}, model: big, expect: deny, rule: no-secrets-outside",
    "who: {tenant: acme, team: fraud, data_class: public}, model: big, expect: deny, rule: no-secrets-outside",
    "who: {tenant: acme, team: fraud, claims: {groups: [x, analysts]}}, model: big, at: 2026-03-01, expect: allow, "
    "rule: pilot, basis: exception",
    "who: {tenant: acme, team: fraud, claims: {groups: [analysts]}}, model: big, at: 2026-03-02, expect: deny",
    "who: {tenant: other, team: web}, model: small, expect: deny, basis: no_rule, code: model_not_allowed",
    f"{WHO}, model: nothing, expect: deny, code: model_not_found, basis: card",
    f"{WHO}, model: small, at: 2019-12-31, expect: deny, basis: card",
])  # fmt: skip
def test_expectations_that_are_met(test: str, tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, test)
    assert outcome.differences == ()


@pytest.mark.parametrize(("test", "what", "expected", "got"), [
    (f"{WHO}, model: small, expect: deny, rule: no-secrets-outside", "decision", "deny", "allow"),
    (f"{WHO}, model: small, expect: deny, rule: no-secrets-outside", "rule", "no-secrets-outside", "general"),
    (f"{WHO}, model: small, expect: allow, basis: exception", "basis", "exception", "rule"),
    (f"{WHO}, model: small, expect: allow, target: far/big", "target", "far/big", "here/small"),
    (f"{WHO}, model: small, expect: allow, obligations: {{max_output_tokens: 5}}", "obligations.max_output_tokens", "5", "1000"),
    (f"{WHO}, model: small, expect: allow, obligations: {{max_output_tokens: 0}}", "obligations.max_output_tokens", "none", "1000"),
    (f"{WHO}, model: small, expect: allow, obligations: {{no_content: true}}", "obligations.no_content", "true", "false"),
    (f"{WHO}, model: small, expect: allow, obligations: {{regions: []}}", "obligations.regions", "none", "eu, us"),
    (f"{WHO}, model: small, operation: images, expect: allow, would_deny: []", "would_deny", "none", "watch-images"),
    ("who: {tenant: other, team: web}, model: small, expect: deny, code: policy_error", "code", "policy_error", "model_not_allowed"),
])  # fmt: skip
def test_expectations_that_are_not_met(test: str, what: str, expected: str, got: str, tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, test)
    found = {one.what: (one.expected, one.got) for one in outcome.differences}
    assert found[what] == (expected, got)
    assert not outcome.passed


@pytest.mark.parametrize(("test", "says"), [
    ("who: {tenant: acne, team: web}, model: small, expect: allow", "no tenant `acne` is known here; did you mean `acme`?"),
    ("who: {tenant: other, team: fraud}, model: small, expect: allow", "no team of `other` `fraud` is known here; known: web"),
    ("who: {tenant: acme, team: web, data_class: secrt}, model: small, expect: allow", "did you mean `secret`?"),
    (f"{WHO}, model: smal, expect: allow", "did you mean `small`?; if none is meant, expect: deny with code: model_not_found"),
    (f"{WHO}, model: small, operation: chatt, expect: allow", "did you mean `chat`?"),
    (f"{WHO}, model: small, expect: allow, rule: genral", "did you mean `general`?"),
    (f"{WHO}, model: small, expect: allow, target: here/smal", "did you mean `here/small`?"),
    (f"{WHO}, model: small, expect: allow, would_deny: [watch-image]", "did you mean `watch-images`?"),
    (f"{WHO}, model: small, expect: allow, at: 2026-02-30", "is no day or moment"),
    (f"{WHO}, model: small, expect: allow, code: model_not_allowed", "what is allowed has no code"),
    (f"{WHO}, model: small, expect: allow, basis: card", "what is allowed is so by one of rule, exception"),
    (f"{WHO}, model: small, expect: deny, target: here/small", "what is refused has no `target`"),
    (f"{WHO}, model: small, expect: deny, would_deny: []", "what is refused has no `would_deny`"),
    (f"{WHO}, model: small, expect: deny, basis: exception", "an exception refuses nothing"),
    (f"{WHO}, model: small, expect: deny, code: model_not_alowed", "did you mean `model_not_allowed`?"),
    (f"{WHO}, model: small, expect: alow", "did you mean `allow`?"),
    (f"{WHO}, model: small", "`expect` is missing"),
])  # fmt: skip
def test_a_test_that_cannot_be_meant_is_refused_with_its_line(test: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as wrong:
        outcomes(tmp_path, f"{WHO}, model: small, expect: allow", test)
    assert (wrong.value.file, wrong.value.line) == ("f.yaml", 3)
    assert says in wrong.value.reason


def test_two_tests_of_one_name_are_told_with_both_places(tmp_path: Path) -> None:
    policies = read_policies(written(tmp_path))
    text = f"tests:\n  - {{name: t, {WHO}, model: small, expect: allow}}\n".encode()
    with pytest.raises(DocumentError, match=r"`t` stands twice \(one.yaml:2\)") as wrong:
        read_cases([Text("one.yaml", text), Text("two.yaml", text)], names_of(policies))
    assert wrong.value.file == "two.yaml"


def covered_by(folder: Path, *tests: str) -> set[str]:
    return set(coverage(read_policies(written(folder)), outcomes(folder, *tests)).covered)


def test_a_rule_is_covered_by_a_test_that_depends_on_it(tmp_path: Path) -> None:
    """An allow where it allows, a deny where it refuses or would, an exception where it lifts."""
    assert covered_by(tmp_path, f"{WHO}, model: small, expect: allow") == {"general"}
    assert covered_by(tmp_path, f"{WHO}, model: small, operation: images, expect: allow") == {"general", "watch-images"}
    assert covered_by(tmp_path, "who: {tenant: acme, team: fraud}, model: big, expect: deny") == {"no-secrets-outside"}
    analyst = "who: {tenant: acme, team: fraud, claims: {groups: [analysts]}}, model: big, expect: allow"
    assert covered_by(tmp_path, f"{analyst}, at: 2026-02-01") == {"general", "pilot"}, (
        "a deny that is lifted decides nothing"
    )
    assert covered_by(tmp_path, "who: {tenant: other, team: web}, model: small, expect: deny") == set()
    in_prod = "who: {tenant: acme, team: web, labels: {env: prod}}, model: small, request: {tools: true}, expect: deny"
    assert covered_by(tmp_path, in_prod) == {"general", "no-tools-in-prod"}


CASES = f"""
tests:
  - {{name: fine, {WHO}, model: small, expect: allow}}
  - name: analysts keep their pilot
    who: {{tenant: acme, team: fraud, labels: {{env: dev}}, claims: {{groups: [interns]}}}}
    model: big
    request: {{max_output_tokens: 5, stream: true}}
    at: 2026-03-02
    expect: allow
    rule: pilot
"""


def test_a_failure_tells_a_reviewer_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path, tests=CASES)
    code, said, _ = told(capsys, "policy", "test", "--policies", str(folder))
    assert code == 1
    place = folder / "tests" / "cases.yaml"
    for line in (
        f"FAILED {place}:4: analysts keep their pilot",
        "  asked     team fraud of acme (env=dev, groups=interns), big, chat, up to 5 tokens, streamed, at 2026-03-02",
        "  expected  allow by pilot",
        "  got       deny by no-secrets-outside (rule)",
        "  because   the model `big` is denied by the rule `no-secrets-outside` (they stay here)",
        "  remedy    ask security for an exception",
        "  decision: expected allow, got deny",
        "  the rule pilot about far/big for chat does not match:",
        "    time: wanted 2026-01-01 to 2026-03-01, found now",
        "    claims.groups: wanted analysts, found interns",
        "no test meets pilot (exception, a)",
        "no test meets watch-images (deny, security)",
        "2 of 6 rules and exceptions are covered",
        "1 passed, 1 failed",
    ):
        assert line in said.splitlines()
    code, made = told_json(capsys, "policy", "test", "--policies", str(folder))
    assert (code, made["passed"], made["failed"]) == (1, 1, 1)
    assert [(one["name"], one["line"], one["passed"]) for one in made["tests"]] == [
        ("fine", 3, True), ("analysts keep their pilot", 4, False),
    ]  # fmt: skip
    assert made["tests"][1]["unmatched"][0]["missed"][1]["found"] == "interns"
    assert made["coverage"]["covered"] == ["general", "no-secrets-outside"]


def test_coverage_fails_only_where_it_is_required(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(written(tmp_path, tests=f"tests:\n  - {{name: fine, {WHO}, model: small, expect: allow}}\n"))
    assert told(capsys, "policy", "test", "--policies", folder)[0] == 0
    report = tmp_path / "report.xml"
    assert told(capsys, "policy", "test", "--policies", folder, "--require-coverage", "--junit", str(report))[0] == 1
    suites = {suite.get("name"): suite for suite in ET.parse(report).getroot()}
    missing = [case.get("name") for case in suites["rules with tests"] if case.find("failure") is not None]
    assert missing == ["no-secrets-outside", "no-tools-in-prod", "pilot", "tools-of-small", "watch-images"]


def test_no_tests_are_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path)
    code, _, said = told(capsys, "policy", "test", "--policies", str(folder))
    assert (code, "there are no tests" in said) == (1, True)
    (folder / "tests").mkdir()
    (folder / "tests" / "cases.yml").write_text("tests: []\n")
    code, _, said = told(capsys, "policy", "test", "--policies", str(folder))
    assert (code, "is not a .yaml file" in said) == (1, True)
    place = str(tmp_path / "no" / "such" / "folder.xml")
    code, _, said = told(capsys, "policy", "test", "--policies", str(ROOT / "policies"), "--junit", place)
    assert (code, place in said) == (1, True)


def test_a_folder_of_ones_own_holds_tests_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "policies")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.yaml").write_text(f"tests: [{{name: t, {WHO}, model: small, expect: allow}}]\n")
    code, said, _ = told(capsys, "policy", "test", "--policies", str(folder), "--tests", str(elsewhere))
    assert (code, said.splitlines()[-1]) == (0, "1 passed, 0 failed")


def test_tests_are_no_part_of_what_decides(tmp_path: Path) -> None:
    folder = written(tmp_path)
    before = read_policies(folder).digest
    written(folder, tests=CASES)
    assert (folder / "tests" / "cases.yaml").exists()
    assert read_policies(folder).digest == before
    assert not [name for name in policy_texts(folder) if "cases" in name]


def test_where_models_are_hidden_both_codes_will_do(tmp_path: Path) -> None:
    policies = read_policies(written(tmp_path, access="hide_models: true" + ACCESS))
    for code in ("model_not_found", "model_not_allowed", "policy_error"):
        text = f"tests: [{{name: t, who: {{tenant: other, team: web}}, model: small, expect: deny, code: {code}}}]"
        (outcome,) = run_cases(policies, read_cases([Text("f", text.encode())], names_of(policies)), NOW)
        assert outcome.passed == (code != "policy_error")


# Jenkins' junit-10.xsd: what may stand where. `time` and counts are digits.
SCHEMA = {
    "testsuites": ({"name", "tests", "failures", "errors", "time"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package", "file"},
        {"name", "tests", "failures", "errors"}, {"testcase", "properties", "system-out", "system-err"},
    ),
    "testcase": ({"name", "classname", "time", "group"}, {"name", "classname"}, {"failure", "error", "skipped"}),
    "failure": ({"type", "message"}, {"message"}, set()),
}  # fmt: skip


def check_junit(node: ET.Element) -> None:
    allowed, needed, children = SCHEMA[node.tag]
    assert set(node.attrib) <= allowed
    assert set(node.attrib) >= needed
    for child in node:
        assert child.tag in children
        check_junit(child)
    if node.tag in ("testsuite", "testsuites"):
        assert int(node.attrib["tests"]) == len(list(node.iter("testcase")))
        assert int(node.attrib["failures"]) == len(list(node.iter("failure")))


def test_reports_are_junit_as_jenkins_gitlab_and_github_read_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path, tests=CASES)
    report = tmp_path / "report.xml"
    assert told(capsys, "policy", "test", "--policies", str(folder), "--junit", str(report))[0] == 1
    assert report.read_bytes().startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    root = ET.parse(report).getroot()
    check_junit(root)
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names)) == 2, "GitLab keeps the first of several that have one name"
    (failure,) = root.iter("failure")
    assert failure.get("message") == "decision: expected allow, got deny; rule: expected pilot, got no-secrets-outside"
    assert "cases.yaml:4" in (failure.text or "")


def test_reports_stay_xml_whatever_a_test_is_called() -> None:
    name = "a\x00b\x1b[31m<&>\"'\ud800\uffff é\U0001f600"
    made = junit([Suite(name, [Result(name, failure=name, details=name), Result("]]>")])], "t")
    root = ET.fromstring(made)
    check_junit(root)
    shown = "a\ufffdb\ufffd[31m<&>\"'\ufffd\ufffd é\U0001f600"
    assert [case.get("name") for case in root.iter("testcase")] == [shown, "]]>"]
    assert next(root.iter("failure")).text == shown
