"""What experiments decide from the ledger, and what they do not."""

import random
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.compare.live.designs import Moving, Shares
from gateway.compare.live.results import Live, LiveDifference, LiveGuard
from gateway.compare.statistics.interval import Interval
from gateway.config import Settings, read_config
from gateway.core.attempt import Attempt
from gateway.core.clock import uuid7
from gateway.core.experiment import LOOKED, Experiment, ExperimentGuards, ExperimentStop
from gateway.core.live import Live as Current
from gateway.core.record import Record
from gateway.experiments import LEAD_S, Experiments, looked, periods_of, resume, resumed_at, stopped_events
from gateway.ledger.feedback.metrics import FeedbackOptions
from gateway.ledger.live.reading import Subject
from gateway.ledger.store import SqliteLedger
from gateway.livedecisions import decisions
from gateway.livedesigns import experiment_design
from gateway.livetraffic import Question, measures_of, question_of
from gateway.router.decided import FOLDER, RolledBack, read_over, write_over
from gateway.router.experiments import Period, Running, shares_of
from gateway.router.loading import Routes, read_routes
from gateway.stores.documents import Text
from gateway.testing import HandClock

SINCE = 1_800_000_000
ROUTE = """
routes:
  fast:
    strategy: weighted
    targets: [{target: p/a, weight: 2}, {target: p/b}, {target: p/c}]
    experiment: {since: "2027-01-15T08:00:00Z", settle_s: 0, guards: {error_rate: 0.05}, MORE}
"""


class Desk:
    def __init__(self, folder: Path, more: str = "look_s: 60") -> None:
        (folder / "config.yaml").write_text('{"state_dir": "state"}')
        self.settings: Settings = read_config(folder / "config.yaml")
        self.clock = HandClock(SINCE + 5_000)
        self.routes: Current[Routes] = Current(read_routes(Text("routes.yaml", ROUTE.replace("MORE", more).encode())))
        self.stopped: list[tuple[str, str]] = []
        for made in (self.settings.state_dir / FOLDER, self.settings.run_dir):
            made.mkdir(parents=True)
        self.experiments = self.restarted()
        self.number = 0
        self.die = random.Random(1)

    def restarted(self) -> Experiments:
        return Experiments(self.settings, self.routes, lambda route, why: self.stopped.append((route, why)), self.clock)

    @property
    def running(self) -> Running:
        found = self.routes.value.rules["fast"].experiment
        assert found is not None
        return found

    def send(
        self,
        fails: dict[str, float],
        count: int = 1_200,
        at: float = SINCE,
        shares: Mapping[str, float] | None = None,
        **fields: Any,
    ) -> None:
        calls: list[Record] = []
        for _ in range(count):
            self.number += 1
            arm = ("p/a", "p/b", "p/a", "p/c")[self.number % 4]
            if shares is not None:
                arm = self.die.choices(list(shares), list(shares.values()))[0]
            # As often as it is to fail, spread evenly.
            failed = int(self.number * fails[arm]) != int((self.number - 4) * fails[arm])
            started = int(at * 1e9) + self.number * 1_000_000
            calls.append(
                Record(
                    id=uuid7(started, lambda size: bytes(size)), started_ns=started, tenant="t", team="x", key_id="k",
                    operation="chat", model="fast", route="fast", variant=arm, target=arm, duration_us=1_000,
                    outcome="failed" if failed else "completed", usage_source="none",
                    attempts=(Attempt(role="primary", target=arm, served=not failed),), **fields,
                )
            )  # fmt: skip
        with SqliteLedger(self.settings.ledger.file, None, "w") as store:
            store.commit(calls, "w-1.jnl", self.number)

    def look(self) -> list[tuple[str, str]]:
        return [(one.arm, one.why) for one in self.experiments.look(self.running)]

    def over(self) -> set[str]:
        names = {name: place for place, name in self.running.ids.items()}
        return {names[one] for one in read_over(self.settings.state_dir / FOLDER)}


