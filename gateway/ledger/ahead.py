"""Reading what comes next while what came before is being committed: that waits for a disk or a server meanwhile."""

import gc
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_T = TypeVar("_T")


def read_ahead(values: Iterable[_T], ahead: int) -> Iterator[_T]:
    """The same values, up to so many made in a thread while one is used. What goes wrong in making one is raised in its
    place."""
    source = iter(values)
    with ThreadPoolExecutor(1, "journal-reader") as reader:
        coming = deque(reader.submit(next, source, None) for _ in range(ahead))
        while True:
            with without_cycles():
                value = coming.popleft().result()
                if value is None:
                    return
                coming.append(reader.submit(next, source, None))
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
