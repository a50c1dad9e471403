"""What workers write to: a disk that may be full, a ledger that may be away."""

import errno
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.journal import Journal, JournalOptions
from gateway.ledger.store import LedgerUnavailable, SqliteLedger

if TYPE_CHECKING:
    from tests.simulation.world import World


class Disk(Journal):
    """A worker's journal on a disk that may be full. Once the worker is dead it takes nothing: who is killed writes no
    more, and what was in memory only is gone."""

    full = dead = False

    def __init__(self, world: "World", name: str) -> None:
        self.spent: Counter[str] = Counter()  # by key, on calls that ended
        super().__init__(JournalOptions(segment_bytes=20_000, segment_s=120.0), world.journals, name)
        self._world = world

    def opened(self, record: Record) -> None:
        if not self.dead:
            super().opened(record)
            self._world.opened.append(record.id)

    def closed(self, record: Record) -> None:
        if not self.dead:
            self._world.closed[record.id] = record.cost_nano
            self.spent[record.key_id] += record.cost_nano or 0
            super().closed(record)
            if record.trace_id[-1:] in tuple("258be"):  # somebody has something to say
                told = {"id": record.id, "call": record.id, "at_ns": record.started_ns, "metric": "m", "kind": "label"}
                self.said(Feedback(tenant=record.tenant, team=record.team, **told))
                self._world.spoken.append(record.id)

    def _append(self, line: bytes) -> None:
        if self.full:
            self._failed = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super()._append(line)

    def kill(self) -> None:
        self.dead = True
        self._world.unwritten.update(call for call, _ in self._pending)
        self._world.cut.update(self._open)
        os.close(self._descriptor)


class Ledger:
    """The store, which may be away: before a commit, or just after it, when only its answer is lost."""

    def __init__(self, store: SqliteLedger, dice: random.Random) -> None:
        self._store = store
        self._dice = dice
        self.away = False

    def commit(self, records: Sequence[Record], segment: str, offset: int, feedback: Sequence[Feedback] = ()) -> int:
        if self.away and self._dice.random() < 0.5:
            raise LedgerUnavailable("away")
        new = self._store.commit(records, segment, offset, feedback)
        if self.away:
            raise LedgerUnavailable("the answer was lost")
        return new

    def offsets(self) -> Mapping[str, int]:
        if self.away:
            raise LedgerUnavailable("away")
        return self._store.offsets()

    def forget(self, segment: str) -> None:
        if self.away:
            raise LedgerUnavailable("away")
        self._store.forget(segment)
