"""Reports: exact sums, unknown prices never counted as zero, days of the reader's own zone."""

import csv
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_parts import Desk, closed_record, ledger_at, open_record

from gateway.core.record import Record
from gateway.core.usage import LARGEST, METERS, Usage
from gateway.ledger.folding import with_unknown_models
from gateway.ledger.options import LedgerPlace
from gateway.ledger.rendering import as_csv, as_json, cells, table
from gateway.ledger.reports import first_day, never_seen, usage
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.words import FILTERS, GROUPS


def at(moment: datetime, number: int, **fields: Any) -> Record:
    started_ns = int(moment.timestamp() * 1_000_000) * 1000
    return closed_record(number, started_ns=started_ns, **fields)


def kept(tmp_path: Path, *records: Record) -> LedgerPlace:
    with ledger_at(tmp_path) as store:
        store.commit(records, "w-1.jnl", 1)
    return LedgerPlace(tmp_path / "ledger.db")


def test_calls_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    outcomes = ["completed", "completed", "refused", "failed", "cancelled", "interrupted"]
    ledger = kept(tmp_path, *(closed_record(number, outcome=word) for number, word in enumerate(outcomes)))
    (row,) = usage(ledger, [])
    counted = (row.calls, row.completed, row.refused, row.failed, row.cancelled, row.interrupted)
    assert counted == (6, 2, 1, 1, 1, 1)


def test_totals_hold_their_parts(tmp_path: Path) -> None:
    full = Usage(**{meter: 10**index for index, meter in enumerate(METERS)})
    (row,) = usage(kept(tmp_path, closed_record(1, usage=full)), [])
    assert row.input_tokens == full.total_input
    assert row.output_tokens == full.total_output
    parts = [meter for meter in METERS if meter not in ("input_tokens", "output_tokens")]
    assert {meter: getattr(row, meter) for meter in parts} == {meter: getattr(full, meter) for meter in parts}


def test_a_call_without_a_price_is_counted_and_costs_nothing_in_the_sum(tmp_path: Path) -> None:
    ledger = kept(
        tmp_path,
        closed_record(1, cost_nano=3),
        closed_record(2, cost_nano=None, pricing="unpriced"),
        closed_record(3, cost_nano=0, pricing="priced"),
        closed_record(4, cost_nano=None, pricing="none", outcome="refused", usage=None, usage_source="none"),
        closed_record(5, cost_nano=4, usage_source="estimate"),
    )
    (row,) = usage(ledger, [])
    assert (row.cost_nano, row.unpriced, row.estimated) == (7, 1, 1)


def test_what_has_no_price_at_all_is_not_shown_as_free(tmp_path: Path) -> None:
    unpriced = {"cost_nano": None, "pricing": "unpriced"}
    ledger = kept(tmp_path, closed_record(1, team="red", **unpriced), closed_record(2, team="blue", cost_nano=0))
    shown = {row.group["team"]: cells(row)["cost_usd"] for row in usage(ledger, ["team"])}
    assert shown == {"blue": "0.000000000", "red": ""}


@settings(max_examples=20, deadline=None)
@given(costs=st.lists(st.integers(0, LARGEST), min_size=1, max_size=30))
def test_costs_are_added_exactly(tmp_path_factory: pytest.TempPathFactory, costs: list[int]) -> None:
    ledger = kept(
        tmp_path_factory.mktemp("costs"), *(closed_record(number, cost_nano=cost) for number, cost in enumerate(costs))
    )
    (row,) = usage(ledger, [])
    assert row.cost_nano == sum(costs)


def test_many_of_the_largest_records_can_be_added_up(tmp_path: Path) -> None:
    largest = Usage(**dict.fromkeys(METERS, LARGEST))
    (row,) = usage(kept(tmp_path, *(closed_record(number, usage=largest) for number in range(100))), [])
    assert row.input_tokens == 100 * 7 * LARGEST


