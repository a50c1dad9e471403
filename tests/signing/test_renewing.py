"""Credentials that expire: fetched once, however many wait; renewed before it is too late; failures told once more."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from gateway.core.faults import Fault, NotConfigured, UpstreamUnreachable
from gateway.testing import HandClock
from gateway.transport.signing.authorizer import RETRY_S, Kept, Renewing, load


class Issuer:
    """Gives "1", "2", …, each good for an hour, to be renewed after 50 minutes; waits at its gate."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.threads: set[str] = set()

    def fetch(self) -> Kept[str]:
        self.count += 1
        self.threads.add(threading.current_thread().name)
        assert self.gate.wait(5)
        if self.error is not None:
            raise self.error
        now = self.clock.now()
        return Kept(str(self.count), now + 3000, now + 3600)


def failed(error: Exception) -> Fault:
    return UpstreamUnreachable(type(error).__name__)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(1_000_000.0)


@pytest.fixture
def issuer(clock: HandClock) -> Issuer:
    return Issuer(clock)


async def settled(said: Callable[[], bool]) -> None:
    for _ in range(500):
        if said():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not come about")


async def test_many_who_wait_are_served_by_one_fetch(issuer: Issuer, clock: HandClock) -> None:
    kept = Renewing(issuer.fetch, failed, clock)
    issuer.gate.clear()
    waiting = [asyncio.create_task(kept.get()) for _ in range(20)]
    await settled(lambda: issuer.count == 1)
    waiting[0].cancel()
    issuer.gate.set()
    assert await asyncio.gather(*waiting[1:]) == ["1"] * 19, "one that gives up does not stop the others' fetch"
    assert (issuer.count, await kept.get()) == (1, "1")
    assert "MainThread" not in issuer.threads, "a fetch never holds up the event loop"


async def test_it_is_renewed_in_the_background(issuer: Issuer, clock: HandClock) -> None:
    kept = Renewing(issuer.fetch, failed, clock)
    await kept.get()
    clock.at += 3001
    issuer.gate.clear()
    assert [await kept.get() for _ in range(5)] == ["1"] * 5, "nobody waits for what is only to be renewed"
    await settled(lambda: issuer.count == 2)
    issuer.gate.set()
    await settled(lambda: kept._kept is not None and kept._kept.value == "2")  # pyright: ignore[reportPrivateUsage]
    assert (await kept.get(), issuer.count) == ("2", 2)


async def test_what_is_about_to_expire_is_waited_for(issuer: Issuer, clock: HandClock) -> None:
    kept = Renewing(issuer.fetch, failed, clock)
    await kept.get()
    clock.at += 3590
    assert await kept.get() == "2"


async def test_a_failure_in_the_background_is_tried_again_later(issuer: Issuer, clock: HandClock) -> None:
    kept = Renewing(issuer.fetch, failed, clock)
    await kept.get()
    clock.at += 3001
    issuer.error = OSError("down")
    for _ in range(5):
        assert await kept.get() == "1"
        await asyncio.sleep(0.01)
    await settled(lambda: issuer.count == 2)
    await asyncio.sleep(0.02)
    assert (await kept.get(), issuer.count) == ("1", 2), "not at once"
    clock.at += RETRY_S + 1
    issuer.error = None
    await kept.get()
    await settled(lambda: issuer.count == 3)
    issuer.error = OSError("down")
    clock.at += 4000
    with pytest.raises(UpstreamUnreachable):
        await kept.get()


async def test_what_comes_old_already_is_not_fetched_again_and_again(clock: HandClock) -> None:
    count = 0

    def fetch() -> Kept[str]:
        nonlocal count
        count += 1
        return Kept("old", clock.now() - 1, clock.now() + 100)

    kept = Renewing(fetch, failed, clock)
    for _ in range(10):
        assert await kept.get() == "old"
        await asyncio.sleep(0.005)
    assert count == 1


async def test_a_failure_is_told_to_all_who_wait_and_the_next_tries_again(issuer: Issuer, clock: HandClock) -> None:
    kept = Renewing(issuer.fetch, failed, clock)
    issuer.error = OSError("secret")
    told = await asyncio.gather(*(kept.get() for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in told} == {UpstreamUnreachable}
    assert all("secret" not in str(one) for one in told)
    issuer.error = None
    assert await kept.get() == "2"


def test_an_extra_that_is_missing_is_named() -> None:
    with pytest.raises(NotConfigured, match="extra `aws`"):
        load("no_such_library_here", "aws")
