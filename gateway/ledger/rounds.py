"""One round of the drain: journals into the store. Synchronous; `drain.py` repeats it in a thread.

segment           a newer one exists   its writer lives   when its last byte is consumed
finished          yes                  –                  removed
live              no                   yes                kept; the writer goes on
dead              no                   no                 open calls become `interrupted`; removed
"""

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.ahead import without_cycles
from gateway.ledger.aside import Encoder, EncoderLost, TakesEncoded
from gateway.ledger.encoding import Encoded
from gateway.ledger.entries import MAX_LINES, Lines
from gateway.ledger.segments import calling_writers, newer_exists, remove_abandoned, segments_by_writer, writer_is_dead
from gateway.ledger.store import LedgerStore, LedgerUnavailable
from gateway.ledger.tail import Tail

_log = logging.getLogger("gateway.ledger")
# More than this is encoded by a process of its own, if there is room for one. It takes as long to start as a tenth of
# it to drain, and a third more work in all.
ASIDE_BYTES = 32 * 1024 * 1024


class Drained(msgspec.Struct):
    """What one round did, also if it failed half-way.

    Attributes:
        records, interrupted: new rows in the store; interrupted are calls whose writer died.
        quarantined: lines that could not be read and were set aside. torn: last lines that a dead writer did not end.
        removed: segments. lag_bytes: what is still to be read.
        error: why the round failed; empty if it did not.
    """

    records: int = 0
    interrupted: int = 0
    quarantined: int = 0
    torn: int = 0
    removed: int = 0
    lag_bytes: int = 0
    error: str = ""


class NotSetAside(Exception):
    """Lines that cannot be read cannot be kept in `quarantine/` either."""


