"""Live comparisons for people at a terminal."""

from collections.abc import Sequence

from gateway.cli.output import print_table, printable
from gateway.cli.prices import money
from gateway.compare.live.measures import Measure
from gateway.compare.live.results import Live, LiveArm
from gateway.compare.live.saying import guard_said
from gateway.compare.reporting.live.telling import period_of, stopped_arms
from gateway.compare.running.results import Quantiles
from gateway.compare.statistics.interval import Interval


def print_live(found: Live, measures: Sequence[Measure]) -> None:
    what = f"route {found.route}" if found.route else f"prompt {found.prompt}"
    print(f"{printable(what)}, calls from {period_of(found)}")
    if not any(one.calls for one in found.arms):
        print("no calls in this period")
        return
    by_name = {one.name: one for one in measures}
    rows = [_line(one, by_name[found.metric], found.best.get(one.arm)) for one in found.arms]
    kept = [name for name in rows[0] if name == "arm" or any(row[name] not in ("", "0") for row in rows)]
    print_table(kept, [[row[name] for name in kept] for row in rows])
    if found.differences:
        print()
    for one in found.differences:
        adjusted = " by Holm" if len(found.differences) > 1 else ""
        tail = f" (p {_p(one.p_adjusted)}{adjusted})" if one.judged and one.interval is not None else ""
        print(f"{printable(one.said)}{tail}")
        for guard in one.guards:
            print(f"  {printable(guard_said(guard, by_name[guard.metric]))}")
    for arm, why in stopped_arms(found):
        print(f"stopped: {printable(arm)}: {printable(why)}")
    for reason, count in found.uncounted.items():
        print(f"note: {count} calls are in no comparison: {reason}")
    for note in found.notes:
        print(f"note: {printable(note)}")


def _line(one: LiveArm, measure: Measure, best: float | None) -> dict[str, str]:
    cost = one.cost_per_thousand_nano
    return {
        "arm": printable(one.arm),
        "share": "" if one.share is None else f"{one.share:.3g}",
        "calls": str(one.calls),
        "success %": "" if one.success_rate is None else f"{one.success_rate * 100:.1f}",
        measure.name: _mean(one.metric, measure),
        "per 1,000": "" if cost is None else money(cost),
        "p50 s": _of(one.latency_s, "p50"),
        "p95 s": _of(one.latency_s, "p95"),
        "TTFT p50": _of(one.ttft_s, "p50"),
        "TTFT p95": _of(one.ttft_s, "p95"),
        "tokens in": "" if one.input_tokens is None else f"{one.input_tokens:.0f}",
        "out": "" if one.output_tokens is None else f"{one.output_tokens:.0f}",
        "thumbs up %": "" if one.thumbs_up is None else f"{one.thumbs_up * 100:.1f} of {one.rated}",
        "failed": str(one.failed),
        "elsewhere": str(one.elsewhere),
        "cancelled": str(one.cancelled),
        "refusals": str(one.refusals),
        "is best": "" if best is None else f"{best:.0%}",
    }


def _mean(found: Interval | None, measure: Measure) -> str:
    if found is None:
        return ""
    if measure.kind == "share":
        return f"{found.estimate * 100:.1f} ({found.low * 100:.1f} to {found.high * 100:.1f})"
    if measure.name == "cost":
        return " ".join((money(round(found.estimate)), f"({money(round(found.low))} to {money(round(found.high))})"))
    return f"{found.estimate:.3g} ({found.low:.3g} to {found.high:.3g})"


def _of(found: Quantiles | None, which: str) -> str:
    return "" if found is None else f"{getattr(found, which):.2f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
