"""Every report of what was spent comes to the same total, with what no team pays for named beside what teams pay."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from keeping import call, place_of
from ledger_parts import Desk
from spending import HOUR_NS, OCTOBER_NS

from gateway.core.attempt import JUDGES, MIRRORS, RETRIES, Attempt, Charge, judges_of
from gateway.core.money import decimal_text
from gateway.core.record import Record
from gateway.ledger.costs import costs_of_spans
from gateway.ledger.focus.lines import Period, lines
from gateway.ledger.focus.naming import FocusOptions, namer
from gateway.ledger.focus.rows import Maker
from gateway.ledger.months import Month
from gateway.ledger.purchases import bought
from gateway.ledger.reading import ledger_reader
from gateway.ledger.rendering import as_csv, as_json
from gateway.ledger.reports import own_usage, usage
from gateway.ledger.statement.figures import figures, teams
from gateway.ledger.statement.index import index
from gateway.ledger.statement.page import Statement, page
from gateway.ledger.statement.words import exact
from gateway.ledger.store import SqliteLedger
from tests.conftest import GatewayFactory
from tests.pages.reading import Reading

KINDS = ("sqlite", "postgres")
OCTOBER = Month(2026, 10)
SERVED, JUDGE, MIRROR, RETRY = 1_500, 80, 1_000, 240


def attempt(n: int, nano: int, **fields: Any) -> Attempt:
    charge = Charge("input_tokens", nano // 10, 1_000_000, 10_000_000_000, 10_000_000_000, nano, nano)
    known = {"provider": "p", "target": "p/m", "served_model": "m", "outcome": "completed", "pricing": "priced"}
    return Attempt(n=n, charges=(charge,), **{**known, **fields})


def judged(number: int) -> Record:
    """A call that a judge looked at; the target that was asked first broke after it had used something."""
    attempts = (
        attempt(1, JUDGE, role="judge", account=JUDGES, target="p/judge"),
        attempt(2, RETRY, account=RETRIES, outcome="failed"),
        attempt(3, SERVED, role="retry", served=True),
    )
    at = OCTOBER_NS + number * 7 * HOUR_NS + number
    return call(number, started_ns=at, team=f"t{number % 2}", attempts=attempts, cost_nano=SERVED, list_nano=SERVED)


def mirrored(number: int) -> Record:
    """A mirror's copy of a call; that of every other one goes to a model without a price."""
    known: dict[str, Any] = {"role": "mirror", "account": MIRRORS}
    unknown = Attempt(
        **known, provider="p", target="p/new", served_model="new", outcome="completed", pricing="unpriced",
        charges=(Charge("input_tokens", 5), Charge("output_tokens", 1)),
    )  # fmt: skip
    return msgspec.structs.replace(
        judged(number), variant="mirror", target="", served_model="", usage=None, usage_source="none", pricing="none",
        cost_nano=None, list_nano=None, attempts=(unknown if number % 4 > 1 else attempt(1, MIRROR, **known),),
    )  # fmt: skip


RECORDS = [*map(judged, range(12)), *map(mirrored, range(12, 24))]
TEAMS = 12 * SERVED
OWN = {JUDGES: 12 * JUDGE, MIRRORS: 6 * MIRROR, RETRIES: 12 * RETRY}
WHOLE = TEAMS + sum(OWN.values())
GROUPS = (
    ["team"],
    ["model", "target"],
    ["day", "user"],
    ["hour", "team"],
    ["outcome", "variant"],
    ["account", "team"],
    ["account", "tier"],
    ["day", "account"],
)


