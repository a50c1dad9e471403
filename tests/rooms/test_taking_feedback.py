"""What stands between the endpoint and the journal: the pace, the patience, and that nothing is told that is not kept."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.config import Settings, read_config
from gateway.core.clock import uuid7
from gateway.core.faults import NotFound, Overloaded, RateLimited, Unrecorded
from gateway.core.feedback import Feedback
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.edge.feedback import Said
from gateway.feedback import YOUNG_MS, Finding, Pace, feedback_deps
from gateway.identity.tenants import Tenants
from gateway.ledger.entries import parse
from gateway.ledger.feedback.finding import Found
from gateway.ledger.feedback.looking import Looking
from gateway.ledger.feedback.wanting import Rated, Wanted
from gateway.ledger.journal import Journal, JournalOptions
from gateway.testing import HandClock

CLOCK = HandClock(1_800_000_000.0)
ACME = Principal(key_id="k", tenant="acme", team="a")
TENANTS: Live[Tenants] = Live(Tenants((), frozenset({("acme", "a")}), "v", feedback_texts=frozenset({"acme"})))


def test_a_minutes_worth_may_come_at_once_and_then_it_is_an_even_pace() -> None:
    clock = HandClock(1_000.0)
    pace = Pace(60, clock.monotonic)
    for _ in range(60):
        pace.take(ACME)
    with pytest.raises(RateLimited) as limited:
        pace.take(ACME)
    assert limited.value.headers == {"retry-after": "1"}
    pace.take(Principal(key_id="k", tenant="acme", team="b"))
    for _ in range(5):
        clock.advance(1.0)
        pace.take(ACME)
        with pytest.raises(RateLimited):
            pace.take(ACME)
    clock.advance(3_600)
    for _ in range(60):
        pace.take(ACME)
    with pytest.raises(RateLimited):
        pace.take(ACME)


class Answers(Looking):
    """Says what it was told to, each time the next."""

    def __init__(self, *found: Found) -> None:
        self.found = list(found)
        self.asked = 0
        super().__init__(self._say)

    def _say(self, wanted: Sequence[Wanted]) -> list[Found]:
        self.asked += 1
        return [self.found.pop(0) if len(self.found) > 1 else self.found[0] for _ in wanted]


def began(ago_ms: int) -> Wanted:
    return Wanted("acme", "a", uuid7(CLOCK.now_ns() - ago_ms * 1_000_000))


HERE, AWAY = Found(Rated("id")), Found(away="away")


@pytest.mark.parametrize(
    ("wanted", "found", "asked"),
    [
        (began(0), (Found(), Found(), HERE), 3),
        (began(0), (Found(),), 4),
        (began(0), (HERE,), 1),
        (began(0), (Found(), AWAY), 2),
        (began(YOUNG_MS + 1), (Found(), HERE), 1),
        (Wanted("acme", "a", "", ("chatcmpl-1",)), (Found(), HERE), 2),
    ],
)
async def test_only_what_may_still_come_is_waited_for(wanted: Wanted, found: tuple[Found, ...], asked: int) -> None:
    answers = Answers(*found)
    assert await Finding(answers, (0.0, 0.0, 0.0), CLOCK).find(wanted) == found[min(asked, len(found)) - 1]
    assert answers.asked == asked


async def test_where_no_other_gateway_writes_the_ledger_nothing_is_waited_for() -> None:
    answers = Answers(Found(), HERE)
    assert await Finding(answers, (), CLOCK).find(began(0)) == Found()


class Told:
    """What the metrics hear."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.failed = 0

    def rated(self, feedback: Feedback, rated: Rated | None, counted_as: str) -> None:
        self.heard.append((counted_as, "" if rated is None else rated.trace_id))

    def journal_failed(self, error: OSError) -> None:
        self.failed += 1


def settings_in(folder: Path, **config: object) -> Settings:
    (folder / "config.yaml").write_text(json.dumps({"state_dir": "state", **config}))
    return read_config(folder / "config.yaml")


def lines(folder: Path) -> list[Feedback]:
    data = b"".join(path.read_bytes() for path in folder.glob("*.jnl"))
    return parse(data).feedback


def opened(journal: Journal) -> Record:
    record = Record(id=uuid7(CLOCK.now_ns()), started_ns=CLOCK.now_ns(), tenant="acme", team="a", key_id="k",
                    operation="chat", trace_id="t1")  # fmt: skip
    journal.opened(record)
    return record


async def test_what_the_disk_does_not_take_is_told_to_nobody_and_to_be_sent_again(tmp_path: Path) -> None:
    settings, told = settings_in(tmp_path), Told()
    folder = settings.state_dir / "journal"
    with Journal(JournalOptions(max_bytes=600), folder, "w") as journal:
        call = opened(journal)
        deps = feedback_deps(settings, TENANTS, journal, told, CLOCK)
        say = Said(request_id=call.id, value="up", comment="x" * 500)
        await deps.take(ACME, say, "")
        with pytest.raises(Unrecorded) as full:
            await deps.take(ACME, say, "")
        assert full.value.headers == {"retry-after": "5"}
    assert (told.heard, told.failed, len(lines(folder))) == ([("feedback", "t1")], 1, 1)


async def test_who_said_it_is_the_person_behind_a_token_unless_none_is_noted(tmp_path: Path) -> None:
    person = Principal(key_id="user_1", tenant="acme", team="a", owner="jo@example.com")
    for noted in (True, False):
        here = tmp_path / str(noted)
        here.mkdir()
        settings = settings_in(here, metering={"noted": {"users": noted}})
        with Journal(JournalOptions(), settings.state_dir / "journal", "w") as journal:
            call = opened(journal)
            deps = feedback_deps(settings, TENANTS, journal, Told(), CLOCK)
            for caller, user in ((person, ""), (person, "kim"), (ACME, ""), (ACME, "kim")):
                await deps.take(caller, Said(request_id=call.id, value="up", user=user), "")
        users = [one.user for one in lines(settings.state_dir / "journal")]
        assert users == (["jo@example.com", "kim", "", "kim"] if noted else [""] * 4)


async def test_with_nobody_to_ask_only_what_stands_by_itself_is_taken(tmp_path: Path) -> None:
    settings, told = settings_in(tmp_path), Told()
    settings.state_dir.mkdir()
    settings.ledger.file.write_bytes(b"no database " * 100)
    with Journal(JournalOptions(), settings.state_dir / "journal", "w") as journal:
        deps = feedback_deps(settings, TENANTS, journal, told, CLOCK)
        unknown = uuid7(CLOCK.now_ns())
        taken = await deps.take(ACME, Said(request_id=unknown.upper(), value="up"), "")
        assert (taken.status, taken.request_id) == ("accepted", unknown)
        refused: list[Said] = [
            Said(request_id=unknown, value="up", comment="text"),
            Said(response_id="chatcmpl-1", value="up"),
            Said(response_id=f"resp_{unknown.replace('-', '')}", value="up"),
        ]
        for said in refused:
            with pytest.raises(Overloaded):
                await deps.take(ACME, said, "")
        with pytest.raises(NotFound):
            await deps.take(ACME, Said(request_id="x", value="up"), "")
    assert told.heard == [("feedback", "")]
