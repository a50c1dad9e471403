"""One run: workers that live and die, clients that come and go, a ledger that is away now and then; and what must be
true in the end."""

import asyncio
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from gateway.cache.memory import MemoryEntries
from gateway.cache.options import CacheOptions
from gateway.cache.rules import NO_CACHE
from gateway.cache.tiers import Tiers
from gateway.catalogue.prices import Priced
from gateway.core.call import TraceContext
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.core.target import Target
from gateway.core.wiring import Wiring
from gateway.edge.endpoint import EndpointOptions, endpoint
from gateway.edge.inflight import InFlight, PatienceOptions
from gateway.edge.operations import OPERATIONS
from gateway.ledger.options import LedgerPlace
from gateway.ledger.rounds import Rounds
from gateway.ledger.spending import used_since
from gateway.ledger.store import LedgerUnavailable, SqliteLedger
from gateway.limits.bounds import Bound, Need
from gateway.limits.local import LocalCounters
from gateway.limits.matching import NOTHING_ASKED
from gateway.limits.periods import period_of
from gateway.limits.seeding import Spending, seeds_of
from gateway.pipeline import build_pipeline
from gateway.pipeline.embedding import Embedding
from gateway.pipeline.own_calls import OwnCalls
from gateway.pipeline.parts import CacheParts, Parts
from gateway.pipeline.tagging import NotingOptions, tagging
from gateway.policyset import PolicySet, read_policies
from gateway.prompts.fingerprints import fingerprints
from gateway.prompts.handlebars import Limits
from gateway.prompts.library import Library
from gateway.providers.building import build_provider
from gateway.providers.options import ProviderOptions
from gateway.router.router import Router
from tests.conftest import ACCESS, GUARDRAILS, PRICES, TENANTS, cards_for
from tests.simulation.clients import Client, Heard
from tests.simulation.redis_link import Redis
from tests.simulation.shared_counters import Quiet, SharedCounters
from tests.simulation.storage import Disk, Ledger
from tests.simulation.time import VirtualClock, VirtualWall
from tests.simulation.upstream import Upstream

CHAT = next(operation for operation in OPERATIONS if operation.name == "chat")
LIMITS = """
default_output_tokens: 20
limits:
  - {id: team-rate, per: [team], requests_per_minute: 20, tokens_per_minute: 3000}
  - {id: key-at-once, per: [key], concurrent_requests: 6}
  - {id: team-at-once, per: [team], concurrent_requests: 8, on_exceeded: queue, queue_ms: 2000}
  - {id: team-budget, per: [team], cost_per_month: 1}
  - {id: key-budget, per: [key], cost_per_month: 0.00012}
  - {id: money, cost_per_hour: 0.0001, on_exceeded: warn}
"""
# The same for leases, which lend rates and nothing else.
RATES = """
default_output_tokens: 20
limits:
  - {id: team-rate, per: [team], requests_per_minute: 20, tokens_per_minute: 3000}
  - {id: key-rate, per: [key], requests_per_second: 2, on_exceeded: queue, queue_ms: 2000}
"""
START = 1_760_000_000.0
KEYS = ("k1", "k2", "k3")
MODELS = {"test-model": {"targets": ["mock/real", "other/real"]}}
# A call may be sent several times, to both at once too: each time is billed.
ROUTES = """
retries: {max_attempts: 3}
retry_budget: {share: 1}
ejection: {enabled: false}
routes: {test-model: {hedge: {after_ms: 1500}}}
"""
# A price of its own for each, so that none is billed for the other.
PRICES_OF_BOTH = (
    PRICES
    + """\
  - id: other
    provider: other
    models: ["*"]
    from: "2020-01-01"
    per_million_tokens: {input: 1.50, cached_input: 0.75, output: 3.00}
"""
)


def write_policies(folder: Path, limits: str = LIMITS) -> PolicySet:
    """The policies of every run, read once."""
    files = {"tenants": TENANTS, "access": ACCESS, "guardrails": GUARDRAILS, "limits": limits, "prices": PRICES_OF_BOTH}
    files["routes"] = ROUTES
    files |= cards_for(MODELS)
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    routes = {"test-model": (Target("mock", "real"), Target("other", "real"))}
    return read_policies(folder, Wiring(routes=routes, providers=frozenset({"mock", "other"})))


