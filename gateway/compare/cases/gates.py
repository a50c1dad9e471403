"""What a label's gate asks, as it is now: a run of what it asked before, or of another gate, says nothing of it."""

from pathlib import Path

import msgspec

from gateway.compare.cases.digests import digest_of
from gateway.compare.cases.loading import read_suite
from gateway.compare.cases.suite import Suite
from gateway.core.faults import Conflict
from gateway.prompts.building import Entry
from gateway.prompts.document import Gate
from gateway.stores.documents import DocumentError


def gate_digest(entry: Entry, gate: Gate) -> str:
    """As `digest_of_gate`, of the suite as it is on the disk; `python` assertions are read for it, and not run.

    Raises:
        Conflict: it cannot be read.
    """
    try:
        return digest_of_gate(read_suite(folder_of(entry) / gate.suite, python=True), gate)
    except DocumentError as error:
        raise Conflict(f"the gate's tests cannot be read: {error}", code="gate_not_passed") from None


def digest_of_gate(suite: Suite, gate: Gate) -> str:
    """`sha256:…` of the cases, and of all else by which they say yes or no: how much worse is let through, what is
    compared, whose opinion counts."""
    return digest_of(
        {
            "cases": suite.digest,
            "margin": gate.margin,
            "metric": suite.metric,
            "limits": dict(suite.limits),
            "calibrated": msgspec.to_builtins(suite.calibrated),
            "labels": [case.human for case in suite.cases],
        }
    )


def folder_of(entry: Entry) -> Path:
    """Where the prompt's files are."""
    return Path(next(iter(entry.all_versions())).file).parent
