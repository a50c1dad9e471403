"""python -m tests.simulation --runs N --seed S: runs from S on; stops at the first that fails."""

import argparse
import tempfile
from pathlib import Path

from tests.simulation.runs import Runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    memory = Path("/dev/shm")
    runs = Runs(Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None)))
    took_s = runs.many(asked.seed, asked.runs)
    print(
        f"{asked.runs} runs, {runs.virtual_s / 3600:,.0f} hours of virtual time, in {took_s:.0f} s of CPU: all balance"
    )
    print(", ".join(f"{count:,} {what}" for what, count in sorted(runs.seen.items())))


main()
