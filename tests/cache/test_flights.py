"""Who waits for whom, and what becomes of those who wait when it goes wrong."""

import asyncio

import pytest

from gateway.cache.flights import Flight, Flights, Found, Word
from tests.cache.asking import KEY, entry_of
from tests.cache.test_shared_streams import Source

ENTRY = Found(entry_of(b"x"))


@pytest.fixture
def flights() -> Flights:
    return Flights()


async def waiting(flight: Flight, count: int, timeout_s: float = 20) -> "list[asyncio.Task[object]]":
    tasks = [asyncio.create_task(flight.join(timeout_s)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks  # type: ignore[return-value]


async def test_all_take_the_leaders_answer(flights: Flights) -> None:
    flight = flights.begin(KEY)
    tasks = await waiting(flight, 3)
    assert flights.under_way(KEY) is flight
    flight.kept(ENTRY)
    assert await asyncio.gather(*tasks) == [ENTRY] * 3
    assert flights.under_way(KEY) is None


async def test_after_a_failure_one_tries_and_the_others_wait_on(flights: Flights) -> None:
    flight = flights.begin(KEY)
    tasks = await waiting(flight, 3)
    flight.failed()
    assert await tasks[0] is Word.LEAD
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, False, False]
    assert flights.under_way(KEY) is flight
    flight.failed()
    assert await tasks[1] is Word.LEAD
    flight.kept(ENTRY)
    assert await tasks[2] is ENTRY


async def test_the_last_failure_ends_it(flights: Flights) -> None:
    flight = flights.begin(KEY)
    flight.failed()
    assert flights.under_way(KEY) is None


async def test_an_answer_for_one_alone_is_waited_for_by_nobody(flights: Flights) -> None:
    flight = flights.begin(KEY)
    tasks = await waiting(flight, 3)
    flight.dissolve()
    assert await asyncio.gather(*tasks) == [Word.ALONE] * 3
    assert flights.under_way(KEY) is None


async def test_nobody_waits_for_ever(flights: Flights) -> None:
    flight = flights.begin(KEY)
    (hasty,) = await waiting(flight, 1, timeout_s=0.01)
    (patient,) = await waiting(flight, 1)
    assert await hasty is Word.ALONE
    flight.failed()
    assert await patient is Word.LEAD


async def test_who_is_told_to_lead_and_is_gone_leaves_it_to_the_next(flights: Flights) -> None:
    flight = flights.begin(KEY)
    tasks = await waiting(flight, 3)
    tasks[1].cancel()
    await asyncio.sleep(0)
    flight.failed()
    tasks[0].cancel()  # before it has heard of it
    assert await tasks[2] is Word.LEAD


async def test_a_stream_that_all_have_left_before_it_was_heard_of_is_read_by_nobody(flights: Flights) -> None:
    flight = flights.begin(KEY)
    tasks = await waiting(flight, 2)
    stream, owner = Source(b"a").shared()
    flight.streams(stream)
    stream.read(owner)
    owner.close()
    assert await asyncio.gather(*tasks) == [Word.ALONE] * 2


async def test_a_newer_flight_is_not_ended_by_an_older_one(flights: Flights) -> None:
    older = flights.begin(KEY)
    older.dissolve()
    newer = flights.begin(KEY)
    older.dissolve()
    assert flights.under_way(KEY) is newer
