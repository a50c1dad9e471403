"""Reports are read from sums and say what the calls say: by every word, at every edge, in every zone, on both stores."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keeping import PEOPLE, call, place_of
from ledger_parts import Desk, ledger_at

from gateway.core.attempt import Attempt, Charge
from gateway.core.record import Record
from gateway.ledger.costs import costs_of_spans
from gateway.ledger.options import LedgerPlace
from gateway.ledger.rendering import as_jsonl, as_parquet, cells
from gateway.ledger.reports import usage, usage_of_spans
from gateway.ledger.slices import LAST_NS, parts
from gateway.ledger.spending import Sums, spent, used_since
from gateway.ledger.sums import HOUR_NS
from gateway.ledger.words import FILTERS

KINDS = ("sqlite", "postgres")
FIRST_HOUR = 1_700_000_000 // 3600
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def calls(count: int, step_ns: int = 7 * HOUR_NS // 3 + 1) -> list[Record]:
    """Calls over some days, of a few of everything that can be grouped by."""
    return [
        call(
            number,
            started_ns=FIRST_HOUR * HOUR_NS + number * step_ns,
            team=f"t{number % 2}",
            target=f"p{number % 3}/m",
            outcome="refused" if number % 5 == 4 else "completed",
            run_id=f"run-{number % 2}" if number % 3 else "",
            agent=f"agent-{number % 2}",
            prompt_id=f"prompt-{number % 2}",
            tags=json.dumps({"cost_center": f"c{number % 3}", "env": "dev"}, separators=(",", ":")),
        )
        for number in range(count)
    ]


def plainly(record: Record, word: str, zone: ZoneInfo) -> str:
    """What a record's group is, without the code under test."""
    local = datetime.fromtimestamp(record.started_ns // 10**9, zone)
    if word == "month":
        return f"{local:%Y-%m}"
    if word == "day":
        return f"{local:%Y-%m-%d}"
    if word.startswith("tag:"):
        return json.loads(record.tags).get(word[4:], "")
    known = {
        "project": f"{record.tenant}/{record.team}",
        "provider": record.target.split("/")[0],
        "user": record.user,
        "run": record.run_id,
        "agent": record.agent,
        "prompt": record.prompt_id,
        "team": record.team,
        "outcome": record.outcome,
        "tier": record.attempts[0].terms.tier,
    }
    return known[word]


def added(
    records: Sequence[Record], words: Sequence[str], zone: str, since_ns: int, until_ns: int
) -> dict[tuple[str, ...], tuple[int, int, int]]:
    sums: Mapping[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in records:
        if since_ns <= one.started_ns < until_ns:
            found = sums[tuple(plainly(one, word, ZoneInfo(zone)) for word in words)]
            assert one.usage is not None
            for place, number in enumerate((1, one.usage.output_tokens, one.cost_nano or 0)):
                found[place] += number
    return {key: (calls, tokens, nano) for key, (calls, tokens, nano) in sums.items()}


def reported(place: LedgerPlace, words: Sequence[str], zone: str, since_ns: int, until_ns: int) -> object:
    period = [EPOCH + timedelta(microseconds=at // 1000) for at in (since_ns, until_ns)]
    rows = usage(place, words, *period, zone=zone)
    return {tuple(row.group.values()): (row.calls, row.output_tokens, row.cost_nano) for row in rows}


GROUPINGS = (
    [],
    ["team", "user"],
    ["tag:cost_center", "provider"],
    ["project", "agent", "prompt"],
    ["day", "team"],
    ["month"],
    ["run"],
    ["outcome", "day"],
    ["tier"],
)


@pytest.mark.parametrize("words", GROUPINGS, ids=lambda words: ",".join(words) or "all")
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_a_report_says_what_its_calls_say(desk: Desk, words: list[str], zone: str) -> None:
    records = calls(60)
    desk.store.commit(records, "w-1.jnl", 1)
    since_ns = records[0].started_ns + 5_000_000
    until_ns = records[50].started_ns
    assert reported(place_of(desk), words, zone, since_ns, until_ns) == added(records, words, zone, since_ns, until_ns)


@settings(max_examples=40, deadline=None)
@given(
    offsets=st.lists(st.integers(0, 60 * HOUR_NS // 1000), max_size=30),
    begin=st.integers(0, 60 * HOUR_NS // 1000),
    length=st.integers(0, 60 * HOUR_NS // 1000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham"]),
    words=st.sampled_from([[], ["day"], ["team", "day"], ["month", "user"]]),
)
def test_at_whatever_moment_it_begins_and_ends(
    tmp_path_factory: pytest.TempPathFactory, offsets: list[int], begin: int, length: int, zone: str, words: list[str]
) -> None:
    first = FIRST_HOUR * HOUR_NS
    records = [call(number, started_ns=first + at * 1000) for number, at in enumerate(offsets)]
    folder = tmp_path_factory.mktemp("edges")
    with ledger_at(folder) as store:
        store.commit(records, "w-1.jnl", 1)
    since_ns, until_ns = first + begin * 1000, first + (begin + length) * 1000
    found = reported(LedgerPlace(folder / "ledger.db"), words, zone, since_ns, until_ns)
    assert found == added(records, words, zone, since_ns, until_ns)


@settings(max_examples=200)
@given(since=st.integers(0, 100 * HOUR_NS), length=st.integers(0, 100 * HOUR_NS))
def test_the_parts_of_a_period_are_exactly_it(since: int, length: int) -> None:
    size = {"days": 24 * HOUR_NS, "hours": HOUR_NS, "calls": 1}
    edges: dict[int, int] = defaultdict(int)
    for part in parts(since, since + length):
        edges[part.first * size[part.unit]] += part.sign
        edges[part.after * size[part.unit]] -= part.sign
        assert part.unit != "calls" or part.after - part.first <= HOUR_NS
    assert {at: sign for at, sign in edges.items() if sign} == ({since: 1, since + length: -1} if length else {})


def test_the_last_moment_of_all_can_be_asked_for() -> None:
    assert max(part.after for part in parts(0, LAST_NS) if part.unit == "calls" or part.after) <= LAST_NS


def test_hours_of_a_zone_that_is_no_whole_hour_from_utc(desk: Desk) -> None:
    records = calls(10)
    desk.store.commit(records, "w-1.jnl", 1)
    rows = usage(place_of(desk), ["hour"], zone="Asia/Kathmandu")
    found = [(row.group["hour"], row.calls) for row in rows]
    local = [datetime.fromtimestamp(one.started_ns // 10**9, ZoneInfo("Asia/Kathmandu")) for one in records]
    assert found == [(at.replace(minute=0, second=0).isoformat(timespec="minutes"), 1) for at in local]


def test_an_hour_in_the_middle_of_which_clocks_are_put_back_ends_there(desk: Desk) -> None:
    """On the Chatham Islands at 03:45, to 02:45."""
    back_ns = int(datetime(2024, 4, 6, 14, tzinfo=UTC).timestamp()) * 10**9
    quarters = [back_ns + number * HOUR_NS // 4 for number in range(-4, 6)]
    desk.store.commit([call(number, started_ns=at) for number, at in enumerate(quarters)], "w-1.jnl", 1)
    rows = usage(place_of(desk), ["hour"], zone="Pacific/Chatham")
    # The quarter after is of the hour of 02:00, the second time that it is 02:45.
    assert {row.group["hour"]: row.calls for row in rows} == {
        "2024-04-07T02:00+13:45": 2,
        "2024-04-07T03:00+13:45": 3,
        "2024-04-07T03:00+12:45": 4,
        "2024-04-07T04:00+12:45": 1,
    }


@pytest.mark.parametrize("word", [*FILTERS, "tag:env", "tag:none"])
def test_every_word_filters_by_what_it_shows(desk: Desk, word: str) -> None:
    desk.store.commit(calls(20), "w-1.jnl", 1)
    place = place_of(desk)
    groups = usage(place, [word])
    assert sum(row.calls for row in groups) == 20
    for row in groups:
        value = row.group[word]
        assert [one.calls for one in usage(place, [], filters={word: value})] == [row.calls]
    assert usage(place, [], filters={word: [row.group[word] for row in groups]})[0].calls == 20
    assert usage(place, [], filters={word: "nothing/like it"}) == []
    assert usage(place, [], filters={word: []}) == []


def test_a_tag_is_found_whatever_its_name_and_value_hold(tmp_path: Path) -> None:
    odd = {'a"b': 'x","c":"y', "c": "z", "ü": "ß"}
    tags = json.dumps(odd, separators=(",", ":"), ensure_ascii=False)
    with ledger_at(tmp_path) as store:
        store.commit([call(1, tags=tags), call(2, tags="")], "w-1.jnl", 1)
    place = LedgerPlace(tmp_path / "ledger.db")
    for name, value in odd.items():
        assert usage(place, [], filters={f"tag:{name}": value})[0].calls == 1
        assert usage(place, [], filters={f"tag:{name}": ""})[0].calls == 1
    assert usage(place, [], filters={"tag:c": "y"}) == []


def test_several_periods_at_once(desk: Desk) -> None:
    records = calls(20)
    desk.store.commit(records, "w-1.jnl", 1)
    bounds = [records[0].started_ns, records[7].started_ns, records[19].started_ns + 1]
    spans = list(pairwise(bounds))
    found = usage_of_spans(place_of(desk), spans, ["team"], {"provider": ["p0", "p1"]})
    assert [sum(row.calls for row in rows) for rows in found] == [5, 9]


def test_costs_by_line_items_add_up_and_accounts_of_our_own_are_told_apart(desk: Desk) -> None:
    records = calls(9)
    desk.store.commit(records, "w-1.jnl", 1)
    whole = [(records[0].started_ns, records[8].started_ns + 1)]
    (plain,) = costs_of_spans(place_of(desk), whole, ["project"], False, {})
    assert {one.group["project"]: one.nano for one in plain} == {
        "acme/t0": 5 * 1_500,
        "acme/t1": 4 * 1_500,
        "gateway:mirrors": 9 * 1_000,
    }
    (items,) = costs_of_spans(place_of(desk), whole, [], True, {"project": ["acme/t0"]})
    assert {(one.model, one.meter): (one.quantity, one.nano) for one in items} == {
        ("m-1", "input_tokens"): (50, 5_000),
        ("m-1", "output_tokens"): (20, 2_500),
    }
    cut = [(records[0].started_ns + 1, records[8].started_ns)]
    ((both,),) = costs_of_spans(place_of(desk), cut, [], False, {"key": ["k1"]})
    assert both.nano == 7 * 2_500


def test_what_has_no_price_is_a_line_item_of_its_own(desk: Desk) -> None:
    """In whole days and hours, and where single calls are read at the edges."""
    unknown = (Attempt(served=True, served_model="m-1", pricing="unpriced", charges=(Charge("input_tokens", 7),)),)
    records = calls(30, HOUR_NS * 3 + 1)
    for record in records[::3]:
        record.attempts, record.pricing, record.cost_nano = unknown, "unpriced", None
    desk.store.commit(records, "w-1.jnl", 1)
    cut = [(records[0].started_ns + 1, records[27].started_ns + 1)]
    (items,) = costs_of_spans(place_of(desk), cut, [], True, {"project": ["acme/t0", "acme/t1"]})
    found = {(one.meter, one.unpriced): (one.quantity, one.nano) for one in items}
    assert found["input_tokens", 9] == (9 * 7, 0), "what has no price"
    assert found["input_tokens", 0] == (18 * 10, 18 * 1_000)
    ((whole,),) = costs_of_spans(place_of(desk), cut, [], False, {"project": ["acme/t0", "acme/t1"]})
    assert (whole.nano, whole.unpriced) == (18 * 1_500, 9)


def test_what_a_scope_has_spent(desk: Desk) -> None:
    records = calls(20)
    desk.store.commit(records, "w-1.jnl", 1)
    begin, end = records[3].started_ns, records[17].started_ns
    found = spent(place_of(desk), begin, end, {"team": "t1", "user": PEOPLE[1]})
    wanted = [one for one in records[3:17] if one.team == "t1" and one.user == PEOPLE[1]]
    assert found == Sums(
        len(wanted), 10 * len(wanted), sum(one.usage.output_tokens for one in wanted if one.usage), 1_500 * len(wanted)
    )
    assert spent(place_of(desk), begin, end, {"run": "run-1"}).requests == len(
        [one for one in records[3:17] if one.run_id == "run-1"]
    )


@pytest.mark.parametrize("by", [(), ("user",), ("user", "prompt", "agent"), ("run", "facts")])
def test_what_limits_go_on_from_is_all_that_was_used_and_cut_where_they_begin(desk: Desk, by: Sequence[str]) -> None:
    records = calls(30)
    desk.store.commit(records, "w-1.jnl", 1)
    since, until = records[2].started_ns / 1e9 + 1, records[28].started_ns / 1e9 + 1
    cut = records[20].started_ns / 1e9 - 100
    found = list(used_since(place_of(desk), since, until, by, cuts=[cut]))
    assert sum(one.calls for one in found) == 26
    assert sum(one.calls for one in found if one.at < cut) == 17
    assert all(since <= one.at < until for one in found)
    expected = {one.user for one in records[3:29]} if "user" in by else {""}
    assert {one.user for one in found} == expected


def test_parquet_holds_whole_numbers_exact_money_and_null_for_no_price(tmp_path: Path) -> None:
    import io

    import pyarrow.parquet as pq

    with ledger_at(tmp_path) as store:
        store.commit([call(1), call(2, team="red", pricing="unpriced", cost_nano=None, list_nano=None)], "w-1.jnl", 1)
    rows = usage(LedgerPlace(tmp_path / "ledger.db"), ["team"])
    read = pq.read_table(io.BytesIO(as_parquet(rows, ["team"]))).to_pylist()
    assert [(row["team"], row["calls"], str(row["cost_usd"])) for row in read] == [
        ("blue", 1, "0.000001500"),
        ("red", 1, "None"),
    ]
    assert [json.loads(line)["cost_usd"] for line in as_jsonl(rows)] == [
        *(cells(row)["cost_usd"] or "0.000000000" for row in rows)
    ]
