"""The tests behind a label's gate, as they are now: a run of what they were before says nothing of them."""

from pathlib import Path

from gateway.compare.cases.loading import read_suite
from gateway.core.faults import Conflict
from gateway.prompts.building import Entry
from gateway.prompts.document import Gate
from gateway.stores.documents import DocumentError


def gate_digest(entry: Entry, gate: Gate) -> str:
    """The digest of the gate's suite; `python` assertions are read for it, and not run.

    Raises:
        Conflict: it cannot be read.
    """
    try:
        return read_suite(folder_of(entry) / gate.suite, python=True).digest
    except DocumentError as error:
        raise Conflict(f"the gate's tests cannot be read: {error}", code="gate_not_passed") from None


def folder_of(entry: Entry) -> Path:
    """Where the prompt's files are."""
    return Path(next(iter(entry.all_versions())).file).parent
