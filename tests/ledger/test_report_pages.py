"""Pages of a report are its lines, each once and in order, whatever it is by; and they read what they show."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keeping import call, edit, place_of
from ledger_parts import Desk, ledger_at
from msgspec import structs

from gateway.core.record import Record
from gateway.core.usage import LARGEST, METERS, Usage
from gateway.ledger.options import LedgerPlace
from gateway.ledger.regions import Key, Pace, Place, Region, regions
from gateway.ledger.reports import UsageRow, usage, usage_lines
from gateway.ledger.sums import HOUR_NS
from gateway.stores.reading import SqliteReader

KINDS = ("sqlite", "postgres")
FIRST_NS = 1_700_000_000 // 3600 * HOUR_NS


def calls(count: int, step_ns: int = 37 * HOUR_NS // 60) -> list[Record]:
    """Over some days, at every hour of the day, some hours without any."""
    return [
        call(
            number,
            started_ns=FIRST_NS + number * step_ns + number // 20 * 5 * HOUR_NS,
            team=f"t{number % 11}",
            tenant=f"x{number % 2}",
            target=f"p{number % 3}/m",
            outcome="refused" if number % 5 == 4 else "completed",
            tags=f'{{"env":"e{number % 2}"}}',
        )
        for number in range(count)
    ]


def pages(place: LedgerPlace, words: Sequence[str], limit: int, **asked: Any) -> list[UsageRow]:
    found: list[UsageRow] = []
    after: list[str] | None = None
    while page := usage(place, words, after=after, limit=limit, **asked):
        assert len(page) <= limit
        found += page
        after = list(page[-1].group.values())
    return found


GROUPINGS = (
    [],
    ["team"],
    ["team", "hour"],
    ["hour", "team"],
    ["month", "user", "hour", "model"],
    ["project", "day", "tag:env", "hour"],
    ["hour"],
    ["hour", "outcome"],
    ["outcome", "hour"],
)


@pytest.mark.parametrize("words", GROUPINGS, ids=lambda words: ",".join(words) or "all")
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_pages_are_the_report(desk: Desk, words: list[str], zone: str) -> None:
    desk.store.commit(calls(60), "w-1.jnl", 1)
    place, asked = place_of(desk), {"zone": zone, "filters": {"provider": ["p0", "p2"]} if zone != "UTC" else {}}
    whole = usage(place, words, **asked)
    assert [tuple(row.group.values()) for row in whole] == sorted(tuple(row.group.values()) for row in whole)
    assert pages(place, words, 13, **asked) == whole
    assert list(usage_lines(place, words, **asked, at_a_time=9)) == whole


def test_the_hour_that_is_shown_first_and_comes_last_is_on_its_page(desk: Desk) -> None:
    """In autumn clocks of Berlin are put back from +02:00 to +01:00, which sorts before."""
    back_ns = 1_698_541_200 * 10**9  # 2023-10-29, 01:00 UTC
    desk.store.commit([call(number, started_ns=back_ns + number * HOUR_NS) for number in range(-3, 3)], "w-1.jnl", 1)
    whole = usage(place_of(desk), ["hour"], zone="Europe/Berlin")
    assert [row.group["hour"][11:] for row in whole[2:4]] == ["02:00+01:00", "02:00+02:00"]
    assert pages(place_of(desk), ["hour"], 1, zone="Europe/Berlin") == whole


def test_calls_that_come_meanwhile_move_no_line(desk: Desk) -> None:
    records = calls(60)
    desk.store.commit(records[::2], "w-1.jnl", 1)
    place, words = place_of(desk), ["team", "hour"]
    before = [tuple(row.group.values()) for row in usage(place, words)]
    first = usage(place, words, after=None, limit=8)
    desk.store.commit(records[1::2], "w-1.jnl", 2)
    seen, after = [tuple(row.group.values()) for row in first], list(first[-1].group.values())
    while page := usage(place, words, after=after, limit=8):
        seen += [tuple(row.group.values()) for row in page]
        after = list(page[-1].group.values())
    assert seen == sorted(set(seen))
    assert {*before} <= {*seen}


def test_a_cursor_of_another_report_is_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="other groups"):
        usage(place_of(desk), ["team", "hour"], after=["t1"], limit=1)


def test_sums_that_64_bits_cannot_hold_are_the_same_on_every_page(desk: Desk) -> None:
    largest = Usage(**dict.fromkeys(METERS, LARGEST))
    many = [call(number, usage=largest, started_ns=FIRST_NS + number // 40 * HOUR_NS) for number in range(240)]
    desk.store.commit(many, "w-1.jnl", 1)
    place = place_of(desk)
    whole = usage(place, ["hour", "user"])
    assert all(row.images == row.calls * LARGEST for row in whole)
    assert pages(place, ["hour", "user"], 4) == whole
    assert pages(place, ["user", "hour"], 4) == usage(place, ["user", "hour"])


def test_what_few_calls_used_is_in_the_hours_of_a_long_report(desk: Desk) -> None:
    """Columns that are 0 for days are not read by the hour; one call in a week is enough for its column to be."""
    rare = 100
    records = calls(200)
    records[rare].usage = Usage(images=3)
    desk.store.commit(records, "w-1.jnl", 1)
    images = {row.group["hour"]: row.images for row in usage(place_of(desk), ["hour"])}
    at = usage(place_of(desk), ["hour", "user"], filters={"user": records[rare].user})
    assert sum(images.values()) == 3
    assert sum(row.images for row in at) == 3
    (hour,) = [hour for hour, number in images.items() if number]
    assert [row.images for row in at if row.group["hour"] == hour] == [3]


def test_corrections_that_cancel_within_a_day_are_in_its_hours(desk: Desk) -> None:
    records = calls(100, HOUR_NS)
    desk.store.commit([structs.replace(one, cost_nano=0) for one in records], "w-1.jnl", 1)
    one, other = (records[number].started_ns // HOUR_NS for number in (50, 52))
    assert one // 24 == other // 24
    edit(
        desk, *(f"UPDATE usage_hours SET cost_nano = {nano} WHERE hour = {at}" for at, nano in ((one, 5), (other, -5)))
    )
    assert [row.cost_nano for row in usage(place_of(desk), ["hour"]) if row.cost_nano] == [5, -5]


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Generator[list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    tuples = SqliteReader.tuples

    def counting(self: SqliteReader, *asked: Any) -> Iterator[tuple[Any, ...]]:
        for row in tuples(self, *asked):
            rows.append(row)
            yield row

    with monkeypatch.context() as patched:
        patched.setattr(SqliteReader, "tuples", counting)
        yield rows


def test_a_page_reads_about_as_many_rows_as_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hours, teams = 24 * 4, 30
    with ledger_at(tmp_path) as store:
        every = product(range(hours), range(teams))
        made = [call(7, started_ns=FIRST_NS + at * HOUR_NS + team, team=f"t{team:02}") for at, team in every]
        for number, one in enumerate(made):
            one.id = f"{one.started_ns // 10**6:012x}"[:8] + f"-0000-7000-8000-{number:012x}"
        store.commit(made, "w-1.jnl", 1)
    place = LedgerPlace(tmp_path / "ledger.db")
    for words in (["team", "hour"], ["hour", "team"]):
        whole = usage(place, words)
        assert len(whole) == hours * teams
        for after in (None, list(whole[hours * teams // 2].group.values())):
            with counted(monkeypatch) as rows:
                page = usage(place, words, after=after, limit=100)
            begin = 0 if after is None else hours * teams // 2 + 1
            assert page == whole[begin : begin + 100]
            # Each line is read twice: what its team paid, and what the gateway's own accounts did.
            assert len(rows) < 6 * 100, words


values = st.text("abc", min_size=1, max_size=2)


@given(
    order=st.permutations([Place(True, 0), Place(True, 1), Place(False, 0), Place(False, 1)]),
    labels=st.sets(st.tuples(values, values), max_size=6),
    keys=st.sets(st.tuples(values, values), max_size=6),
    there=st.randoms(use_true_random=False),
    wanted=st.integers(1, 40),
    data=st.data(),
)
def test_regions_hold_every_line_once_and_in_order(
    order: list[Place],
    labels: set[tuple[str, str]],
    keys: set[tuple[str, str]],
    there: Any,
    wanted: int,
    data: st.DataObject,
) -> None:
    def full(label: Key, key: Key) -> tuple[str, ...]:
        return tuple((label if one.of_time else key)[one.at] for one in order)

    lines = sorted(full(*pair) for pair in product(labels, keys) if there.random() < 0.5)
    after = data.draw(st.none() | st.tuples(values, values, values, values))
    pace = Pace(wanted)
    seen: list[tuple[str, ...]] = []
    for region in regions(order, Region([*labels], [*keys]), after, pace.size):
        held = {full(*pair) for pair in product(region.labels, region.keys or ())}
        found = sorted(line for line in held & {*lines} if after is None or line > after)
        assert not seen or not found or seen[-1] < found[0]
        seen += found
        pace.took(region.size, len(found))
    assert seen == [line for line in lines if after is None or line > after]
