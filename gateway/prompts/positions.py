"""Where a label stands: on one version, or on several by weight."""

import hashlib
from collections.abc import Mapping
from math import log

import msgspec

MAX_WEIGHT = 1_000_000
MAX_ARMS = 26


class Position(msgspec.Struct, frozen=True):
    """`weights`: (version, weight) by rising version; weights are whole and positive, and need not add up to 100."""

    weights: tuple[tuple[int, int], ...]

    def pick(self, salt: str, unit: str) -> int:
        """The version for a unit: always the same while the weights are. Where only weights change, and not which
        versions there are, units move only to versions that gained against the one they leave.

        Each version draws for the unit, an exponential of its weight's rate, and the least wins: weighted rendezvous
        hashing (Schindelhauer and Schomaker, 2005). Intervals side by side would shift those in the middle.
        """
        if len(self.weights) == 1:
            return self.weights[0][0]
        drawn = f"{salt}\0{self._versions}\0{unit}\0"
        return min(self.weights, key=lambda one: _draw(f"{drawn}{one[0]}") / one[1])[0]

    def variant(self, version: int) -> str:
        """`a` for the lowest version, `b` for the next …; empty if there is only one."""
        if len(self.weights) == 1:
            return ""
        return next(chr(ord("a") + index) for index, (one, _) in enumerate(self.weights) if one == version)

    @property
    def versions(self) -> tuple[int, ...]:
        return tuple(version for version, _ in self.weights)

    @property
    def _versions(self) -> str:
        return ",".join(str(version) for version, _ in self.weights)

    def __str__(self) -> str:
        """`2`, or `2:90 3:10`."""
        if len(self.weights) == 1:
            return str(self.weights[0][0])
        return " ".join(f"{version}:{weight}" for version, weight in self.weights)


def _draw(text: str) -> float:
    """Of a text, a number exponentially distributed with rate 1."""
    noise = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])
    return -log((noise + 1) / 2**64)


def position_of(value: int | Mapping[int, int]) -> Position:
    """Of a version, or of weights by version.

    Raises:
        ValueError: no version, too many, or a weight that is none.
    """
    weights = {value: 1} if isinstance(value, int) else dict(value)
    if not 1 <= len(weights) <= MAX_ARMS:
        raise ValueError(f"a label stands on 1 to {MAX_ARMS} versions")
    for version, weight in weights.items():
        if version < 1:
            raise ValueError(f"versions count from 1; there is no version {version}")
        if not 1 <= weight <= MAX_WEIGHT:
            raise ValueError(f"the weight of version {version} is {weight}; weights go from 1 to {MAX_WEIGHT}")
    if len(weights) == 1:
        return Position(((next(iter(weights)), 1),))
    return Position(tuple(sorted(weights.items())))
