"""One contestant under one load: what it answered, and what that cost it."""

import asyncio
import re
from pathlib import Path

import msgspec

from tests.speed import answers
from tests.speed.contestants import Contestant
from tests.speed.http_reading import AnswerReader
from tests.speed.load import Check, Loaded, load
from tests.speed.probing import stats
from tests.speed.proc import Cpu, cpu_s
from tests.speed.scenarios import Scenario
from tests.speed.wrk import load_with_wrk

QUIET_CPU = 0.05
SETTLED_WITHIN_S = 10.0
NOTHING = Cpu(0.0, 0.0)
_MESSAGE = re.compile(rb'"message": ?"([\x20-\x7e]{0,60})')


class Instrument(msgspec.Struct, frozen=True):
    """How to measure. `quiet_s`: so long must it be quiet after a load; `wrk_folder`: where wrk's script may be
    written, or None not to use it."""

    mock_port: int
    seconds: float
    quiet_s: float
    wrk_folder: Path | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. CPU is of all the contestant's processes; None of the mock itself, which is not compared.

    Attributes:
        parent_us_per_request: what of `cpu_us_per_request` was used by the process that was started, where
            it has workers.
        busy: share of its core that the contestant used while it was loaded; near 1, `requests_per_s` is what it
            can do, else it is what the load or the upstream could do.
    """

    answers: int
    wrong: dict[str, int]
    requests_per_s: float
    p50_us: float
    p99_us: float
    cpu_us_per_request: float | None = None
    cpu_us_per_event: float | None = None
    parent_us_per_request: float | None = None
    busy: float | None = None


def check_for(contestant: Contestant, mode: answers.Mode) -> Check:
    """What an answer must be: byte for byte what is known of it, or at least something whole of the right kind."""
    dialect = contestant.dialect
    wanted = dialect.expected(mode)
    ending = dialect.ending.strip() if answers.is_stream(mode) else b"}"

    def check(answer: AnswerReader) -> str:
        if answer.status != 200:
            said = _MESSAGE.search(answer.payload())
            return f"status {answer.status} {'' if said is None else said[1].decode()}".rstrip()
        payload = answer.payload()
        if payload == wanted or (not contestant.verbatim and payload.rstrip().endswith(ending)):
            return ""
        return f"a body of {len(payload)} bytes that is not what it should be"

    return check


async def measure(contestant: Contestant, pid: int | None, scenario: Scenario, by: Instrument) -> Sample:
    """Load it, wait until it has done what it left for later, and divide. `pid` None: the mock, which costs nobody."""
    events_before = stats(by.mock_port)["events"]
    before = cpu_s(pid) if pid is not None else NOTHING
    loaded = await _drive(contestant, scenario, by)
    at_end = cpu_s(pid) if pid is not None else NOTHING
    plain = Sample(
        answers=loaded.answers,
        wrong=loaded.wrong,
        requests_per_s=loaded.requests_per_s,
        p50_us=loaded.p50_us,
        p99_us=loaded.p99_us,
    )
    if pid is None or not loaded.answers:
        return plain
    settled = await _settled(pid, by.quiet_s)
    events = stats(by.mock_port)["events"] - events_before
    used = settled.total - before.total
    has_workers = settled.root < settled.total
    return msgspec.structs.replace(
        plain,
        cpu_us_per_request=used / loaded.answers * 1e6,
        cpu_us_per_event=used / events * 1e6 if events else None,
        parent_us_per_request=(settled.root - before.root) / loaded.answers * 1e6 if has_workers else None,
        busy=(at_end.total - before.total) / loaded.seconds,
    )


async def _drive(contestant: Contestant, scenario: Scenario, by: Instrument) -> Loaded:
    if by.wrk_folder is None or not scenario.wrk:
        check = check_for(contestant, scenario.mode)
        request = contestant.request(scenario.mode)
        spread_s = min(scenario.spread_s, by.seconds)
        return await load(contestant.port, request, check, scenario.connections, by.seconds, spread_s)
    return await load_with_wrk(contestant, scenario, by.seconds, by.wrk_folder)


async def _settled(pid: int, quiet_s: float) -> Cpu:
    """The tree's CPU once it is quiet: journals are drained and spans exported after the answers."""
    before = cpu_s(pid)
    for _ in range(int(SETTLED_WITHIN_S / quiet_s)):
        await asyncio.sleep(quiet_s)
        now = cpu_s(pid)
        if now.total - before.total < QUIET_CPU * quiet_s:
            return now
        before = now
    return before
