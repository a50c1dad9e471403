"""A new target takes over step by step, or goes back to nothing by itself."""

import random
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.attempt import Attempt
from gateway.core.call import Call
from gateway.core.days import date_time
from gateway.core.faults import Fault, UpstreamFault
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.core.record import Outcome
from gateway.dialects.refusals import refused
from gateway.router import canaries
from gateway.router.canaries import Seen, Side, added_up, rollout_of, share_at, state_at, what_is_worse
from gateway.router.document import Canary
from gateway.router.loading import Routes, read_routes
from gateway.router.rollouts import Rollouts
from gateway.router.router import Router
from gateway.router.telling import Untold
from gateway.stores.documents import DocumentError, Text
from gateway.testing import HandClock
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import A, B, Said, down, fine

SINCE = 1_800_000_000.0
CANARY = Canary(target="b/m", since="2027-01-15T08:00:00Z", steps=(0.1, 0.5), step_s=100.0, min_calls=10)
ROLLOUT = rollout_of("m", CANARY)
ROUTE = """
retries: {max_attempts: 1}
ejection: {enabled: false}
routes:
  m:
    targets: [{target: a/m}]
    canary: {target: b/m, since: "2027-01-15T08:00:00Z", steps: [0.5], step_s: 100, min_calls: 10}
"""
RETRIED = ROUTE.replace("max_attempts: 1}", "max_attempts: 2}\nretry_budget: {share: 1, at_least: 1000}")
STICKY = ROUTE.replace("targets: [", "sticky: {by: session}\n    targets: [")
PRINCIPAL = Principal(key_id="k", tenant="t", team="x")
STATES = {"waiting", "stepping", "done", "rolled_back"}


def test_its_part_and_its_state_follow_the_clock() -> None:
    at = [SINCE + seconds for seconds in (-1, 0, 99, 100, 199, 200, 9_999)]
    assert [share_at(ROLLOUT, now, rolled_back=False) for now in at] == [0, 0.1, 0.1, 0.5, 0.5, 0.5, 0.5]
    states = [state_at(ROLLOUT, now, rolled_back=False) for now in at]
    assert states == ["waiting", *["stepping"] * 4, "done", "done"]
    assert {(share_at(ROLLOUT, now, rolled_back=True), state_at(ROLLOUT, now, rolled_back=True)) for now in at} == {
        (0.0, "rolled_back")
    }


def test_the_page_names_every_state_and_where_it_leads() -> None:
    rows = [line.split() for line in (canaries.__doc__ or "").splitlines()]
    table = {
        (words[0], next((word for word in words[1:] if word in STATES), "–"))
        for words in rows
        if words and words[0] in STATES
    }
    assert table == {
        ("waiting", "stepping"), ("stepping", "stepping"), ("stepping", "rolled_back"), ("stepping", "done"),
        ("done", "–"), ("rolled_back", "–"),
    }  # fmt: skip


@given(st.floats(0, 400), st.floats(0, 400))
def test_a_part_never_falls_by_itself(first: float, second: float) -> None:
    before, after = sorted((first, second))
    shares = [share_at(ROLLOUT, SINCE + seconds, rolled_back=False) for seconds in (before, after)]
    assert shares[0] <= shares[1]


JUDGED = [
    (Side(9, 9), Side(100, 0), False),  # too few to say
    (Side(100, 5), Side(100, 0), False),  # as many as it may
    (Side(100, 6), Side(100, 0), True),
    (Side(100, 6), Side(0, 0), True),  # there is nobody left to compare it with
    (Side(100, 60), Side(100, 50), False),  # all is broken
    (Side(100, 60), Side(100, 10), True),
    (Side(50, 0, 50, 2.1), Side(50, 0, 50, 1.0), True),
    (Side(50, 0, 50, 1.9), Side(50, 0, 50, 1.0), False),
    (Side(50, 0, 50, 2.1), Side(50, 0, 9, 1.0), False),
    (Side(50, 0, 50, 0.0009), Side(50, 0, 50, 0.0001), False),  # both at once
]


@pytest.mark.parametrize(("new", "old", "worse"), JUDGED)
def test_it_is_worse_by_errors_or_by_latency_when_there_were_enough(new: Side, old: Side, worse: bool) -> None:
    assert bool(what_is_worse(CANARY, new, old)) == worse


def test_who_hung_up_before_an_answer_makes_a_side_slower_and_never_quicker() -> None:
    quick = [Seen(1.0, failed=False, wait_s=1.0)] * 4
    assert added_up([*quick, *[Seen(1.0, wait_s=30.0, at_least=True)] * 6], 0.0) == Side(4, 0, 10, 30.0)
    assert added_up([*quick, *[Seen(1.0, wait_s=0.1, at_least=True)] * 6], 0.0) == Side(4, 0, 4, 1.0)
    assert added_up([Seen(1.0, wait_s=30.0, at_least=True)] * 3, 0.0) == Side(0, 0, 3, 30.0)


