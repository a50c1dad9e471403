"""Threads of a busy worker wait for their turn, those of a quiet one do not."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from gateway.edge.turns import BUSY, CALM, Turns
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux's")


class Machine:
    """Seconds that pass, and CPU seconds that are used of them."""

    def __init__(self) -> None:
        self.now = self.used = 100.0

    def second(self, share: float) -> None:
        self.now += 1
        self.used += share


def policies() -> set[int]:
    return {os.sched_getscheduler(int(name)) for name in os.listdir("/proc/self/task")}


def probe() -> None:
    """In a process of its own: what is set stays set."""
    machine, ended = Machine(), threading.Event()
    turns = Turns(lambda: machine.used, lambda: machine.now)
    first = threading.Thread(target=ended.wait)
    first.start()

    def after(share: float) -> tuple[bool, set[int]]:
        machine.second(share)
        turns.look()
        return turns.busy, policies()

    batch, other = {os.SCHED_BATCH}, {os.SCHED_OTHER}
    assert after(0.01) == (False, other)
    assert after(BUSY - 0.01) == (False, other)
    assert after(BUSY + 0.01) == (True, batch)
    second = threading.Thread(target=ended.wait)
    second.start()
    assert after(CALM + 0.01) == (True, batch)
    assert after(CALM - 0.01) == (False, other)
    assert after(1.9) == (True, batch)
    assert after(0.0) == (False, other)
    ended.set()


@pytest.mark.parametrize("name", ["probe", "probe_chosen"])
def test_by_what_the_process_used_of_a_core_unless_somebody_chose_a_policy(name: str) -> None:
    command = [sys.executable, "-c", f"from tests.rooms import test_worker_turns; test_worker_turns.{name}()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def probe_chosen() -> None:
    """The same: whoever starts the gateway has chosen a policy."""
    machine = Machine()

    async def watched() -> None:
        async with asyncio.timeout(0.2):
            await Turns(lambda: machine.used, lambda: machine.now).watch()

    with pytest.raises(TimeoutError):
        asyncio.run(watched())
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(watched())


def test_a_thread_that_ends_meanwhile_and_a_sandbox_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    turns = Turns(lambda: machine.used, lambda: machine.now)
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2", "3"])
    asked: list[int] = []

    def refuses(thread: int, *_: object) -> None:
        asked.append(thread)
        raise ProcessLookupError if thread < 3 else PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuses)
    machine.second(1.0)
    turns.look()
    assert (asked, turns.busy) == ([1, 2, 3], True)