def test_groups_and_filters(tmp_path: Path) -> None:
    ledger = kept(
        tmp_path,
        closed_record(1, team="red", model="small"),
        closed_record(2, team="blue", model="small"),
        closed_record(3, team="blue", model="large"),
        closed_record(4, team="blue", model="large"),
    )
    found = usage(ledger, ["team", "model"])
    assert [(row.group, row.calls) for row in found] == [
        ({"team": "blue", "model": "large"}, 2),
        ({"team": "blue", "model": "small"}, 1),
        ({"team": "red", "model": "small"}, 1),
    ]
    (row,) = usage(ledger, ["model"], filters={"team": "blue", "model": "large"})
    assert (row.group, row.calls) == ({"model": "large"}, 2)


@pytest.mark.parametrize("word", GROUPS)
def test_every_word_to_group_by_works(tmp_path: Path, word: str) -> None:
    (row,) = usage(kept(tmp_path, closed_record(1)), [word])
    assert list(row.group) == [word]


@pytest.mark.parametrize("word", FILTERS)
def test_every_word_to_filter_by_works(tmp_path: Path, word: str) -> None:
    ledger = kept(tmp_path, closed_record(1, target="openai/small", rule_id="a.b"))
    (row,) = usage(ledger, [word])
    assert usage(ledger, [], filters={word: row.group[word]})[0].calls == 1
    assert usage(ledger, [], filters={word: "another"}) == []


@pytest.mark.parametrize("word", ["1; DROP TABLE calls", "cost_nano", "", "Team"])
def test_other_words_are_refused_with_those_that_are_known(tmp_path: Path, word: str) -> None:
    ledger = kept(tmp_path, closed_record(1))
    with pytest.raises(ValueError, match=r"cannot group by .*known: tenant, team"):
        usage(ledger, [word])
    with pytest.raises(ValueError, match="cannot filter by"):
        usage(ledger, [], filters={word: "x"})


def test_calls_are_counted_by_what_policy_said(tmp_path: Path) -> None:
    refused = {"outcome": "refused", "policy_version": "p2", "rule_id": "deny.secret"}
    ledger = kept(
        tmp_path,
        closed_record(1, policy_version="p1", rule_id="chat"),
        closed_record(2, policy_version="p2", rule_id="chat", would_deny="watched"),
        closed_record(3, policy_version="p2", rule_id="chat", would_deny="other watched", data_class="secret"),
        closed_record(4, data_class="secret", **refused),
    )
    (row,) = usage(ledger, [])
    assert (row.calls, row.refused, row.would_refuse) == (4, 1, 2)
    by_rule = {tuple(row.group.values()): (row.calls, row.would_refuse) for row in usage(ledger, ["policy", "rule"])}
    assert by_rule == {("p1", "chat"): (1, 0), ("p2", "chat"): (2, 2), ("p2", "deny.secret"): (1, 0)}
    watched = {row.group["would_deny"]: row.calls for row in usage(ledger, ["would_deny"], filters={"rule": "chat"})}
    assert watched == {"": 1, "watched": 1, "other watched": 1}
    assert {row.group["data_class"]: row.calls for row in usage(ledger, ["data_class"])} == {"": 2, "secret": 2}
    headings, lines = table(usage(ledger, ["data_class"]), ["data_class"])
    assert dict(zip(headings, lines[-1], strict=True))["would_refuse"] == "2"


def test_values_to_filter_by_are_only_values(tmp_path: Path) -> None:
    ledger = kept(tmp_path, closed_record(1, team="it's"))
    assert usage(ledger, [], filters={"team": "it's"})[0].calls == 1
    assert usage(ledger, [], filters={"team": "' OR 1=1 --"}) == []


