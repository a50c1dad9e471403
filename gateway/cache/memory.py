"""Replies in this process: the least recently used go first, and never more bytes than there are for them."""

from collections import OrderedDict
from collections.abc import Callable

from gateway.cache.entries import Entry


class MemoryEntries:
    """`now`: Unix seconds. `until` of an entry is the moment from which it is of no use to anybody."""

    def __init__(self, max_bytes: int, now: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._now = now
        self._entries: OrderedDict[bytes, tuple[Entry, float, int]] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            return None
        if found[1] <= self._now():
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: bytes, entry: Entry, until: float) -> None:
        size, entries = entry.held_bytes, self._entries
        if key in entries:
            self.drop(key)
        if size > self._max_bytes:
            return
        while self.held_bytes + size > self._max_bytes:
            self.drop(next(iter(entries)))
        entries[key] = (entry, until, size)
        self.held_bytes += size

    def drop(self, key: bytes) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self.held_bytes -= found[2]
