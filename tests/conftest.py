"""What tests share: a real gateway process on its own state folder, in front of a scripted upstream."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream
from tests.ports import free_port
from tests.watchdog import ends_with_us

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"

ACCESS = """
rules:
  - id: team-a-may-use-everything
    effect: allow
    owner: tests
    reason: the tests' own team
    teams: [team-a]
    models: ["*"]
"""
TENANTS = """
tenants:
  - id: acme
    name: Acme
    teams:
      - {id: team-a, name: A}
      - {id: team-b, name: B}
"""
LIMITS = "limits: [{id: roomy, per: [team], requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000}]\n"
GUARDRAILS = "guards: []\n"
PRICES = """
currency: USD
prices:
  - id: test-model
    provider: mock
    models: ["*"]
    from: "2020-01-01"
    per_million_tokens: {input: 1.00, cached_input: 0.50, output: 2.00}
"""


STRAIGHT = "retries: {max_attempts: 1}\nejection: {enabled: false}\n"
CARD = """
name: {name}
targets: [{{target: "{target}"}}]
licence: {{expression: Apache-2.0}}
life: {{approved: {{by: tests, on: 2020-01-01}}}}
"""


def cards_for(models: Mapping[str, Any]) -> dict[str, str]:
    """An approved card for every target of these routes, by the name of its file. The first target's card has the
    route's own name."""
    named: dict[str, str] = {}
    for route, model in models.items():
        for number, target in enumerate(model["targets"]):
            named.setdefault(target, f"{route}@{number}" if number else route)
    cards = [CARD.format(name=json.dumps(name), target=target) for target, name in named.items()]
    return {f"models/{number}": card for number, card in enumerate(cards)}


