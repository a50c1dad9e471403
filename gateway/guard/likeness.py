"""Events that differ in one text alone, as most of a stream do: what one says is known from the last that was read.

An event that begins and ends with the very bytes of another, with plain characters between them where that had a
string, has the same structure: nothing else of it has to be read.
"""

import re
from collections.abc import Hashable

import msgspec

from gateway.guard.events import Piece, Told
from gateway.guard.inline import NAMES
from gateway.guard.walking import Path, Place

# A JSON string's inside that stands for itself.
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]+').fullmatch
Key = tuple[Hashable, Hashable]


class Likeness(msgspec.Struct, frozen=True, gc=False):
    """What all events with these bytes before and after a text say; `place` is where it stands."""

    before: bytes
    after: bytes
    key: Key
    path: Path
    aside: bool

    def read(self, event: bytes) -> Place | None:
        """The event's text; None if it has to be read as a whole."""
        if not event.startswith(self.before) or not event.endswith(self.after):
            return None
        inside = event[len(self.before) : len(event) - len(self.after)]
        if not _PLAIN(inside):
            return None
        try:
            return Place(self.path, inside.decode(), False, self.aside)
        except UnicodeDecodeError:
            return None


def likeness_of(event: bytes, found: Told) -> Likeness | None:
    """Of events to come with one that was read; None if it says anything but one text that goes on, or if other
    characters there could say something else."""
    if len(found.pieces) != 1 or found.wholes or found.ended or b"\\" in event:
        return None
    piece: Piece = found.pieces[0]
    place = piece.place
    name = place.path[-1] if place.path else ""
    if place.json or place.coded is not None or not isinstance(name, str) or name in NAMES:
        return None
    said = b'"%b"' % place.text.encode()
    if event.count(said) != 1:
        return None
    start = event.index(said) + 1
    return Likeness(
        event[:start], event[start + len(said) - 2 :], (piece.group, piece.channel), place.path, place.aside
    )