class SideBySide(InFlight):
    """Every call takes its steps beside those of others, however many there are."""

    @property
    def crowded(self) -> bool:
        return True

    @crowded.setter
    def crowded(self, crowded: bool) -> None:
        pass


class Worker:
    """One incarnation of a worker: its journal, its counters, its calls."""

    def __init__(self, world: "World", name: str) -> None:
        clock = world.clock
        world.incarnations.append(self)
        self.disk = Disk(world, name)
        self.disk.__enter__()
        kind = SideBySide if world.seed % 4 > 1 else InFlight
        self.flights = kind(PatienceOptions(request_body_s=20.0, response_write_s=20.0), clock.monotonic)
        self.busy, self.ready = asyncio.Event(), asyncio.Event()
        self.entering: asyncio.Task[None] | None = None
        if world.redis is None:
            self.counters = LocalCounters(clock)
            self.ready.set()
        else:
            self.counters = SharedCounters(world.redis, clock, name, world.mode, world.seeds)
            self.entering = asyncio.create_task(self._enter(self.counters))
        options = ProviderOptions(base_url="http://mock/v1", api_key="k", protocols=("chat",))
        client = world.upstream.as_client()
        both = {name: build_provider(name, options, client, clock.monotonic, 1, None) for name in ("mock", "other")}
        router = Router(both, clock, Live(world.policies.routes), die=world.dice.random)
        parts = self._parts(world, router)
        self.app = endpoint(CHAT, build_pipeline(parts, router), EndpointOptions(), self.flights, clock)
        self.tasks: dict[asyncio.Task[None], None] = {}
        self._looking_after = asyncio.create_task(self._look_after())

    async def _enter(self, counters: SharedCounters) -> None:
        await counters.__aenter__()
        self.ready.set()

    async def leave(self) -> None:
        """Its counters end, whatever they were doing."""
        if self.entering is not None:
            await self.entering
            assert isinstance(self.counters, SharedCounters)
            await self.counters.__aexit__(None, None, None)

    async def _look_after(self) -> None:
        """As InFlight does for itself, at longer intervals, and not while nothing is under way: hours of virtual time are
        full of its ticks else."""
        while True:
            await self.busy.wait()
            await asyncio.sleep(2.0)
            self.flights.sweep()

    def _parts(self, world: "World", router: Router) -> Parts:
        policies, dice = world.policies, world.dice
        own_calls = OwnCalls(world.clock)

        def identify(headers: Mapping[bytes, bytes], now: float) -> Principal:
            return Principal(key_id=headers[b"x-key"].decode(), tenant="acme", team="team-a")

        return Parts(
            clock=world.clock,
            note=tagging(NotingOptions()),
            start_trace=lambda parent, state: TraceContext(
                f"{dice.getrandbits(128):032x}", f"{dice.getrandbits(64):016x}"
            ),
            ended=lambda call: None,
            ended_apart=lambda call: None,
            identify=identify,
            turns_away=lambda call: False,
            output_field=router.output_field,
            access=Live(policies.access),
            catalogue=Live(policies.catalogue),
            tenants=Live(policies.tenants),
            guards=Live(policies.guards),
            guarding=Quiet(),
            judges=Quiet(),
            limits=Live(policies.limits),
            prices=Live(policies.prices),
            cache=CacheParts(
                policy=Live(NO_CACHE),
                options=CacheOptions(),
                tiers=Tiers(
                    MemoryEntries(0, world.clock.now), None, world.clock.now, world.clock.monotonic, Quiet().cache_held
                ),
                reports=Quiet(),
                route_of=lambda model: "",
                varying=(),
                embed=Embedding(own_calls),
            ),
            counters=self.counters,
            served=router.providers,
            choose=router.choose,
            estimate_cost=lambda target, usage, caller, at, tier: (
                policies.prices.charges(Priced(provider=target.provider, model=target.model, usage=usage, at_s=at)).nano
            ),
            ceiling_cost=lambda target, usage, at: None,
            doubted=lambda provider, why: None,
            limiting=Quiet(),
            journal=self.disk,
            journal_failed=lambda error: None,
            responses=None,
            own_calls=own_calls,
            prompts=Live(Library({})),
            prompt_limits=Limits(),
            prompt_fingerprint=fingerprints("simulated"),
            refuse_unrecorded=True,
        )

    def serve(self, client: Client) -> None:
        if self.disk.dead:
            return  # nobody listens
        self.busy.set()
        task = asyncio.create_task(self._serve(client))
        self.tasks[task] = None
        task.add_done_callback(self._served)

    async def _serve(self, client: Client) -> None:
        await self.ready.wait()
        await client.call(self.app)

    def _served(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        if not self.tasks:
            self.busy.clear()

    def kill(self) -> None:
        """kill -9: from this moment on nothing that it does has any effect. The kernel closes its files."""
        self.disk.kill()
        if isinstance(self.counters, SharedCounters):
            self.counters.kill()
        for task in (*self.tasks, self._looking_after):
            task.cancel()

    async def stop(self) -> None:
        """SIGTERM: calls under way finish, the journal is closed."""
        self.disk.full = False
        self.flights.closing = True
        while self.tasks:  # as `landed` does, without a tick
            await asyncio.wait(self.tasks)
        if isinstance(self.counters, SharedCounters):
            await self.counters.told()
        await self.leave()
        self._looking_after.cancel()
        self.disk.__exit__(None, None, None)


class World:
    """One run, from its seed."""

    def __init__(self, seed: int, policies: PolicySet, rates: PolicySet, template: Path, folder: Path) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.clock = VirtualClock(START)
        self.redis = Redis(VirtualWall(self.clock).now, self.dice) if seed % 2 else None
        self.mode: Literal["exact", "lease"] = "lease" if seed % 6 == 1 else "exact"
        # Calls under a budget ask each time, whatever the mode.
        self.rates = rates
        self.policies = rates if seed % 12 == 1 else policies
        self.fair = self.dice.random() < 0.4  # nothing happens to Redis
        self.journals = folder / "journal"
        self.database = folder / "ledger.db"
        folder.mkdir(parents=True)
        shutil.copy(template, self.database)
        self.upstream = Upstream(self.dice)
        self.heard: list[Heard] = []
        self.killed = 0
        self.stepped = False
        self.incarnations: list[Worker] = []
        self.ending: list[asyncio.Task[None]] = []  # killed workers' tasks, on their way out
        self.closed: dict[str, int | None] = {}  # what calls cost that ended, as a worker knew it
        self._reading: sqlite3.Connection | None = None
        self.spoken: list[str] = []  # calls that somebody spoke of, as far as the journal took it
        self.opened: list[str] = []  # calls whose beginning is in a journal: each must be in the ledger once
        self.cut: set[str] = set()  # calls that were open in a journal when their worker was killed
        self.unwritten: set[str] = set()  # of these, the ones that had ended, on a disk that took nothing
        self.told: list[Counter[str]] = []  # what the ledger knew each time that somebody asked it for seeds, by key
        self.known: Counter[str] = Counter()  # what it knew when Redis was last emptied

    async def seeds(self, until: float, began: float) -> Sequence[tuple[Bound, float, int]]:
        """As the gateway reads them from the ledger, but without a thread."""

        def spent(since: float, before: float, by: Collection[str]) -> Iterable[Spending]:
            spans = self.policies.limits.spans
            cuts = {period_of(span, before)[0] for span in spans if span.kind == "calendar"}
            for used in used_since(LedgerPlace(self.database), since, before, (), cuts):
                caller = Principal(key_id=used.key_id, tenant=used.tenant, team=used.team)
                need = Need(used.input_tokens, used.output_tokens, used.nano, used.calls)
                yield Spending(used.at, caller, used.model, NOTHING_ASKED, need)

        if self.ledger.away:
            raise LedgerUnavailable("away")

        self.told += [self.in_ledger(), self.in_ledger(began)]
        return seeds_of(self.policies.limits, spent, until, began)

    def in_ledger(self, before: float = 4e9) -> Counter[str]:
        """What calls cost that are in the ledger and began before then (Unix seconds), by key."""
        priced = f"SELECT key_id, cost_nano FROM calls WHERE cost_nano IS NOT NULL AND started_ns < {int(before * 1e9)}"
        rows = self.rows(f"SELECT key_id, sum(cost_nano) AS nano FROM ({priced}) GROUP BY key_id")
        return Counter({row["key_id"]: row["nano"] for row in rows})

    def bounds(self) -> Mapping[str, Bound]:
        """Everything that limits anybody here, by its counter's name."""
        callers = [Principal(key_id=key, tenant="acme", team="team-a") for key in KEYS]
        limits = self.policies.limits
        return {bound.key: bound for caller in callers for bound in limits.bounds(caller, "test-model", START)}

    async def play(self) -> None:
        dice = self.dice
        with SqliteLedger(self.database, self.clock, "w") as store:
            self.ledger = Ledger(store, dice)
            self.workers = [Worker(self, f"w{number}") for number in range(dice.randint(1, 2))]
            drain = asyncio.create_task(self._drain())
            misfortune = asyncio.create_task(self._misfortune())
            for number in range(dice.randint(3, 30)):
                await asyncio.sleep(dice.choice([0.0, 0.0, dice.expovariate(0.5), dice.expovariate(0.02)]))
                client = Client(dice, KEYS[dice.randint(1, 3) - 1], number)
                self.heard.append(client.heard)
                dice.choice(self.workers).serve(client)
            misfortune.cancel()
            if self.redis is not None:
                self.redis.recover()
                self.ledger.away = False
            for worker in self.workers:
                await worker.stop()
            await asyncio.gather(*self.ending)
            drain.cancel()
            self.ledger.away = False
            for end in await asyncio.gather(drain, misfortune, return_exceptions=True):
                if not isinstance(end, asyncio.CancelledError):
                    raise AssertionError("it ended by itself") from end
            for _ in range(3):  # a commit whose answer was lost is asked for again
                assert Rounds(self.journals, self.ledger, self.clock).drain_once().error == ""
        assert not list(self.journals.glob("*.jnl")), "everything was consumed and removed"

    async def _drain(self) -> None:
        """Two drainers by turns, neither of which knows what the other has done."""
        drainers = [Rounds(self.journals, self.ledger, self.clock) for _ in range(2)]
        while True:
            await asyncio.sleep(10.0)
            place = self.dice.randrange(2)
            if not drainers[place].drain_once().error and not self.ledger.away:
                kept = self.ledger.offsets()
                for name, tail in drainers[place]._tails.items():
                    gone = not (self.journals / name).exists()  # read to its end by the other
                    assert gone or kept.get(name, 0) >= tail.offset, "how far it got is kept with what it read"
            if self.dice.random() < 0.05:  # it dies, and another takes its place
                drainers[place] = Rounds(self.journals, self.ledger, self.clock)

    async def _misfortune(self) -> None:
        dice = self.dice
        every_s = dice.choice([20, 60, 200])
        while True:
            await asyncio.sleep(dice.expovariate(1 / every_s))
            match dice.choice(["kill", "disk", "ledger", "clock", *(["redis", "redis"] if not self.fair else [])]):
                case "redis":
                    if self.redis is not None:
                        emptied = self.redis.emptied
                        self.redis.misfortune()
                        if self.redis.emptied > emptied:
                            self.known = self.in_ledger()
                case "kill":
                    place = dice.randrange(len(self.workers))
                    killed = self.workers[place]
                    killed.kill()
                    self.ending.append(asyncio.create_task(killed.leave()))
                    self.killed += 1
                    self.workers[place] = Worker(self, f"w{place}x{self.killed}")
                case "disk":
                    worker = dice.choice(self.workers)
                    worker.disk.full = not worker.disk.full
                case "ledger":
                    self.ledger.away = not self.ledger.away
                case _:
                    self.stepped = True
                    self.clock.step += dice.choice([-3.0, 3.0, -3600.0, 3600.0])

    def rows(self, query: str) -> list[dict[str, Any]]:
        if self._reading is None:
            self._reading = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
            self._reading.row_factory = sqlite3.Row
        return [dict(row) for row in self._reading.execute(query)]

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()
