"""A price that was wrong is corrected by records of the difference: sums are right afterwards, and no row was changed."""

import contextlib
import tempfile
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keeping import close, edit, findings, opened, place_of
from ledger_parts import START_NS, Desk, PostgresPlace, SqlitePlace
from pricing_parts import NOW_NS, Rates, book_of, bought, expected, money, repriced

from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.ledger.adjusting import repricing as running
from gateway.ledger.calls import call_with_attempts
from gateway.ledger.closing import came_late
from gateway.ledger.costs import costs_of_spans
from gateway.ledger.decisions import decision_inputs
from gateway.ledger.forgetting import forget_person
from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.ledger.postgres import PostgresLedger
from gateway.ledger.reading import ledger_reader
from gateway.ledger.spending import spent
from gateway.ledger.writing import Transaction, ledger_transaction
from tests.postgres import PostgresServer

KINDS = ("sqlite", "postgres")
CHEAP = {"m": {"input": "1", "cached_input": "0.1", "output": "4"}}
DEAR = {"m": {"input": "1.5", "cached_input": "0.1", "output": "4.123"}}
DAY_NS = 86_400_000_000_000
# START_NS is in November 2023.
DECEMBER_NS = 1_701_388_800_000_000_000
ROWS = ("calls", "attempts", "charges")


def rows(desk: Desk) -> list[object]:
    return [desk.place.table(name) for name in ROWS]


def committed(desk: Desk, rates: Rates, count: int = 6) -> list[Record]:
    records = [bought(number, book_of(rates)) for number in range(1, count + 1)]
    desk.store.commit(records, "w-1.jnl", 1)
    return records


def test_sums_become_those_of_the_corrected_book_and_rows_stay(desk: Desk) -> None:
    records, right = committed(desk, CHEAP), book_of(DEAR)
    before, wrong = rows(desk), money(desk)
    outcome = repriced(desk, right)
    assert (outcome.changed, outcome.corrections) == (12, [1])
    assert money(desk) == {(): expected(records, right)} != wrong
    assert rows(desk) == before
    assert findings(desk) == []


def test_every_report_of_the_roll_ups_has_the_difference_and_so_has_one_of_single_calls(desk: Desk) -> None:
    records, right = committed(desk, CHEAP), book_of(DEAR)
    repriced(desk, right)
    for team in ("t0", "t1"):
        own = expected([record for record in records if record.team == team], right)
        assert money(desk, "team")[team,] == own
        assert money(desk, "team", "tier")[team, "default"] == own
    edge = datetime.fromtimestamp((START_NS + 3 * 60_000_000_000) / 1e9, UTC)
    assert money(desk, until=edge) == {(): expected(records[:2], right)}
    assert sum(row.cost_nano for row in decision_inputs(place_of(desk), None)) == expected(records, right)[0]
    span = (0, records[2].started_ns)
    (costs,) = costs_of_spans(place_of(desk), [span], ["project"], False, {})
    teams = sum(one.nano for one in costs if not one.group["project"].startswith("gateway:"))
    assert teams == expected(records[:2], right)[0] == spent(place_of(desk), *span, {}).nano


def test_a_call_is_shown_with_what_it_was_corrected_by(desk: Desk) -> None:
    (record,) = committed(desk, CHEAP, 1)
    repriced(desk, book_of(DEAR))
    shown = call_with_attempts(place_of(desk), record.id)
    assert shown is not None
    assert shown["cost_nano"] == record.cost_nano
    corrected = sum(row["nano"] for row in shown["adjustments"] if row["served"])
    assert shown["cost_nano"] + corrected == expected([record], book_of(DEAR))[0]
    assert {row["made_by"] for row in shown["adjustments"]} == {"cli:tests"}


