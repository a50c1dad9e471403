"""A report cut into regions that follow each other in its lines' order, so that a page reads no more than it shows.

A line is of one label for each word of time and of one key of the other words. What lines there may be is every label
with every key; a region is some labels with some keys, all of whose lines come after those of the region before.

    by team, hour          by hour, team
    keys ─ a a a a         labels ─ 9:00 9:00 9:00     each region is read by one query, restricted to its hours
           b b b b                  ----------------   and to what goes into its keys
           -------                  10:00 10:00 10:00
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

Key = tuple[str, ...]
_GROWTH = 8


class Place(NamedTuple):
    """Where a word's value is: at which place of the labels or of the key."""

    of_time: bool
    at: int

    def value(self, one: Key) -> str:
        return one[self.at]


class Region(NamedTuple):
    """`keys`: None where only reading tells which there are."""

    labels: Sequence[Key]
    keys: Sequence[Key] | None

    @property
    def size(self) -> int:
        """How many lines it has at most."""
        return len(self.labels) * (1 if self.keys is None else len(self.keys))


class Pace:
    """How many lines a region should have at most, so that about `wanted` are found in it: many that there may be are
    not there."""

    def __init__(self, wanted: int) -> None:
        self._wanted = self._size = max(1, wanted)

    def size(self) -> int:
        return self._size

    def took(self, size: int, found: int) -> None:
        """What became of the region before."""
        as_dense = self._wanted * size // max(1, found)
        self._size = max(self._wanted, min(as_dense, self._size * _GROWTH))


def regions(
    words: Sequence[Place], whole: Region, after: Sequence[str] | None, size: Callable[[], int]
) -> Iterator[Region]:
    """The regions in the order of their lines: words in turn, values as texts.

    Args:
        after: what is left out is all lines up to this one; the first region may have some of them, for the caller to
            drop.
        size: asked before each region: as many lines as it should have about.
    """
    yield from _within(words, whole, after, size)


def _within(
    words: Sequence[Place], region: Region, after: Sequence[str] | None, size: Callable[[], int]
) -> Iterator[Region]:
    if not words or (region.keys is None and not words[0].of_time) or (after is None and region.size <= size()):
        yield region
        return
    word, *rest = words
    taken: list[Key] = []
    for value, members in _by_value(word, region):
        if after is not None and value < after[0]:
            continue
        part = _only(region, word, members)
        begun = after is not None and value == after[0]
        if begun or part.size > size():
            if taken:
                yield _only(region, word, taken)
                taken = []
            # The last word's own value is the line after which to begin.
            if rest or not begun:
                yield from _within(rest, part, after[1:] if begun and after is not None else None, size)
            continue
        taken += members
        if _only(region, word, taken).size >= size():
            yield _only(region, word, taken)
            taken = []
    if taken:
        yield _only(region, word, taken)


def _by_value(word: Place, region: Region) -> Iterator[tuple[str, list[Key]]]:
    members = region.labels if word.of_time else region.keys or ()
    for value, ones in groupby(sorted(members, key=word.value), key=word.value):
        yield value, list(ones)


def _only(region: Region, word: Place, members: Sequence[Key]) -> Region:
    return region._replace(labels=members) if word.of_time else region._replace(keys=members)
