"""Records as the bytes in which a store takes them: pure."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.counted import Counted, Counting
from gateway.ledger.forms import Form
from gateway.ledger.months import Month, month_of_id
from gateway.ledger.rows import rows_of

Pair = tuple[Record, int]  # and the id of its person


class Encoding:
    """Records on their way into bytes, a chunk at a time.

    Attributes:
        attempts, charges: of the chunks of calls that were asked for.
    """

    def __init__(self, chunks: Iterable[Sequence[Pair]], link: int, form: Form) -> None:
        self._chunks = chunks
        self._link = link
        self._form = form
        form.begin()
        self._seals: list[tuple[str, bytes]] = []
        self.attempts: list[bytes] = []
        self.charges: list[bytes] = []
        self._counting = Counting()

    def calls(self) -> Iterator[bytes]:
        """The rows of calls; what is below those of a chunk is encoded with them, and counted, while it is at hand."""
        form, link = self._form, self._link
        for pairs in self._chunks:
            rows = [rows_of(record, person) for record, person in pairs]
            sealed = [one.seal() for one in rows]
            self._seals += zip((record.id for record, _ in pairs), sealed, strict=True)
            attempts = [attempt for one in rows for attempt in one.attempts]
            self.attempts.append(form.attempts(attempts))
            charges = [charge for one in rows for charge in one.charges]
            self.charges.append(form.charges(charges))
            self._counting.add(rows)
            calls = [(*one.call, link, seal) for one, seal in zip(rows, sealed, strict=True)]
            yield form.calls(calls)

    def seals(self) -> list[bytes]:
        """Those of the chunks that were asked for, in the order of their calls' ids."""
        return [seal for _, seal in sorted(self._seals)]

    def counted(self) -> Counted:
        """What they add up to."""
        return self._counting.counted()


class Encoded(msgspec.Struct, tag=True, frozen=True, gc=False):
    """A batch of the journal as another process encoded it: all that `Encoding` would give.

    Attributes:
        size, broken: see `entries.Lines` and `entries.Batch`.
        link: the number of the link that its calls are encoded with.
        months: of its calls.
        rows, attempts, charges: views of the message that it came in: they are large.
    """

    size: int
    broken: list[bytes]
    link: int
    months: list[Month]
    rows: list[memoryview]
    attempts: list[memoryview]
    charges: list[memoryview]
    sealed: list[bytes]
    sums: Counted
    feedback: list[Feedback] = []

    def calls(self) -> Iterator[bytes]:
        yield b"".join(self.rows)

    def seals(self) -> list[bytes]:
        return self.sealed

    def counted(self) -> Counted:
        return self.sums


def first_of_each(records: Sequence[Record]) -> list[Record]:
    """Of calls that are there several times, the first."""
    if len({record.id for record in records}) == len(records):
        return list(records)
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record.id, record)
    return list(first.values())


def months_in(records: Sequence[Record]) -> set[Month]:
    """Nearly always all are of one."""
    if not records:
        return set()
    ids = [record.id for record in records]
    least, most = month_of_id(min(ids)), month_of_id(max(ids))
    return {least} if least == most else set(map(month_of_id, ids))