def test_every_report_comes_to_the_same_total(desk: Desk) -> None:
    desk.store.commit(RECORDS, "w-1.jnl", 1)
    place = place_of(desk)
    accounts = {row.group["account"]: row.cost_nano for row in usage(place, ["account"])}
    assert accounts == {"": TEAMS, **OWN}
    assert {row.group["account"]: row.cost_nano for row in own_usage(place)} == OWN
    assert sum(one.attempt.cost_nano or 0 for one in bought(place, None, None)) == WHOLE, "prices diff"
    (costs,) = costs_of_spans(place, [(0, 2**63 - 1)], ["project"], False, {})
    assert sum(one.nano for one in costs) == WHOLE, "OpenAI's costs"
    with ledger_reader(place) as reader:
        assert reader is not None
        period = Period(OCTOBER.begin, OCTOBER.after().begin)
        assert sum(one.nano for one in lines(reader, period)) == WHOLE, "FOCUS"
        months = teams(reader, OCTOBER)
    assert sum(one.cost_nano + one.own_nano for one in months) == WHOLE, "statements"
    text = Reading(index(months, OCTOBER, "USD")).text
    assert f"for calls of these teams {exact(WHOLE - TEAMS)} USD, with which it is {exact(WHOLE)} USD" in text


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize("words", GROUPS, ids=",".join)
def test_by_whatever_it_is_grouped_nothing_is_lost_and_nothing_twice(desk: Desk, words: list[str], zone: str) -> None:
    desk.store.commit(RECORDS, "w-1.jnl", 1)
    rows = usage(place_of(desk), words, zone=zone)
    assert sum(row.cost_nano + row.own_nano for row in rows) == WHOLE
    assert sum(row.calls for row in rows) == 24
    told = sum(row.own_unpriced or row.unpriced for row in rows)
    assert told == 12, "two charges without a price of each of six copies"
    if "account" in words:
        assert {row.own_nano for row in rows} == {0}
        assert sum(row.input_tokens for row in rows if row.group["account"] == JUDGES) == 12 * JUDGE // 10
    else:
        assert sum(row.cost_nano for row in rows) == TEAMS


def test_a_part_of_a_period_and_of_the_calls_has_the_part_of_the_accounts(desk: Desk) -> None:
    """Cut in the middle of days and of hours, where single calls are read."""
    desk.store.commit(RECORDS, "w-1.jnl", 1)
    place = place_of(desk)
    at = [datetime.fromtimestamp(RECORDS[number].started_ns / 1e9, UTC) for number in (3, 9)]
    found = {row.group["account"]: row.cost_nano for row in own_usage(place, *at, {"team": "t1"})}
    assert found == {JUDGES: 3 * JUDGE, RETRIES: 3 * RETRY}
    (row,) = usage(place, [], *at, {"team": "t1", "outcome": "completed"})
    assert (row.calls, row.own_nano) == (3, 3 * (JUDGE + RETRY))
    (page,) = usage(place, ["team"], after=["t0"], limit=1)
    assert (page.group, page.own_nano) == ({"team": "t1"}, 6 * (JUDGE + RETRY) + 3 * MIRROR)


def test_each_guards_judge_has_an_account_of_its_own(desk: Desk) -> None:
    def guarded(number: int) -> Record:
        first, *rest = judged(number).attempts
        account = judges_of("pii" if number % 3 else "jailbreak")
        attempts = (msgspec.structs.replace(first, account=account), *rest)
        return msgspec.structs.replace(judged(number), attempts=attempts)

    desk.store.commit([*map(guarded, range(12)), judged(12)], "w-1.jnl", 1)
    place = place_of(desk)
    own = {judges_of("jailbreak"): 4 * JUDGE, judges_of("pii"): 8 * JUDGE, JUDGES: JUDGE, RETRIES: 13 * RETRY}
    assert {row.group["account"]: row.cost_nano for row in own_usage(place)} == own
    for words in (["account"], ["account", "tier"]):
        found = {row.group["account"]: row.cost_nano for row in usage(place, words, filters={"team": "t0"})}
        assert (found[judges_of("pii")], found[judges_of("jailbreak")]) == (4 * JUDGE, 2 * JUDGE)
    for project, nano in ((judges_of("pii"), 8 * JUDGE), (JUDGES, 13 * JUDGE), ("gateway:judges/p", 0), ("", 0)):
        (costs,) = costs_of_spans(place, [(0, 2**63 - 1)], [], False, {"project": [project]})
        assert sum(one.nano for one in costs) == nano, project
    with ledger_reader(place) as reader:
        assert reader is not None
        rows = map(
            Maker(namer(FocusOptions(), {}), "USD").row, lines(reader, Period(OCTOBER.begin, OCTOBER.after().begin))
        )
        names = {row["SubAccountId"]: row["SubAccountName"] for row in rows}
    assert (names["gateway:judges/pii"], names[JUDGES], names[RETRIES]) == ("Judges (pii)", "Judges", "Retries")


