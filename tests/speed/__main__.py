"""`python -m tests.speed`: run the bench.

Exit code 0: every bar is kept; 1: one is missed (with --quick only those about facts count: complete answers, everything
on, nothing held back); 2: the bench itself could not go on.
"""

import argparse
import signal
import sys

from tests.speed.bench import Request, run
from tests.speed.child import BenchError
from tests.speed.rounds import Effort
from tests.speed.wrk import wrk_path

QUICK = Effort(rounds=1, seconds=0.2, quiet_s=0.1, cold_starts=1, gated_streams=3, wrk=False, warm_up=False)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m tests.speed",
        description="Measure the gateway beside a bare proxy on the same libraries, nginx, and rivals if installed.",
        epilog="BENCH_JSON=file keeps the figures as JSON.",
    )
    top.add_argument(
        "--quick", action="store_true", help="a few seconds, to see that everything works; speed is not judged"
    )
    top.add_argument("--rounds", type=int, default=5, help="turns of each contestant (default 5); medians count")
    top.add_argument("--seconds", type=float, default=2.0, help="for each load of each contestant (default 2)")
    top.add_argument("--load", choices=("wrk", "own"), default="wrk" if wrk_path() else "own", help="load generator")
    top.add_argument("--profile", action="store_true", help="no figures: flame graphs of the gateway by py-spy")
    return top


def main() -> int:
    options = parser().parse_args()
    # What was started is ended however the run ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    effort = Effort(
        rounds=options.rounds,
        seconds=options.seconds,
        quiet_s=0.4,
        cold_starts=5,
        gated_streams=10,
        wrk=options.load == "wrk",
        warm_up=True,
    )
    try:
        wanted = QUICK if options.quick else effort
        kept = run(Request(effort=wanted, judge_speed=not options.quick, profile=options.profile))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
