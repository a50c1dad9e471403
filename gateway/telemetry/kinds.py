"""How metrics are made: in a registry of their own, with the names' common beginning."""

from collections.abc import Sequence
from typing import Any, Literal

# A gauge without labels is 0 in every process from its beginning, also in those that never set it: no least of all.
Mode = Literal["livesum", "livemax", "livemostrecent"]


class Kinds:
    """Makes metrics of a registry of their own."""

    def __init__(self) -> None:
        # Imported here: the library looks for its folder when it is imported, and importing this room must not.
        import prometheus_client

        self._library = prometheus_client
        self.registry = prometheus_client.CollectorRegistry()

    def counter(self, name: str, text: str, *labels: str) -> Any:
        return self._library.Counter(f"gateway_{name}", text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str, mode: Mode) -> Any:
        return self._library.Gauge(f"gateway_{name}", text, labels, registry=self.registry, multiprocess_mode=mode)

    def histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Any:
        return self._library.Histogram(f"gateway_{name}", text, labels, registry=self.registry, buckets=buckets)


class Following:
    """A counter that follows a total which somebody else keeps. A total that falls has started again from zero."""

    def __init__(self, counter: Any, seen: dict[tuple[str, ...], int] | None = None, key: tuple[str, ...] = ()) -> None:
        self._counter = counter
        self._seen = {} if seen is None else seen
        self._key = key

    def labels(self, *values: str) -> "Following":
        return Following(self._counter.labels(*values), self._seen, values)

    def set(self, total: int) -> None:
        last = self._seen.get(self._key, 0)
        self._seen[self._key] = total
        self._counter.inc(total - last if total >= last else total)
