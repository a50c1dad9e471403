"""What one gateway has found broken, others hear of through a real Redis; and what a hint does and does not do."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from gateway.core.live import Live
from gateway.router.breaker import Breaker
from gateway.router.document import Ejection, RoutesFile
from gateway.router.hints import Findings, share
from gateway.router.loading import Routes
from gateway.router.standing import Standing, Standings
from gateway.stores.redis import RedisOptions
from gateway.testing import HandClock
from tests.conftest import within
from tests.redis_servers import RedisServer, running
from tests.router.test_attempts_made import A, B, Fleet, down, fine

EJECTION = Ejection(consecutive=2, open_s=30.0, max_open_s=60.0, trials=1)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(Path(tmp_path_factory.mktemp("redis"))) as server:
        yield server


def fails(standing: Standing, clock: HandClock) -> None:
    standing.failed(standing.begun(clock.monotonic()), clock.monotonic(), 0.5)


class Replica:
    """One gateway's knowledge of its targets."""

    def __init__(self, name: str) -> None:
        self.clock = HandClock(1_000.0)
        self.standings = Standings(Live(Routes(RoutesFile(ejection=EJECTION))))
        self.findings = Findings(self.standings, name, {"one", "two"})

    def breaks(self, place: str) -> None:
        for _ in range(EJECTION.consecutive):
            fails(self.standings.of(place), self.clock)

    def state(self, place: str) -> tuple[str, bool]:
        breaker = self.standings.of(place).breaker
        return breaker.state, breaker.heard


@contextlib.asynccontextmanager
async def sharing(server: RedisServer, *replicas: Replica) -> AsyncGenerator[None]:
    options = RedisOptions(url=server.url)
    tasks = [asyncio.create_task(share(one.findings, options, "tests", one.clock.monotonic)) for one in replicas]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in results} == {asyncio.CancelledError}


@pytest.mark.asyncio
async def test_others_hear_of_what_broke_here_and_nothing_stays_in_redis(redis_server: RedisServer) -> None:
    here, there = Replica("here"), Replica("there")
    async with sharing(redis_server, here, there), within(10):
        here.breaks("one/m")
        here.breaks("elsewhere/m")
        while there.state("one/m")[0] == "closed":
            await asyncio.sleep(0.01)
        assert there.state("one/m") == ("open", True)
        assert there.state("elsewhere/m") == ("closed", False), "no provider of this gateway"
        assert here.state("one/m") == ("open", False), "its own word is nothing new to it"
        assert 29 < there.standings.of("one/m").breaker.until - there.clock.monotonic() <= 36
        assert there.findings.news(there.clock.monotonic()) == [], "what was heard is not told again"
    (key,) = redis_server.key_names()
    assert key == "tests:{*}:|open"
    assert 0 < redis_server.client.pttl(key) <= 36_000


@pytest.mark.asyncio
async def test_while_redis_is_away_nothing_happens_and_it_goes_on_when_it_is_back(tmp_path: Path) -> None:
    here, there = Replica("here"), Replica("there")
    server = RedisServer(tmp_path / "redis")
    async with sharing(server, here, there), within(30):
        here.breaks("one/m")
        await asyncio.sleep(0.6)
        assert there.state("one/m") == ("closed", False)
        server.start()
        try:
            number = 0
            while there.state("two/m")[0] == "closed":
                # What broke while nobody could be told is not told later; so it breaks again until it is heard.
                number += 1
                here.standings.of("two/m").breaker = Breaker(EJECTION)
                here.standings.of("two/m").breaker.opened = number
                here.breaks("two/m")
                await asyncio.sleep(0.1)
        finally:
            server.kill()


def test_a_hint_counts_once_and_for_as_long_as_is_believed() -> None:
    replica = Replica("me")
    now = replica.clock.monotonic()
    hint = (b"one/m\x00other\x001", 3_600_000)
    replica.findings.heard([hint], now)
    breaker = replica.standings.of("one/m").breaker
    assert breaker.until == now + EJECTION.max_open_s
    breaker.probed(now)
    breaker.answered(breaker.begun())
    replica.findings.heard([hint], now)
    assert breaker.state == "closed"
    replica.findings.heard([(b"one/m\x00other\x002", 1_000)], now)
    assert breaker.state == "open"
    replica.findings.heard([(b"\xff\x00\x00", 1), (b"", 1)], now)


def test_who_leaves_nothing_alone_heeds_no_hint() -> None:
    breaker = Breaker(Ejection(enabled=False))
    breaker.heard_open(2_000.0)
    assert breaker.state == "closed"


@pytest.mark.asyncio
async def test_a_hint_takes_nobodys_last_target_away() -> None:
    fleet = Fleet(a=[fine], b=[fine])
    breaker = fleet.router.standings.of("a/m").breaker
    breaker.heard_open(fleet.clock.monotonic() + 60)
    await fleet.ask(A, B)
    assert fleet.asked == ["b/m"]
    await fleet.ask(A)
    assert fleet.asked == ["b/m", "a/m"]
    assert breaker.state == "open"


@pytest.mark.asyncio
async def test_what_was_heard_is_tried_by_single_calls_when_its_time_is_over() -> None:
    fleet = Fleet("ejection: {trials: 1}", a=[fine], b=[fine])
    breaker = fleet.router.standings.of("a/m").breaker
    breaker.heard_open(fleet.clock.monotonic() + 1)
    fleet.clock.advance(2)
    await fleet.ask(A, B)
    assert fleet.asked == ["a/m"]
    assert (breaker.state, breaker.heard) == ("closed", False)


@pytest.mark.asyncio
async def test_calls_that_could_go_nowhere_else_make_a_finding_of_a_hint() -> None:
    fleet = Fleet("ejection: {consecutive: 2}\nretries: {max_attempts: 1}", a=[down], b=[fine])
    standing = fleet.router.standings.of("a/m")
    standing.breaker.heard_open(fleet.clock.monotonic() + 60)
    for _ in range(2):
        with pytest.raises(Exception, match="gone"):
            await fleet.ask(A)
    assert (standing.breaker.heard, standing.breaker.opened) == (False, 1)
    with pytest.raises(Exception, match="failed lately"):
        await fleet.ask(A)
    assert fleet.asked == ["a/m", "a/m"]
