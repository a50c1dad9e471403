"""The store: SQLite, one file for all workers of a gateway. What is deleted takes what hangs on it along."""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gateway.core.clock import Clock
from gateway.core.faults import BadRequest, Conflict, RateLimited
from gateway.evals.options import EvalsOptions
from gateway.evals.rows import EvalRow, FileRow, ItemRow, NewRun, Page, RunRow, Status
from gateway.stores.sqlite import SqliteStore

_PACKAGE = "gateway.evals"
DAY_S = 86_400
# A page ends early where it would be larger; `has_more` says so, and clients go on with the next.
PAGE_BYTES = 32 * 1024 * 1024
Row = TypeVar("Row", EvalRow, RunRow, ItemRow, FileRow)


class Found(msgspec.Struct, frozen=True):
    """A page of rows, and whether there are more behind it."""

    rows: list[Any]
    has_more: bool


class EvalStore(SqliteStore):
    """`with EvalStore(path, options, clock) as store`. Synchronous and short; async callers use a thread, one at a
    time."""

    def __init__(self, path: Path, options: EvalsOptions, clock: Clock) -> None:
        super().__init__(path, _PACKAGE)
        self._options = options
        self._clock = clock

    def put_eval(self, tenant: str, id: str, name: str, metadata: bytes, config: bytes, criteria: bytes) -> EvalRow:
        """Raises:
        Conflict: the tenant has as much as it may have; so do the other `put_…`.
        """
        size = len(name) + len(metadata) + len(config) + len(criteria)
        with self._transaction():
            self._check_room(tenant, "evals", size)
            self._execute(
                "insert_eval",
                tenant=tenant,
                id=id,
                created_at=self._now(),
                updated_ns=self._clock.now_ns(),
                name=name,
                metadata=metadata,
                config=config,
                criteria=criteria,
                bytes=size,
            )
        return self._one("get_eval", EvalRow, tenant=tenant, id=id)

    def get_eval(self, tenant: str, id: str) -> EvalRow | None:
        return self._maybe("get_eval", EvalRow, tenant=tenant, id=id)

    def update_eval(self, tenant: str, id: str, name: str, metadata: bytes) -> EvalRow | None:
        self._execute(
            "update_eval",
            tenant=tenant,
            id=id,
            name=name,
            metadata=metadata,
            updated_ns=self._clock.now_ns(),
            used_at=self._now(),
        )
        return self.get_eval(tenant, id)

    def delete_eval(self, tenant: str, id: str) -> bool:
        """Whether it was there; its runs go with it."""
        return self._execute("delete_eval", tenant=tenant, id=id).rowcount > 0

    def list_evals(self, tenant: str, page: Page) -> Found:
        after = self._after(page, lambda: self.get_eval(tenant, page.after))
        order = f"evals_by_{'update' if page.by_update else 'creation'}_{'desc' if page.descending else 'asc'}"
        updated_ns = after.updated_ns if after else None
        seq = after.seq if after else None
        return self._page(order, EvalRow, page, tenant=tenant, after=seq, updated_ns=updated_ns)

    def put_run(self, tenant: str, eval_id: str, new: NewRun) -> RunRow | None:
        """A run that waits for its turn; None: the eval is gone.

        Raises:
            RateLimited: as many are under way as may be.
        """
        values = msgspec.structs.asdict(new)
        size = sum(len(value) for value in values.values())
        with self._transaction():
            if self.get_eval(tenant, eval_id) is None:
                return None
            live = self._check_room(tenant, "runs", size)
            if live >= self._options.max_live_runs:
                raise RateLimited(
                    f"{live} runs of your organisation's are queued or in progress, and more may not be "
                    "(evals.max_live_runs); wait for one to end, or cancel one",
                    headers={"retry-after": "10"},
                )
            now, lease = self._now(), self._lease()
            # Apart: SQLite writes a row anew, whole, whenever a count in it changes.
            source = values.pop("data_source")
            self._execute(
                "insert_run", tenant=tenant, eval_id=eval_id, created_at=now, lease_until=lease, bytes=size, **values
            )
            self._execute("insert_source", id=new.id, data_source=source)
            self._execute("use_eval", tenant=tenant, id=eval_id, used_at=now)
            return self.get_run(tenant, eval_id, new.id)

    def get_run(self, tenant: str, eval_id: str, id: str) -> RunRow | None:
        return self._maybe("get_run", RunRow, tenant=tenant, eval_id=eval_id, id=id)

    def delete_run(self, tenant: str, eval_id: str, id: str) -> bool:
        return self._execute("delete_run", tenant=tenant, eval_id=eval_id, id=id).rowcount > 0

    def list_runs(self, tenant: str, eval_id: str, page: Page) -> Found:
        after = self._after(page, lambda: self.get_run(tenant, eval_id, page.after))
        order = "runs_desc" if page.descending else "runs_asc"
        seq = after.seq if after else None
        return self._page(order, RunRow, page, tenant=tenant, eval_id=eval_id, status=page.status, after=seq)

    def start_run(self, id: str) -> bool:
        """False: it has ended before it began."""
        return self._execute("start_run", id=id, lease_until=self._lease()).rowcount > 0

    def end_run(self, id: str, status: Status, code: str = "", message: str = "") -> bool:
        """False: it had ended before."""
        ended = self._execute("end_run", id=id, status=status, error_code=code, error_message=message)
        return ended.rowcount > 0

    def end_runs_of(self, owner: str, code: str, message: str) -> int:
        """End all that a process has under way; how many."""
        return self._execute("end_runs_of", owner=owner, error_code=code, error_message=message).rowcount

    def end_lost_runs(self, code: str, message: str) -> list[str]:
        """End those whose process has said nothing for too long; their ids."""
        found = self._rows("end_lost_runs", now=self._clock.now(), error_code=code, error_message=message)
        return [row["id"] for row in found]

    def renew_leases(self, owner: str) -> frozenset[str]:
        """The ids of this process's runs that are still under way, and stay so."""
        return frozenset(row["id"] for row in self._rows("renew_leases", owner=owner, lease_until=self._lease()))

    def put_item(self, run: RunRow, id: str, status: str, body: bytes, tally: bytes) -> bool:
        """One more row of a run is done; False: the run has ended meanwhile, and nothing is kept.

        Raises:
            Conflict: there is no more room.
        """
        with self._transaction():
            counted = {name: int(name.startswith(status)) for name in ("passed", "failed", "errored")}
            if self._execute("count_item", id=run.id, tally=tally, bytes=len(body), **counted).rowcount == 0:
                return False
            self._check_room(run.tenant, "", 0)
            self._execute("insert_item", run_id=run.id, id=id, status=status, body=body)
        return True

    def get_item(self, tenant: str, eval_id: str, run_id: str, id: str) -> ItemRow | None:
        return self._maybe("get_item", ItemRow, tenant=tenant, eval_id=eval_id, run_id=run_id, id=id)

    def list_items(self, run: RunRow, page: Page) -> Found:
        after = self._after(page, lambda: self.get_item(run.tenant, run.eval_id, run.id, page.after))
        order = "items_desc" if page.descending else "items_asc"
        return self._page(order, ItemRow, page, run_id=run.id, status=page.status, after=after.seq if after else None)

    def room_for_file(self, tenant: str, size: int) -> int:
        """How many bytes another file may have.

        Raises:
            Conflict: the tenant has no room for another one of so many bytes.
        """
        self._check_room(tenant, "files", size)
        (held,) = self._rows("held", tenant=tenant)
        return self._options.max_bytes - held["bytes"]

    def put_file(self, tenant: str, id: str, name: str, size: int, expires_in_s: int | None) -> FileRow:
        now, longest = self._now(), self._options.keep_days * DAY_S
        expires_at = now + min(longest, longest if expires_in_s is None else expires_in_s)
        with self._transaction():
            self._check_room(tenant, "files", size)
            self._execute(
                "insert_file",
                tenant=tenant,
                id=id,
                created_at=now,
                expires_at=expires_at,
                told=int(expires_in_s is not None),
                name=name,
                bytes=size,
            )
        return self._one("get_file", FileRow, tenant=tenant, id=id, now=now)

    def get_file(self, tenant: str, id: str) -> FileRow | None:
        return self._maybe("get_file", FileRow, tenant=tenant, id=id, now=self._now())

    def delete_file(self, tenant: str, id: str) -> bool:
        return self._execute("delete_file", tenant=tenant, id=id).rowcount > 0

    def list_files(self, tenant: str, page: Page) -> Found:
        after = self._after(page, lambda: self.get_file(tenant, page.after))
        order = "files_desc" if page.descending else "files_asc"
        return self._page(order, FileRow, page, tenant=tenant, now=self._now(), after=after.seq if after else None)

    def file_ids(self) -> frozenset[str]:
        """Of all tenants' files."""
        return frozenset(row["id"] for row in self._rows("file_ids"))

    def sweep(self) -> None:
        """Forget what has had its time."""
        before = self._now() - self._options.keep_days * DAY_S
        self._execute("forget_runs", before=before)
        self._execute("forget_evals", before=before)
        self._execute("forget_files", now=self._now())

    def _check_room(self, tenant: str, kind: str, size: int) -> int:
        """How many runs of the tenant's are under way."""
        (held,) = self._rows("held", tenant=tenant)
        options = self._options
        most = {"evals": options.max_evals, "runs": options.max_runs, "files": options.max_files}.get(kind)
        if most is not None and held[kind] >= most:
            raise Conflict(
                f"your organisation has {held[kind]} {kind}, and may have no more (evals.max_{kind} in config.yaml); "
                f"delete {kind} that nobody needs",
                code="storage_limit",
            )
        if held["bytes"] + size > options.max_bytes:
            raise no_room(held["bytes"], size, options.max_bytes)
        return held["live"]

    def _after(self, page: Page, get: Callable[[], Row | None]) -> Row | None:
        if not page.after:
            return None
        found = get()
        if found is None:
            raise BadRequest(f"`after` is `{page.after[:100]}`, and there is no such id in this list", param="after")
        return found

    def _page(self, query: str, shape: type[Row], page: Page, **values: object) -> Found:
        found: list[Row] = []
        size = 0
        rows: Iterable[sqlite3.Row] = self._execute(query, **values, limit=page.limit + 1)
        for row in rows:
            size += sum(len(value) for value in tuple(row) if isinstance(value, bytes))
            if len(found) == page.limit or (found and size > PAGE_BYTES):
                return Found(found, has_more=True)
            found.append(_of(row, shape))
        return Found(found, has_more=False)

    def _one(self, query: str, shape: type[Row], **values: object) -> Row:
        (row,) = self._rows(query, **values)
        return _of(row, shape)

    def _maybe(self, query: str, shape: type[Row], **values: object) -> Row | None:
        rows = self._rows(query, **values)
        return _of(rows[0], shape) if rows else None

    def _lease(self) -> float:
        return self._clock.now() + self._options.lease_s

    def _now(self) -> int:
        return int(self._clock.now())


def no_room(held: int, size: int, most: int) -> Conflict:
    return Conflict(
        f"evals, runs and files of your organisation take {held} bytes, and there is no room for {size} more "
        f"(evals.max_bytes in config.yaml: {most}); delete runs or files that nobody needs",
        code="storage_limit",
    )


def _of(row: sqlite3.Row, shape: type[Row]) -> Row:
    return msgspec.convert(dict(row), shape, strict=False, builtin_types=(bytes,))
