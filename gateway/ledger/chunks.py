"""A few records at a time, from one shape to the next."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

# So many that what is made of them is still in the processor's cache when it is used: all of a batch at a time took a
# third longer. And on PostgreSQL the server works on one chunk while the next is made.
CHUNK = 250

_T = TypeVar("_T")


def in_chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
