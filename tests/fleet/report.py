"""The tables for people."""

from collections.abc import Sequence

from tests.fleet.bars import Bar
from tests.fleet.features import FEATURES
from tests.fleet.figures import Window
from tests.fleet.running import Outcome

COLUMNS = (
    f"{'features':<11}{'calls':>6}{'success':>9}{'p50 ms':>8}{'÷ctl':>6}{'p99 ms':>8}{'÷ctl':>6}{'settled':>8}{'most':>7}"
    f"{'load':>6}{'after':>6}{'tries':>6}{'times':>6}{'back s':>7}{'cost':>6}{'bill':>6}{'cpu µs':>7}{'lag ms':>9}{'la':>6}"
)
LEGEND = f"""
Latencies are of right answers to calls sent while it was broken; ÷ctl: beside the healthy control's at the same time.
settled: p99 ÷ctl in the second half. most: the latest right answer, ms. load: requests at upstreams for each call while
it was broken, and after; tries: attempts by the ledger. times: how often one call reached upstreams. back: from
recovery to full speed. cost, bill: of a right answer, by the ledger and by what upstreams did. cpu: of the gateway, for
each call. lag: how late the bench was itself (p99 and at most); la: load average of the machine.
{chr(10).join(f"{name}: {one.says}" for name, one in FEATURES.items())}
"""


def line(outcome: Outcome) -> str:
    broken = outcome.broken
    back = "" if outcome.back_s is None else f"{outcome.back_s:.2f}"
    after = "" if outcome.load_after is None else f"{outcome.load_after:.2f}"
    return (
        f"{outcome.features:<11}{broken.calls:>6}{broken.success:>9.2%}{broken.p50_s * 1000:>8.1f}"
        f"{outcome.p50_ratio:>6.2f}{broken.p99_s * 1000:>8.1f}{outcome.p99_ratio:>6.2f}{outcome.settled_p99_ratio:>8.2f}"
        f"{outcome.most_s * 1000:>7.0f}{outcome.load:>6.2f}{after:>6}{outcome.attempts:>6.2f}{outcome.most_asked:>6}{back:>7}"
        f"{outcome.cost:>6.2f}{outcome.bill:>6.2f}{outcome.cpu_us:>7.0f}"
        f"{f'{outcome.lag_p99_s * 1000:.0f}/{outcome.lag_most_s * 1000:.0f}':>9}{outcome.load_average:>6.1f}"
    )


def wrong(seen: Window) -> str:
    """What went wrong how often; empty if nothing did."""
    found = sorted(seen.wrong.items(), key=lambda entry: -entry[1])
    return "; ".join(f"{count} × {what}" for what, count in found)


def told(outcome: Outcome, found: Sequence[Bar], *, series: bool) -> str:
    """Everything about one run. `series`: also success and median latency in ms, second by second."""
    lines = [line(outcome)]
    if len(outcome.roles) > 1:
        lines.append("  attempts: " + ", ".join(f"{count} {role}" for role, count in outcome.roles.items()))
    for group, seen in (("wrong", outcome.broken), ("control's wrong", outcome.control)):
        lines += [f"  {group}: {wrong(seen)}"] if seen.wrong else []
    lines += [f"  {'kept  ' if bar.kept else 'MISSED'}  {bar.says}: {bar.measured}" for bar in found]
    if series:
        lines.append("  " + " ".join(f"{one.success:.0%}/{one.p50_s * 1000:.0f}" for one in outcome.per_s))
    return "\n".join(lines)
