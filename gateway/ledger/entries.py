"""The journal's lines, both ways: pure.

    {"o": record}    at the start of a call: what is needed to close it as interrupted
    {"c": record}    at its end

One line is one entry; JSON has no line break inside. Fields with their default value are left out.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter

import msgspec

from gateway.core.attempt import Attempt
from gateway.core.record import Record
from gateway.core.usage import METERS

# Of one transaction: the fewer there are, the fewer times the same sums are written.
MAX_LINES = 4000
# No count, duration or cost of one call is larger. More can only be an upstream's nonsense; in the store it would
# overflow 64 bits when a report adds it up (9,000 rows of this size still fit).
LARGEST = 10**15

_encode = msgspec.json.Encoder().encode


class Entry(msgspec.Struct):
    """Exactly one of opened (`o`) and closed (`c`)."""

    o: Record | None = None
    c: Record | None = None


class Batch(msgspec.Struct):
    """Some whole lines, sorted by what they are. `size`: their bytes. `broken`: lines that are no entries."""

    opened: list[Record]
    closed: list[Record]
    broken: list[bytes]
    size: int


_decode = msgspec.json.Decoder(Entry).decode


def encode_opened(record: Record) -> bytes:
    return b'{"o":' + _encode(record) + b"}\n"


def encode_closed(record: Record) -> bytes:
    return b'{"c":' + _encode(record) + b"}\n"


def parse(data: bytes, max_lines: int = MAX_LINES) -> Iterator[Batch]:
    """The whole lines of `data`, at most `max_lines` a batch. What follows the last line break is left to the caller:
    the batches' sizes add up to the bytes before it."""
    lines = data.split(b"\n")
    del lines[-1]
    for start in range(0, len(lines), max_lines):
        yield _batch(lines[start : start + max_lines])


def _batch(lines: list[bytes]) -> Batch:
    batch = Batch([], [], [], sum(map(len, lines)) + len(lines))
    for line in lines:
        try:
            entry = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if line:
                batch.broken.append(line)
            continue
        record = entry.c or entry.o
        if record is None or (entry.o and entry.c) or not is_storable(record):
            batch.broken.append(line)
        elif entry.c:
            batch.closed.append(record)
        else:
            batch.opened.append(record)
    return batch


_numbers_of = attrgetter("status", "duration_us", "queued_us", "bytes_in", "bytes_out")
_amounts_of = attrgetter("ttfb_us", "cost_nano", "list_nano")
_meters_of = attrgetter(*METERS)


def is_storable(record: Record) -> bool:
    """Whether every number of a record is one that a call can have."""
    if max(_numbers_of(record)) > LARGEST or record.started_ns >= 2**63 or _is_too_large(_amounts_of(record)):
        return False
    if record.usage is not None and max(_meters_of(record.usage)) > LARGEST:
        return False
    return all(map(_is_storable, record.attempts))


def _is_storable(attempt: Attempt) -> bool:
    numbers = (attempt.n, attempt.status, attempt.ttfb_us, attempt.duration_us, attempt.terms.reported_nano)
    if _is_too_large(numbers) or attempt.started_ns >= 2**63:
        return False
    for charge in attempt.charges:
        money = (charge.rate, charge.list_rate, charge.nano, charge.list_nano)
        if charge.quantity > LARGEST or charge.per > LARGEST or _is_too_large(money):
            return False
    return True


def _is_too_large(amounts: Iterable[int | None]) -> bool:
    for amount in amounts:  # noqa: SIM110  a generator takes three times as long, and this runs for every meter
        if amount is not None and not -LARGEST <= amount <= LARGEST:
            return True
    return False
