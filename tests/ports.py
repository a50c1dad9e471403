"""Ports for servers that tests start.

They lie below those that the system gives to outgoing connections, and each test process has its own, so that nobody
takes one between its choice and its use: a gateway that could not have its port would be taken for another's.
"""

import contextlib
import itertools
import os
import random
import socket
from collections.abc import Iterator

LOWEST, SHARE, SHARES = 12_000, 2_000, 10


def free_port() -> int:
    """A port of this process's on which nobody listens."""
    for port in itertools.islice(_mine, SHARE):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def _of_this_process() -> Iterator[int]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    begin = LOWEST + (int(worker or 0) % SHARES) * SHARE
    return itertools.cycle(random.SystemRandom().sample(range(begin, begin + SHARE), SHARE))


_mine = _of_this_process()
