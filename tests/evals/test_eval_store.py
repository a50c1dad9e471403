"""The store of evals: tenants apart, pages, bounds, endings that happen once, and what is forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.faults import BadRequest, Conflict, RateLimited
from gateway.evals import store as stores
from gateway.evals.options import EvalsOptions
from gateway.evals.rows import NewRun, Page, RunRow
from gateway.evals.store import DAY_S, EvalStore
from gateway.testing import HandClock

CLOCK_AT = 1_800_000_000.0
OPTIONS = EvalsOptions(
    max_evals=4, max_runs=4, max_files=2, max_live_runs=2, max_bytes=10_000, keep_days=10, lease_s=30
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(CLOCK_AT)


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> Iterator[EvalStore]:
    with EvalStore(tmp_path / "evals.db", OPTIONS, clock) as opened:
        yield opened


def put_eval(store: EvalStore, name: str, tenant: str = "acme") -> str:
    return store.put_eval(tenant, f"eval_{name}", name, b"{}", b"{}", b"[]").id


def put_run(store: EvalStore, name: str, of: str, tenant: str = "acme", owner: str = "me") -> RunRow:
    run = store.put_run(tenant, of, NewRun(f"evalrun_{name}", owner, name, "m", b"{}", b"{}", b"{}"))
    assert run is not None
    return run


def status(store: EvalStore, run: RunRow) -> str:
    found = store.get_run(run.tenant, run.eval_id, run.id)
    return found.status if found else "gone"


def test_what_is_put_is_found_by_its_tenant_alone(store: EvalStore) -> None:
    made = put_eval(store, "a")
    run = put_run(store, "r", made)
    file = store.put_file("acme", "file-1", "a.jsonl", 10, None)
    store.start_run(run.id)
    assert store.put_item(run, "i", "pass", b"{}", b"{}")
    assert store.get_eval("acme", made) is not None
    assert store.get_run("acme", made, run.id) is not None
    assert store.get_item("acme", made, run.id, "i") is not None
    assert store.get_file("acme", file.id) == file
    assert store.get_eval("other", made) is None
    assert store.get_run("other", made, run.id) is None
    assert store.get_run("acme", "eval_b", run.id) is None
    assert store.get_item("other", made, run.id, "i") is None
    assert store.get_file("other", file.id) is None
    assert store.update_eval("other", made, "x", b"{}") is None
    assert store.put_run("other", made, NewRun("evalrun_x", "me", "", "", b"", b"", b"")) is None
    assert not store.delete_eval("other", made)
    assert not store.delete_run("other", made, run.id)
    assert not store.delete_file("other", file.id)
    assert store.list_evals("other", Page()).rows == []
    with pytest.raises(BadRequest, match="no such id"):
        store.list_evals("other", Page(after=made))


def test_an_eval_takes_its_runs_and_their_items_along(store: EvalStore) -> None:
    made = put_eval(store, "a")
    run = put_run(store, "r", made)
    store.start_run(run.id)
    store.put_item(run, "i", "fail", b"{}", b"{}")
    assert store.delete_eval("acme", made)
    assert status(store, run) == "gone"
    assert store.get_item("acme", made, run.id, "i") is None
    assert store.list_items(run, Page()).rows == []
    assert not store.put_item(run, "j", "pass", b"{}", b"{}")


def test_pages_are_walked_in_either_order_and_by_either_time(store: EvalStore, clock: HandClock) -> None:
    made = []
    for name in "abcd":
        made.append(put_eval(store, name))
        clock.advance(1)
    store.update_eval("acme", made[1], "again", b"{}")

    def walked(page: Page) -> list[str]:
        found: list[str] = []
        while True:
            listed = store.list_evals("acme", page)
            found += [one.id for one in listed.rows]
            if not listed.has_more:
                return found
            page = Page(after=found[-1], limit=page.limit, descending=page.descending, by_update=page.by_update)

    for limit in (1, 2, 3, 4, 5):
        assert walked(Page(limit=limit)) == made
        assert walked(Page(limit=limit, descending=True)) == made[::-1]
        updated = [made[0], made[2], made[3], made[1]]
        assert walked(Page(limit=limit, by_update=True)) == updated
        assert walked(Page(limit=limit, by_update=True, descending=True)) == updated[::-1]


def test_a_page_ends_where_it_would_be_too_large(store: EvalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PAGE_BYTES", 250)
    run = put_run(store, "r", put_eval(store, "a"))
    store.start_run(run.id)
    for name in "abc":
        store.put_item(run, name, "pass", b"x" * 100, b"{}")
    first = store.list_items(run, Page())
    assert ([one.id for one in first.rows], first.has_more) == (["a", "b"], True)
    rest = store.list_items(run, Page(after="b"))
    assert ([one.id for one in rest.rows], rest.has_more) == (["c"], False)
    monkeypatch.setattr(stores, "PAGE_BYTES", 10)
    assert len(store.list_items(run, Page()).rows) == 1, "a page is never empty where there is something"


def test_items_are_counted_by_what_became_of_them(store: EvalStore) -> None:
    run = put_run(store, "r", put_eval(store, "a"))
    assert not store.put_item(run, "early", "pass", b"{}", b"{}")
    assert store.start_run(run.id)
    for name, found in zip("abcd", ("pass", "fail", "error", "pass"), strict=True):
        assert store.put_item(run, name, found, b"{}", b'{"n": 1}')
    row = store.get_run("acme", run.eval_id, run.id)
    assert row is not None
    assert (row.passed, row.failed, row.errored, row.tally) == (2, 1, 1, b'{"n": 1}')
    assert row.size == run.size + 4 * 2
    assert [one.id for one in store.list_items(run, Page(status="pass")).rows] == ["a", "d"]
    assert [one.id for one in store.list_items(run, Page(status="error")).rows] == ["c"]


def test_a_run_ends_once(store: EvalStore) -> None:
    run = put_run(store, "r", put_eval(store, "a"))
    assert store.end_run(run.id, "canceled")
    assert not store.start_run(run.id)
    assert not store.end_run(run.id, "completed")
    assert not store.put_item(run, "i", "pass", b"{}", b"{}")
    assert store.end_runs_of("me", "c", "m") == 0
    assert status(store, run) == "canceled"


def test_a_lease_that_nobody_renews_ends_a_run(store: EvalStore, clock: HandClock) -> None:
    made = put_eval(store, "a")
    mine, theirs = put_run(store, "mine", made), put_run(store, "theirs", made, owner="gone")
    store.start_run(theirs.id)
    for _ in range(4):
        clock.advance(10)
        assert store.renew_leases("me") == {mine.id}
        if clock.at - CLOCK_AT < 30:
            assert store.end_lost_runs("lost", "gone") == []
    assert store.end_lost_runs("lost", "gone") == [theirs.id]
    found = store.get_run("acme", made, theirs.id)
    assert found is not None
    assert (found.status, found.error_code, found.error_message) == ("failed", "lost", "gone")
    assert store.renew_leases("gone") == frozenset()
    assert status(store, mine) == "queued"


def test_a_worker_that_stops_ends_its_own_runs(store: EvalStore) -> None:
    made = put_eval(store, "a")
    mine, theirs = put_run(store, "mine", made), put_run(store, "theirs", made, owner="you")
    assert store.end_runs_of("me", "stopped", "why") == 1
    assert (status(store, mine), status(store, theirs)) == ("failed", "queued")


def test_there_is_so_much_of_everything_and_no_more(store: EvalStore) -> None:
    evals = [put_eval(store, name) for name in "abcd"]
    with pytest.raises(Conflict, match="max_evals"):
        put_eval(store, "e")
    put_eval(store, "e", tenant="other")
    runs = [put_run(store, name, evals[0]) for name in "ab"]
    with pytest.raises(RateLimited, match="max_live_runs"):
        put_run(store, "c", evals[0])
    for run in runs:
        store.end_run(run.id, "completed")
    runs += [put_run(store, name, evals[0]) for name in "cd"]
    store.end_run(runs[2].id, "completed")
    with pytest.raises(Conflict, match="max_runs"):
        put_run(store, "e", evals[0])
    for name in "ab":
        store.put_file("acme", name, name, 1_000, None)
    with pytest.raises(Conflict, match="max_files"):
        store.put_file("acme", "c", "c", 1, None)
    store.delete_file("acme", "a")
    with pytest.raises(Conflict, match="max_bytes"):
        store.put_file("acme", "c", "c", 9_000, None)
    store.put_file("other", "c", "c", 9_000, None)
    store.start_run(runs[3].id)
    assert store.put_item(runs[3], "i", "pass", b"x" * 8_000, b"{}")
    with pytest.raises(Conflict, match="max_bytes"):
        store.put_item(runs[3], "j", "pass", b"x" * 8_000, b"{}")
    found = store.get_run("acme", evals[0], runs[3].id)
    assert found is not None
    assert found.passed == 1, "what had no room is not counted"


def test_what_has_had_its_time_is_forgotten(store: EvalStore, clock: HandClock) -> None:
    old, used, live = put_eval(store, "old"), put_eval(store, "used"), put_eval(store, "live")
    done = put_run(store, "done", used)
    store.end_run(done.id, "completed")
    put_run(store, "live", live)
    short = store.put_file("acme", "short", "s", 1, 3_600)
    long = store.put_file("acme", "long", "l", 1, None)
    assert (short.told, long.told) == (True, False)
    clock.advance(3_600)
    assert store.get_file("acme", short.id) is None
    assert store.list_files("acme", Page()).rows == [long]
    clock.advance(5 * DAY_S)
    again = put_run(store, "again", used)
    store.end_run(again.id, "completed")
    store.sweep()
    assert store.file_ids() == {"long"}
    clock.advance(6 * DAY_S)
    store.sweep()
    assert store.file_ids() == frozenset()
    assert store.get_eval("acme", old) is None
    assert [one.id for one in store.list_runs("acme", used, Page()).rows] == [again.id]
    assert store.get_eval("acme", live) is not None, "a run that is under way keeps its eval"


def test_two_workers_share_it(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "evals.db"
    with EvalStore(path, OPTIONS, clock) as one, EvalStore(path, OPTIONS, clock) as other:
        run = put_run(one, "r", put_eval(one, "a"))
        assert one.start_run(run.id)
        assert other.end_run(run.id, "canceled")
        assert not one.put_item(run, "i", "pass", b"{}", b"{}")
        assert one.renew_leases("me") == frozenset()
    assert path.stat().st_mode & 0o077 == 0