def test_twice_the_same_adds_nothing_and_a_later_one_is_against_what_stands(desk: Desk) -> None:
    records = committed(desk, CHEAP)
    repriced(desk, book_of(DEAR))
    stood = desk.place.table("adjustments")
    again = repriced(desk, book_of(DEAR))
    assert (again.changed, again.corrections) == (0, [])
    assert desk.place.table("adjustments") == stood
    third = book_of({"m": {"input": "9", "output": "9"}})
    assert repriced(desk, third).corrections == [2]
    assert money(desk) == {(): expected(records, third)}
    assert findings(desk) == []


def test_a_dry_run_says_what_would_change_and_changes_nothing(desk: Desk) -> None:
    committed(desk, CHEAP)
    before = rows(desk), money(desk), desk.place.table("links")
    (line,) = repriced(desk, book_of(DEAR), dry_run=True).lines
    assert (line.month, line.target, line.attempts, line.changed, line.late) == ("2023-11", "own/m", 12, 12, False)
    assert line.after > line.before > 0
    assert (rows(desk), money(desk), desk.place.table("links")) == before
    assert desk.place.table("adjustments") == []


def test_who_asked_and_why_is_kept_and_each_meter_s_difference(desk: Desk) -> None:
    committed(desk, CHEAP, 1)
    right = book_of({"m": {"input": "2", "cached_input": "0.1", "output": "4"}})
    repriced(desk, right)
    (repricing,) = desk.place.table("repricings")
    said = [repricing[name] for name in ("made_by", "reason", "book", "made_ns", "adjustments")]
    assert said == ["cli:tests", "the contract was read wrongly", right.version, NOW_NS, 2]
    served = next(row for row in desk.place.table("adjustments") if row["served"])
    assert (served["nano"], served["list_nano"]) == (1_001_000, 1_001_000)
    assert served["price_version"] == f"{right.version}/of-m"
    differences: dict[str, int] = {}
    for row in desk.place.table("adjusted_charges"):
        if row["n"] == served["n"]:
            differences[row["meter"]] = differences.get(row["meter"], 0) + row["nano"]
    assert differences == {"input_tokens": 1_001_000, "cached_input_tokens": 0, "output_tokens": 0}


def test_calls_without_a_price_get_one_this_way(desk: Desk) -> None:
    records = committed(desk, {})
    assert money(desk) == {(): (0, 0, 6)}
    repriced(desk, book_of(CHEAP))
    assert money(desk) == {(): expected(records, book_of(CHEAP))}
    assert [row["unpriced"] for row in desk.place.table("charge_days") if row["nano"]] == [0] * 8
    assert findings(desk) == []


def test_what_the_book_has_no_price_for_stays_unless_it_is_to_be_taken_back(desk: Desk) -> None:
    records = committed(desk, CHEAP)
    none = book_of({"other": {"input": "1", "output": "1"}})
    outcome = repriced(desk, none)
    assert (outcome.changed, outcome.lines[0].kept) == (0, 12)
    assert outcome.lines[0].reasons == {"no price for own/m"}
    assert money(desk) == {(): expected(records, book_of(CHEAP))}
    assert repriced(desk, none, take_back=True).changed == 12
    assert money(desk) == {(): (0, 0, 6)}
    assert findings(desk) == []


def test_only_the_period_the_provider_and_the_model_that_were_asked_for(desk: Desk) -> None:
    records = committed(desk, CHEAP)
    right = book_of(DEAR)
    assert repriced(desk, right, model="other").changed == 0
    assert repriced(desk, right, provider="other").changed == 0
    edge_ns = records[2].started_ns
    assert repriced(desk, right, provider="own", model="m", until_ns=edge_ns).changed == 4
    half = [a + b for a, b in zip(expected(records[:2], right), expected(records[2:], book_of(CHEAP)), strict=True)]
    assert money(desk) == {(): tuple(half)}


