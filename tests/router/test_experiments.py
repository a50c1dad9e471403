"""A route's experiment: a die gives each call its arm and says which; what was stopped gets nothing any more."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.experiment import Experiment
from gateway.router.decided import RolledBack, write_over, write_periods
from gateway.router.experiments import Period, Running, drawn, running_of, shares_of
from gateway.router.loading import read_routes
from gateway.router.router import Router
from gateway.stores.documents import DocumentError, Text
from tests.pipeline.test_obliging import call_of
from tests.router.test_attempts_made import A, B, down, permit
from tests.router.test_canaries import PRINCIPAL, Worker

ROUTE = """
retries: {max_attempts: 2}
ejection: {enabled: false}
routes:
  m:
    strategy: weighted
    targets: [{target: a/m, weight: 3}, {target: b/m, weight: 1}]
    experiment: {since: "2027-01-15T08:00:00Z"}
"""
ALONE = ROUTE.replace("max_attempts: 2", "max_attempts: 1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "canaries").mkdir()
    return tmp_path / "canaries"


def running(worker: Worker) -> Running:
    found = worker.live.value.rules["m"].experiment
    assert found is not None
    return found


async def arms(worker: Worker, times: int = 400, **headers: str) -> Counter[str]:
    return Counter([(await worker.ask(**headers)).record.variant for _ in range(times)])


async def test_each_call_has_an_arm_by_weight_and_its_record_says_which(folder: Path) -> None:
    worker = Worker(folder, ALONE)
    counts = await arms(worker)
    assert counts == {"a/m": worker.asked["a"], "b/m": worker.asked["b"]}
    assert counts["b/m"] == pytest.approx(100, abs=30)


async def test_a_call_keeps_its_arm_where_another_answers(folder: Path) -> None:
    worker = Worker(folder, ROUTE)
    worker.said["b"] = down()
    calls = [await worker.ask() for _ in range(60)]
    chosen = [call for call in calls if call.record.variant == "b/m"]
    assert chosen
    assert {call.record.target for call in calls} == {"a/m"}
    assert all(call.attempts[0].target == call.record.variant for call in calls)


@pytest.mark.parametrize("why", ["draining", "resting"])
async def test_while_an_arm_is_not_to_be_used_the_die_is_thrown_all_the_same(folder: Path, why: str) -> None:
    worker = Worker(folder, ALONE)
    standing = worker.router.standings.of("b/m")
    if why == "draining":
        standing.draining = True
    else:
        standing.resting_until = worker.clock.monotonic() + 1_000
    counts = await arms(worker, 200)
    assert counts["b/m"] > 20
    assert (worker.asked["a"], worker.asked["b"]) == (200, 0)


async def test_before_its_beginning_records_name_no_arm(folder: Path) -> None:
    early = Worker(folder, ALONE.replace("2027-01-15T08", "2027-01-16T08"))
    assert await arms(early, 20) == {"": 20}


async def test_what_was_stopped_gets_nothing_and_another_since_begins_anew(folder: Path) -> None:
    worker, other = Worker(folder, ROUTE), Worker(folder, ROUTE)
    worker.said["a"] = down()
    write_over(folder, running(worker).ids["b/m"], RolledBack("m", "b/m", at=1_800_000_000.7, reason="worse"))
    async with worker.rollouts, other.rollouts:
        for one in (worker, other):
            await one.rollouts.look()
            for _ in range(30):
                await one.ask()
            assert one.asked["b"] == 0
        shown = worker.rollouts.experiments()[0]["arms"]
        assert shown == [
            {"target": "a/m", "share": 1.0},
            {"target": "b/m", "share": 0.0, "stopped_at": "2027-01-15T08:00:00Z", "reason": "worse"},
        ]
        again = Worker(folder, ROUTE.replace("08:00:00", "08:00:01"))
        again.clock.advance(10)
        async with again.rollouts:
            await again.rollouts.look()
            assert (await arms(again, 100))["b/m"] > 5


async def test_what_lost_is_the_last_resort(folder: Path) -> None:
    worker = Worker(folder, ROUTE)
    write_over(folder, running(worker).ids["a/m"], RolledBack("m", "a/m", reason="b/m is better", last_resort=True))
    async with worker.rollouts:
        await worker.rollouts.look()
        assert await arms(worker, 40) == {"": 40}
        assert worker.asked == {"b": 40}
        worker.said["b"] = down()
        await worker.ask()
        assert worker.asked["a"] == 1


async def test_a_call_that_may_not_go_to_all_arms_is_none_of_its(folder: Path) -> None:
    worker = Worker(folder, ALONE)
    call = call_of("chat", model="m")
    call.model, call.permits, call.caller = "m", (A,), PRINCIPAL
    call.record.started_ns = worker.clock.now_ns()
    await worker.router(call)
    assert call.record.variant == ""


async def test_users_stay_with_their_arm_also_when_another_is_stopped(folder: Path) -> None:
    three = ALONE.replace("{target: b/m, weight: 1}]", "{target: b/m}, {target: c/m}]")
    worker = Worker(folder, three.replace("targets: [{t", "sticky: {by: user}\n    targets: [{t"))
    everybody = running(worker)
    worker.said["c"] = None
    router = Router(dict.fromkeys("abc", worker._serve), worker.clock, worker.live, rollouts=worker.rollouts)

    async def where() -> dict[str, str]:
        found: dict[str, str] = {}
        for number in range(200):
            call = call_of("chat", model="m")
            call.model, call.permits, call.caller = "m", (A, B, permit("c/m")), PRINCIPAL
            call.record.user, call.record.started_ns = f"u{number}", worker.clock.now_ns()
            await router(call)
            found[f"u{number}"] = call.record.variant
        return found

    first = await where()
    assert await where() == first
    assert Counter(first.values())["a/m"] == pytest.approx(120, abs=30)
    write_over(folder, everybody.ids["b/m"], RolledBack("m", "b/m"))
    async with worker.rollouts:
        await worker.rollouts.look()
        second = await where()
    assert {second[user] for user, arm in first.items() if arm == "b/m"} == {"a/m", "c/m"}
    assert all(second[user] == arm for user, arm in first.items() if arm != "b/m")


async def test_shares_that_are_published_hold_from_their_moment_on(folder: Path) -> None:
    worker = Worker(folder, ALONE.replace('08:00:00Z"', '08:00:00Z", adaptive: {}'))
    at = worker.clock.now_ns()
    write_periods(folder, running(worker).id, [Period(at + 10**9, {"a/m": 0.1, "b/m": 0.9})])
    async with worker.rollouts:
        await worker.rollouts.look()
        assert (await arms(worker, 200))["a/m"] > 120
        worker.clock.advance(2)
        assert (await arms(worker, 200))["a/m"] < 50


async def test_what_cannot_be_read_just_now_stays_in_force(folder: Path) -> None:
    worker = Worker(folder, ALONE.replace('08:00:00Z"', '08:00:00Z", adaptive: {}'))
    write_periods(folder, running(worker).id, [Period(0, {"a/m": 0.1, "b/m": 0.9})])
    async with worker.rollouts:
        (published,) = folder.glob("shares-*")
        published.unlink()
        published.mkdir()
        with pytest.raises(OSError, match="shares-"):
            await worker.rollouts.look()
        assert worker.rollouts.shares(running(worker), worker.clock.now()) == {"a/m": 0.1, "b/m": 0.9}


async def test_what_others_publish_is_heard_also_after_long_quiet_and_read_only_then(folder: Path) -> None:
    worker = Worker(folder, ALONE.replace('08:00:00Z"', '08:00:00Z", adaptive: {}'))
    one, now = running(worker), worker.clock.now()
    write_periods(folder, one.id, [Period(0, {"a/m": 0.1, "b/m": 0.9})])
    async with worker.rollouts:
        for _ in range(10):
            await worker.rollouts.look()
        (published,) = folder.glob("shares-*")
        published.write_bytes(b"damaged where it stands, which changes no folder")
        await worker.rollouts.look()
        assert worker.rollouts.shares(one, now)["a/m"] == 0.1
        write_periods(folder, one.id, [Period(0, {"a/m": 0.2, "b/m": 0.8})])
        await worker.rollouts.look()
        assert worker.rollouts.shares(one, now)["a/m"] == 0.2
        write_over(folder, one.ids["a/m"], RolledBack("m", "a/m"))
        await worker.rollouts.look()
        assert worker.rollouts.shares(one, now)["a/m"] == 0


WRONG = [
    ("strategy: weighted, sticky: {by: user}, targets: [{target: a/m}, {target: b/m}], experiment: {since: 2027-01-01, adaptive: {}}", "its part cannot change"),
    ("strategy: weighted, targets: [{target: a/m}, {target: b/m}, {target: c/m}], experiment: {since: 2027-01-01, adaptive: {floor: 0.4}}", "3 arms cannot have 0.4 of the calls each"),
    ("strategy: weighted, targets: [{target: a/m}, {target: b/m}], canary: {target: c/m, since: 2027-01-01}, experiment: {since: 2027-01-01}", "a canary or an experiment, not both"),
    ("targets: [{target: a/m}, {target: b/m}], experiment: {since: 2027-01-01}", "needs `strategy: weighted` and two targets"),
    ("strategy: weighted, targets: [{target: a/m}, {target: b/m, when: 'request.images'}], experiment: {since: 2027-01-01}", "two targets that any call may get"),
    ("strategy: weighted, sticky: {by: session}, targets: [{target: a/m}, {target: b/m}], experiment: {since: 2027-01-01}", "records do not tell who stays by `session`"),
    ("strategy: weighted, targets: [{target: a/m}, {target: b/m}], experiment: {since: 2027-01-01, base: a/n}", "`a/n` is none of the arms; did you mean `a/m`"),
    ("strategy: weighted, targets: [{target: a/m}, {target: b/m}], experiment: {since: 2027-02-30}", "no day or moment"),
    ("strategy: weighted, targets: [{target: a/m}, {target: b/m}], experiment: {since: 2027-01-01, guards: {latncy: 1}}", "unknown key `latncy`; did you mean `latency`"),
]  # fmt: skip


@pytest.mark.parametrize(("route", "reason"), WRONG)
def test_what_is_wrong_in_the_file_is_said(route: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read_routes(Text("routes.yaml", f"routes: {{m: {{{route}}}}}".encode()))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.floats(0, 1, exclude_max=True), st.integers(0, 31))
def test_the_die_gives_every_arm_its_share_and_stopped_ones_none(
    weights: list[int], thrown: float, stopped: int
) -> None:
    names = {f"p/{at}": float(weight) for at, weight in enumerate(weights)}
    one = running_of("m", Experiment(since="2027-01-01"), "p/0", names)
    over: dict[str, object] = {name: None for at, name in enumerate(one.ids.values()) if stopped >> at & 1}
    shares = shares_of(one, over, one.from_s)
    assert sum(shares.values()) == pytest.approx(1.0)
    chosen = drawn(shares, thrown)
    assert shares[chosen] > 0
    if len(over) < len(names):
        assert one.ids[chosen] not in over
