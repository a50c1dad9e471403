"""How long is long: what the calls of a route usually take to begin to be answered."""

KEPT = 200  # durations of each route
AT_LEAST = 20  # before anything is usual
MOST_ROUTES = 1_000
OF_100 = 95


class Patience:
    """How long the calls of each route usually wait for their first token."""

    __slots__ = ("_took", "_usual")

    def __init__(self) -> None:
        self._took: dict[str, list[float]] = {}
        self._usual: dict[str, float] = {}

    def took(self, route: str, seconds: float) -> None:
        lately = self._took.get(route)
        if lately is None:
            lately = self._took[route] = []
            if len(self._took) > MOST_ROUTES:
                self._took.clear()
                self._usual.clear()
        lately.append(seconds)
        if len(lately) % AT_LEAST == 0:
            lately[:] = lately[-KEPT:]
            self._usual[route] = sorted(lately)[len(lately) * OF_100 // 100]

    def usual_s(self, route: str) -> float | None:
        """What 95 of 100 of the last calls kept to; None: too few to say."""
        return self._usual.get(route)
