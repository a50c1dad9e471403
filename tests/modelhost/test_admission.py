"""Only weights that were admitted run."""

import asyncio
import sys
from pathlib import Path

from gateway.core.clock import SystemClock
from gateway.modelhost.engine import Engine
from gateway.modelhost.options import EngineOptions, WeightsOptions
from gateway.modelhost.weights import digest_of
from tests.conftest import within
from tests.ports import free_port


async def test_weights_that_were_replaced_while_waiting_are_looked_at_again(tmp_path: Path) -> None:
    weights = tmp_path / "w.gguf"
    weights.write_bytes(b"good")
    good, asked = digest_of(weights), list[str]()
    approved = False

    def admit(engine: str, digest: str) -> str:
        asked.append(digest)
        return "" if approved and digest == good else "not approved"

    options = EngineOptions(runner="llamacpp", weights=WeightsOptions(path=str(weights)), stop_s=1.0)
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    engine = Engine("e", options, tmp_path, free_port(), SystemClock(), admit, command=command)
    running = asyncio.create_task(engine.run())
    async with within(10):
        while not asked:
            await asyncio.sleep(0.01)
        weights.write_bytes(b"another")
        approved, bad = True, digest_of(weights)
        while bad not in asked:
            await asyncio.sleep(0.01)
            state = engine.state()
            assert state.pid is None or asked[-1] == bad, "what runs is what was admitted"
        engine.ask_to_stop()
        await running
