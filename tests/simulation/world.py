"""One run: workers that live and die, clients that come and go, a ledger that is away now and then; and what must be
true in the end."""

import asyncio
import contextlib
import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.core.call import TraceContext
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.core.target import Target
from gateway.core.wiring import Wiring
from gateway.edge.endpoint import EndpointOptions, endpoint
from gateway.edge.inflight import InFlight, PatienceOptions
from gateway.edge.operations import OPERATIONS
from gateway.ledger.journal import Journal, JournalOptions
from gateway.ledger.rounds import Rounds
from gateway.ledger.store import LedgerUnavailable, SqliteLedger
from gateway.limits.bounds import Bound, Level, Refusal
from gateway.limits.local import LocalCounters
from gateway.pipeline import build_pipeline
from gateway.pipeline.parts import Parts
from gateway.pipeline.tagging import NotingOptions, tagging
from gateway.policyset import PolicySet, read_policies
from gateway.providers.building import build_provider
from gateway.providers.options import ProviderOptions
from gateway.router.router import Router, choose
from tests.conftest import ACCESS, PRICES, TENANTS, cards_for
from tests.simulation.clients import Client, Heard
from tests.simulation.time import VirtualClock
from tests.simulation.upstream import Upstream

CHAT = next(operation for operation in OPERATIONS if operation.name == "chat")
LIMITS = """
default_output_tokens: 20
limits:
  - {id: team-rate, per: [team], requests_per_minute: 20, tokens_per_minute: 3000}
  - {id: key-at-once, per: [key], concurrent_requests: 6}
  - {id: team-at-once, per: [team], concurrent_requests: 8, on_exceeded: queue, queue_ms: 2000}
  - {id: team-budget, per: [team], cost_per_month: 1}
  - {id: money, cost_per_hour: 0.0001, on_exceeded: warn}
"""
START = 1_760_000_000.0
MODELS = {"test-model": {"targets": ["mock/real"]}}


def write_policies(folder: Path) -> PolicySet:
    """The policies of every run, read once."""
    files = {"tenants": TENANTS, "access": ACCESS, "limits": LIMITS, "prices": PRICES, **cards_for(MODELS)}
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    routes = {"test-model": (Target("mock", "real"),)}
    return read_policies(folder, Wiring(routes=routes, providers=frozenset({"mock"})))


class Disk(Journal):
    """A worker's journal on a disk that may be full. Once the worker is dead it takes nothing: who is killed writes no
    more, and what was in memory only is gone."""

    full = dead = False

    def __init__(self, world: "World", name: str) -> None:
        super().__init__(JournalOptions(segment_bytes=20_000, segment_s=120.0), world.journals, name)
        self._world = world

    def opened(self, record: Record) -> None:
        if not self.dead:
            super().opened(record)
            self._world.opened.append(record.id)

    def closed(self, record: Record) -> None:
        if not self.dead:
            super().closed(record)

    def _append(self, line: bytes) -> None:
        if self.full:
            self._failed = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super()._append(line)

    def kill(self) -> None:
        self.dead = True
        self._world.unwritten.update(call for call, _ in self._pending)
        self._world.cut.update(self._open)
        os.close(self._descriptor)


class Ledger:
    """The store, which may be away: before a commit, or just after it, when only its answer is lost."""

    def __init__(self, store: SqliteLedger, dice: random.Random) -> None:
        self._store = store
        self._dice = dice
        self.away = False

    def commit(self, records: Sequence[Record], segment: str, offset: int) -> int:
        if self.away and self._dice.random() < 0.5:
            raise LedgerUnavailable("away")
        new = self._store.commit(records, segment, offset)
        if self.away:
            raise LedgerUnavailable("the answer was lost")
        return new

    def offsets(self) -> Mapping[str, int]:
        if self.away:
            raise LedgerUnavailable("away")
        return self._store.offsets()

    def forget(self, segment: str) -> None:
        if self.away:
            raise LedgerUnavailable("away")
        self._store.forget(segment)


class Quiet:
    """Nobody is told what limits do."""

    def limited(self, refusal: Refusal) -> None:
        pass

    def warned(self, bounds: Sequence[Bound]) -> None:
        pass

    def waited(self, bound: Bound, seconds: float) -> None:
        pass

    def counted(self, levels: Sequence[Level]) -> None:
        pass