def command_line(pid: int) -> bytes:
    """Of a process that may have ended meanwhile: then nothing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


class Gateway:
    """A gateway as its users run it: `gateway serve` in a process of its own."""

    def __init__(self, folder: Path, config: dict[str, Any], policies: dict[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        config = {"server": {}, **config}
        config["server"] = {"host": "127.0.0.1", "port": self.port, "grace_s": 5, **config["server"]}
        folder.mkdir(parents=True, exist_ok=True)
        self.config_file = folder / "config.yaml"
        self.config_file.write_text(json.dumps(config))
        (folder / "policies").mkdir(exist_ok=True)
        # What an upstream does reaches the client: tests of routes say so.
        defaults = {"tenants": TENANTS, "access": ACCESS, "limits": LIMITS, "prices": PRICES, "routes": STRAIGHT}
        defaults["guardrails"] = GUARDRAILS
        cards = cards_for(config.get("models", {}))
        for name, text in {**defaults, **cards, **policies}.items():
            path = folder / "policies" / f"{name}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.process: subprocess.Popen[bytes] | None = None
        self.key = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def state(self) -> Path:
        return self.folder / ".gateway"

    @property
    def operator(self) -> dict[str, str]:
        """Headers of whoever may ask the admin API everything; the first `start` or `create_key` makes the credential."""
        return {"authorization": "Bearer " + (self.state / "admin.key").read_text().strip()}

    async def metrics(self, begins: str) -> float:
        """The sum of the metrics whose lines begin so, as Prometheus would fetch them."""
        headers = {"authorization": "Bearer " + (self.state / "metrics.key").read_text().strip()}
        async with httpx.AsyncClient(headers=headers, timeout=20) as client:
            lines = (await client.get(f"{self.url}/metrics")).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(begins))

    def cli(self, *arguments: str, check: bool = True, config: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway.cli", *arguments]
        command += ["--config", str(self.config_file)] if config else []
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, timeout=180)
        if check and done.returncode:
            raise AssertionError(f"{arguments} exited with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def create_key(self, team: str = "team-a", *extra: str) -> str:
        said = self.cli("keys", "create", "--tenant", "acme", "--team", team, "--owner", "tests", "--json", *extra)
        key: str = json.loads(said.stdout)["key"]
        if self.process is not None:
            self.wait_until_known(key)
        return key

    def wait_until_known(self, key: str) -> None:
        """Workers hear of a new key within a second."""
        deadline = time.monotonic() + 30
        headers = {"authorization": f"Bearer {key}"}
        while httpx.get(f"{self.base_url}/models", headers=headers, timeout=10).status_code == 401:
            assert time.monotonic() < deadline, f"the key is not known:\n{self.log()[-2000:]}"
            time.sleep(0.05)

    def start(self, **environment: str) -> "Gateway":
        if not self.key:
            self.key = self.create_key()
        log = (self.folder / "gateway.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve", "--config", str(self.config_file)],
            cwd=self.folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        ends_with_us(self.process)
        log.close()
        self.wait_ready()
        return self

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
            with contextlib.suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return
            time.sleep(0.03)
        raise AssertionError(f"the gateway did not become ready:\n{self.log()}")

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text(errors="replace")

    def processes(self) -> list[int]:
        """The supervisor and its children."""
        assert self.process is not None
        found = [self.process.pid]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if children.exists():
            found += [int(pid) for pid in children.read_text().split()]
        return found

    def worker_pids(self) -> list[int]:
        return [pid for pid in self.processes()[1:] if b"gateway.worker" in command_line(pid)]

    def kill(self) -> None:
        """kill -9 of everything at once, as a power cut or an OOM killer would."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self.process is not None
        self.process.wait(timeout=10)

    def stop(self, timeout_s: float = 20.0) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=timeout_s)

    def records(self, expect: int | None = None, timeout_s: float = 20.0, since_ns: int = 0) -> list[dict[str, Any]]:
        """The ledger's rows of calls since then, oldest first; waits until at least `expect` are there."""
        deadline = time.monotonic() + timeout_s
        query = "SELECT * FROM calls WHERE started_ns >= ? ORDER BY started_ns, id"
        while True:
            rows: list[dict[str, Any]] = []
            with contextlib.suppress(sqlite3.OperationalError):
                with contextlib.closing(sqlite3.connect(f"file:{self.state / 'ledger.db'}?mode=ro", uri=True)) as db:
                    db.row_factory = sqlite3.Row
                    rows = [dict(row) for row in db.execute(query, (since_ns,))]
            if expect is None or len(rows) >= expect:
                return rows
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(rows)} records in the ledger, not {expect}: {rows}\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def ask_ledger(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Any rows of the ledger as it is now; ask for `records` first, to know that they are there."""
        with contextlib.closing(sqlite3.connect(f"file:{self.state / 'ledger.db'}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query, values)]


GatewayFactory = Callable[..., Gateway]


def fetch_weights() -> None:
    """The demo model's weights, fetched once into the repository's own state folder; skips by name where they cannot be."""
    command = [sys.executable, "-m", "gateway.cli", "models", "fetch", "--config", str(ROOT / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        pytest.skip(f"SmolLM2's weights cannot be had here: {done.stderr.strip().splitlines()[-1]}")


@contextlib.contextmanager
def gateways(folder: Path) -> Iterator[GatewayFactory]:
    """Make gateways below `folder`; they are stopped at the end."""
    made: list[Gateway] = []

    def make(
        upstream_url: str = "http://127.0.0.1:9/v1", *, policies: dict[str, str] | None = None, **config: Any
    ) -> Gateway:
        config.setdefault(
            "providers",
            {
                "mock": {
                    "kind": "openai-compatible",
                    "base_url": upstream_url,
                    "api_key": "sk-up",
                    "protocols": ["chat", "responses"],
                }
            },
        )
        config.setdefault("models", {"test-model": {"targets": ["mock/real-model"]}})
        gateway = Gateway(folder / f"gateway{len(made)}", config, policies or {})
        made.append(gateway)
        return gateway

    try:
        yield make
    finally:
        for gateway in made:
            if gateway.process is not None and gateway.process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    gateway.stop(10)
                if gateway.process.poll() is None:
                    gateway.kill()


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[GatewayFactory]:
    with gateways(tmp_path) as make:
        yield make


@dataclass
class Site:
    """A running gateway, the scripted upstream behind it, and a client that holds a good key."""

    gateway: Gateway
    upstream: ScriptedUpstream
    client: httpx.AsyncClient

    async def chat(self, **fields: Any) -> httpx.Response:
        body = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}], **fields}
        return await self.client.post("/chat/completions", json=body)

    async def last_record(self) -> dict[str, Any]:
        """The record of the call just made."""
        return (await self.new_records(1))[-1]

    async def new_records(self, count: int) -> list[dict[str, Any]]:
        """The records since this was last asked; waits for `count` of them."""
        since, self.since_ns = self.since_ns, time.time_ns()
        return await asyncio.to_thread(self.gateway.records, count, since_ns=since)

    since_ns: int = 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One gateway for all the tests of a module."""
    async with ScriptedUpstream({}) as upstream:
        with gateways(tmp_path_factory.mktemp("site")) as make:
            gateway = await asyncio.to_thread(make(upstream.base_url).start)
            async with httpx.AsyncClient(
                base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
            ) as client:
                yield Site(gateway, upstream, client)


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(site: Site) -> Site:
    """The module's site, with the upstream's memory and earlier records out of the way."""
    site.upstream.requests.clear()
    site.since_ns = time.time_ns()
    return site


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """The body ends in time, or the test fails instead of hanging."""
    async with asyncio.timeout(seconds):
        yield
