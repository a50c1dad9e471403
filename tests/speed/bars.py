"""What is asked of the gateway. Ratios are to the bare proxy in the same run."""

from typing import NamedTuple

from tests.speed.figures import Figures
from tests.speed.rounds import Outcome

REQUESTS_PER_S = 5_000.0
CPU_RATIO = 2.2
EVENT_RATIO = 2.0
TRANSLATED_PER_S = 1_500.0
TRANSLATED_EVENT_US = 25.0
WORKER_MIB = 120.0
COLD_START_S = 1.5


class Bar(NamedTuple):
    """`timed`: about speed or size, so a short run on a busy machine says nothing about it."""

    says: str
    measured: str
    passed: bool
    timed: bool = True


def bars(outcome: Outcome) -> list[Bar]:
    """Each bar with what was measured; the first two come first, since nothing else counts without them."""
    gateway, bare = outcome.figures["gateway"], outcome.figures["bare"]
    translating, guarded = outcome.figures["translating"], outcome.figures.get("guarded")
    with_guards = () if guarded is None else (guarded,)
    return [
        _complete(gateway, translating, *with_guards),
        _everything_on(outcome),
        _requests(gateway, bare),
        _events(gateway, bare),
        _translated_requests(translating),
        _translated_events(translating, gateway),
        _nothing_held_back(gateway, translating),
        _memory(gateway),
        _cold_start(gateway),
        *(_requests(one, bare, "with routes, guards and a cache that misses: ") for one in with_guards),
    ]


def _complete(*ours: Figures) -> Bar:
    loads = [load for one in ours for load in one.loads.values()]
    wrong = sum(sum(load.wrong.values()) for load in loads)
    answers = sum(load.answers for load in loads)
    measured = f"{answers} right, {wrong} wrong"
    return Bar("every answer is complete, byte for byte", measured, wrong == 0 and answers > 0, timed=False)


def _everything_on(outcome: Outcome) -> Bar:
    says = "everything was on: every answer is in ledger, price, log and metrics; spans were exported"
    found, answers = outcome.evidence, outcome.gateway_answers
    if found is None:
        return Bar(says, "not looked at", passed=False, timed=False)
    measured = (
        f"{answers} answers; {found.records} records, {found.unpriced} unpriced, {found.log_lines} log lines, "
        f"{found.requests_in_metrics} in metrics, {found.spans} spans"
    )
    return Bar(says, measured, found.covers(answers), timed=False)


def ratio(mine: float | None, theirs: float | None) -> float | None:
    return mine / theirs if mine is not None and theirs else None


def _requests(gateway: Figures, bare: Figures, which: str = "") -> Bar:
    mine = gateway.loads["busy"]
    to_bare = ratio(mine.cpu_us_per_request, bare.loads["busy"].cpu_us_per_request)
    # Much less than the whole core: others were at work on it, and the requests/s are too few.
    measured = (
        f"{mine.requests_per_s:.0f} requests/s with {mine.busy or 0:.0%} of the core; {_times(to_bare)} bare's CPU"
    )
    return Bar(
        f"{which}≥ {REQUESTS_PER_S:.0f} requests/s on one core, or ≤ {CPU_RATIO} × the bare proxy's CPU per request",
        measured,
        mine.requests_per_s >= REQUESTS_PER_S or (to_bare is not None and to_bare <= CPU_RATIO),
    )


def _events(gateway: Figures, bare: Figures) -> Bar:
    found = {
        name: ratio(gateway.loads[name].cpu_us_per_event, bare.loads[name].cpu_us_per_event)
        for name in ("stream", "paced")
    }
    return Bar(
        f"≤ {EVENT_RATIO:g} × the bare proxy's CPU per stream event",
        ", ".join(f"{_times(value)} {name}" for name, value in found.items()),
        all(value is not None and value <= EVENT_RATIO for value in found.values()),
    )


def _translated_requests(translating: Figures) -> Bar:
    mine = translating.loads["busy"]
    measured = f"{mine.requests_per_s:.0f} requests/s with {mine.busy or 0:.0%} of the core"
    return Bar(
        f"translated: ≥ {TRANSLATED_PER_S:.0f} requests/s on one core",
        measured,
        mine.requests_per_s >= TRANSLATED_PER_S,
    )


def _translated_events(translating: Figures, gateway: Figures) -> Bar:
    """All that an event costs where events come as fast as they are read. Where they come one by one, most of it is
    the kernel's for reading and writing, as it is of the bare proxy: there, what translating adds."""
    whole = translating.loads["stream"].cpu_us_per_event
    paced = translating.loads["paced"].cpu_us_per_event, gateway.loads["paced"].cpu_us_per_event
    added = paced[0] - paced[1] if paced[0] is not None and paced[1] is not None else None
    return Bar(
        f"translated: ≤ {TRANSLATED_EVENT_US:g} µs CPU per stream event",
        f"{_micros(whole)} stream, {_micros(added)} added to what passing on costs when paced",
        all(value is not None and value <= TRANSLATED_EVENT_US for value in (whole, added)),
    )


def _nothing_held_back(*ours: Figures) -> Bar:
    held, streams = sum(one.held_back for one in ours), sum(one.gated_streams for one in ours)
    medians = ", ".join(f"{one.first_event_us:.0f} µs {one.name}" for one in ours)
    return Bar(
        "no event of a stream is held back",
        f"{held} of {streams} streams held back; median {medians}",
        all(one.gated_streams > 0 for one in ours) and held == 0,
        timed=False,
    )


def _memory(gateway: Figures) -> Bar:
    most = max((memory.largest_worker for memory in (gateway.idle, gateway.loaded) if memory), default=0.0)
    says = f"≤ {WORKER_MIB:.0f} MiB resident per worker, idle and after the load"
    return Bar(says, f"{most:.0f} MiB", 0 < most <= WORKER_MIB)


def _cold_start(gateway: Figures) -> Bar:
    took = gateway.cold_start_s
    says = f"≤ {COLD_START_S:g} s from start to the first answer of an authenticated call"
    return Bar(says, "not measured" if took is None else f"{took:.2f} s", took is not None and took <= COLD_START_S)


def _micros(value: float | None) -> str:
    return "not measured µs" if value is None else f"{value:.1f} µs"


def _times(value: float | None) -> str:
    return "not measured ×" if value is None else f"{value:.2f} ×"
