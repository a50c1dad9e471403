"""Having everything in the ledger that was recorded up to now: before its keepers change it, and before limits go on
from what it says."""

import time
from pathlib import Path

from gateway.core.clock import Clock
from gateway.ledger.opening import open_ledger
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.rounds import Rounds
from gateway.ledger.segments import (
    AlreadyDraining,
    newer_exists,
    segments_by_writer,
    sole_drainer,
    writer_is_dead,
)

WAIT_S = 30.0
STEP_S = 0.2
POLL_S = 0.02


class NotCaughtUp(ValueError):
    """Not everything that was recorded is in the ledger."""


def catch_up(place: LedgerPlace, folder: Path, clock: Clock) -> None:
    """Drain this folder's journals, or wait while a running gateway does. Calls under way are recorded when they end.

    Raises:
        LedgerUnavailable: the ledger cannot be read or written.
        NotCaughtUp: something of the journal is not in it, and why.
    """
    waiting = _caught_up(place, folder, clock)
    if waiting:
        raise NotCaughtUp(f"the journal is not in the ledger yet ({waiting}); try again when it is")


def _caught_up(place: LedgerPlace, folder: Path, clock: Clock) -> str:
    """Why it was not done, or nothing."""
    if not folder.exists():
        return ""
    try:
        with sole_drainer(folder), open_ledger(place, clock) as store:
            return Rounds(folder, store, clock).drain_once().error
    except AlreadyDraining:
        pass
    until = clock.monotonic() + WAIT_S
    wanted = {path.name: path.stat().st_size for paths in segments_by_writer(folder).values() for path in paths}
    while left := _left(place, folder, wanted):
        if clock.monotonic() > until:
            return f"{left} bytes are left"
        time.sleep(STEP_S)
    return ""


def _left(place: LedgerPlace, folder: Path, wanted: dict[str, int]) -> int:
    with ledger_reader(place) as reader:
        rows = () if reader is None else reader.rows(reader.queries["offsets_of_all"])
        reached = {row["segment"]: row["offset"] for row in rows}
    # A segment that is gone has been consumed: that is why it went.
    there = {name: size for name, size in wanted.items() if (folder / name).exists()}
    return sum(max(0, size - reached.get(name, 0)) for name, size in there.items())


def wait_until_drained(folder: Path, seconds: float) -> bool:
    """Wait until what writers that are gone left behind is in the ledger; false if that takes longer. Blocks."""
    until = time.monotonic() + seconds
    while _left_behind(folder):
        if time.monotonic() >= until:
            return False
        time.sleep(POLL_S)
    return True


def _left_behind(folder: Path) -> bool:
    for path in folder.glob("*.jnl"):
        try:
            if writer_is_dead(path) and not newer_exists(path):
                return True
        except FileNotFoundError:
            continue  # it has just been drained
    return False
