"""Who runs on which core."""

import os
from typing import NamedTuple


class Placement(NamedTuple):
    """`contestants`: the one core that the process under load has; `load`: the cores of the bench, mock and sink."""

    contestants: frozenset[int]
    load: frozenset[int]

    @property
    def note(self) -> str:
        if self.contestants == self.load:
            return f"everything on core {min(self.load)}: there is no other, so requests/s and latency mean little"
        others = ",".join(str(core) for core in sorted(self.load))
        return f"contestants on core {min(self.contestants)}, load and mock upstream on core {others}"


def place(allowed: frozenset[int]) -> Placement:
    """The first core for contestants, the rest for the load; one core only: both share it."""
    first = frozenset({min(allowed)})
    return Placement(first, allowed - first or first)


def placement() -> Placement:
    return place(frozenset(os.sched_getaffinity(0)))
