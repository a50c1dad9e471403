"""The mock upstream answers what it says, and the load counts only what is right."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import msgspec
import pytest

from tests.ports import free_port
from tests.speed import answers
from tests.speed.child import BenchError, Child
from tests.speed.contestants import Contestant, Ground
from tests.speed.cores import place
from tests.speed.dialects import CHAT
from tests.speed.driving import Instrument, check_for, measure
from tests.speed.http_reading import AnswerReader, request_bytes
from tests.speed.load import load, percentile
from tests.speed.probing import answers_with, ask, gated_stream, stats
from tests.speed.proc import cpu_s, process_tree, rss_mib
from tests.speed.rounds import Effort, Field
from tests.speed.scenarios import SCENARIOS, Scenario
from tests.speed.wrk import load_with_wrk, read_result, wrk_path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc and pins processes: Linux only")

PLAIN = Scenario("some", "plain", 4, "four connections")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def mock_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    argv = (sys.executable, "-m", "tests.speed.mock_upstream", str(port))
    with Child("mock", argv, frozenset({0}), tmp_path_factory.mktemp("mock") / "log") as child:
        child.wait_until(lambda: answers_with(port, request_bytes(port, "GET", "/stats")))
        yield port


def contestant(port: int) -> Contestant:
    return Contestant(name="some", argv=(), port=port)


@asynccontextmanager
async def server(handler: Handler) -> AsyncGenerator[int]:
    """A server whose every connection is `handler`'s; its port."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.CancelledError), closing(writer):
            await handler(reader, writer)

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
        for task in tasks:
            if task is not None:
                task.cancel()
    await asyncio.sleep(0.01)  # what was closed is gone one turn of the loop later