def test_what_is_older_than_a_step_does_not_count() -> None:
    assert added_up([Seen(1.0, failed=True), Seen(5.0, failed=False)], 2.0) == Side(1, 0)


WRONG = [
    ("target: a/m, since: 2027-01-15", "must not be one of the route's `targets`, and `a/m` is"),
    ("target: b/m, since: someday", "someday"),
    ("target: b/m, since: 2027-01-15, steps: [0.5, 0.1]", "each more than the last"),
]


@pytest.mark.parametrize(("canary", "reason"), WRONG)
def test_what_is_wrong_in_the_file_is_told(canary: str, reason: str) -> None:
    text = f"routes: {{m: {{targets: [{{target: a/m}}], canary: {{{canary}}}}}}}"
    with pytest.raises(DocumentError, match=reason):
        read_routes(Text("routes.yaml", text.encode()))


class Told(Untold):
    def __init__(self) -> None:
        self.ended: list[str] = []

    def rolled_back(self, route: str) -> None:
        self.ended.append(route)


class Worker:
    """A router with a canary on target `b/m`, over a folder that others may share."""

    def __init__(self, folder: Path, routes: str = ROUTE) -> None:
        self.clock = HandClock(SINCE + 1)
        self.live: Live[Routes] = Live(read_routes(Text("routes.yaml", routes.encode())))
        self.told = Told()
        self.rollouts = Rollouts(self.live, self.clock, folder, self.told)
        self.dice = random.Random(7)
        self.said: dict[str, Said | None] = {"a": None, "b": None}
        providers = dict.fromkeys("ab", self._serve)
        self.router = Router(providers, self.clock, self.live, die=self.dice.random, rollouts=self.rollouts)
        self.asked: Counter[str] = Counter()

    async def _serve(self, call: Call) -> Said:  # type: ignore[return]
        assert call.target is not None
        self.asked[call.target.provider] += 1
        said = self.said[call.target.provider]
        if isinstance(said, Fault):
            raise said
        return said or fine()

    async def ask(self, times: int = 1, ttfb_us: int = 1_000, **headers: str) -> Call:
        """Calls, each ended as the edge ends it."""
        call = call_of("chat", model="m")
        for _ in range(times):
            call = call_of("chat", model="m")
            call.model, call.permits = "m", (A, B)
            call.record.started_ns = self.clock.now_ns()
            call.headers = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
            call.caller = PRINCIPAL
            outcome, fault = "completed", None
            try:
                await self.router(call)
                call.record.ttfb_us = ttfb_us
            except UpstreamFault as error:
                outcome, fault = "failed", error
            end(call, outcome, fault)
        return call


def end(call: Call, outcome: Outcome, fault: Fault | None = None) -> None:
    if fault is not None:
        call.record.blame = fault.blame
    call.end(outcome, fault)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "canaries").mkdir()
    return tmp_path / "canaries"


async def test_it_gets_its_part_of_the_calls_and_the_record_says_whose_each_was(folder: Path) -> None:
    worker = Worker(folder)
    variants = Counter([(await worker.ask()).record.variant for _ in range(1_000)])
    assert variants == {"canary": worker.asked["b"], "stable": worker.asked["a"]}
    assert worker.asked["b"] == pytest.approx(500, abs=60)
    worker.clock.at = SINCE - 5
    assert (await worker.ask(50)).record.variant == "stable"


async def test_a_session_that_came_to_it_stays(folder: Path) -> None:
    worker = Worker(folder, STICKY)
    where = {f"s{number}": (await worker.ask(x_session_id=f"s{number}")).record.variant for number in range(200)}
    again = {name: (await worker.ask(x_session_id=name)).record.variant for name in where}
    assert where == again
    assert Counter(where.values())["canary"] == pytest.approx(100, abs=30)
    # At a later step there are more of them, and none goes back.
    worker.live.value = read_routes(Text("r", STICKY.replace("[0.5]", "[0.8]").encode()))
    later = {name: (await worker.ask(x_session_id=name)).record.variant for name in where}
    assert all(later[name] == "canary" for name, was in where.items() if was == "canary")
    assert Counter(later.values())["canary"] > Counter(where.values())["canary"]


async def test_it_is_no_last_resort_and_others_make_its_failures_good(folder: Path) -> None:
    worker = Worker(folder, RETRIED)
    worker.said["b"] = down()
    assert {(await worker.ask()).record.outcome for _ in range(40)} == {"completed"}
    worker.said = {"a": down(), "b": None}
    calls = [await worker.ask() for _ in range(40)]
    outcomes = {(call.record.variant, call.record.outcome) for call in calls}
    assert outcomes == {("canary", "completed"), ("stable", "failed")}


