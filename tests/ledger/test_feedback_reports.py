"""Feedback beside usage: what counts, where it counts, and the same from every kind of store."""

import csv
import io
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keeping import place_of
from ledger_parts import START_NS, Desk, ledger_at, open_record
from sayings import said
from test_usage_reports import at

from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.feedback.rating import RatedRow, Ratings, rated, ratings
from gateway.ledger.options import LedgerPlace
from gateway.ledger.rendering import as_csv, as_json, as_jsonl, as_parquet, table
from gateway.ledger.reports import usage

KINDS = ("sqlite", "postgres")
BERLIN = ZoneInfo("Europe/Berlin")


def call(number: int, **fields: Any) -> Record:
    started = datetime.fromtimestamp(START_NS / 1e9, UTC) + timedelta(milliseconds=number)
    return at(started, number, **fields)


def keep(desk: Desk, calls: list[Record], feedback: list[Feedback]) -> LedgerPlace:
    desk.store.commit(calls, "w-1.jnl", 1, feedback)
    return place_of(desk)


def found(place: LedgerPlace, *words: str, metric: str = "feedback", **options: Any) -> dict[tuple[str, ...], Ratings]:
    return ratings(place, words, metric=metric, **options)


def test_it_is_counted_by_what_its_call_was(desk: Desk) -> None:
    calls = [
        call(1, model="a"),
        call(2, model="a"),
        call(3, model="b", variant="canary", route="fast", prompt_id="p@7"),
    ]
    place = keep(desk, calls, [said(1), said(2, "down"), said(2, 0.25, 1, metric="quality"), said(3, "true")])
    assert found(place, "model") == {("a",): Ratings(2, 1, 1), ("b",): Ratings(1, 1)}
    assert found(place, "route", "variant", "prompt") == {
        ("", "", ""): Ratings(2, 1, 1),
        ("fast", "canary", "p@7"): Ratings(1, 1),
    }
    assert found(place, metric="quality") == {(): Ratings(1, scores=1, score_sum=0.25)}
    assert found(place, "model", filters={"variant": "canary"}) == {("b",): Ratings(1, 1)}
    assert found(place, metric="nobody's") == {}


def test_what_was_said_later_counts_and_each_user_for_himself(desk: Desk) -> None:
    words = [said(1, "down"), said(1, "up", 1), said(1, "down", 0, user="jane"), said(1, "up", 0, user="kim")]
    late_in_the_file = said(1, "down", 2, user="kim", metric="other")
    place = keep(desk, [call(1)], [words[1], words[0], *words[2:], late_in_the_file])
    assert found(place) == {(): Ratings(3, 2, 1)}


def test_two_at_the_same_moment_are_told_apart_by_their_ids(desk: Desk) -> None:
    ids = ("018bcfe5-687b-7000-8000-00000000000a", "018bcfe5-687b-7000-8000-00000000000b")
    place = keep(desk, [call(1)], [said(1, value, id=name) for value, name in zip(("up", "down"), ids, strict=True)])
    assert found(place) == {(): Ratings(1, 0, 1)}


def test_what_strangers_say_counts_nowhere_and_takes_the_place_of_nothing(desk: Desk) -> None:
    strangers = [said(1, "down", 5, team="red"), said(1, "down", 6, tenant="other"), said(99, "down")]
    place = keep(desk, [call(1)], [said(1), *strangers])
    assert found(place, "tenant", "team") == {("acme", "blue"): Ratings(1, 1)}


def test_it_counts_when_its_call_was_made_in_the_readers_own_days(desk: Desk) -> None:
    evening = datetime(2026, 3, 28, 23, 33, tzinfo=BERLIN)
    moments = [evening, evening + timedelta(hours=1), datetime(2026, 4, 1, 0, 10, tzinfo=BERLIN)]
    calls = [at(moment, number, id=open_record(int((moment.timestamp() - START_NS / 1e9) * 1000)).id)
             for number, moment in enumerate(moments)]  # fmt: skip
    about = [msgspec.structs.replace(said(1), call=one.id, at_ns=2 * one.started_ns) for one in calls]
    place = keep(desk, calls, about)
    for since in (None, evening - timedelta(minutes=1)):  # within a quarter of an hour
        assert found(place, "day", since=since, zone="Europe/Berlin") == {
            ("2026-03-28",): Ratings(1, 1), ("2026-03-29",): Ratings(1, 1), ("2026-04-01",): Ratings(1, 1)
        }  # fmt: skip
    assert found(place, "model", "month", zone="Europe/Berlin") == {
        ("small", "2026-03"): Ratings(2, 2), ("small", "2026-04"): Ratings(1, 1)
    }  # fmt: skip
    assert list(
        found(place, "hour", since=moments[1], until=moments[1] + timedelta(seconds=1), zone="Asia/Kathmandu")
    ) == [("2026-03-29T05:00+05:45",)]
    for since, until, count in ((moments[1], None, 2), (None, moments[1], 1), (moments[2], moments[2], 0)):
        assert sum(one.feedback for one in found(place, since=since, until=until).values()) == count


