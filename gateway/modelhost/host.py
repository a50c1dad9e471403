"""All engines of this gateway: started together, ended together, never in the way of the gateway's own start."""

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.core.clock import Clock
from gateway.modelhost.engine import Admit, Endpoint, Engine, EngineState
from gateway.modelhost.options import EngineOptions


class ModelHost:
    """`async with ModelHost(…) as host`. Endpoints are known at once; states tell which engine answers yet."""

    def __init__(self, engines: Mapping[str, EngineOptions], state_dir: Path, clock: Clock, admit: Admit) -> None:
        self._engines = [
            Engine(name, options, state_dir, free_port(), clock, admit) for name, options in engines.items()
        ]
        self._running: list[asyncio.Task[None]] = []

    def endpoints(self) -> Mapping[str, Endpoint]:
        return {engine.name: engine.endpoint for engine in self._engines}

    def states(self) -> list[EngineState]:
        return [engine.state() for engine in self._engines]

    async def settled(self) -> list[EngineState]:
        """Wait until each engine answers, fails or waits to be started again; the states then."""
        while any(self._begins(engine.state()) for engine in self._engines):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # a state is a look at a process, and nothing tells of it
        return self.states()

    @staticmethod
    def _begins(state: EngineState) -> bool:
        """Whether it is on its way up for the first time."""
        return state.restarts == 0 and (state.state == "starting" or (state.state == "waiting" and not state.message))

    async def __aenter__(self) -> Self:
        self._running = [asyncio.create_task(engine.run()) for engine in self._engines]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for engine in self._engines:
            engine.ask_to_stop()
        await asyncio.gather(*self._running, return_exceptions=True)


def free_port() -> int:
    """A port nobody listens on now. Kept for the gateway's life, so that a restarted engine is where it was."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
