"""An answer's event stream, looked at as it passes.

Events go out in the order in which they came, the bytes they came in, each as soon as all its text is decided; an event
whose text changes is changed in that text alone. While nothing is open, nothing is held back.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec

from gateway.core.faults import ContentBlocked, UpstreamBroken
from gateway.dialects.sse import data_of, read_object, split
from gateway.guard.events import Told, told
from gateway.guard.likeness import Key, Likeness, likeness_of
from gateway.guard.splicing import in_event, spliced
from gateway.guard.walking import OPAQUE, Path, Place, put
from gateway.guard.window import Held, Looking, Window

# Beyond that, what is open is taken as it stands: other texts of the stream wait behind it.
MAX_WAITING_BYTES = 1024 * 1024
# Beyond that, an answer that is held back until its end has none.
MAX_HOLD_BYTES = 32 * 1024 * 1024
MAX_SAID = 1_000_000
_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL)
_encode = msgspec.json.Encoder().encode


class StreamGuard:
    """Attributes:
    texts: what was said so far, a text each, and whether it stands aside; kept only where somebody judges wholes.
    """

    def __init__(self, looking: Looking, *, array: bool = False, keep: bool = False) -> None:
        """`array`: the stream is no event stream, but one JSON array. `keep`: keep the texts."""
        self._looking = looking
        self._split = _elements if array else split
        self._data_of: Callable[[bytes], bytes | None] = _element if array else data_of
        self._waiting: deque[Held] = deque()
        self._bytes = 0
        self._windows: dict[Key, Window] = {}
        # Of this batch: each is asked about once, however many events it came in.
        self._spoken: dict[Key, None] = {}
        self._kept: dict[Key, list[Place]] | None = {} if keep else None
        self._wholes: dict[str, bool] = {}
        self._said = 0
        self._like: Likeness | None = None

    @property
    def texts(self) -> list[tuple[str, bool]]:
        parts = (self._kept or {}).values()
        said = [("".join(place.text for place in places), places[0].aside) for places in parts]
        # What was said in pieces is told again where it ends.
        told_again = {text for text, _ in said}
        return said + [(text, aside) for text, aside in self._wholes.items() if text not in told_again]

    def feed(self, batch: bytes) -> bytes:
        """What may go out once a batch of whole events has come; maybe nothing.

        Raises:
            ContentBlocked: more would have to be held back than may be.
        """
        before = bool(self._waiting)
        for event in self._split(batch):
            self._event(event)
            self._bytes += len(event)
        for key in self._spoken:
            if (window := self._windows.get(key)) is not None:
                window.settle()
        self._spoken.clear()
        if self._bytes > MAX_WAITING_BYTES and not self._looking.hold:
            self._settle_all()
        written = b"".join(self._released())
        if self._bytes > MAX_HOLD_BYTES:
            raise ContentBlocked("the answer is too long to be held back until it has been looked at")
        return batch if not before and not self._waiting and written == batch else written

    def end(self) -> bytes:
        """What is left, once no more will come."""
        self._settle_all()
        return b"".join(self._released(last=True))

    def _released(self, *, last: bool = False) -> Iterator[bytes]:
        waiting = self._waiting
        if self._looking.hold and not last:
            return
        while waiting and not waiting[0].waiting:
            held = waiting.popleft()
            self._bytes -= len(held.event)
            yield self._changed(held) if held.changes else held.event

    def _event(self, event: bytes) -> None:
        held = Held(event, changes={})
        self._waiting.append(held)
        like = self._like
        if like is not None and (place := like.read(event)) is not None:
            # What ended with its group's going on with this text did when the first of these events was read.
            self._say(held, like.key, place)
            return
        data = self._data_of(event)
        if not data:
            return
        if data.strip() == b"[DONE]":
            self._settle_all()
            return
        found = _told(data)
        self._like = likeness_of(event, found)
        self._go_on(held, [((piece.group, piece.channel), piece.place) for piece in found.pieces])
        for place in found.wholes:
            if self._kept is not None and place.text not in self._wholes and self._said < MAX_SAID:
                self._said += len(place.text)
                self._wholes[place.text] = place.aside
            if (new := self._looking.changed(place, whole=self._looking.hold)) is not None:
                held.changes[place.path] = new
        if found.ended:
            self._settle_where(lambda key: key[0] in found.ended)

    def _go_on(self, held: Held, pieces: Sequence[tuple[Key, Place]]) -> None:
        """Texts go on with these pieces of an event."""
        going_on = {key for key, _ in pieces}
        if pieces and not self._windows.keys() <= going_on:
            # A text ends where its group goes on with another.
            groups = {group for group, _ in going_on}
            self._settle_where(lambda key: key[0] in groups and key not in going_on)
        for key, place in pieces:
            self._say(held, key, place)

    def _say(self, held: Held, key: Key, place: Place) -> None:
        """One text goes on."""
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(self._looking, place)
        window.add(held, place)
        self._spoken[key] = None
        if self._kept is not None and self._said < MAX_SAID:
            self._said += len(place.text)
            self._kept.setdefault(key, []).append(place)

    def _settle_all(self) -> None:
        self._settle_where(lambda _: True)

    def _settle_where(self, test: Callable[[Key], bool]) -> None:
        for key in [key for key in self._windows if test(key)]:
            self._windows.pop(key).settle(final=True)

    def _changed(self, held: Held) -> bytes:
        data = self._data_of(held.event) or b""
        return in_event(held.event, data, changed(data, held.changes))


def _told(data: bytes) -> Told:
    try:
        said = read_object(data)
    except UpstreamBroken:  # it is the reader's to say what that means
        said = None
    if said is None:
        return Told(wholes=[Place((), data.decode(errors="replace"), json=True)])
    return told(said)


def changed(data: bytes, changes: dict[Path, str]) -> bytes:
    """JSON with other texts at some places; at no place, all of it is one text. What tells the same text in another way
    (the probabilities of its tokens) goes with it."""
    if (whole := changes.get(())) is not None:
        return whole.encode()
    if b"logprobs" not in data:
        return spliced(data, changes)
    said = read_object(data)
    gone = sorted(set(_tokens_beside(said, changes)), key=len, reverse=True)
    if not gone:
        return spliced(data, changes)
    return _encode(put(put(said, list(changes.items())), [(path, None) for path in gone]))


def _tokens_beside(said: object, changes: dict[Path, str]) -> Iterator[Path]:
    for path in changes:
        value = said
        for depth, step in enumerate(path):
            if isinstance(value, dict):
                beside = OPAQUE & cast(dict[str, Any], value).keys()
                yield from ((*path[:depth], name) for name in beside if "logprobs" in name)
            value = None if isinstance(step, tuple) else cast(Any, value)[step]


def _elements(batch: bytes) -> Iterator[bytes]:
    """The elements of a JSON array, each with what stands before it, and the last with what stands after it."""
    depth = start = 0
    ends: list[int] = []
    for mark in _MARK.finditer(batch):
        if mark[0] == b"{":
            depth += 1
        elif mark[0] == b"}":
            depth -= 1
            if not depth:
                ends.append(mark.end())
    for end in [*ends[:-1], len(batch)]:
        yield batch[start:end]
        start = end


def _element(event: bytes) -> bytes | None:
    start, end = event.find(b"{"), event.rfind(b"}")
    return event[start : end + 1] if 0 <= start < end else None
