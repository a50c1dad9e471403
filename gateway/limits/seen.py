"""How full limits on money were when calls were last counted: for decisions that need no exact figure."""

from collections.abc import Iterable

from gateway.limits.bounds import Bound, Level

MOST = 50_000


class SeenLevels:
    """By counter, those of the last calls; the oldest are forgotten first. A counter that nobody was counted in since
    this process began is not known, and counts as empty."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def note(self, levels: Iterable[Level], now: float) -> None:
        """`now`: by any clock that does not step back, the same as in `used_percent`."""
        seen = self._seen
        for level in levels:
            bound = level.bound
            if bound.dimension == "cost":
                seen.pop(bound.key, None)
                seen[bound.key] = (level.used, now + level.reset_s)
        while len(seen) > MOST:
            del seen[next(iter(seen))]

    def used_percent(self, bounds: Iterable[Bound], now: float) -> int:
        """Of the fullest of these that are about money; 0 if there is none, or none that is known."""
        most = 0
        for bound in bounds:
            found = self._seen.get(bound.key) if bound.dimension == "cost" else None
            if found is not None and now < found[1]:
                most = max(most, 100 if bound.maximum <= 0 else found[0] * 100 // bound.maximum)
        return most
