"""Calls that come in one turn of the event loop take each step one right after another; a call alone does not wait."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway.core.call import Call, Reply
from gateway.core.clock import SystemClock
from gateway.core.cohort import others_first
from gateway.edge.endpoint import EndpointOptions, endpoint
from gateway.edge.inflight import COHORT, InFlight, PatienceOptions
from gateway.edge.operations import OPERATIONS
from gateway.edge.peer import PEER, Head

CHAT = next(operation for operation in OPERATIONS if operation.name == "chat")
CLOCK = SystemClock()
TOGETHER = COHORT + 1
STEPS = ("first of {}", "second of {}", "reply to {}", "end of {}")


class Client:
    """A peer that has sent its request whole, and may hang up."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self._gone: Callable[[], None] | None = None
        self.task = asyncio.create_task(desk.serve(self))
        self.status = 0

    def whole(self) -> bytes:
        return b'{"model": "m"}'

    async def read(self) -> tuple[bytes, bool]:
        raise AssertionError("there is no more")

    def write(self, head: Head | None, piece: bytes, *, more: bool) -> None:
        assert head is not None, "every answer here is whole"
        assert not more
        self.status = head[0]
        self._desk.noted.append("answered")

    def watch(self, gone: Callable[[], None]) -> None:
        self._gone = gone

    def unwatch(self) -> None:
        self._gone = None

    def hang_up(self) -> None:
        assert self._gone is not None, "it is watched"
        self._gone()


class Desk:
    """An endpoint whose service notes what it does, in two steps."""

    def __init__(self) -> None:
        self.flights = InFlight(PatienceOptions(), CLOCK.monotonic)
        self.noted: list[str] = []
        self.calls: list[Call] = []
        self._app = endpoint(CHAT, self._service, EndpointOptions(), self.flights, CLOCK)

    async def serve(self, client: Client) -> None:
        await self._app({"type": "http", "headers": [], PEER: client}, _never, _never)

    async def _service(self, call: Call) -> Reply:
        await call.open()
        self.calls.append(call)
        number = len(self.calls)
        for step in ("first", "second"):
            self.noted.append(f"{step} of {number}")
            if call.in_cohort:
                await others_first()
        self.noted.append(f"reply to {number}")
        call.on_end(lambda call: self.noted.append(f"end of {number}"))
        return Reply(200, [], b"{}")

    def ask(self, calls: int) -> list[Client]:
        return [Client(self) for _ in range(calls)]

    async def ask_and_wait(self, calls: int) -> None:
        await asyncio.gather(*[client.task for client in self.ask(calls)])
        self.noted, self.calls = [], []

    async def until(self, noted: str) -> None:
        while noted not in self.noted:
            await asyncio.sleep(0)


async def _never(*_: object) -> Any:
    raise AssertionError("its peer is asked instead")


def end(by: str, desk: Desk, clients: Sequence[Client]) -> None:
    if by == "the gateway":
        desk.flights.abort_all()
    else:
        for client in clients:
            client.hang_up()


async def answered(clients: Sequence[Client]) -> list[int]:
    """Their statuses; 0: nothing was said."""
    await asyncio.gather(*[client.task for client in clients])
    return [client.status for client in clients]


async def test_calls_that_come_together_take_each_step_one_right_after_another() -> None:
    desk = Desk()
    await desk.ask_and_wait(TOGETHER)  # that they are many is known once they have come
    await answered(desk.ask(TOGETHER))
    steps = [step.format(number) for step in STEPS for number in range(1, TOGETHER + 1)]
    assert desk.noted == steps + ["answered"] * TOGETHER


async def test_a_call_that_comes_alone_goes_on_at_once() -> None:
    desk = Desk()
    await desk.ask_and_wait(TOGETHER)
    await desk.ask_and_wait(1)  # by which it is known that they come one by one now
    first = desk.ask(1)
    await desk.until("first of 1")
    await answered([*first, *desk.ask(1)])
    assert desk.noted == [what.format(number) for number in (1, 2) for what in (*STEPS, "answered")]


@pytest.mark.parametrize("by", ["the gateway", "the client"])
@pytest.mark.parametrize("after", STEPS[2:])
async def test_once_there_is_an_answer_it_is_given_whatever_comes_between(by: str, after: str) -> None:
    desk = Desk()
    await desk.ask_and_wait(TOGETHER)
    clients = desk.ask(TOGETHER)
    await desk.until(after.format(TOGETHER))
    assert "answered" not in desk.noted, "the answers wait for one another"
    end(by, desk, clients)
    assert await answered(clients) == [200] * TOGETHER
    assert {(call.record.outcome, call.record.status) for call in desk.calls} == {("completed", 200)}


@pytest.mark.parametrize(("by", "status", "outcome"), [("the gateway", 503, "failed"), ("the client", 0, "cancelled")])
async def test_before_that_it_is_ended_as_any_other(by: str, status: int, outcome: str) -> None:
    desk = Desk()
    await desk.ask_and_wait(TOGETHER)
    clients = desk.ask(TOGETHER)
    await desk.until(f"second of {TOGETHER}")
    end(by, desk, clients)
    assert await answered(clients) == [status] * TOGETHER
    assert {call.record.outcome for call in desk.calls} == {outcome}