def answer_with(raw: bytes, *, then_close: bool = False) -> Handler:
    """Answer every request with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(raw)
            if then_close:
                return

    return handle


@pytest.mark.parametrize("mode", ["plain", "delayed", "stream", "paced"])
def test_the_mock_answers_as_the_models_name_says(mock_port: int, mode: answers.Mode) -> None:
    began = time.monotonic()
    answer = ask(mock_port, contestant(mock_port).request(mode))
    took = time.monotonic() - began
    assert (answer.status, answer.payload()) == (200, answers.expected(mode))
    assert 850 < len(answers.WHOLE) < 1000
    assert answers.STREAM.count(b"data: ") == answers.STREAM_EVENTS == 103
    assert took >= {"delayed": answers.DELAY_S, "paced": 100 * answers.PACE_S}.get(mode, 0)


def test_the_usage_event_comes_only_when_asked_for(mock_port: int) -> None:
    asked = answers.request_body("stream")[:-1] + b', "stream_options": {"include_usage": true}}'
    headers = {"content-type": "application/json"}
    payload = ask(mock_port, request_bytes(mock_port, "POST", CHAT.path, asked, headers)).payload()
    assert payload == b"".join(answers.EVENTS_WITH_USAGE) != answers.STREAM


@pytest.mark.parametrize("scenario", [PLAIN, Scenario("streams", "stream", 4, "four streams")])
async def test_a_load_counts_right_answers_and_times_them(mock_port: int, scenario: Scenario) -> None:
    before = stats(mock_port)["requests"]
    sample = await measure(contestant(mock_port), None, scenario, Instrument(mock_port, 0.2, quiet_s=0.1))
    assert sample.wrong == {}
    assert sample.answers == stats(mock_port)["requests"] - before > 4
    assert 0 < sample.p50_us <= sample.p99_us


@pytest.mark.parametrize(
    ("raw", "then_close", "wrong"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\n{}", False, "status 429"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", False, "a body of 2 bytes"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{}", True, "the connection was closed"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", False, "neither its length"),
    ],
    ids=["refused", "another body", "cut off", "no framing"],
)
async def test_what_is_not_a_whole_right_answer_is_never_counted(
    mock_port: int, raw: bytes, then_close: bool, wrong: str
) -> None:
    async with server(answer_with(raw, then_close=then_close)) as port:
        sample = await measure(contestant(port), None, PLAIN, Instrument(mock_port, 0.1, quiet_s=0.1))
    assert sample.answers == 0
    assert all(wrong in what for what in sample.wrong)
    assert sum(sample.wrong.values()) >= PLAIN.connections


async def test_a_server_that_closes_politely_after_each_answer_is_connected_to_again() -> None:
    raw = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(answers.WHOLE), answers.WHOLE)
    async with server(answer_with(raw, then_close=True)) as port:
        request = contestant(port).request("plain")
        loaded = await load(port, request, check_for(contestant(port), "plain"), connections=2, seconds=0.2)
    assert loaded.wrong == {}
    assert loaded.answers > 2


async def test_an_answer_that_never_ends_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.speed.load.FINISH_WITHIN_S", 0.1)
    async with server(answer_with(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{}")) as port:
        loaded = await load(port, contestant(port).request("plain"), lambda answer: "", connections=2, seconds=0.05)
    assert (loaded.answers, loaded.wrong) == (0, {"no complete answer in time": 2})


async def test_nobody_listening_is_wrong_for_every_connection() -> None:
    loaded = await load(free_port(), b"", lambda answer: "", connections=3, seconds=0.1)
    assert loaded.answers == 0
    assert sum(loaded.wrong.values()) == 3


def test_who_rewrites_answers_must_still_give_whole_ones() -> None:
    rewriter = Contestant(name="some", argv=(), port=1, verbatim=False)
    for body, wrong in ((b'data: {"a": 1}\n\ndata: [DONE]\n\n', False), (b'data: {"a": 1}\n\n', True)):
        answer = AnswerReader()
        answer.feed(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        assert bool(check_for(rewriter, "stream")(answer)) is wrong


async def test_events_that_flow_are_timed(mock_port: int) -> None:
    request = contestant(mock_port).request("gated")
    found = await gated_stream(mock_port, request, answers.DONE, mock_port)
    assert not found.held_back
    assert len(found.delays_us) == answers.GATES
    assert all(delay > 0 for delay in found.delays_us)


async def test_a_proxy_that_holds_events_back_is_found_out(mock_port: int) -> None:
    async def buffer_whole_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_upstream = await asyncio.open_connection("127.0.0.1", mock_port)
        with closing(to_upstream):
            to_upstream.write(await reader.read(65536))
            writer.write(await upstream.readuntil(b"0\r\n\r\n"))

    async with server(buffer_whole_stream) as port:
        request = contestant(port).request("gated")
        found = await gated_stream(port, request, answers.DONE, mock_port)
    assert found.held_back
    assert found.delays_us == ()


async def test_a_rival_that_does_not_start_is_left_out_and_named(mock_port: int, tmp_path: Path) -> None:
    broken = Contestant(
        name="broken", argv=(sys.executable, "-c", "print('too early'); exit(3)"), port=free_port(), rival=True
    )
    effort = Effort(rounds=1, seconds=0.05, quiet_s=0.1, cold_starts=1, gated_streams=1, wrk=False, warm_up=False)

    def field() -> Field:
        return Field(Ground(tmp_path, mock_port, 0), place(frozenset({0})), effort, lambda text: None)

    direct = Contestant(name="direct", argv=(), port=mock_port)

    outcome = await field().run([direct, broken])
    assert set(outcome.figures) == {"direct"}
    assert outcome.left_out == {"broken": "broken ended with 3: too early"}

    with pytest.raises(BenchError, match="broken ended with 3"):
        await field().run([direct, msgspec.structs.replace(broken, rival=False)])


def test_cpu_and_memory_of_a_tree_count_children_dead_or_alive(tmp_path: Path) -> None:
    burn = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass\n"
    program = (
        "import subprocess, sys, time\n"
        f"subprocess.run([sys.executable, '-c', {burn!r}])\n"
        f"open({str(tmp_path / 'one is gone')!r}, 'w').close()\n"
        f"alive = subprocess.Popen([sys.executable, '-c', {burn!r} + 'time.sleep(60)'])\n"
        "alive.wait()\n"
    )
    with Child("burner", (sys.executable, "-c", program), frozenset({0}), tmp_path / "log") as child:
        child.wait_until((tmp_path / "one is gone").exists, timeout_s=20)
        child.wait_until(lambda: len(process_tree(child.pid)) == 2 and cpu_s(child.pid).total >= 0.2, timeout_s=20)
        parent, grandchild = process_tree(child.pid)
        assert parent == child.pid
        child.wait_until(lambda: rss_mib(grandchild) > 1, timeout_s=20)
        assert cpu_s(child.pid).root < 0.2
    state = Path(f"/proc/{grandchild}/stat")
    deadline = time.monotonic() + 5
    while state.exists() and ") Z " not in state.read_text():
        assert time.monotonic() < deadline, "a child's children are ended with it"


@pytest.mark.skipif(wrk_path() is None, reason="wrk is not installed")
async def test_wrk_gives_the_same_figures_where_it_is_installed(mock_port: int, tmp_path: Path) -> None:
    loaded = await load_with_wrk(contestant(mock_port), PLAIN, 1.0, tmp_path)
    assert loaded.wrong == {}
    assert loaded.answers > 100
    assert 0 < loaded.p50_us <= loaded.p99_us


def test_errors_and_missing_bytes_in_what_wrk_says_are_wrong_answers() -> None:
    clean = {"no connection": 0, "broken answer": 0, "not sent": 0, "status": 0, "timeout": 0}
    said = {"answers": 10, "microseconds": 1_000_000, "bytes": 10_000, "p50_us": 1.0, "p99_us": 2.0, "wrong": clean}
    assert read_result(said, least_answer=900).wrong == {}
    assert read_result(said, least_answer=1_100).wrong == {"1000 bytes are missing in the answers": 1}
    refused = read_result({**said, "wrong": {**clean, "status": 4}}, least_answer=900)
    assert (refused.answers, refused.wrong) == (6, {"status": 4})


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([], 0.5)) == (50, 99, 0)
    assert percentile([7.0], 0.99) == 7


def test_contestants_have_a_core_to_themselves_where_there_is_one() -> None:
    assert place(frozenset({2, 3, 5})) == (frozenset({2}), frozenset({3, 5}))
    alone = place(frozenset({4}))
    assert alone == (frozenset({4}), frozenset({4}))
    assert "no other" in alone.note


def test_every_load_has_a_name_of_its_own() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
