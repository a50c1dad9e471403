"""Reading one segment to its present end, and knowing which of its calls are open there."""

from collections.abc import Iterator
from pathlib import Path

from gateway.core.record import Record
from gateway.ledger.entries import Batch, Lines, cut

# A segment of the usual size at once: the larger a batch, the fewer times the same sums are written.
READ_BYTES = 9 * 1024 * 1024


class Tail:
    """A segment, consumed up to `offset`.

    Attributes:
        open: the calls opened and not closed up to there; what is left of them when the writer is dead was
            interrupted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.open: dict[str, Record] = {}

    def unread(self, end: int | None = None) -> Iterator[Lines]:
        """The whole lines after `offset`, up to `end` if given; `offset` stays until the caller moves it past them.
        Whatever the file's size, no more than READ_BYTES of it are in memory at once.

        Raises:
            OSError: the file cannot be read.
        """
        at = self.offset
        with self.path.open("rb", buffering=0) as file:
            while end is None or at < end:
                file.seek(at)
                data = file.read(READ_BYTES if end is None else min(READ_BYTES, end - at))
                found = False
                for lines in cut(data):
                    found = True
                    at += lines.size
                    yield lines
                if not found:
                    if len(data) < READ_BYTES:
                        return
                    # No record is this long: without this, such a line would stand in the way of all after it.
                    at += len(data)
                    yield Lines(data, [(len(data), 0)])

    def note(self, batch: Batch) -> None:
        """Keep count of open calls. Noting a batch again, after a commit that failed, changes nothing."""
        for record in batch.opened:
            self.open[record.id] = record
        for record in batch.closed:
            self.open.pop(record.id, None)

    def recall(self, offset: int) -> None:
        """Start from `offset`, where an earlier drainer stopped: learn from the file which calls were open there.

        Raises:
            OSError: the file cannot be read.
        """
        for lines in self.unread(end=offset):
            for batch in lines:
                self.note(batch)
        self.offset = offset

    @property
    def unread_bytes(self) -> int:
        """What is in the file after `offset`; 0 if the file is gone."""
        try:
            return max(0, self.path.stat().st_size - self.offset)
        except OSError:
            return 0