class Rounds:
    """The drain's memory between rounds. Only one may be at work on a folder: hold `sole_drainer`."""

    def __init__(self, folder: Path, store: LedgerStore, clock: Clock) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._tails: dict[str, Tail] = {}
        self._resumed = False

    def drain_once(self) -> Drained:
        """Read all journals to their present end. Failing costs nothing but time: `error` says why, journals wait."""
        drained = Drained()
        try:
            if not self._resumed:
                self._resume()
            for paths in segments_by_writer(self._folder).values():
                self._drain_writer(paths, drained)
        except LedgerUnavailable as error:
            drained.error = str(error)
            # Whether a commit whose answer was lost took place, only the store knows: ask it again.
            self._resumed = False
        finally:
            drained.lag_bytes = sum(tail.unread_bytes for tail in self._tails_of_all())
        return drained

    def _resume(self) -> None:
        """Take up where the store says that all before us stopped."""
        offsets = self._store.offsets()
        remove_abandoned(self._folder, self._clock.now())
        self._tails = {}
        for name, offset in offsets.items():
            tail = Tail(self._folder / name)
            try:
                tail.recall(offset)
            except FileNotFoundError:
                self._store.forget(name)
            except OSError as error:
                # Read from its beginning if it can be read later: what is in the store already stays as it is.
                _log.error("cannot take up %s where it was left: %s", tail.path, error)
            else:
                self._tails[name] = tail
        self._resumed = True

    def _tails_of_all(self) -> Iterator[Tail]:
        for paths in segments_by_writer(self._folder).values():
            for path in paths:
                yield self._tails.get(path.name) or Tail(path)

    def _drain_writer(self, paths: Sequence[Path], drained: Drained) -> None:
        """One writer's segments; what is wrong with its files keeps no other writer's waiting."""
        *finished, newest = paths
        try:
            self._drain_finished([self._tails.setdefault(path.name, Tail(path)) for path in finished], drained)
            # Asked before reading: what a writer writes before it dies, after this, is left to the next round.
            dead = writer_is_dead(newest)
            tail = self._tails.setdefault(newest.name, Tail(newest))
            self._consume(tail, drained)
            if dead and not newer_exists(newest):
                self._interrupt(tail, drained)
                self._remove(tail, drained)
        except (OSError, NotSetAside) as error:
            drained.error = f"the journal cannot be read or set aside: {error}"

    def _drain_finished(self, tails: Sequence[Tail], drained: Drained) -> None:
        """Nobody writes to these any more."""
        left = list(tails)
        aside = True
        while left:
            if aside and isinstance(self._store, TakesEncoded) and self._is_much(left) and self._has_room_for_another():
                aside = self._drain_aside(left, self._store, drained)
                left = [tail for tail in left if tail.path.name in self._tails]
            else:
                tail = left.pop(0)
                self._consume(tail, drained)
                self._remove(tail, drained)

    def _is_much(self, tails: Sequence[Tail]) -> bool:
        return sum(tail.unread_bytes for tail in tails) > ASIDE_BYTES

    def _has_room_for_another(self) -> bool:
        """Whether there is a core for each of those who answer calls now, for the drain, and for one process more. With
        less, a call's p99 grew by a third and not by an eighth; and a backlog can wait."""
        return (os.cpu_count() or 1) >= calling_writers(self._folder, self._clock.now()) + 2

    def _drain_aside(self, tails: Sequence[Tail], store: TakesEncoded, drained: Drained) -> bool:
        """As many of them as another process can encode; what it leaves, for whatever reason, is as it was.

        Returns:
            Whether that is worth to be tried again.
        """
        try:
            with Encoder() as encoder:
                # After a commit the store knows where its chain ends. Until the other is ready, some are encoded here:
                # should none of those be new, there is no link for them, and what it encodes will not fit.
                store.commit((), tails[0].path.name, tails[0].offset)
                ours = next(tails[0].unread(), None)
                begins = [tail.offset for tail in tails]
                begins[0] += ours.size if ours else 0
                encoder.begin(tails, begins, store.form, store.next_link + bool(ours))
                if ours:
                    self._commit(tails[0], ours, drained)
                for tail, encoded in encoder.batches(tails, store.people_ids):
                    if encoded is None:
                        self._remove(tail, drained)
                    elif not self._commit_encoded(store, tail, encoded, drained):
                        return False
                    elif not self._has_room_for_another():
                        return True
        except EncoderLost as error:
            _log.warning("the process that encodes records is gone, they are encoded here: %s", error)
            return False
        return True

    def _commit_encoded(self, store: TakesEncoded, tail: Tail, encoded: Encoded, drained: Drained) -> bool:
        if encoded.broken:
            self._quarantine(tail, encoded.broken)
        offset = tail.offset + encoded.size
        if not store.commit_encoded(encoded, tail.path.name, offset):
            return False
        drained.records += len(encoded.sealed)
        drained.quarantined += len(encoded.broken)
        # Which calls are open there is not asked of a finished segment.
        tail.offset = offset
        return True

    def _consume(self, tail: Tail, drained: Drained) -> None:
        """Everything up to the last whole line."""
        if tail.unread_bytes:
            for lines in tail.unread():
                self._commit(tail, lines, drained)

    def _commit(self, tail: Tail, lines: Lines, drained: Drained) -> None:
        """Lines in a transaction with their offset."""
        broken: list[bytes] = []
        said: list[Feedback] = []

        def closed() -> Iterator[Record]:
            for batch in lines:
                tail.note(batch)
                broken.extend(batch.broken)
                said.extend(batch.feedback)
                yield from batch.closed
            if broken:
                self._quarantine(tail, broken)

        with without_cycles():
            drained.records += self._store.commit(closed(), tail.path.name, tail.offset + lines.size, said)
        drained.quarantined += len(broken)
        tail.offset += lines.size

    def _interrupt(self, tail: Tail, drained: Drained) -> None:
        """Close the calls that a dead writer left open. What they used, nobody knows: no usage, no price."""
        left = [
            msgspec.structs.replace(record, outcome="interrupted", blame="own", error_code="gateway_died")
            for record in tail.open.values()
        ]
        for start in range(0, len(left), MAX_LINES):
            drained.interrupted += self._store.commit(left[start : start + MAX_LINES], tail.path.name, tail.offset)

    def _quarantine(self, tail: Tail, broken: Sequence[bytes]) -> None:
        """Keep unreadable lines for a person to look at; the rest goes on. Done again, it writes the same file."""
        folder = self._folder / "quarantine"
        kept = folder / f"{tail.path.stem}.{tail.offset}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            kept.write_bytes(b"\n".join(broken) + b"\n")
        except OSError as error:
            raise NotSetAside(str(error)) from error  # of the journal, not of the store that asked for its records
        _log.error("%d lines of %s are no journal entries; kept in %s", len(broken), tail.path.name, kept)

    def _remove(self, tail: Tail, drained: Drained) -> None:
        """After the commit that consumed it all. The offset goes last: without the file it means nothing."""
        drained.torn += tail.unread_bytes > 0
        tail.path.unlink(missing_ok=True)
        self._tails.pop(tail.path.name, None)
        self._store.forget(tail.path.name)
        drained.removed += 1