def test_the_arm_that_breaks_a_guard_is_stopped_once_and_the_others_go_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.22})
    assert desk.look() == [("p/c", "guard")]
    assert (desk.over(), desk.stopped) == ({"p/c"}, [("fast", "guard")])
    desk.experiments = desk.restarted()
    assert desk.look() == []
    (event,) = stopped_events(desk.settings.state_dir / FOLDER, desk.routes)
    assert (event.kind, event.data["arm"], event.key) == (
        "experiment.arm_stopped",
        "p/c",
        f"experiment {desk.running.ids['p/c']} {SINCE + 5_000}",
    )
    (seen,) = looked(desk.settings.run_dir / LOOKED)
    assert (seen.problem, len(seen.said)) == ("", 2)


def test_arms_alike_stay(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.send({"p/a": 0.05, "p/b": 0.05, "p/c": 0.05}, 3_000)
    assert (desk.look(), desk.over()) == ([], set())


@pytest.mark.parametrize(
    ("more", "decided"),
    [
        ("stop: {on_worse: tell}", []),
        ("stop: {on_better: hold}", []),
        ("stop: {on_better: promote}", [("p/a", "lost"), ("p/c", "lost")]),
    ],
)
def test_a_better_arm_gets_more_only_if_that_is_said(tmp_path: Path, more: str, decided: list[Any]) -> None:
    desk = Desk(tmp_path, more)
    fails = {"p/a": 0.3, "p/b": 0.01, "p/c": 0.3}
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.3} if "tell" in more else fails, 2_000)
    assert desk.look() == decided
    assert {one.last_resort for one in read_over(desk.settings.state_dir / FOLDER).values()} <= {True}


@pytest.mark.parametrize(("state", "made"), [("open", ["p/a"]), ("broken", [])])
def test_an_arm_that_breaks_a_guard_is_not_promoted_also_where_harm_is_only_told(state: Any, made: list[str]) -> None:
    better = LiveDifference(
        base="p/a", other="p/b", metric="thumbs", pairs=900, interval=Interval(0.2, 0.1, 0.3, 0.95, "", 900),
        change=None, p=0.0, p_adjusted=0.0, margin=0.02, judged=True, word="better", more_pairs=0,
        guards=(LiveGuard(metric="cost", allowed=0.2, change=0.9, pairs=900, state=state),),
    )  # fmt: skip
    found = Live(
        route="fast", prompt="", metric="thumbs", unit="call", since=0, until=1, level=0.95, least=25, arms=(),
        differences=(better,), uncounted={}, notes=(),
    )  # fmt: skip
    measures = measures_of("thumbs", None, [("cost", 0.2)], FeedbackOptions())
    question = Question(subject=Subject("fast"), since_ns=0, until_ns=1, measures=measures, base="p/a")
    stop = ExperimentStop(on_worse="tell", on_better="promote")
    assert [one.arm for one in decisions(found, stop, question, ["p/a", "p/b"])] == made


def test_what_is_declared_is_what_is_asked() -> None:
    guards = ExperimentGuards(refusals=0.03, cost=0.4)
    declared = Experiment(since="2027-01-15", metric="thumbs", margin=0.1, guards=guards, alpha=0.2, least=77)
    asked = question_of(Subject("fast"), declared, "p/b", (5, 9), FeedbackOptions())
    assert (asked.level, asked.least, asked.base, asked.since_ns, asked.until_ns) == (0.8, 77, "p/b", 5, 9)
    named = [(one.name, one.allowance) for one in asked.measures]
    assert named == [("thumbs", 0.1), ("refusals", 0.03), ("cost", 0.4)]


def test_what_was_before_its_beginning_is_not_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.4}, at=SINCE - 10_000)
    assert desk.look() == []


def test_calls_that_may_have_longer_ones_beside_them_wait_for_the_next_look(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    text = ROUTE.replace("settle_s: 0", "settle_s: 60").replace("MORE", "")
    desk.routes.value = read_routes(Text("routes.yaml", text.encode()))
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.3}, at=SINCE + 4_941)
    assert desk.look() == []
    desk.clock.advance(2)
    assert desk.look() == [("p/c", "guard")]


