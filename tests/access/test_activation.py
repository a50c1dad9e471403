"""What is told of policies that take force, whatever the disk holds."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.access.history import HistoryError, PolicyHistory
from gateway.activation import Activation
from gateway.core.clock import SystemClock
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


def test_a_pipe_is_no_history(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "chain.jsonl")
    with pytest.raises(HistoryError, match="no regular file"):
        PolicyHistory(tmp_path).entries()
