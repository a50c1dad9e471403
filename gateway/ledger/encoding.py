"""Records as the bytes that are copied into PostgreSQL's three tables: pure."""

from collections.abc import Iterator, Sequence
from itertools import chain

from gateway.core.record import Record
from gateway.ledger.chunks import in_chunks
from gateway.ledger.copying import Fields, Layout, Uuids, encode_rows
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, CHARGE_COLUMNS, rows_of

Pair = tuple[Record, int]  # and the id of its person
Sealed = tuple[str, bytes]  # a call's id and its seal

SEALED_COLUMNS = (*CALL_COLUMNS, "link", "seal")
_CALLS = Layout(
    SEALED_COLUMNS,
    (
        *(("tenant", "pricing"), ("price_version", "prompt_id"), ("run_id", "stream")),
        *(("cached_input_tokens", "input_image_tokens"), ("reasoning_tokens", "code_sessions"), ("person", "link")),
    ),
)
_ATTEMPTS = Layout(ATTEMPT_COLUMNS, (("n", "role"), ("provider", "finish_reason"), ("account", "reported_nano")))
_CHARGES = Layout(CHARGE_COLUMNS, (("n", "meter"), ("per", "list_rate")))


class Encoding:
    """Records on their way into bytes, a chunk at a time.

    Attributes:
        attempts, charges, seals: of the chunks of calls that were asked for.
    """

    def __init__(self, pairs: Sequence[Pair], link: int, fields: Fields) -> None:
        self._pairs = pairs
        self._link = link
        self._fields = fields
        self._uuids = Uuids()
        self.attempts: list[bytes] = []
        self.charges: list[bytes] = []
        self.seals: list[Sealed] = []

    def calls(self) -> Iterator[bytes]:
        """The rows of calls; what is below those of a chunk is encoded with them, while it is at hand."""
        uuids, fields, link = self._uuids, self._fields, self._link
        for pairs in in_chunks(self._pairs):
            rows = [rows_of(record, person) for record, person in pairs]
            sealed = [one.seal() for one in rows]
            self.seals += zip((record.id for record, _ in pairs), sealed, strict=True)
            attempts = chain.from_iterable(one.attempts for one in rows)
            self.attempts.append(encode_rows(attempts, uuids, fields, _ATTEMPTS))
            charges = chain.from_iterable(one.charges for one in rows)
            self.charges.append(encode_rows(charges, uuids, fields, _CHARGES))
            calls = ((*one.call, link, seal) for one, seal in zip(rows, sealed, strict=True))
            yield encode_rows(calls, uuids, fields, _CALLS)