def test_a_correction_of_a_closed_month_belongs_to_the_current_hour(desk: Desk) -> None:
    records, right = committed(desk, CHEAP), book_of(DEAR)
    close(desk, "2023-11", DECEMBER_NS + DAY_NS)
    before, now_ns = money(desk, "month"), DECEMBER_NS + 5 * DAY_NS + 1
    assert [line.late for line in repriced(desk, right, now_ns).lines] == [True]
    after = money(desk, "month")
    assert after["2023-11",] == before["2023-11",]
    assert after["2023-12",][0] == expected(records, right)[0] - before["2023-11",][0]
    assert money(desk, "hour")["2023-12-06T00:00Z",] == after["2023-12",]
    with opened(desk) as reader:
        assert came_late(reader) == []
    day = START_NS // DAY_NS
    late = {row["price_version"] for row in desk.place.table("skus")} - {one.price_version for one in records}
    assert {one.split(":")[1] for one in late if one.startswith("correction:")} == {str(day)}
    assert repriced(desk, right, now_ns).changed == 0
    repriced(desk, book_of(CHEAP), now_ns)
    assert money(desk) == {(): expected(records, book_of(CHEAP))}
    assert findings(desk) == []


def test_who_is_taken_out_afterwards_takes_no_correction_along(desk: Desk) -> None:
    """Two people behind one key: the sums of one's calls move, corrected, and the other's stay."""
    names = ("jane@example.com", "kim@example.com")
    records = [
        bought(number, book_of(CHEAP), user=names[number % 2], key_id="user_shared", facts='{"a":1}')
        for number in range(1, 7)
    ]
    desk.store.commit(records, "w-1.jnl", 1)
    repriced(desk, book_of(DEAR))
    with ledger_transaction(place_of(desk)) as ledger:
        assert ledger is not None
        forget_person(ledger, names[0], None, False, NOW_NS)
    assert findings(desk) == []
    assert repriced(desk, book_of(CHEAP)).changed == 12
    assert money(desk) == {(): expected(records, book_of(CHEAP))}
    assert findings(desk) == []


def test_a_batch_is_found_again_if_somebody_else_has_corrected_the_ledger_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, right = committed(desk, CHEAP), book_of(DEAR)
    meanwhile = [book_of({"m": {"input": "7", "output": "7"}})]

    class Interrupted:
        """Lets another correction in between finding and writing, once."""

        def __init__(self, place: object) -> None:
            while meanwhile:
                repriced(desk, meanwhile.pop())
            self._inner = ledger_transaction(place)  # type: ignore[arg-type]

        def __enter__(self) -> object:
            return self._inner.__enter__()

        def __exit__(self, *error: object) -> object:
            return self._inner.__exit__(*error)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "ledger_transaction", Interrupted)
    assert repriced(desk, right).corrections == [2]
    assert money(desk) == {(): expected(records, right)}
    assert findings(desk) == []


def test_who_is_taken_out_while_a_batch_is_found_does_not_come_back_with_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane, right = "jane@example.com", book_of(DEAR)
    records = [
        bought(number, book_of(CHEAP), user=jane, key_id="user_jane", facts='{"a":"jane"}', tags='{"who":"jane"}')
        for number in range(1, 4)
    ]
    desk.store.commit(records, "w-1.jnl", 1)
    wanted = [jane]

    @contextlib.contextmanager
    def overtaken(place: LedgerPlace) -> Generator[Transaction | None]:
        while wanted:
            with ledger_transaction(place) as ledger:
                assert ledger is not None
                forget_person(ledger, wanted.pop(), None, True, NOW_NS)
        with ledger_transaction(place) as ledger:
            yield ledger

    monkeypatch.setattr(running, "ledger_transaction", overtaken)
    repriced(desk, right)
    assert money(desk) == {(): expected(records, right)}
    kept = ("calls", "people", "usage_inputs", "decision_inputs")
    assert "jane" not in repr([desk.place.table(name) for name in kept])
    assert findings(desk) == []


def test_what_a_replica_says_is_not_what_a_correction_is_found_by(postgres: PostgresServer, tmp_path: Path) -> None:
    """It lags behind: a second batch would never see that the first is there."""
    url = postgres.fresh_database()
    with PostgresLedger(LedgerOptions(url=url), "w") as store:
        desk = Desk(tmp_path, store, place=PostgresPlace(url, read_url=postgres.fresh_database()))
        committed(desk, CHEAP)
        assert repriced(desk, book_of(DEAR)).changed == 12


