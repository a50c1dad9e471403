"""The parent process: binds the socket, keeps workers and engines alive, drains journals into the ledger.

    gateway serve ── supervisor ─┬─ worker 1…N   the event loops that answer requests
                                 ├─ engines      model servers on this machine
                                 ├─ drainer      the ledger's one writer, in a thread
                                 ├─ alerts       budgets, anomalies and missing prices, told to webhooks
                                 └─ experiments  arms of routes and versions of prompts that do worse are stopped

No engine outlives the parent, even one that was killed with -9, and no worker by more than the grace in which its calls
under way finish: each holds a lifeline pipe.
"""

import asyncio
import contextlib
import fcntl
import logging
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec

from gateway.access.history import PolicyHistory
from gateway.activation import Activation, why_not_admitted
from gateway.alerting import alerts_of
from gateway.config import Settings, child_environment, use_metrics_dir
from gateway.core.clock import SystemClock
from gateway.edge.server import ServerOptions, listen
from gateway.experiments import Experiments
from gateway.identity.keystore import KeyStore
from gateway.ledger.drain import Drained, Drainer
from gateway.ledger.opening import open_ledger, retention
from gateway.ledger.state import LedgerState, write_state
from gateway.modelhost.engine import EngineState
from gateway.modelhost.host import ModelHost
from gateway.modelhost.life import STATES
from gateway.policyfeed import PolicyFeed
from gateway.processes import Worker, WorkerSpec, under_way
from gateway.prompting import vouching
from gateway.providers.provider import Endpoint
from gateway.running import told_of_start
from gateway.stores.files import private_directory
from gateway.telemetry.metrics import Metrics, fresh_folder
from gateway.transport.client import HttpClient

_log = logging.getLogger("gateway.supervisor")
TOLD_WITHIN_S = 1.0


class AlreadyRunning(Exception):
    """Another gateway uses the same state folder."""


