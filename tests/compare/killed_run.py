"""A run in a process of its own, to be killed: every question that is asked goes into a file first.

python -m tests.compare.killed_run FOLDER CASES
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.journal import Head, Journal
from gateway.compare.running.runner import Bounds
from gateway.compare.running.suites import Means, run_suite
from tests.compare.scripted import Scripted, arms_of, plan_of, suite_of

CONCURRENCY = 4


def run(folder: Path, cases: int):
    log = os.open(folder / "asked", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    scripted = Scripted({"a": 0.9, "b": 0.7}, cost_nano=100)

    async def ask(question: Question) -> Heard:
        os.write(log, f"{question.arm.name} {question.case} {question.repeat}\n".encode())
        await asyncio.sleep(random.random() * 0.01)
        return await scripted(question)

    plan = plan_of(
        suite_of(cases, each=lambda _: "    repeat: 2\n"), arms_of("a", "b"), bounds=Bounds(concurrency=CONCURRENCY)
    )
    with Journal(folder / "run", Head(id="run", suite="suite", began=1.0)) as journal:
        return asyncio.run(run_suite(plan, Means(ask=ask, journal=journal)))


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
