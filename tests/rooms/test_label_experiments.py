"""A version of a prompt that does worse is taken off its label, by a move that is audited and begins the count anew."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config import read_config
from gateway.core.attempt import Attempt
from gateway.core.clock import uuid7
from gateway.core.experiment import LOOKED
from gateway.core.faults import Conflict
from gateway.core.live import Live
from gateway.core.record import Record
from gateway.experiments import Experiments, looked
from gateway.identity.keystore import KeyStore
from gateway.labelexperiments import LabelExperiments, Labelled
from gateway.ledger.store import SqliteLedger
from gateway.prompts.labels.moves import Change
from gateway.prompts.labels.opening import open_labels
from gateway.prompts.metadata import read_meta
from gateway.prompts.positions import Position, position_of
from gateway.router.decided import FOLDER
from gateway.router.loading import NO_ROUTES
from gateway.stores.documents import DocumentError, Text
from tests.prompts.shelves import Shelf

BEGAN = 1_795_000_000
META = "experiments: {production: {since: 2026-11-01, settle_s: 0, guards: {error_rate: 0.05}MORE}}\n"


class Desk:
    def __init__(self, folder: Path, more: str = "", gate: str = "") -> None:
        (folder / "config.yaml").write_text('{"state_dir": "state"}')
        self.settings = read_config(folder / "config.yaml")
        for made in (self.settings.state_dir / FOLDER, self.settings.run_dir):
            made.mkdir(parents=True)
        self.shelf = Shelf(self.settings.prompts_dir)
        self.shelf.publish("p", "one", "two", "three")
        self.shelf.meta("p", META.replace("MORE", more) + gate)
        if gate:
            self.shelf.write(
                "p/cases.yaml", "tests: [{description: d, vars: {}, assert: [{type: contains, value: x}]}]\n"
            )
        self.clock = self.shelf.clock
        self.stopped: list[tuple[str, str]] = []
        self.experiments = Experiments(
            self.settings, Live(NO_ROUTES), lambda name, why: self.stopped.append((name, why)), self.clock
        )
        self.number = 0

    def stand(self, *weights: int) -> None:
        before = self.position
        after = position_of({version: weight for version, weight in enumerate(weights, 1) if weight})
        with open_labels(self.settings.labels, self.clock) as store:
            store.move(Change(prompt="p", label="production", before=before, after=after, actor="ann"))

    @property
    def position(self) -> Position | None:
        with open_labels(self.settings.labels, self.clock) as store:
            return store.position("p", "production")

    def send(self, fails: list[float], count: int = 1_500, **fields: Any) -> None:
        """Calls of users of their own, in turn of each version, after what was so far."""
        calls: list[Record] = []
        for _ in range(count):
            self.number += 1
            version = self.number % len(fails)
            turn = self.number // len(fails)
            failed = int(turn * fails[version]) != int((turn - 1) * fails[version])
            started = int(self.clock.at * 1e9) + self.number * 1_000_000
            calls.append(
                Record(
                    id=uuid7(started, lambda size: bytes(size)), started_ns=started, tenant="t", team="x", key_id="k",
                    operation="chat", model="m", target="p/m", duration_us=1_000, prompt_id=f"p@{version + 1}",
                    outcome="failed" if failed else "completed", attempts=(Attempt(target="p/m", served=not failed),),
                    **{"prompt_label": "production", **fields},
                )
            )  # fmt: skip
        with SqliteLedger(self.settings.ledger.file, None, "w") as store:
            store.commit(calls, "w-1.jnl", self.number)
        self.clock.at += 3_600

    def look(self) -> list[tuple[str, str]]:
        (one,) = LabelExperiments(self.settings, self.clock).found()
        return [(made.arm, made.why) for made in self.experiments.look(one)]


def test_the_version_that_does_worse_is_taken_off_and_the_others_go_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.stand(2, 1, 1)
    desk.send([0.02, 0.25, 0.02])
    assert desk.look() == [("2", "guard")]
    assert (str(desk.position), desk.stopped) == ("1:2 3:1", [("p@production", "guard")])
    with KeyStore(desk.settings.state_dir / "identity.db", desk.clock) as store:
        (line,) = [one for one in store.audit() if one.action == "prompt.label"]
    assert (line.actor, line.object) == ("gateway:experiment", "p@production")
    # The move began the count anew, and what was told is told once.
    assert desk.look() == []
    (event,) = desk.experiments.events()
    assert (event.kind, event.data["from"], event.data["to"]) == ("experiment.arm_stopped", "1:2 2:1 3:1", "1:2 3:1")
    (seen,) = looked(desk.settings.run_dir / LOOKED)
    assert (seen.route, seen.problem) == ("p@production", "")


def test_calls_that_may_have_longer_ones_beside_them_wait_for_the_next_look(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.shelf.meta("p", META.replace("MORE", "").replace("settle_s: 0", "settle_s: 7200"))
    desk.stand(1, 1)
    desk.send([0.02, 0.4])
    assert desk.look() == []
    desk.clock.at += 7_200
    assert desk.look() == [("2", "guard")]


def test_what_was_before_the_last_move_or_named_its_version_is_not_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.stand(1, 1)
    desk.send([0.02, 0.4], prompt_label="")
    desk.send([0.02, 0.4], prompt_label="staging")
    assert desk.look() == []
    desk.send([0.02, 0.4])
    desk.stand(3, 1)
    desk.clock.at += 10_000
    assert desk.look() == []
    desk.send([0.02, 0.4])
    assert desk.look() == [("2", "guard")]
    assert str(desk.position) == "1"


@pytest.mark.parametrize(("stop", "stands"), [("hold", "1:1 2:1"), ("promote", "2")])
def test_a_better_version_gets_all_only_if_that_is_said(tmp_path: Path, stop: str, stands: str) -> None:
    desk = Desk(tmp_path, f", stop: {{on_better: {stop}}}, base: '1'")
    desk.stand(1, 1)
    desk.send([0.4, 0.02])
    desk.look()
    assert str(desk.position) == stands


def test_a_gate_does_not_keep_what_does_worse(tmp_path: Path) -> None:
    desk = Desk(tmp_path, gate="gates: {production: {suite: cases.yaml}}\n")
    desk.stand(1, 1)
    desk.send([0.02, 0.4])
    assert desk.look() == [("2", "guard")]
    assert str(desk.position) == "1"


def test_what_is_better_passes_the_gate_like_anything_else(tmp_path: Path) -> None:
    more = ", stop: {on_better: promote}, base: '1'"
    desk = Desk(tmp_path, more, gate="gates: {production: {suite: cases.yaml}}\n")
    desk.stand(1, 1, 1)
    desk.send([0.3, 0.02, 0.3])
    assert desk.look() == []
    (seen,) = looked(desk.settings.run_dir / LOOKED)
    assert "needs a passing run" in seen.problem
    assert (str(desk.position), desk.stopped) == ("1:1 2:1 3:1", [])
    # Who does worse goes all the same; who is better waits for the gate.
    desk.send([0.3, 0.02, 0.8], 3_000)
    assert desk.look() == [("3", "guard")]
    assert str(desk.position) == "1:1 2:1"


def test_a_move_made_by_hand_while_it_counted_stands(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    class Interrupted(LabelExperiments):
        def _compared(self, one: Labelled, position: Position, since: float, now: float) -> Any:
            found = super()._compared(one, position, since, now)
            desk.stand(1, 0, 1)
            return found

    desk.stand(1, 1)
    desk.send([0.02, 0.4])
    labels = Interrupted(desk.settings, desk.clock)
    (one,) = labels.found()
    with pytest.raises(Conflict, match="look again"):
        labels.look(one, desk.clock.now())
    assert str(desk.position) == "1:1 3:1"


def test_a_version_that_is_not_there_is_said_and_nothing_decided(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ", base: '7'")
    desk.stand(1, 1)
    desk.send([0.02, 0.4])
    assert desk.look() == []
    (seen,) = looked(desk.settings.run_dir / LOOKED)
    assert "there is no arm `7`" in seen.problem
    assert str(desk.position) == "1:1 2:1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("labels: {production: 1}\nexperiments: {production: {since: 2026-11-01}}", "stands in this file"),
        ("experiments: {production: {since: 2026-02-30}}", "no day or moment"),
        ("experiments: {production: {since: 2026-11-01, base: v2}}", "`v2` is no number of a version"),
        ("experiments: {production: {since: 2026-11-01, metrics: cost}}", "unknown key `metrics`; did you mean `metric`"),
        ("experiments: {latest: {since: 2026-11-01}}", "latest"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_said(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read_meta("p", Text("prompt.yaml", text.encode()))
