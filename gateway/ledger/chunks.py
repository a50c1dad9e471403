"""A few records at a time, from one shape to the next."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

# So many that what is made of them is still in the processor's cache when it is used: all of a batch at a time took a
# third longer.
CHUNK = 100

_T = TypeVar("_T")


def in_chunks(values: Iterable[_T]) -> Iterator[Sequence[_T]]:
    source = iter(values)
    while chunk := list(islice(source, CHUNK)):
        yield chunk