def test_after_going_on_with_an_arm_what_it_did_before_is_forgotten(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.3})
    desk.look()
    stopped = desk.settings.state_dir / FOLDER
    assert not resume(stopped, desk.running, "p/b", SINCE + 6_000)
    assert resumed_at(stopped, desk.running) == 0
    assert resume(stopped, desk.running, "p/c", SINCE + 6_000)
    assert desk.over() == set()
    desk.clock.advance(5_000)
    assert (desk.look(), desk.over()) == ([], set())
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.3}, at=SINCE + 7_000)
    assert desk.look() == [("p/c", "guard")]


def test_whoever_goes_on_with_an_arm_while_it_is_counted_is_not_overruled_by_that(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    folder = desk.settings.state_dir / FOLDER
    desk.send({"p/a": 0.02, "p/b": 0.3, "p/c": 0.3})
    ended = RolledBack("fast", "p/b", "", SINCE, "by hand")
    write_over(folder, desk.running.ids["p/b"], ended)

    class Interrupted(Experiments):
        def _compared(self, running: Running, now: float) -> Any:
            found = super()._compared(running, now)
            resume(folder, running, "p/b", SINCE + 6_000)
            return found

    desk.experiments = Interrupted(desk.settings, desk.routes, lambda route, why: None, desk.clock)
    assert (desk.look(), desk.over()) == ([], set())


@pytest.mark.parametrize("how", ["damaged", "metric", "none"])
def test_what_cannot_be_known_is_not_decided_and_said(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, "metric: starz" if how == "metric" else "look_s: 1")
    if how != "none":
        desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.5})
    if how == "damaged":
        with sqlite3.connect(desk.settings.ledger.file) as connection:
            connection.execute("DROP TABLE feedback")
        connection.close()
    assert (desk.look(), desk.over()) == ([], set())
    (seen,) = looked(desk.settings.run_dir / LOOKED)
    assert bool(seen.problem) is (how != "none")
    desk.look()
    assert caplog.text.count("decides nothing, its split stays") == (how != "none")


def test_shares_follow_and_what_is_stopped_is_out_of_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "adaptive: {floor: 0.1, update_s: 100}")
    folder = desk.settings.state_dir / FOLDER
    desk.clock.advance(-200)
    # Whatever was before the first look had shares that nobody knows: another `since` may be a day that is past.
    desk.send({"p/a": 0.0, "p/b": 0.0, "p/c": 1.0}, 400)
    assert desk.look() == []
    (weights,) = periods_of(folder, desk.running)
    assert (weights.from_ns, weights.shares["p/a"]) == (int((SINCE + 4_800) * 1e9), 0.5)
    desk.send({"p/a": 0.3, "p/b": 0.3, "p/c": 0.2}, 400, SINCE + 4_810)
    desk.clock.advance(99)
    desk.look()
    assert len(periods_of(folder, desk.running)) == 1
    desk.clock.advance(101)
    desk.look()
    _, first = periods_of(folder, desk.running)
    assert first.from_ns == int((SINCE + 5_005) * 1e9)
    assert sum(first.shares.values()) == pytest.approx(1.0)
    assert first.shares["p/c"] > first.shares["p/a"] >= 0.1
    desk.look()
    assert len(periods_of(folder, desk.running)) == 2  # it is not due yet
    # Before they hold, weights count; after that, they do.
    over: dict[str, object] = {}
    assert shares_of(desk.running, over, SINCE + 5_004, [first])["p/a"] == 0.5
    assert shares_of(desk.running, over, SINCE + 5_006, [first]) == pytest.approx(dict(first.shares))
    desk.clock.advance(4_000)
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.7}, 4_000, SINCE + 5_100, first.shares)
    assert [arm for arm, _ in desk.look()] == ["p/c"]
    last = periods_of(folder, desk.running)[-1]
    assert (set(last.shares), last.from_ns) == ({"p/a", "p/b"}, int((SINCE + 9_000) * 1e9))
    desk.send({"p/a": 0.02, "p/b": 0.4}, 2_000, SINCE + 9_010, {"p/a": 0.97, "p/b": 0.03})
    desk.clock.advance(60)
    assert desk.look() == []  # calls that have not the shares they should have tell nothing
    (seen,) = looked(desk.settings.run_dir / LOOKED)
    assert "not judged" in seen.said[0]
    resume(folder, desk.running, "p/c", SINCE + 9_500)
    assert periods_of(folder, desk.running)[-1].shares == {"p/a": 0.5, "p/b": 0.25, "p/c": 0.25}


