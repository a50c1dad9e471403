"""What has to be true before a label moves, on every database, and what is written down when it does."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from shelves import Shelf

from gateway.core.faults import BadRequest, Conflict, Fault, NotAllowed
from gateway.prompts.building import Entry
from gateway.prompts.labels.promoting import Promoter, Request
from gateway.prompts.labels.store import LabelStore
from gateway.prompts.positions import Position, position_of
from gateway.prompts.refusing import UnknownVersion

GATED = "gates: {production: {suite: cases.yaml, margin: 0.02}}\n"
Noted = list[tuple[str, str, str, Mapping[str, object]]]


class Desk:
    """A prompt of four versions, whose label `production` has a gate."""

    def __init__(self, shelf: Shelf, store: LabelStore) -> None:
        shelf.publish("a", "one", "two", "three", "four", by="ann")
        shelf.write("a/cases.yaml", "tests: []\n")
        shelf.meta("a", GATED)
        self.shelf, self.store = shelf, store
        self.noted: Noted = []
        self.tests = "s"
        self.promoter = Promoter(store, lambda *line: self.noted.append(line), lambda *_: self.tests)

    @property
    def entry(self) -> Entry:
        return self.shelf.read().entry("a")

    def move(self, after: int | dict[int, int] | None, label: str = "production", **more: Any) -> Position | None:
        place = None if after is None else position_of(after)
        request = Request(label=label, after=place, actor=more.pop("actor", "bob"), **more)
        return self.promoter.move(self.entry, request).after

    def run(self, version: int, against: int, verdict: Any = "equivalent") -> str:
        lock = self.entry.lock
        made = self.store.record_gate_run(
            prompt="a", digest=lock[version].digest, against_digest=lock[against].digest if against else "",
            suite_digest="s", verdict=verdict, actor="ci",
        )  # fmt: skip
        return made.id


@pytest.fixture
def desk(shelf: Shelf, store: LabelStore) -> Desk:
    return Desk(shelf, store)


def refused(act: Callable[[], object], kind: type[Fault], code: str) -> str:
    with pytest.raises(kind) as found:
        act()
    assert found.value.code == code
    return found.value.message


def test_a_label_without_a_gate_moves(desk: Desk) -> None:
    assert desk.move(1, "staging", reason="to try") == position_of(1)
    assert desk.move({1: 50, 2: 50}, "staging") == position_of({1: 50, 2: 50})
    assert desk.move(None, "staging") is None
    assert [line[:3] for line in desk.noted] == [("bob", "prompt.label", "a@staging")] * 3
    told = [(one["from"], one["to"], one["reason"]) for *_, one in desk.noted]
    assert told == [(None, "1", "to try"), ("1", "1:50 2:50", ""), ("1:50 2:50", None, "")]


def test_a_gate_lets_through_what_passed_against_what_it_replaces(desk: Desk) -> None:
    said = refused(lambda: desk.move(1), Conflict, "gate_not_passed")
    assert "version 1 needs a passing run of cases.yaml against nothing; there is none: gateway prompts test " in said
    first = desk.run(1, 0, "passed")
    desk.move(1)
    desk.run(2, 0, "passed")
    desk.run(2, 3)
    assert "against version 1; there is none" in refused(lambda: desk.move(2), Conflict, "gate_not_passed")
    worse = desk.run(2, 1, "worse")
    assert f"the last one, {worse}, says `worse`" in refused(lambda: desk.move(2), Conflict, "gate_not_passed")
    desk.run(2, 1, "better")
    desk.tests = "other tests"
    assert "was of another gate, or of this one as it was before" in refused(
        lambda: desk.move(2), Conflict, "gate_not_passed"
    )
    desk.tests = "s"
    better = desk.run(2, 1, "better")
    desk.move(2)
    assert [one.gate_run for one in desk.store.moves("a")] == [first, better]
    assert desk.noted[-1][3]["gate_run"] == better


def test_a_refusal_says_what_is_to_be_run(desk: Desk) -> None:
    with pytest.raises(Conflict) as found:
        desk.move(1)
    digest = desk.entry.lock[1].digest
    assert found.value.details == {"prompt": "a", "version": 1, "digest": digest, "against_digest": ""}


def test_a_run_that_fails_later_shuts_the_gate_again(desk: Desk) -> None:
    desk.run(1, 0, "passed")
    desk.run(1, 0, "failed")
    refused(lambda: desk.move(1), Conflict, "gate_not_passed")


def test_a_run_is_of_exactly_that_text(desk: Desk) -> None:
    """A version that is published anew under the same number is another one."""
    desk.run(1, 0, "passed")
    shelf = desk.shelf
    (shelf.root / "a/versions.yaml").unlink()
    for number in range(1, 5):
        (shelf.root / f"a/{number}.prompt").unlink()
    shelf.publish("a", "another")
    refused(lambda: desk.move(1), Conflict, "gate_not_passed")


def test_weights_need_a_run_for_each_version_but_the_main_one(desk: Desk) -> None:
    desk.run(1, 0, "passed")
    desk.move(1)
    desk.run(2, 1)
    assert "version 3" in refused(lambda: desk.move({1: 80, 2: 10, 3: 10}), Conflict, "gate_not_passed")
    desk.run(3, 1)
    runs = [desk.move({1: 80, 2: 10, 3: 10}), desk.move({1: 10, 2: 80, 3: 10})]
    assert len(runs) == 2
    assert len(desk.store.moves("a")[-1].gate_run.split()) == 2
    # By now most of it is version 2: that is what 3 has to pass against, and 2 may have all of it.
    assert "version 3 needs a passing run of cases.yaml against version 2" in refused(
        lambda: desk.move(3), Conflict, "gate_not_passed"
    )
    desk.move(2)


def test_an_operator_may_go_past_a_gate_and_has_to_say_why(desk: Desk) -> None:
    refused(lambda: desk.move(1, force=True, reason="hurry"), NotAllowed, "force_not_allowed")
    refused(lambda: desk.move(1, force=True, operator=True), BadRequest, "invalid_request")
    desk.move(1, force=True, operator=True, reason="incident 4711")
    (made,) = desk.store.moves("a")
    assert (made.forced, made.reason, made.gate_run) == (True, "incident 4711", "")
    assert desk.noted[-1][3]["forced"] is True


def test_force_where_there_is_no_gate_is_nothing_special(desk: Desk) -> None:
    desk.move(1, "staging", force=True, operator=True, reason="r")
    assert not desk.store.moves("a", "staging")[0].forced


def test_a_gated_label_is_not_taken_away_past_its_gate(desk: Desk) -> None:
    desk.run(1, 0, "passed")
    desk.move(1)
    refused(lambda: desk.move(None), Conflict, "gate_not_passed")
    assert desk.move(None, force=True, operator=True, reason="shut it") is None


def test_somebody_else_approves(desk: Desk) -> None:
    desk.shelf.meta("a", "gates: {production: {suite: cases.yaml, approver: other}}\n")
    desk.run(1, 0, "passed")
    assert "ann published version 1" in refused(lambda: desk.move(1, actor="ann"), NotAllowed, "approver_is_author")
    desk.move(1, actor="bob")


def test_going_back_needs_no_gate(desk: Desk) -> None:
    runs = [desk.run(1, 0, "passed"), desk.run(2, 1), desk.run(3, 2)]
    for number in (1, 2, 3):
        desk.move(number)
    back = [desk.promoter.rollback(desk.entry, "production", actor="bob", reason="bad") for _ in range(2)]
    assert [(one.before, one.after, one.gate_run, one.rollback) for one in back] == [
        (position_of(3), position_of(2), runs[1], True),
        (position_of(2), position_of(1), runs[0], True),
    ]
    assert desk.noted[-1][:3] == ("bob", "prompt.rollback", "a@production")
    assert desk.promoter.rollback(desk.entry, "production", actor="bob").after is None
    said = refused(lambda: desk.promoter.rollback(desk.entry, "production", actor="bob"), Conflict, "label_unmoved")
    assert "has nothing to go back to" in said


def test_a_label_that_was_never_moved_has_nothing_to_go_back_to(desk: Desk) -> None:
    refused(lambda: desk.promoter.rollback(desk.entry, "x", actor="bob"), Conflict, "label_unmoved")


def test_a_label_in_the_file_is_moved_there_and_not_here(desk: Desk) -> None:
    desk.shelf.meta("a", "labels: {staging: 1}\n")
    said = refused(lambda: desk.move(2, "staging"), Conflict, "label_pinned")
    assert "stands in its prompt.yaml" in said
    refused(lambda: desk.promoter.rollback(desk.entry, "staging", actor="bob"), Conflict, "label_pinned")
    assert desk.store.moves("a") == []


@pytest.mark.parametrize(
    ("after", "label", "kind", "says"),
    [
        (9, "staging", UnknownVersion, "no published version 9; published: 1, 2, 3, 4"),
        ({1: 1, 9: 1}, "staging", UnknownVersion, "no published version 9"),
        (1, "latest", BadRequest, "is no label to be set"),
        (1, "V1", BadRequest, "is no label"),
    ],
)
def test_a_label_moves_to_what_is_published_alone(
    desk: Desk, after: int | dict[int, int], label: str, kind: type[Fault], says: str
) -> None:
    with pytest.raises(kind, match=says):
        desk.move(after, label)
    assert desk.noted == []


def test_a_label_does_not_move_to_what_cannot_be_served(desk: Desk) -> None:
    desk.shelf.write("a/2.prompt", "{{#if x}}")
    said = refused(lambda: desk.move(2, "staging"), Conflict, "prompt_unusable")
    assert "2.prompt:1" in said


def test_what_a_label_goes_back_to_has_to_be_there(desk: Desk) -> None:
    desk.move(1, "staging")
    desk.move(2, "staging")
    desk.shelf.write("a/1.prompt", "{{#if x}}")
    refused(lambda: desk.promoter.rollback(desk.entry, "staging", actor="bob"), Conflict, "prompt_unusable")
