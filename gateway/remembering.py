"""What a worker keeps of what was said, where it is to: stored responses, and pairs of answers to compare."""

import contextlib
from typing import Any

import msgspec

from gateway.background import begin
from gateway.config import Settings
from gateway.core.clock import SystemClock
from gateway.edge.stored import StoredResponses
from gateway.pairs.keeping import Keeping
from gateway.pairs.store import PairStore
from gateway.providers.provider import Provider
from gateway.responses.memory import Memory
from gateway.responses.store import ResponseStore
from gateway.router.router import Router
from gateway.router.telling import RouteReports

CLOCK = SystemClock()
MIRRORS = "mirrors.db"


def memory_of(settings: Settings, stack: contextlib.AsyncExitStack) -> Memory | None:
    options = settings.config.responses
    if not options.store:
        return None
    memory = Memory(stack.enter_context(ResponseStore(settings.state_dir / "responses.db", options, CLOCK)))
    begin(stack, memory.sweep_for_ever())
    return memory


async def pairs_of(settings: Settings, told: RouteReports, stack: contextlib.AsyncExitStack) -> Keeping:
    store = stack.enter_context(pair_store_of(settings))
    return await stack.enter_async_context(Keeping(store, told.paired))


def pair_store_of(settings: Settings) -> PairStore:
    return PairStore(settings.state_dir / MIRRORS, settings.config.mirror_pairs, CLOCK)


def stored_responses(memory: Memory | None, router: Router) -> StoredResponses:
    """Stored responses as the edge asks for them. What an upstream keeps as well is deleted there first."""

    async def get(tenant: str, id: str) -> tuple[bytes, list[dict[str, Any]]] | None:
        stored = None if memory is None else await memory.get(tenant, id)
        return None if stored is None else (stored.response, msgspec.json.decode(stored.input))

    async def delete(tenant: str, id: str) -> bool:
        stored = None if memory is None else await memory.get(tenant, id)
        if memory is None or stored is None:
            return False
        provider = router.providers.get(stored.target.partition("/")[0])
        if stored.native and isinstance(provider, Provider):
            await provider.forget(id)
        return await memory.delete(tenant, id)

    return StoredResponses(get, delete)
