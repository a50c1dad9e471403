"""What a killed test run leaves behind: no server."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.conftest import ROOT
from tests.postgres import needs_postgres
from tests.redis_binary import redis_binary

RUN = """
import sys, threading, time
from pathlib import Path
from tests.conftest import gateways
from tests.postgres import PostgresServer
from tests.redis_servers import RedisServer

folder = Path(sys.argv[1])
with PostgresServer() as postgres, gateways(folder) as make:
    started = [postgres, make()]
    if sys.argv[2]:
        started.append(RedisServer(folder / "redis"))
    for one in started[1:]:
        thread = threading.Thread(target=one.start)
        thread.start()
        thread.join()
    print(postgres.data, *(one.process.pid for one in started), flush=True)
    time.sleep(600)
"""


def ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_servers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    needs_postgres()
    with_redis = "redis" if redis_binary() else ""
    command = [sys.executable, "-c", RUN, str(tmp_path), with_redis]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as run:
        try:
            assert run.stdout is not None
            data, *pids = run.stdout.readline().split()
            servers = [psutil.Process(int(pid)) for pid in pids]
            below = [one for server in servers for one in server.children(recursive=True)]
            assert len(servers) == (3 if with_redis else 2)
            assert len(below) > 3, "PostgreSQL's own and a worker"
            assert all(one.is_running() for one in servers), "a thread that has ended takes nothing with it"
        finally:
            run.kill()
    try:
        deadline = time.monotonic() + 20
        while alive := [one for one in (*servers, *below) if not ended(one)]:
            assert time.monotonic() < deadline, alive
            time.sleep(0.05)
        while Path(data).exists():
            assert time.monotonic() < deadline, "PostgreSQL's files are left behind"
            time.sleep(0.05)
    finally:
        for one in (*servers, *below):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
