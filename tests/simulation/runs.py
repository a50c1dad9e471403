"""Many runs, each from its own seed."""

import logging
import shutil
import time as real_time
from collections import Counter
from pathlib import Path

from gateway.ledger.store import SqliteLedger
from gateway.policyset import PolicySet
from tests.simulation.balance import check
from tests.simulation.time import run
from tests.simulation.world import World, write_policies


class Runs:
    """`folder` is best one in memory. What runs share is made once: the policies, and an empty ledger to copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "empty" / "ledger.db"
        self._policies: PolicySet = write_policies(folder / "policies")
        with SqliteLedger(self._template):
            pass
        self.seen: Counter[str] = Counter()
        self.virtual_s = 0.0

    def one(self, seed: int) -> None:
        """Raises:
        AssertionError: with the seed.
        """
        folder = self._folder / str(seed)
        logging.getLogger("gateway").setLevel(logging.CRITICAL)
        world = World(seed, self._policies, self._template, folder)
        try:
            run(world.clock, world.play())
            self.seen += check(world)
        except BaseException as error:
            error.add_note(f"again: python -m tests.simulation --seed {seed} --runs 1   ({folder} is kept)")
            raise
        self.seen["calls"] += len(world.opened)
        self.virtual_s += world.clock.monotonic()
        shutil.rmtree(folder)

    def many(self, first: int, count: int) -> float:
        """Seconds that it took."""
        began = real_time.monotonic()
        for seed in range(first, first + count):
            self.one(seed)
        return real_time.monotonic() - began
