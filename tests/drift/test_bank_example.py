"""The worked set of policies of a bank: its tests hold, each of its rules matters, and its page tells the truth."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from gateway.access.cases import read_cases
from gateway.access.entries import Entry
from gateway.access.policy import AccessPolicy
from gateway.cli import main
from gateway.core.model import NOTHING
from gateway.drift import find_drift
from gateway.policyset import PolicySet, read_policies
from gateway.policytest import names_of, run_cases
from gateway.stores.folders import read_folder
from tests.conftest import ROOT

BANK = ROOT / "policies" / "examples" / "bank"
PAGE = (BANK / "README.md").read_text()
DAY = datetime(2026, 6, 15, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def bank() -> PolicySet:
    return read_policies(BANK)


def test_its_tests_hold_and_every_rule_has_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", "--policies", str(BANK), "--require-coverage"]) == 0, capsys.readouterr().out


def test_check_warns_of_what_its_page_lists(bank: PolicySet) -> None:
    listed = re.search(r"warns of this:\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert listed is not None
    found = [str(one).removeprefix(f"{BANK}/") for one in find_drift(bank, BANK, DAY)]
    assert found == listed[1].splitlines()


def test_its_page_explains_every_rule(bank: PolicySet) -> None:
    explained = re.findall(r"^\* `([a-z-]+)`(?: \(exception\)| \(audit\))?: ", PAGE, re.MULTILINE)
    assert sorted(explained) == [one.id for one in bank.access.entries.all]


def with_rules(bank: PolicySet, entries: list[Entry]) -> PolicySet:
    instants = [at for model in bank.catalogue.models.values() for at in model.life.instants()]
    access = AccessPolicy(entries, "changed", data_classes=bank.access.data_classes, instants=instants)
    return msgspec.structs.replace(bank, access=access)


def changed(one: Entry, **fields: object) -> Entry:
    return msgspec.structs.replace(one, source=msgspec.structs.replace(one.source, **fields))


def failures(bank: PolicySet, policies: PolicySet) -> list[str]:
    cases = read_cases(list(read_folder(BANK, (), ("tests",)).values()), names_of(bank))
    return [one.placed.case.name for one in run_cases(policies, cases, DAY) if not one.passed]


def test_no_rule_can_be_taken_out_and_no_obligation_without_a_test_that_notices(bank: PolicySet) -> None:
    entries = bank.access.entries.all
    assert failures(bank, with_rules(bank, list(entries))) == []
    for gone in entries:
        left = [one for one in entries if one is not gone]
        left = [changed(one, lifts=()) if gone.id in getattr(one.source, "lifts", ()) else one for one in left]
        assert failures(bank, with_rules(bank, left)), f"nothing notices that `{gone.id}` is gone"
        if gone.source.obligations != NOTHING:
            lax = [changed(one, obligations=NOTHING) if one is gone else one for one in entries]
            assert failures(bank, with_rules(bank, lax)), f"nothing notices that `{gone.id}` obliges to nothing"
        if getattr(gone.source, "mode", "") == "audit":
            enforced = [changed(one, mode="enforce") if one is gone else one for one in entries]
            assert failures(bank, with_rules(bank, enforced)), f"nothing notices that `{gone.id}` refuses"


def test_the_quantised_model_inherits_its_licence_and_says_through_whom(bank: PolicySet) -> None:
    inherited = bank.cards.inherited["research-14b-q4"]
    assert (inherited.licence_class, inherited.through) == ("non-commercial", ("research-14b",))
    assert [one.text for one in inherited.restrictions if one.of == "research-14b"]


def test_a_rule_for_it_is_told_to_allow_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(BANK, tmp_path / "bank")
    wish = "  - {id: research-14b-for-all, effect: allow, owner: research@example.com, reason: small, tenants: [bank], models: [research-14b-q4]}\n"
    with (folder / "access" / "research.yaml").open("a") as file:
        file.write(wish)
    told = [one for one in find_drift(read_policies(folder), folder, DAY) if one.kind == "rule_shadowed"]
    assert [one.reason for one in told] == [
        "the rule `research-14b-for-all` allows nothing: all that it matches is denied by `no-non-commercial-licence`"
    ]
