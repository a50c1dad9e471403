"""The router's Prometheus metrics."""

from gateway.telemetry.kinds import Following, Kinds

MAX_TARGETS = 1_000


class RoutingMetrics:
    """Which attempts calls needed, and which targets are left alone or full. Targets are those of cards."""

    def __init__(self, kinds: Kinds) -> None:
        self._attempts = kinds.counter("upstream_attempts", "Upstream calls.", "provider", "role", "outcome")
        self._open = kinds.gauge("target_left_alone", "1 while not asked.", "target", mode="livemax")
        self.withheld = Following(kinds.counter("retries_withheld", "Attempts that the retry budget did not allow."))
        self.overload = kinds.gauge("overload_level", "To 1: part of batch shed; to 2: of all.", mode="livemax")
        self.turned_away = Following(kinds.counter("calls_turned_away", "A worker had too much to do."))
        self._limit = kinds.gauge("target_concurrency_limit", "Found out; 0: none.", "target", mode="livesum")
        self._passed_over = Following(kinds.counter("target_full", "Calls that found a target full.", "target"))
        self._counts: dict[tuple[str, str, str], int] = {}
        self._seen: set[str] = set()

    def attempted(self, provider: str, role: str, outcome: str) -> None:
        key = (provider, role, outcome)
        self._counts[key] = self._counts.get(key, 0) + 1

    def standing(self, target: str, left_alone: bool, limit: float | None, passed_over: int) -> None:
        """`limit`: on calls under way there. `passed_over`: calls that found it full, in all."""
        noteworthy = left_alone or limit is not None or passed_over
        if target in self._seen or (noteworthy and len(self._seen) < MAX_TARGETS):
            self._seen.add(target)
            self._open.labels(target).set(left_alone)
            self._limit.labels(target).set(limit or 0)
            self._passed_over.labels(target).set(passed_over)

    def flush(self) -> None:
        for key, count in self._counts.items():
            self._attempts.labels(*key).inc(count)
        self._counts.clear()


class TrialMetrics:
    """What mirrors and canaries do. Routes and models are names of reviewed files, of which there are so many."""

    def __init__(self, kinds: Kinds) -> None:
        counter, gauge = kinds.counter, kinds.gauge
        self.mirrored = counter("mirrored_calls", "Copies sent to mirrors.", "route", "model", "result")
        self.cost = counter("mirrors_cost_usd", "Of copies; approximate.", "route", "model")
        self.left_out = counter("mirrors_left_out", "Calls not mirrored.", "route", "model", "reason")
        self.pairs = counter("mirror_pairs", "Pairs of answers to compare.", "result")
        self.tried = counter("canary_attempts", "By side.", "route", "variant", "result")
        self.share = gauge("canary_share", "A canary's part of the calls.", "route", mode="livemostrecent")
        self.rolled_back = counter("canary_rollbacks", "Canaries that did worse.", "route")
        self.stopped = counter("experiment_arms_stopped", "Arms that get no more calls.", "route", "why")