def test_a_late_correction_of_the_published_price_alone_is_right(desk: Desk) -> None:
    cheap = {"m": {"input": "1", "output": "4"}}
    half = "adjustments: [{id: half, kind: contract, percent: -50, from: 2020-01-01}]"
    desk.store.commit([bought(1, book_of(cheap))], "w-1.jnl", 1)
    close(desk, "2023-11", DECEMBER_NS)
    doubled = {"m": {"input": "2", "output": "8"}}
    before = money(desk)
    assert repriced(desk, book_of(doubled, half), DECEMBER_NS + 1).changed == 2
    assert [one[0] for one in money(desk).values()] == [one[0] for one in before.values()]
    assert findings(desk) == []


TAMPERED = {
    "a forged difference": ("UPDATE adjustments SET nano = 1 WHERE served = 1", "adjustment 1: nano is 1, its charges"),
    "the same, and its seal": ("UPDATE adjustments SET why = 'x'", "adjustment 1: it or its charges were changed"),
    "a forged charge": ("UPDATE adjusted_charges SET rate = 1", "adjustment 1: it or its charges were changed"),
    "an adjustment that is gone": ("DELETE FROM adjustments WHERE served = 1", "it has 6 of its 12 adjustments"),
    "another reason": ("UPDATE repricings SET reason = 'x'", "it does not follow from the link before"),
    "a correction that is gone": ("DELETE FROM repricings", "adjustment 1: that correction is not there"),
    "its link is gone": ("DELETE FROM links WHERE writer = 'keeper'", "correction 1: its link is not there"),
    "no charge any more": ("DELETE FROM adjustments", "it is not there, but charges of it are"),
    "forged sums": ("UPDATE charge_hours SET nano = 0", "charges of 2023-11-14 22:00 UTC: kept"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_was_done_to_a_correction_is_found(desk: Desk, what: str) -> None:
    committed(desk, CHEAP)
    repriced(desk, book_of(DEAR))
    statement, told = TAMPERED[what]
    edit(desk, statement)
    assert any(told in one for one in findings(desk)), findings(desk)


_PRICE = st.decimals("0.001", "99", places=3).map(str)
_RATES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.fixed_dictionaries({"input": _PRICE, "cached_input": _PRICE, "output": _PRICE})
)
# Of a call that used nothing it is not known what it used: no book can price it.
_USED = st.builds(
    Usage,
    input_tokens=st.integers(1, 10**7),
    cached_input_tokens=st.integers(0, 10**5),
    output_tokens=st.integers(0, 10**6),
    reasoning_tokens=st.integers(0, 10**4),
)
_CALL = st.tuples(st.sampled_from("abc"), _USED, st.integers(0, 60 * DAY_NS))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_RATES, _RATES, st.lists(_CALL, min_size=1, max_size=12), st.booleans())
def test_whatever_the_books_sums_are_the_new_book_s_and_back_again(
    old: Rates, new: Rates, calls: list[tuple[str, Usage, int]], closed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = SqlitePlace(Path(folder))
        with place.ledger() as store:
            desk, first, second = Desk(Path(folder), store, place=place), book_of(old), book_of(new)
            records = [
                bought(number, first, model, used, started_ns=START_NS + after_ns)
                for number, (model, used, after_ns) in enumerate(calls)
            ]
            store.commit(records, "w-1.jnl", 1)
            if closed:
                close(desk, "2023-11", DECEMBER_NS + DAY_NS)
            original, kept = money(desk), rows(desk)
            now_ns = START_NS + 90 * DAY_NS
            repriced(desk, second, now_ns, take_back=True)
            assert money(desk).get((), (0, 0, 0)) == expected(records, second)
            assert findings(desk) == []
            repriced(desk, first, now_ns, take_back=True)
            assert money(desk) == original
            assert rows(desk) == kept
            assert findings(desk) == []
            with ledger_reader(place_of(desk)) as reader:
                assert reader is not None
                assert came_late(reader) == []
