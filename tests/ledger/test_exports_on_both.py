"""Exports, statements and alerts say the same of a ledger in SQLite and in PostgreSQL."""

import random
from datetime import UTC, datetime

import pytest
from keeping import where
from ledger_parts import Place
from spending import HOUR_NS, OCTOBER_NS, billed, call

from gateway.core.record import Record
from gateway.exports import focus_export
from gateway.ledger.alerts.options import AlertOptions
from gateway.ledger.alerts.outbox import Outbox
from gateway.ledger.alerts.watch import Alerts, Surroundings
from gateway.ledger.focus.lines import LeftOut, Period
from gateway.ledger.focus.naming import FocusOptions, namer
from gateway.ledger.focus.rows import Maker
from gateway.ledger.months import Month
from gateway.ledger.purchases import bought
from gateway.ledger.reading import ledger_reader
from gateway.ledger.statement.figures import figures, teams
from gateway.testing import HandClock
from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions

KINDS = ("sqlite", "postgres")
OCTOBER, WINTER = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
MAKER = Maker(namer(FocusOptions(), {}), "USD")


def filled(place: Place) -> list[Record]:
    draw = random.Random(3)
    made = [call(number, OCTOBER_NS + draw.randrange(24 * 40 * HOUR_NS), draw) for number in range(120)]
    with place.ledger() as ledger:
        ledger.commit(made, "w.jnl", 1)
    return made


def test_an_export(place: Place) -> None:
    made = filled(place)
    with focus_export(where(place), MAKER, Period(OCTOBER, WINTER)) as export:
        rows = list(export.rows)
        missing = export.left_out
    assert sum(row["BilledCost"] for row in rows) == billed(made)  # type: ignore[misc, arg-type]
    unpriced = [one for record in made for one in record.attempts if one.pricing == "unpriced"]
    assert missing == [LeftOut("openai", "openai/new", "input_tokens", len(unpriced), 1_000 * len(unpriced))]
    assert "user_0123" not in {row["x_CredentialId"] for row in rows}


def test_a_team_alone(place: Place) -> None:
    made = filled(place)
    of = [one for one in made if (one.tenant, one.team) == ("shop", "risk")]
    period = Period(OCTOBER, WINTER, "day", {"tenant": "shop", "team": "risk"})
    with focus_export(where(place), MAKER, period) as export:
        assert sum(row["BilledCost"] for row in export.rows) == billed(of)  # type: ignore[misc, arg-type]


def test_a_statement(place: Place) -> None:
    made = filled(place)
    of = [
        one
        for one in made
        if (one.tenant, one.team) == ("bank", "loans") and one.started_ns < OCTOBER_NS + 31 * 24 * HOUR_NS
    ]
    with ledger_reader(where(place)) as reader:
        assert reader is not None
        found = figures(reader, "bank", "loans", Month(2026, 10))
        everybody = teams(reader, Month(2026, 10))
    cost = sum(one.cost_nano or 0 for one in of)
    assert (found.cost_nano, sum(one.nano for one in found.meters), found.calls) == (cost, cost, len(of))
    assert next(one.cost_nano for one in everybody if (one.tenant, one.team) == ("bank", "loans")) == cost
    assert found.link


def test_what_was_bought(place: Place) -> None:
    made = filled(place)
    found = list(bought(where(place), OCTOBER, WINTER))
    billed_attempts = [one for record in made for one in record.attempts if one.pricing != "none"]
    assert len(found) == len(billed_attempts) > 0
    assert sum(one.attempt.cost_nano or 0 for one in found) == sum(one.cost_nano or 0 for one in billed_attempts)
    assert sum(charge.nano or 0 for one in found for charge in one.attempt.charges) == sum(
        charge.nano or 0 for one in billed_attempts for charge in one.charges
    )


async def test_alerts(place: Place, tmp_path) -> None:
    made = filled(place)
    last = max(one.started_ns for one in made if one.pricing == "unpriced")

    class Silent:
        def alerted(self, kind: str) -> None:
            told.append(kind)

        def delivered(self, result: str) -> None:
            pytest.fail(f"nobody is to be told: {result}")

    told: list[str] = []
    around = Surroundings(lambda: ledger_reader(where(place)), lambda now: [], lambda: "USD", Silent())
    async with HttpClient(ClientOptions()) as client:
        with Outbox(tmp_path / "alerts.db") as outbox:
            alerts = Alerts(AlertOptions(), outbox, around, client, HandClock(last / 1e9 + 1))
            assert [await alerts.look(), await alerts.look()] == [1, 0]
    assert told == ["price.missing"]
