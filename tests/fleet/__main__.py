"""`python -m tests.fleet`: break upstreams on purpose, and see what callers notice.

Exit code 0: every bar is kept; 1: one is missed.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

import msgspec
import uvloop

from tests.fleet.bars import bars
from tests.fleet.features import FEATURES
from tests.fleet.report import COLUMNS, LEGEND, told
from tests.fleet.running import Effort, Outcome, Run
from tests.fleet.scenarios import SCENARIOS

ATTEMPTS = 3
STOOD_STILL_S = 0.25


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    top.add_argument("--only", action="append", metavar="NAME", help=f"of {', '.join(SCENARIOS)}; may be repeated")
    top.add_argument("--features", action="append", choices=tuple(FEATURES), help="may be repeated; default: all")
    top.add_argument("--seconds", type=float, default=20.0, help="how long upstreams are broken (default 20)")
    top.add_argument("--rate", type=float, default=160.0, help="calls a second, half of them the control's")
    top.add_argument("--series", action="store_true", help="also success and median latency second by second")
    top.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    return top


async def measured(name: str, features: str, effort: Effort) -> Outcome:
    """One run; made again where the machine stood still in the middle of it, which says nothing about a gateway."""
    for attempt in range(ATTEMPTS):
        with tempfile.TemporaryDirectory() as folder:
            outcome = await Run(name, SCENARIOS[name], features, effort, Path(folder)).outcome()
        if outcome.lag_most_s < STOOD_STILL_S or attempt == ATTEMPTS - 1:
            return outcome
        print(f"  the machine stood still for {outcome.lag_most_s:.2f} s: once again", flush=True)
    raise AssertionError("there is a last attempt")


async def run(options: argparse.Namespace) -> bool:
    outcomes: list[Outcome] = []
    kept = True
    effort = Effort(options.seconds, options.rate)
    for name in options.only or SCENARIOS:
        scenario = SCENARIOS[name]
        print(f"\n{name}: {scenario.says}\n{COLUMNS}", flush=True)
        for features in options.features or scenario.only or FEATURES:
            outcome = await measured(name, features, effort)
            outcomes.append(outcome)
            found = bars(outcome, scenario)
            kept = kept and all(bar.kept for bar in found)
            print(told(outcome, found, series=options.series), flush=True)
    print(LEGEND)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcomes), indent=1))
    return kept


def main() -> int:
    options = parser().parse_args()
    unknown = [name for name in options.only or () if name not in SCENARIOS]
    if unknown:
        print(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    # What was started is ended however the run ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return 0 if uvloop.run(run(options)) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