class Worker:
    """One incarnation of a worker: its journal, its counters, its calls."""

    def __init__(self, world: "World", name: str) -> None:
        clock = world.clock
        self.disk = Disk(world, name)
        self.disk.__enter__()
        self.flights = InFlight(PatienceOptions(request_body_s=20.0, response_write_s=20.0), clock.monotonic)
        self.counters = LocalCounters(clock)
        options = ProviderOptions(base_url="http://mock/v1", api_key="k", protocols=("chat",))
        provider = build_provider("mock", options, world.upstream.as_client(), clock.monotonic, 1, None)
        router = Router({"mock": provider}, clock)
        parts = self._parts(world, router)
        self.app = endpoint(CHAT, build_pipeline(parts, router), EndpointOptions(), self.flights, clock)
        self.tasks: dict[asyncio.Task[None], None] = {asyncio.create_task(self._look_after()): None}

    async def _look_after(self) -> None:
        """As InFlight does for itself, at longer intervals: hours of virtual time are full of its ticks else."""
        while True:
            await asyncio.sleep(0.5)
            self.flights.watch_new()
            self.flights.sweep()

    def _parts(self, world: "World", router: Router) -> Parts:
        policies, dice = world.policies, world.dice

        async def identify(headers: Mapping[bytes, bytes], now: float) -> Principal:
            return Principal(key_id=headers[b"x-key"].decode(), tenant="acme", team="team-a")

        return Parts(
            clock=world.clock,
            note=tagging(NotingOptions()),
            start_trace=lambda parent, state: TraceContext(
                f"{dice.getrandbits(128):032x}", f"{dice.getrandbits(64):016x}"
            ),
            ended=lambda call: None,
            identify=identify,
            output_field=router.output_field,
            access=Live(policies.access),
            catalogue=Live(policies.catalogue),
            tenants=Live(policies.tenants),
            limits=Live(policies.limits),
            prices=Live(policies.prices),
            counters=self.counters,
            choose=lambda permits: choose(permits, router.providers),
            estimate_cost=lambda target, usage, caller, at, tier: (
                policies.prices.cost(target.provider, target.model, usage, at).nano
            ),
            ceiling_cost=lambda target, usage, caller, at: None,
            doubted=lambda provider, why: None,
            limiting=Quiet(),
            journal=self.disk,
            journal_failed=lambda error: None,
            responses=None,
            refuse_unrecorded=True,
        )

    def serve(self, client: Client) -> None:
        task = asyncio.create_task(client.call(self.app))
        self.tasks[task] = None
        task.add_done_callback(self.tasks.pop)

    def kill(self) -> None:
        """kill -9: from this moment on nothing that it does has any effect. The kernel closes its files."""
        self.disk.kill()
        for task in list(self.tasks):
            task.cancel()

    async def stop(self) -> None:
        """SIGTERM: calls under way finish, the journal is closed."""
        self.disk.full = False
        self.flights.closing = True
        await self.flights.landed(3600.0)
        for task in list(self.tasks):
            task.cancel()
        self.disk.__exit__(None, None, None)


class World:
    """One run, from its seed."""

    def __init__(self, seed: int, policies: PolicySet, template: Path, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.clock = VirtualClock(START)
        self.policies = policies
        self.journals = folder / "journal"
        self.database = folder / "ledger.db"
        folder.mkdir(parents=True)
        shutil.copy(template, self.database)
        self.upstream = Upstream(self.dice)
        self.heard: list[Heard] = []
        self.killed = 0
        self.opened: list[str] = []  # calls whose beginning is in a journal: each must be in the ledger once
        self.cut: set[str] = set()  # calls that were open in a journal when their worker was killed
        self.unwritten: set[str] = set()  # of these, the ones that had ended, on a disk that took nothing

    async def play(self) -> None:
        dice = self.dice
        with SqliteLedger(self.database, self.clock, "w") as store:
            self.ledger = Ledger(store, dice)
            self.workers = [Worker(self, f"w{number}") for number in range(dice.randint(1, 2))]
            drain = asyncio.create_task(self._drain())
            misfortune = asyncio.create_task(self._misfortune())
            for number in range(dice.randint(5, 60)):
                await asyncio.sleep(dice.choice([0.0, 0.0, dice.expovariate(0.5), dice.expovariate(0.02)]))
                client = Client(dice, f"k{dice.randint(1, 3)}", number)
                self.heard.append(client.heard)
                dice.choice(self.workers).serve(client)
            misfortune.cancel()
            for worker in self.workers:
                await worker.stop()
            drain.cancel()
            self.ledger.away = False
            await asyncio.gather(drain, misfortune, return_exceptions=True)
            for _ in range(3):  # a commit whose answer was lost is asked for again
                assert Rounds(self.journals, self.ledger, self.clock).drain_once().error == ""
        assert not list(self.journals.glob("*.jnl")), "everything was consumed and removed"

    async def _drain(self) -> None:
        rounds = Rounds(self.journals, self.ledger, self.clock)
        while True:
            await asyncio.sleep(5.0)
            rounds.drain_once()
            if self.dice.random() < 0.05:  # the drainer dies, and another takes its place
                rounds = Rounds(self.journals, self.ledger, self.clock)

    async def _misfortune(self) -> None:
        dice = self.dice
        every_s = dice.choice([20, 60, 200])
        while True:
            await asyncio.sleep(dice.expovariate(1 / every_s))
            match dice.choice(["kill", "disk", "ledger", "clock"]):
                case "kill":
                    place = dice.randrange(len(self.workers))
                    self.workers[place].kill()
                    self.killed += 1
                    self.workers[place] = Worker(self, f"w{place}x{self.killed}")
                case "disk":
                    worker = dice.choice(self.workers)
                    worker.disk.full = not worker.disk.full
                case "ledger":
                    self.ledger.away = not self.ledger.away
                case _:
                    self.clock.step += dice.choice([-3.0, 3.0, -3600.0, 3600.0])

    def rows(self, query: str) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]
