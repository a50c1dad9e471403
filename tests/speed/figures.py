"""What is kept of a run: medians over its rounds, and what follows from them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from tests.speed.driving import Sample


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Medians of one contestant under one scenario; `added_*`: to the mock called directly in the same round. Latency
    is until the last byte of the answer: of a stream, until its last event.

    `busy`: share of its core in use. `wrong`: what was wrong with how many answers, over all rounds.
    """

    answers: int
    wrong: dict[str, int]
    requests_per_s: float
    p50_us: float
    p99_us: float
    added_p50_us: float | None
    added_p99_us: float | None
    cpu_us_per_request: float | None
    cpu_us_per_event: float | None
    parent_us_per_request: float | None
    busy: float | None


class Memory(msgspec.Struct, frozen=True):
    """Resident MiB of the process that was started, and of each of its children."""

    parent: float
    workers: tuple[float, ...] = ()

    @property
    def largest_worker(self) -> float:
        """Where there is but one process, it is the worker."""
        return max(self.workers, default=self.parent)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant in one run. `held_back`: gated streams of which an event did not come while it should."""

    name: str
    loads: dict[str, Load]
    first_event_us: float
    gated_streams: int
    held_back: int
    cold_start_s: float | None = None
    idle: Memory | None = None
    loaded: Memory | None = None


def middle(values: Iterable[float | None]) -> float | None:
    """The median of the values that are there; None if none is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def summarise(samples: Sequence[Sample], direct: Sequence[Sample] | None) -> Load:
    """Medians over rounds; what a contestant adds is taken within each round, since machines drift."""
    wrong: Counter[str] = Counter()
    for sample in samples:
        wrong.update(sample.wrong)
    pairs = list(zip(samples, direct, strict=True)) if direct is not None else []
    return Load(
        answers=sum(sample.answers for sample in samples),
        wrong=dict(wrong),
        requests_per_s=median(sample.requests_per_s for sample in samples),
        p50_us=median(sample.p50_us for sample in samples),
        p99_us=median(sample.p99_us for sample in samples),
        added_p50_us=middle(mine.p50_us - theirs.p50_us for mine, theirs in pairs),
        added_p99_us=middle(mine.p99_us - theirs.p99_us for mine, theirs in pairs),
        cpu_us_per_request=middle(sample.cpu_us_per_request for sample in samples),
        cpu_us_per_event=middle(sample.cpu_us_per_event for sample in samples),
        parent_us_per_request=middle(sample.parent_us_per_request for sample in samples),
        busy=middle(sample.busy for sample in samples),
    )
