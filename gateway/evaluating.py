"""Evals as the edge hands them over: the store, the files, and this worker's runs, which call as the gateway itself."""

import contextlib

from gateway.config import Settings
from gateway.core.clock import SystemClock
from gateway.edge.evals import EvalDeps
from gateway.evals.desk import Desk
from gateway.evals.files import Files
from gateway.evals.memory import Memory
from gateway.evals.running import Runs
from gateway.evals.store import EvalStore
from gateway.pipeline.own_calls import OwnCalls

CLOCK = SystemClock()


async def evaluating(settings: Settings, own_calls: OwnCalls, stack: contextlib.AsyncExitStack) -> EvalDeps:
    """What the endpoints need. Where evals are switched off, nothing is opened."""
    options, body_s = settings.config.evals, settings.config.patience.request_body_s
    if not options.enabled:
        return EvalDeps(None, body_s)
    files = Files(settings.state_dir / "evals")
    store = stack.enter_context(EvalStore(settings.state_dir / "evals.db", options, CLOCK))
    memory = stack.enter_context(Memory(store))
    noted = settings.config.metering.noted
    runs = Runs(memory, files, own_calls, options, CLOCK, run_header=noted.run_header)
    await stack.enter_async_context(runs)
    return EvalDeps(Desk(memory, files, runs, options, CLOCK), body_s)
