"""Records as the bytes that are copied into PostgreSQL's three tables: pure."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.core.record import Record
from gateway.ledger.copying import Fields, Layout, Uuids, encode_rows
from gateway.ledger.counted import Counted, Counting
from gateway.ledger.months import Month, month_of_id
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, CHARGE_COLUMNS, rows_of

Pair = tuple[Record, int]  # and the id of its person
SEALED_COLUMNS = (*CALL_COLUMNS, "link", "seal")
_CALLS = Layout(
    SEALED_COLUMNS,
    (
        *(("tenant", "pricing"), ("price_version", "prompt_id"), ("run_id", "stream")),
        *(("cached_input_tokens", "input_image_tokens"), ("reasoning_tokens", "code_sessions"), ("person", "link")),
    ),
    {
        "numbers": ("started_ns", "ttfb_us", "duration_us"),
        "texts": ("upstream_request_id", "client_request_id", "trace_id"),
        "bytes": ("seal",),
    },
)
_ATTEMPTS = Layout(
    ATTEMPT_COLUMNS,
    (("n", "role"), ("provider", "finish_reason"), ("account", "reported_nano")),
    {"numbers": ("started_ns", "ttfb_us", "duration_us"), "texts": ("upstream_request_id", "raw_usage")},
)
_CHARGES = Layout(CHARGE_COLUMNS, (("n", "meter"), ("per", "list_rate")), {})


class Encoding:
    """Records on their way into bytes, a chunk at a time.

    Attributes:
        attempts, charges: of the chunks of calls that were asked for.
    """

    def __init__(self, chunks: Iterable[Sequence[Pair]], link: int, fields: Fields) -> None:
        self._chunks = chunks
        self._link = link
        self._fields = fields
        self._uuids = Uuids()
        self._seals: list[tuple[str, bytes]] = []
        self.attempts: list[bytes] = []
        self.charges: list[bytes] = []
        self._counting = Counting()

    def calls(self) -> Iterator[bytes]:
        """The rows of calls; what is below those of a chunk is encoded with them, and counted, while it is at hand."""
        uuids, fields, link = self._uuids, self._fields, self._link
        for pairs in self._chunks:
            rows = [rows_of(record, person) for record, person in pairs]
            sealed = [one.seal() for one in rows]
            self._seals += zip((record.id for record, _ in pairs), sealed, strict=True)
            attempts = [attempt for one in rows for attempt in one.attempts]
            self.attempts.append(encode_rows(attempts, uuids, fields, _ATTEMPTS))
            charges = [charge for one in rows for charge in one.charges]
            self.charges.append(encode_rows(charges, uuids, fields, _CHARGES))
            self._counting.add(rows)
            calls = [(*one.call, link, seal) for one, seal in zip(rows, sealed, strict=True)]
            yield encode_rows(calls, uuids, fields, _CALLS)

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
    """

    size: int
    broken: list[bytes]
    link: int
    months: list[Month]
    rows: list[bytes]
    attempts: list[bytes]
    charges: list[bytes]
    sealed: list[bytes]
    sums: Counted

    def calls(self) -> Iterator[bytes]:
        return iter(self.rows)

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