def test_a_statement_says_how_much_the_gateway_paid_itself(desk: Desk) -> None:
    desk.store.commit(RECORDS, "w-1.jnl", 1)
    with ledger_reader(place_of(desk)) as reader:
        assert reader is not None
        found = figures(reader, "acme", "t1", OCTOBER)
    made = {"tenant": "acme", "team": "t1", "team_name": "", "month": OCTOBER, "currency": "USD"}
    text = Reading(page(Statement(**made, figures=found, made_at=1_793_600_000.0))).text  # type: ignore[arg-type]
    own = 6 * (JUDGE + RETRY) + 3 * MIRROR
    assert (
        f"charged to the gateway itself: for calls of this team {exact(own)} USD (gateway:judges {exact(6 * JUDGE)}, "
        f"gateway:mirrors {exact(3 * MIRROR)} and 6 charges without a price, gateway:retries {exact(6 * RETRY)}), "
        f"with which it is {exact(6 * SERVED + own)} USD." in text
    )


def test_files_have_it_beside_each_line_and_what_is_not_known_is_no_zero(desk: Desk) -> None:
    desk.store.commit([judged(1), mirrored(14)], "w-1.jnl", 1)
    rows = usage(place_of(desk), ["variant"])
    found = list(csv.DictReader(io.StringIO("".join(as_csv(rows, ["variant"])))))
    assert [(one["variant"], one["cost_usd"], one["own_usd"], one["own_unpriced"]) for one in found] == [
        ("", decimal_text(SERVED), decimal_text(JUDGE + RETRY), "0"),
        ("mirror", decimal_text(0), "", "2"),
    ]
    assert [(one["own_nano"], one["own_usd"]) for one in as_json(rows)] == [
        (JUDGE + RETRY, decimal_text(JUDGE + RETRY)),
        (0, decimal_text(0)),
    ]


def test_the_command_says_it_below_its_table(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    gateway.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with SqliteLedger(gateway.state / "ledger.db") as ledger:
        ledger.commit(RECORDS, "w-1.jnl", 1)
    said = gateway.cli("usage").stdout
    own = decimal_text(WHOLE - TEAMS)
    assert (
        f"\nbesides, paid by the gateway's own accounts and in no line: {own} USD (gateway:judges "
        f"{decimal_text(OWN[JUDGES])}, gateway:mirrors {decimal_text(OWN[MIRRORS])} and 12 charges without a price, "
        f"gateway:retries {decimal_text(OWN[RETRIES])}); with that {decimal_text(WHOLE)} USD\n" in said
    )
    by_account = gateway.cli("usage", "--by", "account").stdout
    assert "besides" not in by_account
    assert decimal_text(WHOLE) in by_account
    told = json.loads(gateway.cli("usage", "--by", "team", "--json").stdout)
    assert sum(row["cost_nano"] for row in told) == TEAMS
    assert sum(row["own_nano"] for row in told) == WHOLE - TEAMS
    refused = gateway.cli("usage", "--account", JUDGES, check=False)
    assert refused.returncode == 2


def test_where_no_account_paid_anything_nothing_is_said(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    gateway.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = msgspec.structs.replace(judged(1), attempts=(attempt(1, SERVED, served=True),))
    with SqliteLedger(gateway.state / "ledger.db") as ledger:
        ledger.commit([plain], "w-1.jnl", 1)
    assert "besides" not in gateway.cli("usage").stdout
