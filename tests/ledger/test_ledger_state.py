"""What workers are told of the ledger, where the disk does and does not take it."""

from pathlib import Path

from gateway.ledger.state import LedgerState, read_state, write_state


def test_what_the_disk_does_not_take_leaves_no_older_word_in_force(tmp_path: Path) -> None:
    path = tmp_path / "ledger.state"
    assert write_state(path, LedgerState("ok"))
    assert read_state(path) == LedgerState("ok")
    path.with_suffix(".new").mkdir()  # nothing can be written there, as on a full disk
    assert not write_state(path, LedgerState("behind", "the disk is full"))
    assert read_state(path) == LedgerState("unknown")
    path.with_suffix(".new").rmdir()
    assert write_state(path, LedgerState("behind", "the disk is full"))
    assert read_state(path) == LedgerState("behind", "the disk is full")
