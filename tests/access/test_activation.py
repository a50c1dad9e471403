"""What is told of policies that take force, whatever the disk holds."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.access.history import HistoryError, PolicyHistory
from gateway.activation import Activation, why_not_admitted
from gateway.core.clock import SystemClock
from gateway.core.model import Catalogue, Life
from gateway.core.target import Target
from gateway.policyset import read_policies
from tests.conftest import ROOT

Notes = list[tuple[str, str, str, dict[str, object]]]


def activation(state: Path, notes: Notes) -> Activation:
    def note(*said: Any) -> None:
        notes.append(said)

    folder = ROOT / "policies"
    return Activation(folder, PolicyHistory(state / "history"), note, SystemClock(), state / "kept.json")


def altered(chain: Path) -> None:
    chain.write_bytes(chain.read_bytes()[:-20] + b"x" * 19 + b"\n")


def piped(chain: Path) -> None:
    chain.unlink()
    os.mkfifo(chain)


@pytest.mark.parametrize("break_", [altered, piped])
def test_a_broken_history_keeps_no_activation_from_the_audit_log(
    tmp_path: Path, break_: Callable[[Path], None]
) -> None:
    policies, notes = read_policies(ROOT / "policies"), Notes()
    activation(tmp_path, notes).reloaded(policies, None)
    assert [(one[1], one[3].get("seq")) for one in notes] == [("policy.activate", 1)]
    break_(tmp_path / "history" / "chain.jsonl")
    anew = activation(tmp_path, notes)
    anew.reloaded(policies, None)
    anew.reloaded(policies, None)
    assert len(notes) == 2, "once"
    assert notes[1][3]["digest"] == policies.digest
    assert "chain.jsonl" in str(notes[1][3]["history"])


def test_the_same_policies_after_a_restart_are_no_new_activation(tmp_path: Path) -> None:
    policies, notes = read_policies(ROOT / "policies"), Notes()
    activation(tmp_path, notes).reloaded(policies, None)
    activation(tmp_path, notes).reloaded(policies, None)
    assert len(notes) == len(PolicyHistory(tmp_path / "history").entries()) == 1


def test_an_engine_runs_if_one_of_the_cards_that_it_serves_vouches_for_its_weights() -> None:
    policies = read_policies(ROOT / "policies")
    (model,) = [one for one in policies.catalogue.models.values() if one.hosting == "self-served"]
    good = policies.cards.cards[model.name].provenance.files[0].sha256
    draft = msgspec.structs.replace(model, target=Target(model.provider, "draft"), life=Life())
    models = {draft.target: draft, **policies.catalogue.models}
    both = msgspec.structs.replace(policies, catalogue=Catalogue(policies.catalogue.names, models))
    engines, now = {model.provider: "engine"}, SystemClock.now()
    assert why_not_admitted("engine", good, both, engines, now) == ""
    assert "is not approved" in why_not_admitted("engine", "0" * 64, both, engines, now)
    assert "not among the files" in why_not_admitted("engine", "0" * 64, policies, engines, now)
    assert "no card" in why_not_admitted("another", good, both, engines, now)


def test_a_pipe_is_no_history(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "chain.jsonl")
    with pytest.raises(HistoryError, match="no regular file"):
        PolicyHistory(tmp_path).entries()