def test_a_period_holds_its_first_moment_and_not_its_last(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    step = timedelta(microseconds=1)
    ledger = kept(tmp_path, at(noon - step, 1), at(noon, 2), at(noon + step, 3))
    assert usage(ledger, [], since=noon)[0].calls == 2
    assert usage(ledger, [], until=noon)[0].calls == 1
    assert usage(ledger, [], since=noon, until=noon + step)[0].calls == 1
    assert usage(ledger, [], since=noon, until=noon) == []
    with pytest.raises(ValueError, match="before it begins"):
        usage(ledger, [], since=noon, until=noon - step)
    assert usage(ledger, [], since=noon.astimezone(ZoneInfo("Asia/Tokyo")))[0].calls == 2


def test_a_moment_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        usage(LedgerPlace(tmp_path / "ledger.db"), [], since=datetime(2026, 1, 1))


def test_days_are_of_the_zone_asked_for(tmp_path: Path) -> None:
    late = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
    ledger = kept(tmp_path, at(late, 1))
    expected = {
        "UTC": ("2026-03", "2026-03-31", "2026-03-31T23:00Z"),
        "Europe/Berlin": ("2026-04", "2026-04-01", "2026-04-01T01:00+02:00"),
        "America/New_York": ("2026-03", "2026-03-31", "2026-03-31T19:00-04:00"),
        "Asia/Kathmandu": ("2026-04", "2026-04-01", "2026-04-01T05:00+05:45"),
    }
    for zone, (month, day, hour) in expected.items():
        (row,) = usage(ledger, ["month", "day", "hour"], zone=zone)
        assert row.group == {"month": month, "day": day, "hour": hour}


def test_the_hour_that_happens_twice_is_two_hours(tmp_path: Path) -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    ledger = kept(tmp_path, *(at(first + timedelta(hours=hour), hour) for hour in range(3)))
    hours = [row.group["hour"] for row in usage(ledger, ["hour"], zone="Europe/Berlin")]
    assert hours == ["2026-10-25T02:00+01:00", "2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"]
    (day,) = usage(ledger, ["day"], zone="Europe/Berlin")
    assert day.calls == 3


zones = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Chatham"])
seconds = st.integers(min_value=1_600_000_000, max_value=1_900_000_000)


@settings(max_examples=30, deadline=None)
@given(zone=zones, second=seconds)
def test_a_quarter_of_an_hour_is_enough_to_know_the_day(
    tmp_path_factory: pytest.TempPathFactory, zone: str, second: int
) -> None:
    moment = datetime.fromtimestamp(second, UTC)
    (row,) = usage(kept(tmp_path_factory.mktemp("zones"), at(moment, 1)), ["day"], zone=zone)
    assert row.group["day"] == moment.astimezone(ZoneInfo(zone)).date().isoformat()


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "/etc/localtime"])
def test_an_unknown_zone_is_refused(tmp_path: Path, zone: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        usage(kept(tmp_path, closed_record(1)), ["day"], zone=zone)


def test_a_ledger_that_is_not_there_yet_has_no_rows(tmp_path: Path) -> None:
    assert usage(LedgerPlace(tmp_path / "ledger.db"), ["team"]) == []
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"something else " * 100)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db"):
        usage(LedgerPlace(tmp_path / "ledger.db"), [])