class Slow(HandClock):
    """Between any two looks at it something was counted for half a minute."""

    def now(self) -> float:
        self.advance(30)
        return super().now()


def test_shares_hold_from_when_workers_can_have_heard_of_them_however_long_counting_took(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "adaptive: {floor: 0.1, update_s: 100}")
    desk.clock = Slow(SINCE - 500)
    desk.experiments = desk.restarted()
    desk.clock.advance(500)
    desk.look()
    desk.clock.advance(5_000)
    desk.send({"p/a": 0.3, "p/b": 0.3, "p/c": 0.2}, 400, SINCE + 100)
    desk.look()
    folder = desk.settings.state_dir / FOLDER
    assert periods_of(folder, desk.running)[-1].from_ns == int((desk.clock.at + LEAD_S) * 1e9)
    desk.send({"p/a": 0.02, "p/b": 0.02, "p/c": 0.7}, 2_000, SINCE + 100)
    began = desk.clock.at
    desk.look()
    assert periods_of(folder, desk.running)[-1].from_ns >= int((began + 60) * 1e9)


def test_weights_that_are_edited_change_nothing_of_what_was(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "adaptive: {floor: 0.1, update_s: 100}")
    desk.send({"p/a": 0.3, "p/b": 0.3, "p/c": 0.3}, 400)
    desk.look()
    text = ROUTE.replace("weight: 2", "weight: 20").replace("{target: p/b}, ", "").replace("MORE", "adaptive: {}")
    desk.routes.value = read_routes(Text("routes.yaml", text.encode()))
    rule = desk.routes.value.rules["fast"]
    periods = periods_of(desk.settings.state_dir / FOLDER, desk.running)
    moving = experiment_design(rule, desk.running, periods=periods).moving
    assert moving is not None
    assert moving.at((SINCE + 5_010) * 10**9) == {"p/a": 0.5, "p/b": 0.25, "p/c": 0.25}
    # An arm that is gone leaves its part to the others at once: what a call's chance was is known.
    desk.clock.advance(20)
    desk.look()
    last = periods_of(desk.settings.state_dir / FOLDER, desk.running)[-1]
    assert (set(last.shares), last.from_ns) == ({"p/a", "p/c"}, int((SINCE + 5_020) * 1e9))


def test_a_call_counts_by_the_share_that_it_had_also_if_the_floor_was_lower_then(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "adaptive: {floor: 0.2}")
    periods = (Period(0, {"p/a": 0.9, "p/b": 0.05, "p/c": 0.05}),)
    moving = experiment_design(desk.routes.value.rules["fast"], desk.running, periods=periods).moving
    assert moving is not None
    assert moving.least == 0.05


def test_without_a_ledger_all_arms_get_as_much(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "adaptive: {floor: 0.1}")
    desk.look()
    desk.clock.advance(400)
    desk.look()
    shares = periods_of(desk.settings.state_dir / FOLDER, desk.running)[-1].shares
    assert shares == pytest.approx(dict.fromkeys(desk.running.arms, 1 / 3))


def test_calls_at_the_moment_of_a_change_are_in_no_difference() -> None:
    moving = Moving((Shares(0, {"a": 0.5}), Shares(10 * 10**9, {"a": 0.9})), 0.1)
    at = {second: moving.at(int(second * 1e9)) for second in (8.9, 9.1, 10, 11.9, 12.1)}
    assert at == {8.9: {"a": 0.5}, 9.1: None, 10: None, 11.9: None, 12.1: {"a": 0.9}}
