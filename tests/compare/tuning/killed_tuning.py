"""A tuning in a process of its own, to be killed: every question that is asked goes into a file first.

python -m tests.compare.tuning.killed_tuning FOLDER
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from gateway.compare.running.asking import Question
from gateway.compare.running.journal import Head, Journal
from gateway.compare.tuning.tuner import Tuned
from tests.compare.tuning.scripted_tuning import Model, proposing, suite_of, tune, tuning_of

CONCURRENCY = 4
# Each betters what was there before, a third at a time.
STEPS = ("Step one. q1=yes q2=yes q4=yes q5=yes q7=yes q8=yes {{>plain}}", "Be exact. {{>plain}}")


def run(folder: Path, *, pause_s: float = 0.0) -> tuple[Tuned, Model]:
    log = os.open(folder / "asked", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def asked(question: Question) -> None:
        os.write(log, f"{question.arm.name} {question.case} {question.repeat}\n".encode())
        time.sleep(pause_s)

    def propose(messages: object) -> str:
        return proposing(STEPS["Step one" in str(messages)])

    model = Model(propose, enough=3, asked=asked)
    with Journal(folder / "run", Head(id="run", suite="tune p", began=1.0)) as journal:
        return asyncio.run(tune(model, tuning_of(suite_of(60), method="both", rounds=4), journal=journal)), model


if __name__ == "__main__":
    run(Path(sys.argv[1]), pause_s=0.003)
