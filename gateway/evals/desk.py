"""What clients ask of evals, runs and files, one method each. A tenant finds its own only."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from gateway.core.clock import Clock
from gateway.core.faults import Conflict, NotFound
from gateway.evals.config import items_of, read_config
from gateway.evals.criteria import read_criteria
from gateway.evals.files import Files, Spool
from gateway.evals.jsonl import DataRow, check_rows, count_lines, lines_of
from gateway.evals.memory import Memory
from gateway.evals.objects import eval_object, file_object, item_object, list_object, run_object
from gateway.evals.options import EvalsOptions
from gateway.evals.reading import Name, read_as, read_metadata, read_object
from gateway.evals.rows import LIVE, EvalRow, FileRow, NewRun, Page, RunRow
from gateway.evals.running import Runs, first_tally, new_id
from gateway.evals.sources import DataSource, read_source
from gateway.evals.store import no_room

_encode = msgspec.json.Encoder().encode
Object = dict[str, Any]
T = TypeVar("T")


class _NewEval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    data_source_config: Any
    testing_criteria: Any
    name: Name = ""
    metadata: dict[str, str] | None = None


class _Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType | None = msgspec.UNSET


class _NewRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    data_source: Any
    name: Name = ""
    metadata: dict[str, str] | None = None


class Desk:
    """One per worker. Its methods raise faults."""

    def __init__(self, memory: Memory, files: Files, runs: Runs, options: EvalsOptions, clock: Clock) -> None:
        self._memory = memory
        self._files = files
        self._runs = runs
        self._clock = clock
        self._coming: Counter[str] = Counter()
        self.options = options

    async def create_eval(self, tenant: str, body: bytes) -> Object:
        sent = read_as(read_object(body, '{"data_source_config": {…}, "testing_criteria": [{…}]}'), _NewEval)
        config = _encode(read_config(sent.data_source_config))
        read_criteria(sent.testing_criteria, embeds=bool(self.options.embedding_model))
        criteria, metadata = _encode(sent.testing_criteria), _encode(read_metadata(sent.metadata))
        eval_id = new_id("eval", self._clock)
        return eval_object(
            await self._memory(lambda store: store.put_eval(tenant, eval_id, sent.name, metadata, config, criteria))
        )

    async def get_eval(self, tenant: str, id: str) -> Object:
        return eval_object(await self._eval(tenant, id))

    async def update_eval(self, tenant: str, id: str, body: bytes) -> Object:
        sent = read_as(read_object(body, '{"name": "…", "metadata": {…}}'), _Update)
        row = await self._eval(tenant, id)
        name = row.name if sent.name is msgspec.UNSET else sent.name
        metadata = row.metadata if sent.metadata is msgspec.UNSET else _encode(read_metadata(sent.metadata))
        updated = await self._memory(lambda store: store.update_eval(tenant, id, name, metadata))
        return eval_object(_there(updated, "eval", id))

    async def delete_eval(self, tenant: str, id: str) -> Object:
        if not await self._memory(lambda store: store.delete_eval(tenant, id)):
            raise _missing("eval", id)
        return {"object": "eval.deleted", "deleted": True, "eval_id": id}

    async def list_evals(self, tenant: str, page: Page) -> Object:
        found = await self._memory(lambda store: store.list_evals(tenant, page))
        return list_object([eval_object(one) for one in found.rows], [one.id for one in found.rows], found.has_more)

    async def create_run(
        self, tenant: str, eval_id: str, body: bytes, headers: Mapping[bytes, bytes], base: str
    ) -> Object:
        """`headers`: of the request: whose run it is. They are kept in memory, until it has ended."""
        sent = read_as(read_object(body, '{"data_source": {…}}'), _NewRun)
        source = read_source(sent.data_source, self.options.max_rows)
        row = await self._eval(tenant, eval_id)
        file = await self._file(tenant, source.file) if source.file else None
        metadata, data_source = _encode(read_metadata(sent.metadata)), _encode(sent.data_source)
        tally = await asyncio.to_thread(self._check, row, source, file)
        run_id = new_id("evalrun", self._clock)
        name = sent.name or source.model or row.name

        async def create(owner: str) -> RunRow | None:
            new = NewRun(run_id, owner, name, source.model, metadata, data_source, tally)
            return await self._memory(lambda store: store.put_run(tenant, eval_id, new))

        run = await self._runs.begin(create, row.criteria, headers)
        return run_object(_there(run, "eval", eval_id), base)

    async def get_run(self, tenant: str, eval_id: str, id: str, base: str) -> Object:
        return run_object(await self._run(tenant, eval_id, id), base)

    async def list_runs(self, tenant: str, eval_id: str, page: Page, base: str) -> Object:
        await self._eval(tenant, eval_id)
        found = await self._memory(lambda store: store.list_runs(tenant, eval_id, page))
        runs = [run_object(one, base) for one in found.rows]
        return list_object(runs, [one.id for one in found.rows], found.has_more)

    async def cancel_run(self, tenant: str, eval_id: str, id: str, base: str) -> Object:
        """Of a run that was cancelled before, the run."""
        run = await self._run(tenant, eval_id, id)
        ended = run.status in LIVE and await self._memory(lambda store: store.end_run(id, "canceled"))
        self._runs.stop(id)
        run = await self._run(tenant, eval_id, id)
        if not ended and run.status != "canceled":
            raise Conflict(f"the run `{id[:100]}` is {run.status} already, and cannot be cancelled", code="run_ended")
        return run_object(run, base)

    async def delete_run(self, tenant: str, eval_id: str, id: str) -> Object:
        """With all its items; one that is under way stops."""
        if not await self._memory(lambda store: store.delete_run(tenant, eval_id, id)):
            raise _missing("run", id)
        self._runs.stop(id)
        return {"object": "eval.run.deleted", "deleted": True, "run_id": id}

    async def list_items(self, tenant: str, eval_id: str, run_id: str, page: Page) -> Object:
        run = await self._run(tenant, eval_id, run_id)
        found = await self._memory(lambda store: store.list_items(run, page))
        return list_object([item_object(one) for one in found.rows], [one.id for one in found.rows], found.has_more)

    async def get_item(self, tenant: str, eval_id: str, run_id: str, id: str) -> msgspec.Raw:
        found = await self._memory(lambda store: store.get_item(tenant, eval_id, run_id, id))
        return item_object(_there(found, "output item", id))

    @contextlib.asynccontextmanager
    async def spool(self, tenant: str, size: int = 0) -> AsyncGenerator[Spool]:
        """For a file that is on its way in. `size`: as large as it says it is, if it does.

        What of a tenant's is on its way in counts as kept: many uploads that never end would fill the disk.

        Raises:
            Conflict: it has no room, or, when it is written to, no more.
        """
        coming = self._coming
        left = await self._memory(lambda store: store.room_for_file(tenant, size + coming[tenant]))
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            taken += count
            coming[tenant] += count
            if coming[tenant] > left:
                raise no_room(self.options.max_bytes - left, coming[tenant], self.options.max_bytes)

        try:
            async with self._files.spool(self.options.max_file_bytes, take) as spool:
                yield spool
        finally:
            coming[tenant] -= taken
            coming += Counter()  # without those who have nothing coming

    async def keep_file(self, tenant: str, spool: Spool, name: str, expires_in_s: int | None) -> Object:
        """Raises:
        BadRequest: a line of it is no row.
        """
        await spool.flush()
        await asyncio.to_thread(count_lines, spool.path, self.options.max_rows)
        file_id = new_id("file", self._clock).replace("_", "-")
        spool.keep(self._files.path_of(file_id))
        try:
            row = await self._memory(lambda store: store.put_file(tenant, file_id, name, spool.size, expires_in_s))
        except Exception:  # of one that is cancelled nobody knows: what is not in the store is swept
            self._files.remove(file_id)
            raise
        return file_object(row)

    async def get_file(self, tenant: str, id: str) -> Object:
        return file_object(await self._file(tenant, id))

    async def file_content(self, tenant: str, id: str) -> tuple[str, str]:
        """Where it is on the disk, and its name."""
        row = await self._file(tenant, id)
        path = self._files.path_of(id)
        if not path.is_file():
            raise _missing("file", id)
        return str(path), row.name

    async def delete_file(self, tenant: str, id: str) -> Object:
        await self._file(tenant, id)
        await self._memory(lambda store: store.delete_file(tenant, id))
        await asyncio.to_thread(self._files.remove, id)
        return {"id": id, "object": "file", "deleted": True}

    async def list_files(self, tenant: str, page: Page) -> Object:
        found = await self._memory(lambda store: store.list_files(tenant, page))
        return list_object([file_object(one) for one in found.rows], [one.id for one in found.rows], found.has_more)

    async def _eval(self, tenant: str, id: str) -> EvalRow:
        return _there(await self._memory(lambda store: store.get_eval(tenant, id)), "eval", id)

    async def _run(self, tenant: str, eval_id: str, id: str) -> RunRow:
        return _there(await self._memory(lambda store: store.get_run(tenant, eval_id, id)), "run", id)

    async def _file(self, tenant: str, id: str) -> FileRow:
        return _there(await self._memory(lambda store: store.get_file(tenant, id)), "file", id)

    def _check(self, row: EvalRow, source: DataSource, file: FileRow | None) -> bytes:
        """The first tally of a run, if its rows are those of the eval. Reads a file from end to end: for a thread."""
        criteria = read_criteria(msgspec.json.decode(row.criteria), embeds=True)
        items = items_of(msgspec.json.decode(row.config))
        if file is None:
            place = "data_source.source.content"
            rows = ((f"{place}[{index}]", one) for index, one in enumerate(source.rows))
        else:
            place = "data_source.source.id"
            rows = ((f"line {number} of {file.id}", one) for number, one in self._lines(file))
        needs_sample = source.sampling is None and any(one.needs_sample for one in criteria)
        check_rows(rows, items.wrong, most=self.options.max_rows, needs_sample=needs_sample, param=place)
        return first_tally(criteria)

    def _lines(self, file: FileRow) -> Iterator[tuple[int, DataRow]]:
        try:
            yield from lines_of(self._files.path_of(file.id))
        except FileNotFoundError:
            raise _missing("file", file.id) from None


def _there(found: T | None, kind: str, id: str) -> T:
    if found is None:
        raise _missing(kind, id)
    return found


def _missing(kind: str, id: str) -> NotFound:
    return NotFound(f"there is no {kind} `{id[:100]}` here", code=f"{kind.replace(' ', '_')}_not_found")
