"""Looking for calls in journals that are not drained yet: those of all workers of this gateway.

A client may speak of an answer within a millisecond of its last byte; its record is in the journal by then, and half a
second later in the ledger.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.ledger.entries import parse
from gateway.ledger.feedback.wanting import Rated, Wanted, rated_of_record

# What is looked at in one piece: it keeps the interpreter for some ten microseconds.
PIECE_BYTES = 256 * 1024
# Of journals that wait for a store that is away, the newest.
MOST_BYTES = 64 * 1024 * 1024
_encode = msgspec.json.Encoder().encode


class Searched(msgspec.Struct, frozen=True):
    """Attributes:
    gone: a journal went while it was looked for, which is a sign that all of it has reached the ledger.
    much: there was more than was looked at.
    """

    found: Mapping[Wanted, Rated]
    gone: bool = False
    much: bool = False


def search(
    folder: Path, wanted: Sequence[Wanted], begins: Callable[[str, int], int], most: int = MOST_BYTES
) -> Searched:
    """Look for calls in all journals of a folder, the newest first. `begins`: where to begin in one, by its name and
    size; a line that has begun before is left out.

    Raises:
        OSError: a journal cannot be read.
    """
    found: dict[Wanted, Rated] = {}
    gone = much = False
    places = {one: _places(one) for one in wanted}
    for size, path in _newest_first(folder):
        begin = min(size, begins(path.name, size))
        if size - begin > most:
            much, begin = True, size - most
        most -= size - begin
        here: dict[Wanted, Rated] = {}
        try:
            for piece in _pieces(path, begin, size):
                for one, needles in places.items():
                    if (rated := _in_piece(piece, one, needles)) is not None:
                        here[one] = rated
        except FileNotFoundError:
            gone = True
        found = {**here, **found}
    return Searched(found, gone, much)


def _newest_first(folder: Path) -> list[tuple[int, Path]]:
    found: list[tuple[int, Path, int]] = []
    for path in folder.glob("*.jnl"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # it was consumed a moment ago; whoever asks the ledger next finds all of it there
        found.append((status.st_mtime_ns, path, status.st_size))
    return [(size, path) for _, path, size in sorted(found, reverse=True)]


def _pieces(path: Path, begin: int, end: int) -> Iterator[bytes]:
    """Whole lines, many at a time; what begins in the middle of one begins with a part of it."""
    rest = b""
    with path.open("rb", buffering=0) as file:
        file.seek(begin)
        left = end - begin
        while left > 0 and (data := file.read(min(PIECE_BYTES, left))):
            left -= len(data)
            lines, newline, tail = data.rpartition(b"\n")
            if newline:
                yield rest + lines + newline
                rest = tail
            else:
                rest += data


def _places(one: Wanted) -> list[bytes]:
    """How its line says its id. Within a text of a record quotes have a backslash, so nothing else looks like it."""
    of_call = [b'{"id":' + _encode(one.call)] if one.call else []
    return of_call + [b'"response_id":' + _encode(name) for name in one.answers]


def _in_piece(piece: bytes, one: Wanted, needles: Sequence[bytes]) -> Rated | None:
    """The last line that fits: what a call's end says is more than its beginning."""
    for needle in needles:
        at = piece.rfind(needle)
        while at >= 0:
            begin = piece.rfind(b"\n", 0, at) + 1
            line = piece[begin : piece.find(b"\n", at) + 1]
            batch = parse(line)
            for record in (*batch.closed, *batch.opened):
                if (rated := rated_of_record(record, one)) is not None:
                    return rated
            at = piece.rfind(needle, 0, begin)
    return None
