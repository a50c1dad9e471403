"""Reading the next batch while the one before is being committed: a commit waits for a disk or a server meanwhile."""

import gc
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_T = TypeVar("_T")


def read_ahead(values: Iterable[_T]) -> Iterator[_T]:
    """The same values, each made in a thread while its predecessor is used. What goes wrong in making one is raised
    in its place."""
    source = iter(values)
    with ThreadPoolExecutor(1, "journal-reader") as reader:
        coming = reader.submit(next, source, None)
        while True:
            with without_cycles():
                value = coming.result()
                if value is None:
                    return
                coming = reader.submit(next, source, None)
                yield value


@contextmanager
def without_cycles() -> Generator[None]:
    """Records and rows are many, live shortly, and never refer to each other in a circle: looking for circles among
    them took a fifth of all the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
