"""Each mode of the scripted upstreams does what its row says, and what they saw is counted."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.fleet import answers
from tests.fleet.control import Fleet
from tests.fleet.counts import Counts
from tests.fleet.modes import MODES, Behaviour, in_force
from tests.speed.child import BenchError

WITHIN_S = 20.0
QUICK = (0.0, 0.001)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(["a", "b"], tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture
def fleet(running: Fleet) -> Fleet:
    """Healthy upstreams that have seen nothing."""
    running.set(a="healthy", b="healthy")
    until(lambda: running.counts().upstreams["a"].open == 0)
    running.forget()
    return running


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=WITHIN_S) as client:
        yield client


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


async def ask(
    client: httpx.AsyncClient, fleet: Fleet, nonce: str = "t-1", *, name: str = "a", stream: bool = False
) -> httpx.Response:
    body = answers.question("m", nonce, stream=stream)
    return await client.post(f"{fleet.base_url(name)}/chat/completions", content=body)


def seen(fleet: Fleet, name: str = "a") -> Counts:
    return fleet.counts().upstreams[name]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_healthy_upstream_answers_what_it_was_asked(
    fleet: Fleet, client: httpx.AsyncClient, stream: bool
) -> None:
    answer = await ask(client, fleet, "t-7", stream=stream)
    assert (answer.status_code, answers.wrong_with(answer.content, "t-7", stream=stream)) == (200, "")
    assert answer.headers["x-ratelimit-remaining-requests"] == "9999"
    found = seen(fleet)
    assert (found.received, found.answered, found.open) == (1, 1, 0)
    assert (found.input_tokens, found.output_tokens) == (answers.INPUT_TOKENS, answers.OUTPUT_TOKENS)
    assert sum(found.per_s.values()) == 1
    assert seen(fleet, "b").received == 0


async def test_a_stream_tells_its_usage_only_when_asked_to(fleet: Fleet, client: httpx.AsyncClient) -> None:
    asked = answers.question("m", "t-1", stream=True)[:-1] + b', "stream_options": {"include_usage": true}}'
    answer = await client.post(f"{fleet.base_url('a')}/chat/completions", content=asked)
    assert b'"usage"' in answer.content
    assert answers.wrong_with(answer.content, "t-1", stream=True) == ""
    assert b'"usage"' not in (await ask(client, fleet, stream=True)).content


@pytest.mark.parametrize(
    ("mode", "status", "code", "retry_after"),
    [
        ("failing", 500, "server_error", None),
        ("flapping", 503, "server_error", None),
        ("storm", 429, "rate_limit_exceeded", None),
        ("storm_told", 429, "rate_limit_exceeded", "2"),
        ("wrong_model", 404, "model_not_found", None),
    ],
)
async def test_errors_are_told_as_openai_tells_them(
    fleet: Fleet, client: httpx.AsyncClient, mode: str, status: int, code: str, retry_after: str | None
) -> None:
    fleet.set(a=mode)
    answer = await ask(client, fleet)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == retry_after
    found = seen(fleet)
    assert (found.failed, found.answered, found.input_tokens) == (1, 0, 0)
    assert (await ask(client, fleet, name="b")).status_code == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_black_hole_takes_the_request_and_is_silent(
    fleet: Fleet, client: httpx.AsyncClient, stream: bool
) -> None:
    fleet.set(a="black_hole")
    client.timeout = httpx.Timeout(WITHIN_S, read=0.2)
    with pytest.raises(httpx.ReadTimeout):
        await ask(client, fleet, stream=stream)
    until(lambda: seen(fleet).cancelled == 1)
    assert (seen(fleet).received, seen(fleet).input_tokens) == (1, 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_half_dead_one_sends_a_head_and_nothing_more(
    fleet: Fleet, client: httpx.AsyncClient, stream: bool
) -> None:
    fleet.set(a="half_dead")
    client.timeout = httpx.Timeout(WITHIN_S, read=1.5)  # of which the head needs a part
    body = answers.question("m", "t-1", stream=stream)
    async with client.stream("POST", f"{fleet.base_url('a')}/chat/completions", content=body) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            await answer.aread()
    until(lambda: seen(fleet).cancelled == 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_cut_answer_is_reset_in_its_middle(fleet: Fleet, client: httpx.AsyncClient, stream: bool) -> None:
    fleet.set(a="cutting")
    body = answers.question("m", "t-1", stream=stream)
    came = b""

    async def read(answer: httpx.Response) -> None:
        nonlocal came
        async for piece in answer.aiter_raw():
            came += piece

    async with client.stream("POST", f"{fleet.base_url('a')}/chat/completions", content=body) as answer:
        with pytest.raises(httpx.TransportError):
            await read(answer)
    assert len(came) > 0
    assert answers.wrong_with(came, "t-1", stream=stream) != ""
    found = seen(fleet)
    assert (found.cut, found.answered) == (1, 0)
    assert found.input_tokens == answers.INPUT_TOKENS
    assert 0 < found.output_tokens <= answers.OUTPUT_TOKENS


async def test_one_that_refuses_has_nobody_listening_until_it_is_back(fleet: Fleet, client: httpx.AsyncClient) -> None:
    fleet.set(a="black_hole")
    waiting = asyncio.create_task(ask(client, fleet))
    await asyncio.to_thread(until, lambda: seen(fleet).open == 1)
    fleet.set(a="refusing")
    with pytest.raises(httpx.TransportError):
        await waiting
    assert seen(fleet).refused == 1
    for _ in range(3):
        with pytest.raises(httpx.ConnectError):
            await ask(client, fleet)
    assert (await ask(client, fleet, name="b")).status_code == 200
    fleet.set(a="healthy")
    assert (await ask(client, fleet)).status_code == 200
    assert seen(fleet).received == 2


async def test_one_that_flaps_refuses_and_listens_in_turn(fleet: Fleet, client: httpx.AsyncClient) -> None:
    fleet.set(a=Behaviour(does="refuse", flap_s=0.1))
    found: list[bool] = []

    async def turns() -> int:
        try:
            found.append((await ask(client, fleet)).status_code == 200)
        except httpx.TransportError:
            found.append(False)
        return sum(before != after for before, after in itertools.pairwise(found))

    async with asyncio.timeout(WITHIN_S):
        while await turns() < 3:
            await asyncio.sleep(0.01)


def test_a_flapping_behaviour_is_healthy_every_other_period() -> None:
    flapping = Behaviour(does="status", flap_s=2.0)
    assert [in_force(flapping, at).does for at in (0.0, 1.9, 2.0, 3.9, 4.0)] == [
        "status", "status", "answer", "answer", "status",
    ]  # fmt: skip
    assert in_force(MODES["slow"], 1e9) is MODES["slow"]


async def test_a_share_of_requests_is_treated_so_and_the_others_are_answered(
    fleet: Fleet, client: httpx.AsyncClient
) -> None:
    fleet.set(a=Behaviour(does="status", share=0.5))
    statuses = [(await ask(client, fleet)).status_code for _ in range(30)]
    found = seen(fleet)
    assert (found.failed, found.answered) == (statuses.count(500), statuses.count(200))
    assert 0 < found.failed < 30
    fleet.set(a=Behaviour(does="status", share=0.0))
    assert {(await ask(client, fleet)).status_code for _ in range(10)} == {200}


async def test_a_narrow_one_works_first_come_first_served(fleet: Fleet, client: httpx.AsyncClient) -> None:
    fleet.set(a=Behaviour(does="silence", capacity=1))
    order: list[str] = []

    async def one(nonce: str) -> None:
        await ask(client, fleet, nonce)
        order.append(nonce)

    first = asyncio.create_task(one("t-0"))
    waiting: list[asyncio.Task[None]] = []
    for number in range(1, 4):
        await asyncio.to_thread(until, lambda number=number: seen(fleet).open == number)
        waiting.append(asyncio.create_task(one(f"t-{number}")))
    await asyncio.to_thread(until, lambda: seen(fleet).open == 4)
    fleet.set(a=Behaviour(latency_s=QUICK, capacity=1))
    assert seen(fleet).answered == 0
    waiting[1].cancel()
    first.cancel()
    await asyncio.gather(first, *waiting, return_exceptions=True)
    assert order == ["t-1", "t-3"]
    found = seen(fleet)
    assert (found.answered, found.cancelled, found.most_open, found.open) == (2, 2, 4, 0)


async def test_calls_are_told_apart_and_counted_however_often_they_are_asked(
    fleet: Fleet, client: httpx.AsyncClient
) -> None:
    for nonce, name in (("subject-1", "a"), ("subject-1", "b"), ("subject-2", "a"), ("control-1", "b")):
        await ask(client, fleet, nonce, name=name)
    assert fleet.counts().times_asked == {"subject": {2: 1, 1: 1}, "control": {1: 1}}
    forgotten = fleet.forget()
    assert (forgotten.times_asked, forgotten.upstreams["a"].received) == ({}, 0)


@pytest.mark.parametrize("modes", [{"a": "nonsense"}, {"nobody": "healthy"}], ids=["mode", "upstream"])
def test_what_the_fleet_does_not_know_is_an_error(fleet: Fleet, modes: dict[str, str]) -> None:
    with pytest.raises(BenchError, match="does not take"):
        fleet.set(**modes)
