"""The store from the event loop: one at a time, whoever is cancelled; and while the database is away."""

import asyncio
import sqlite3
import threading
import time
from typing import Any, cast

import pytest

from gateway.core.faults import Overloaded
from gateway.evals import memory as memories
from gateway.evals.memory import Memory
from gateway.evals.store import EvalStore


class Away:
    """A store that cannot be used the first few times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def look(self) -> str:
        self.times -= 1
        if self.times >= 0:
            raise sqlite3.OperationalError("database is locked")
        return "here"


def look(store: Any) -> str:
    return store.look()


async def test_who_asks_is_told_that_it_is_away_and_who_has_to_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memories, "AGAIN_S", 0.001)
    with Memory(cast(EvalStore, Away(3))) as memory:
        with pytest.raises(Overloaded) as away:
            await memory(look)
        assert (away.value.code, away.value.headers) == ("evals_unavailable", {"retry-after": "5"})
        assert await memory.insisting(look) == "here"
    assert caplog.text.count("database is locked") == 2


async def test_one_that_is_cancelled_keeps_the_next_waiting_until_it_is_done() -> None:
    begun, order = threading.Event(), list[str]()

    def slowly(store: object) -> None:
        begun.set()
        time.sleep(0.05)
        order.append("first")

    with Memory(cast(EvalStore, object())) as memory:
        first = asyncio.create_task(memory(slowly))
        await asyncio.to_thread(begun.wait)
        first.cancel()
        await memory(lambda store: order.append("second"))
    assert order == ["first", "second"]