async def test_one_that_fails_is_rolled_back_for_every_worker_and_after_a_restart(folder: Path) -> None:
    first, second = Worker(folder), Worker(folder)
    first.said["b"] = down()
    await first.ask(60)
    assert first.asked["b"] > 10
    await first.rollouts.look()
    await second.rollouts.look()
    third = Worker(folder)
    async with third.rollouts:
        for worker in (first, second, third):
            worker.asked.clear()
            await worker.ask(100)
            assert worker.asked == {"a": 100}
            (shown,) = worker.rollouts.view()
            assert (shown["state"], shown["share"]) == ("rolled_back", 0.0)
            assert "100 % of its" in str(shown["reason"])
            assert date_time(str(shown["rolled_back_at"])) > date_time(str(shown["since"]))
    assert (first.told.ended, second.told.ended) == (["m"], [])


async def test_two_that_decide_at_once_tell_of_it_once(folder: Path) -> None:
    workers = [Worker(folder), Worker(folder)]
    for worker in workers:
        worker.said["b"] = down()
        await worker.ask(60)
    # The second has not heard of the first: it decides for itself, and finds the file there.
    workers[1].rollouts._folder = None
    await workers[0].rollouts.look()
    workers[1].rollouts._folder = folder
    await workers[1].rollouts.look()
    assert [worker.told.ended for worker in workers] == [["m"], []]


@pytest.mark.parametrize("said", [down(), refused(501, "no tools here")])
async def test_failures_that_another_target_made_good_speak_against_it_too(folder: Path, said: Fault) -> None:
    """Also what it refused: it takes less than the other does."""
    worker = Worker(folder, RETRIED)
    worker.said["b"] = said
    assert {(await worker.ask()).record.outcome for _ in range(60)} == {"completed"}
    await worker.rollouts.look()
    assert worker.rollouts.view()[0]["state"] == "rolled_back"


async def test_another_since_starts_anew_and_so_does_an_operator_who_deletes_the_file(folder: Path) -> None:
    worker = Worker(folder)
    worker.said["b"] = down()
    await worker.ask(60)
    await worker.rollouts.look()
    worker.said["b"] = None
    worker.live.value = read_routes(Text("r", ROUTE.replace("08:00:00", "07:59:59").encode()))
    await worker.rollouts.look()
    assert worker.rollouts.view()[0]["state"] == "stepping"
    worker.live.value = read_routes(Text("r", ROUTE.encode()))
    await worker.rollouts.look()
    assert worker.rollouts.view()[0]["state"] == "rolled_back"
    for path in folder.iterdir():
        path.unlink()
    await worker.rollouts.look()
    await worker.rollouts.look()
    assert worker.rollouts.view()[0]["state"] == "stepping"


async def test_one_that_is_slow_is_rolled_back_and_one_that_is_done_is_not_judged(folder: Path) -> None:
    worker = Worker(folder)
    for _ in range(100):
        call = call_of("chat", model="m")
        call.model, call.permits, call.caller = "m", (A, B), PRINCIPAL
        call.record.started_ns = worker.clock.now_ns()
        await worker.router(call)
        call.record.ttfb_us = 900_000 if call.record.variant == "canary" else 300_000
        call.end("completed")
    worker.clock.advance(100)
    await worker.rollouts.look()
    assert worker.rollouts.view()[0]["state"] == "done"
    worker.clock.advance(-99)
    await worker.rollouts.look()
    assert worker.rollouts.view()[0]["state"] == "rolled_back"
    assert "first token takes 900 ms, that of the others 300 ms" in str(worker.rollouts.view()[0]["reason"])


async def test_a_folder_that_takes_no_file_leaves_this_worker_right_and_is_tried_again(folder: Path) -> None:
    worker = Worker(folder)
    worker.said["b"] = down()
    await worker.ask(60)
    folder.rmdir()
    await worker.rollouts.look()
    worker.asked.clear()
    await worker.ask(50)
    assert worker.asked == {"a": 50}
    folder.mkdir()
    await worker.rollouts.look()
    assert len(list(folder.iterdir())) == 1


async def test_a_model_that_judges_the_call_is_on_neither_side(folder: Path) -> None:
    worker = Worker(folder)
    for _ in range(40):
        call = call_of("chat", model="m")
        call.model, call.permits, call.caller = "m", (A, B), PRINCIPAL
        await worker.router(call)
        call.attempts.append(Attempt(role="judge", target="b/m", outcome="failed"))
        call.end("completed")
    await worker.rollouts.look()
    (shown,) = worker.rollouts.view()
    assert (shown["state"], cast(Any, shown["canary"])["failed"]) == ("stepping", 0)
    assert cast(Any, shown["canary"])["calls"] == worker.asked["b"]