@contextlib.contextmanager
def sole_user(state_dir: Path) -> Generator[None]:
    """Hold the state folder for this process.

    Raises:
        AlreadyRunning: somebody else holds it.
    """
    private_directory(state_dir)
    with (state_dir / "gateway.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(f"another gateway is running on {state_dir}") from None
        yield


Started = Callable[[list[EngineState]], None]


async def supervise(settings: Settings, started: Started) -> None:
    """Run the gateway until SIGTERM or SIGINT; `started` is called with the engines' states once the first worker
    answers and no engine is still on its way up.

    Raises:
        AlreadyRunning: on the same state folder. OSError: the address cannot be bound.
    """
    with sole_user(settings.state_dir):
        listener = listen(settings.config.server)
        try:
            await _supervise(settings, listener.fileno(), started)
        finally:
            listener.close()


async def _supervise(settings: Settings, descriptor: int, started: Started) -> None:
    clock = SystemClock()
    metrics_dir = settings.run_dir / "metrics"
    fresh_folder(metrics_dir)
    use_metrics_dir(metrics_dir)
    metrics = Metrics(metrics_dir)
    stop = _stop_on_signals()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(told_of_start(settings))
        ledger = stack.enter_context(open_ledger(settings.ledger, clock))
        reports = DrainReports(metrics, settings.ledger_state)
        tidy = retention(settings.ledger, ledger, clock)
        drainer = Drainer(settings.config.drain, settings.state_dir / "journal", ledger, reports.drained, clock, tidy)
        await stack.enter_async_context(drainer)
        policies = await stack.enter_async_context(_policies(settings, stack, clock))
        client = await stack.enter_async_context(HttpClient(settings.config.http_client))
        experiments = _experiments(settings, policies, metrics, clock)
        await stack.enter_async_context(experiments)
        await stack.enter_async_context(alerts_of(settings, policies, metrics, client, clock, experiments.events))
        engines = {name: one.engine for name, one in settings.config.providers.items() if one.engine}

        def admit(engine: str, weights: str) -> str:
            return why_not_admitted(engine, weights, policies.set, engines, clock.now())

        host = ModelHost(settings.config.engines, settings.state_dir, clock, admit)
        await stack.enter_async_context(host)
        endpoints = {name: Endpoint(found.base_url, found.api_key) for name, found in host.endpoints().items()}
        count = settings.config.server.workers
        specs = [WorkerSpec(str(settings.file), index, count, descriptor, endpoints) for index in range(count)]
        environment = child_environment(metrics_dir)
        workers = [Worker(spec, environment, clock.monotonic, metrics.forget_process) for spec in specs]
        running = [asyncio.create_task(worker.run()) for worker in workers]
        reporting = asyncio.create_task(_report_engines(host, settings.run_dir / "engines.json", metrics))
        try:
            states = await _up(workers, host, stop)
            if states is not None:
                started(states)
            await stop.wait()
        finally:
            reporting.cancel()
            hung = await _end_workers(workers, running, settings.config.server, stop.why)
    _tell_end(workers, hung, settings.config.server.grace_s, drainer.last.error)


def _policies(settings: Settings, stack: contextlib.AsyncExitStack, clock: SystemClock) -> PolicyFeed:
    """The policies as the parent follows them: for their history, and for what the engines may serve."""
    keys = stack.enter_context(KeyStore(settings.state_dir / "identity.db", clock))
    history = PolicyHistory(settings.policy_history)
    activation = Activation(settings.policies_dir, history, keys.note, clock, settings.last_good_policies)
    return PolicyFeed(settings.policies_dir, activation.reloaded, settings.wiring)


def _experiments(settings: Settings, policies: PolicyFeed, metrics: Metrics, clock: SystemClock) -> Experiments:
    def stopped(name: str, why: str) -> None:
        metrics.trials.stopped.labels(name, why).inc()

    return Experiments(settings, policies.routes, stopped, clock, vouching(settings.signers))


class Stop(asyncio.Event):
    """Set when the gateway is to end. `why`: by which signal."""

    why = ""


def _stop_on_signals() -> Stop:
    stop = Stop()

    def asked(number: signal.Signals) -> None:
        stop.why = stop.why or number.name
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop


async def _up(workers: list[Worker], host: ModelHost, stop: Stop) -> list[EngineState] | None:
    """Wait until a worker answers and the engines are settled: their states. None if we are asked to stop before."""
    stopping = asyncio.create_task(stop.wait())
    ready = [asyncio.create_task(worker.ready.wait()) for worker in workers]
    settled = asyncio.create_task(host.settled())
    try:
        await asyncio.wait({*ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({settled, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return None if stop.is_set() else settled.result()
    finally:
        for task in (*ready, settled, stopping):
            task.cancel()


async def _end_workers(
    workers: list[Worker], running: list[asyncio.Task[None]], server: ServerOptions, why: str
) -> int:
    """Workers drain first, so that their last records are in the journals before the drainer's final round.

    Returns:
        How many had to be killed.
    """
    for worker in workers:
        worker.stop()
    await _tell_begin(workers, server, why)
    # A worker ends itself when its grace is over; the rest is for one that hangs.
    _, late = await asyncio.wait(running, timeout=server.drain_delay_s + server.grace_s + 10)
    for worker in workers if late else ():
        worker.kill()
    await asyncio.gather(*running, return_exceptions=True)
    return len(late)


async def _tell_begin(workers: list[Worker], server: ServerOptions, why: str) -> None:
    """One line for all workers; how many calls they have is theirs to say, and they are not waited for long."""
    telling = [asyncio.create_task(worker.draining.wait()) for worker in workers]
    _, silent = await asyncio.wait(telling, timeout=TOLD_WITHIN_S)
    for one in silent:
        one.cancel()
    calls = under_way(sum(worker.under_way for worker in workers), server.grace_s)
    taken = f"; new calls are taken for {server.drain_delay_s:g} s more" if server.drain_delay_s else ""
    unknown = f"; {len(silent)} of {len(workers)} workers have not said how many they have" if silent else ""
    _log.info("stopping%s: %s%s%s", f" on {why}" if why else "", calls, taken, unknown)


def _tell_end(workers: list[Worker], hung: int, grace_s: float, waiting: str) -> None:
    """What became of the calls and their records. `hung`: workers that were killed. `waiting`: why records wait in the
    journals; empty: none does."""
    lost: list[str] = []
    cut, died = sum(worker.cut for worker in workers), sum(worker.died for worker in workers)
    if cut:
        lost.append(
            f"{'1 call was' if cut == 1 else f'{cut} calls were'} cut, for {grace_s:g} s of grace were not enough"
        )
    if hung:
        lost.append(f"{hung} of the workers did not end and had to be killed, with the calls that they still had")
    if died:
        lost.append(f"{died} of the workers died before the end, with the calls that they still had")
    calls = "; ".join(lost) or "no call was cut"
    records = f"records wait in the journals for the next start: {waiting}" if waiting else "all is in the ledger"
    _log.log(logging.WARNING if lost or waiting else logging.INFO, "stopped: %s; %s", calls, records)


async def _report_engines(host: ModelHost, path: Path, metrics: Metrics) -> None:
    """Publish the engines' states for workers (`/health/ready`) and metrics."""
    shown = b""
    while True:
        states = host.states()
        said = msgspec.json.encode(states)
        for state in states:
            metrics.engine_reported(state.name, state.state, state.restarts, STATES)
        if said != shown:
            shown = said
            temporary = path.with_suffix(".new")
            temporary.write_bytes(said)
            temporary.replace(path)
        await asyncio.sleep(0.25)


class DrainReports:
    """What the drainer's rounds change in the metrics, and in what workers say of the ledger."""

    def __init__(self, metrics: Metrics, state_file: Path) -> None:
        self._metrics = metrics
        self._state_file = state_file
        self._told: LedgerState | None = None

    def drained(self, drained: Drained | None) -> None:
        """One round; None for one that failed."""
        if drained is None:
            self._metrics.drain_errors.inc()
            return
        if drained.records:
            self._metrics.drained.inc(drained.records)
        if drained.quarantined:
            self._metrics.quarantined.inc(drained.quarantined)
        self._metrics.drain_lag.set(drained.lag_bytes)
        state = LedgerState("behind" if drained.error else "ok", drained.error)
        if state != self._told and write_state(self._state_file, state):
            self._told = state
