"""Ended calls are told of together, soon, and none is lost."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.core.call import Call
from gateway.core.record import Record
from gateway.telemetry import gathering
from gateway.telemetry.gathering import MOST, Ended, Gathering

CallMaker = Callable[..., Call]
RecordMaker = Callable[..., Record]


async def test_a_call_alone_waits_a_moment(
    call: CallMaker, record: RecordMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "GATHER_S", 0.005)
    told: list[Ended] = []
    gathered = Gathering(told.append)
    for _ in range(2):  # the second time it is waited for anew
        gathered.add(call(record()))
        assert not told
        async with asyncio.timeout(5):
            while not told:
                await asyncio.sleep(0.005)
        assert told.pop().record == record()
        assert not told


async def test_many_do_not_wait(call: CallMaker, record: RecordMaker) -> None:
    told: list[Ended] = []
    gathered = Gathering(told.append)
    ended = [record(id=str(number)) for number in range(MOST + 3)]
    for one in ended:
        gathered.add(call(one))
    assert [one.record for one in told] == ended[:MOST]
    gathered.flush()
    gathered.flush()
    assert [one.record for one in told] == ended, "in their order, and each once"


def test_in_the_end_nobody_waits(call: CallMaker, record: RecordMaker) -> None:
    told: list[Ended] = []
    gathered = Gathering(told.append)
    gathered.end()
    gathered.add(call(record()))
    assert [one.record for one in told] == [record()]


async def test_one_that_cannot_be_told_of_keeps_no_other_from_it(
    call: CallMaker, record: RecordMaker, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def tell(one: Ended) -> None:
        if one.record.id == "bad":
            raise ValueError("a bug")
        told.append(one.record.id)

    gathered = Gathering(tell)
    for name in ("a", "bad", "b"):
        gathered.add(call(record(id=name)))
    gathered.flush()
    assert told == ["a", "b"]
    assert "call bad could not be told of" in caplog.text