@given(
    calls=st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.sampled_from(["", "canary"])),
        max_size=8,
        unique_by=lambda one: one[0],
    ),
    words=st.lists(
        st.tuples(
            st.integers(0, 40),
            st.sampled_from(["up", "down", "true", "false", "slow", 0.0, 1.0, -2.5]),
            st.integers(0, 4),
            st.sampled_from(["", "jane"]),
            st.sampled_from(["blue", "red"]),
        ),
        max_size=12,
        unique_by=lambda one: (one[0], one[2], one[3], one[4]),
    ),
    group=st.sampled_from([(), ("model",), ("variant", "day"), ("hour", "model", "variant")]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_one_would_count_by_hand(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[int, str, str]],
    words: list[tuple[int, Any, int, str, str]],
    group: tuple[str, ...],
) -> None:
    hour = 3_600_000
    known = {minute: call(minute * hour // 4, model=model, variant=variant) for minute, model, variant in calls}
    state = tmp_path_factory.mktemp("state")
    heard = [
        said(minute * hour // 4, value, number, user=user, team=team, id=f"00000000-0000-7000-8000-{place:012d}")
        for place, (minute, value, number, user, team) in enumerate(words)
    ]
    with ledger_at(state) as store:
        store.commit(list(known.values()), "w-1.jnl", 1, heard)
    expected: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for minute, value, number, user, team in words:
        later = any(one[0] == minute and one[3:] == (user, team) and one[2] > number for one in words)
        if team == "blue" and minute in known and not later:
            made = known[minute]
            moment = datetime.fromtimestamp(made.started_ns // 10**9, UTC)
            shown = {"model": made.model, "variant": made.variant, "day": f"{moment:%Y-%m-%d}",
                     "hour": f"{moment:%Y-%m-%dT%H}:00Z"}  # fmt: skip
            expected[tuple(shown[word] for word in group)].append(value)
    by_hand = {
        key: Ratings(
            len(values),
            sum(one in ("up", "true") for one in values),
            sum(one in ("down", "false") for one in values),
            sum(isinstance(one, float) for one in values),
            sum(one for one in values if isinstance(one, float)),
        )
        for key, values in expected.items()
    }
    assert ratings(LedgerPlace(state / "ledger.db"), group, metric="feedback") == by_hand


def lines(place: LedgerPlace, *words: str) -> list[RatedRow]:
    return list(rated(usage(place, words), found(place, *words)))


def test_every_form_of_a_report_shows_it_and_nothing_said_is_not_zero(desk: Desk) -> None:
    calls = [call(1, model="a"), call(2, model="a"), call(3, model="b"), call(4, model="c")]
    place = keep(desk, calls, [said(1), said(2, "down"), said(3, 0.1), said(3, 0.2, 0, user="kim")])
    rows = lines(place, "model")
    headings, texts = table(rows, ["model"])
    assert headings[-3:] == ["feedback", "up_share", "mean_score"]
    assert [line[-3:] for line in texts] == [["2", "0.5", ""], ["2", "", "0.15"], ["0", "", ""], ["4", "0.5", "0.15"]]
    assert [(one["feedback"], one["up_share"], one["mean_score"]) for one in as_json(rows)] == [
        (2, 0.5, None), (2, None, 0.15), (0, None, None)
    ]  # fmt: skip
    assert '"feedback":2,"up_share":0.5,"mean_score":null}' in next(as_jsonl(rows))
    read = list(csv.DictReader(io.StringIO("".join(as_csv(rows, ["model"], with_feedback=True)))))
    assert [(one["model"], one["feedback"], one["mean_score"]) for one in read] == [
        ("a", "2", ""), ("b", "2", "0.15"), ("c", "0", "")
    ]  # fmt: skip
    plain = usage(place, ["model"])
    assert "feedback" not in as_json(plain)[0]
    assert "feedback" not in table(plain, ["model"])[0]


def test_a_parquet_file_has_the_columns_too(desk: Desk, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    place = keep(desk, [call(1, model="a"), call(2, model="b")], [said(1)])
    rows = parquet.read_table(io.BytesIO(as_parquet(lines(place, "model"), ["model"]))).to_pylist()
    assert [(row["feedback"], row["up_share"], row["mean_score"]) for row in rows] == [(1, 1.0, None), (0, None, None)]


@pytest.mark.parametrize(
    ("words", "options", "why"),
    [(("colour",), {}, "colour"), ((), {"filters": {"x": "y"}}, "x"), (("day",), {"zone": "Mars"}, "Mars")],
)
def test_a_word_that_is_none_is_named(desk: Desk, words: Any, options: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        found(place_of(desk), *words, **options)
