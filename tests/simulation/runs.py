"""Many runs, each from its own seed."""

import contextlib
import logging
import random
import shutil
import time as real_time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from unittest.mock import patch

from gateway.ledger.store import SqliteLedger
from gateway.limits import tending
from gateway.policyset import PolicySet
from tests.simulation.balance import check
from tests.simulation.time import run
from tests.simulation.world import RATES, World, write_policies

BEAT_S = (
    4.0  # of the five seconds after which a worker that says nothing counts as gone: virtual hours have fewer beats
)


class Runs:
    """`folder` is best one in memory. What runs share is made once: the policies, and an empty ledger to copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "empty" / "ledger.db"
        self._policies: PolicySet = write_policies(folder / "policies")
        self._rates: PolicySet = write_policies(folder / "rates", RATES)
        with SqliteLedger(self._template):
            pass
        self.seen: Counter[str] = Counter()
        self.virtual_s = 0.0

    def one(self, seed: int) -> None:
        """Raises:
        AssertionError: with the seed.
        """
        folder = self._folder / str(seed)
        random.seed(seed)  # how long a link waits before it tries again
        world = World(seed, self._policies, self._rates, self._template, folder)
        try:
            with patch.object(tending, "BEAT_S", BEAT_S), _unheard(logging.getLogger("gateway")):
                run(world.clock, world.play())
                self.seen += check(world)
        except BaseException as error:
            error.add_note(f"again: python -m tests.simulation --seed {seed} --runs 1   ({folder} is kept)")
            raise
        world.close()
        self.seen["calls"] += len(world.opened)
        self.virtual_s += world.clock.monotonic()
        shutil.rmtree(folder)

    def many(self, first: int, count: int, every: int = 1) -> float:
        """Seconds of CPU that it took. Even seeds count in the process, odd ones in Redis."""
        began = real_time.process_time()
        for seed in range(first, first + count * every, every):
            self.one(seed)
        return real_time.process_time() - began


@contextlib.contextmanager
def _unheard(logger: logging.Logger) -> Generator[None]:
    """What fails on purpose is not worth a line. Whoever listens later hears the logger again."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