def test_reading_beside_the_writer_and_never_writing(desk: Desk) -> None:
    desk.store.commit([closed_record(1)], "w-1.jnl", 1)
    with sqlite3.connect(desk.state / "ledger.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert usage(LedgerPlace(desk.state / "ledger.db"), [])[0].calls == 1
        other.execute("ROLLBACK")
    other.close()


def test_as_csv(tmp_path: Path) -> None:
    rows = usage(kept(tmp_path, closed_record(1, team="a,b", cost_nano=1), closed_record(2, team="=1+1")), ["team"])
    lines = list(csv.DictReader(as_csv(rows, ["team"])))
    assert [line["team"] for line in lines] == ["'=1+1", "a,b"], "no spreadsheet runs what a name says"
    assert lines[1]["cost_usd"] == "0.000000001"
    assert lines[1]["calls"] == "1"


def test_as_json_keeps_whole_numbers(tmp_path: Path) -> None:
    (line,) = as_json(usage(kept(tmp_path, closed_record(1, cost_nano=10**15)), ["team"]))
    assert line["team"] == "blue"
    assert line["cost_nano"] == 10**15
    assert line["cost_usd"] == "1000000.000000000"
    money = {f"{name}_{unit}" for name in ("cost", "list", "saved", "own") for unit in ("nano", "usd")}
    assert set(line) == {"team", *money, "own_unpriced", *cells_names()}


def cells_names() -> set[str]:
    outcomes = {"completed", "refused", "failed", "cancelled", "interrupted"}
    return {"calls", "would_refuse", "unpriced", "estimated", "inconsistent", *outcomes, *METERS}


def test_a_table_shows_rare_columns_only_when_they_count_something(tmp_path: Path) -> None:
    ledger = kept(tmp_path, closed_record(1), closed_record(2, team="red", usage=Usage(images=2)))
    headings, lines = table(usage(ledger, ["team"], filters={"team": "blue"}), ["team"])
    assert headings == [
        *("team", "calls", "completed", "refused", "failed", "input_tokens", "cached_input_tokens", "output_tokens"),
        *("cost_usd", "unpriced"),
    ]
    assert lines == [["blue", "1", "1", "0", "0", "10", "0", "1", "0.000001500", "0"]]
    headings, lines = table(usage(ledger, ["team"]), ["team"])
    assert dict(zip(headings, lines[1], strict=True))["images"] == "2"


def test_under_several_lines_stands_their_sum(tmp_path: Path) -> None:
    ledger = kept(tmp_path, closed_record(1), closed_record(2, team="red"), closed_record(3, team="red"))
    headings, lines = table(usage(ledger, ["team"]), ["team"])
    assert [line[:2] for line in lines] == [["blue", "1"], ["red", "2"], ["total", "3"]]
    assert dict(zip(headings, lines[2], strict=True))["cost_usd"] == "0.000004500"


def test_a_prompt_without_a_version_is_all_of_its_versions(tmp_path: Path) -> None:
    prompts = ("demo/a@1", "demo/a@2", "demo/ab@1", "demo/a/b@1", "")
    ledger = kept(tmp_path, *(closed_record(number, prompt_id=one) for number, one in enumerate(prompts, 1)))
    found = {
        name: [row.calls for row in usage(ledger, [], filters={"prompt": name})] for name in ("demo/a", "demo/a@2", "")
    }
    assert found == {"demo/a": [2], "demo/a@2": [1], "": [1]}
    assert never_seen(ledger, {"prompt": "demo/a"}) == []


def test_names_that_are_no_models_stand_together_and_nothing_is_lost(tmp_path: Path) -> None:
    refused: dict[str, Any] = {"outcome": "refused", "cost_nano": None, "usage": None, "pricing": "none"}
    ledger = kept(
        tmp_path,
        closed_record(1, model="small"),
        closed_record(2, model="gone"),
        closed_record(3, model="denied", **refused),
        *(closed_record(number, model=f"smal{number}", **refused) for number in (4, 5, 6)),
        closed_record(7, model="", **refused),
        closed_record(8, model="smal8", team="red", **refused),
    )
    rows = usage(ledger, ["model", "team"])
    found = with_unknown_models(rows, {"small", "denied"})
    lines = [(*row.group.values(), row.calls, row.refused) for row in found]
    blue = rows[0].group["team"]
    assert lines == [
        ("", blue, 1, 1),
        ("(unknown)", blue, 3, 3),
        ("(unknown)", "red", 1, 1),
        ("denied", blue, 1, 1),
        ("gone", blue, 1, 0),
        ("small", blue, 1, 0),
    ]
    assert table(rows, ["model", "team"])[1][-1] == table(found, ["model", "team"])[1][-1]
    by_team = usage(ledger, ["team"])
    assert with_unknown_models(by_team, ()) == by_team


def test_the_first_day_is_known(tmp_path: Path) -> None:
    assert first_day(LedgerPlace(tmp_path / "ledger.db")) is None
    moments = (datetime(2026, 11, 3, 23, 59, tzinfo=UTC), datetime(2026, 11, 2, 0, 0, tzinfo=UTC))
    assert first_day(kept(tmp_path, *(at(one, number) for number, one in enumerate(moments, 1)))) == date(2026, 11, 2)


def test_a_name_that_no_call_ever_had_is_told(tmp_path: Path) -> None:
    ledger = kept(tmp_path, closed_record(1, team="blue", model="small"))
    assert never_seen(ledger, {"team": "blue", "model": "smal"}) == ["model"]
    assert never_seen(LedgerPlace(tmp_path / "none.db"), {"team": "x"}) == []


def test_a_row_as_text_has_everything(tmp_path: Path) -> None:
    (row,) = usage(kept(tmp_path, closed_record(1), open_record(2)), ["team"])
    assert cells(row)["cost_usd"] == "0.000001500"
    assert cells(row)["calls"] == "2"
