"""The cache's Prometheus metrics."""

from gateway.core.money import NANO
from gateway.telemetry.kinds import Kinds
from gateway.telemetry.series import Added


class CacheMetrics:
    """What is answered without an upstream, by the rules of cache.yaml."""

    def __init__(self, kinds: Kinds) -> None:
        counter, gauge = kinds.counter, kinds.gauge
        self._answers = Added(counter("cache_answers", "hit, shared, stale, miss or bypass.", "rule", "result"))
        self._saved = Added(counter("cache_saved_usd", "What kept answers had cost; approximate.", "rule"))
        self.held_bytes = gauge("cache_bytes", "Of memory, for replies.", mode="livesum")
        self.entries = gauge("cache_entries", "Replies in memory.", mode="livesum")
        self.store_away = gauge("cache_store_away", "1 while Redis answers some worker not.", mode="livemax")
        self.store_errors = counter("cache_store_errors", "Why Redis had no reply in time.", "reason")

    def answered(self, rule_id: str, result: str, nano: int | None) -> None:
        """`nano`: what it did not cost, where that is known."""
        self._answers.add((rule_id, result), 1)
        if nano:
            self._saved.add((rule_id,), nano / NANO)

    def flush(self) -> None:
        self._answers.flush()
        self._saved.flush()
