"""Runs under way in this worker: begun, kept alive, ended; and those that other workers left behind.

queued ──a turn──▶ in_progress ──all rows done──▶ completed
   │                    ├──its key is refused, there is no room, its file is gone, a bug──▶ failed
   └────────────────────┴──somebody cancels──▶ canceled; its worker is gone, or stops──▶ failed

Whoever ends a run does it by one statement that finds it `queued` or `in_progress`; all others find it ended.
A run's credential lives in the memory of the worker that began it, so no other worker can go on with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import TracebackType
from typing import Self

import msgspec

from gateway.core.clock import Clock, uuid7
from gateway.core.faults import Fault
from gateway.evals.calls import Calls, Make, NoLongerAdmitted, Sleep
from gateway.evals.criteria import Criterion, read_criteria
from gateway.evals.files import Files
from gateway.evals.items import Done, Rows
from gateway.evals.jsonl import DataRow, lines_of
from gateway.evals.memory import Memory
from gateway.evals.options import EvalsOptions
from gateway.evals.rows import Counted, RunRow, Tally
from gateway.evals.sources import DataSource, read_source
from gateway.evals.store import EvalStore
from gateway.evals.turns import Turns

_log = logging.getLogger("gateway.evals")
BEAT_S, LOOK_EVERY = 1.0, 5
SWEEP_S = 600.0
LOST = (
    "worker_lost",
    "the gateway's process that carried out this run is gone, and with it the key, which is kept on no disk; make the "
    "run again",
)
STOPPED = (
    "gateway_stopped",
    "the gateway was stopped before this run had ended; its key is kept on no disk, so make the run again",
)
REFUSED = ("invalid_api_key", "the key that made this run is not accepted any more")


class _Ended(Exception):
    """Somebody else has ended the run."""


class Runs:
    """`async with Runs(…) as runs`. One per worker.

    Args:
        run_header: the header by which calls say of which run they are; empty: there is none.
    """

    def __init__(
        self,
        memory: Memory,
        files: Files,
        make: Make,
        options: EvalsOptions,
        clock: Clock,
        *,
        run_header: str = "",
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._memory = memory
        self._files = files
        self._make = make
        self._options = options
        self._clock = clock
        self._run_header = run_header.lower().encode()
        self._sleep = sleep
        self._turns = Turns(options.concurrent_runs)
        self._slots = asyncio.Semaphore(options.concurrent_calls)
        self._grading = ThreadPoolExecutor(1, thread_name_prefix="grading")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beside: list[asyncio.Task[None]] = []
        self.owner = uuid7(clock.now_ns())

    async def __aenter__(self) -> Self:
        self._beside = [asyncio.create_task(self._beat()), asyncio.create_task(self._sweep())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._beside, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._memory(lambda store: store.end_runs_of(self.owner, *STOPPED))
        except Fault as fault:  # their leases will tell
            _log.error("runs of evals that were stopped are not marked as such: %s", fault.message)
        self._grading.shutdown(wait=False, cancel_futures=True)

    async def begin(
        self, create: Callable[[str], Awaitable[RunRow | None]], criteria: bytes, headers: Mapping[bytes, bytes]
    ) -> RunRow | None:
        """Make a run, and carry it out when it is its turn. `create`: (owner) → the run in the store, or None."""

        async def both() -> RunRow | None:
            run = await create(self.owner)
            if run is not None:
                self._follow(run, criteria, headers)
            return run

        # A client that hangs up in between leaves no run behind that is alive and that nobody carries out.
        return await asyncio.shield(asyncio.create_task(both()))

    def _follow(self, run: RunRow, criteria: bytes, headers: Mapping[bytes, bytes]) -> None:
        task = asyncio.create_task(self._carry_out(run, criteria, headers))
        self._tasks[run.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.id, None))

    def stop(self, id: str) -> None:
        """A run was ended; if it is this worker's, it stops at once."""
        if (task := self._tasks.get(id)) is not None:
            task.cancel()

    async def _carry_out(self, run: RunRow, criteria: bytes, headers: Mapping[bytes, bytes]) -> None:
        async with self._turns.of(run.tenant):
            if not await self._memory.insisting(lambda store: store.start_run(run.id)):
                return
            try:
                await self._do(run, criteria, headers)
                ending = ("completed", "", "")
            except _Ended:
                return
            except NoLongerAdmitted:
                ending = ("failed", *REFUSED)
            except Fault as fault:
                ending = ("failed", fault.code, fault.message)
            except FileNotFoundError:
                ending = ("failed", "file_not_found", "the file with the rows of this run is gone")
            except Exception:  # noqa: BLE001  a border: a bug ends the run, and is told in the log
                _log.exception("run %s failed", run.id)
                ending = ("failed", "internal_error", "the gateway failed; its log holds the reason")
            status, code, message = ending
            await self._memory.insisting(lambda store: store.end_run(run.id, status, code, message))

    async def _do(self, run: RunRow, criteria: bytes, headers: Mapping[bytes, bytes]) -> None:
        source = read_source(msgspec.json.decode(run.data_source))
        read = read_criteria(msgspec.json.decode(criteria), embeds=True)
        named = {self._run_header: run.id.encode()} if self._run_header else {}
        calls = Calls(self._make, {**named, **headers}, self._options, self._slots, self._sleep)
        rows = Rows(source, read, calls, self._grading)
        keeping = _Keeping(run, read, calls, self._memory, self._clock)
        feed = _Feed(self._rows(source))

        async def work() -> None:
            while (found := await feed.next()) is not None:
                number, row = found
                await keeping.keep(await rows.do(number, row))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._options.concurrent_rows):
                    group.create_task(work())
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    def _rows(self, source: DataSource) -> Iterator[DataRow]:
        if not source.file:
            return iter(source.rows)
        return (row for _, row in lines_of(self._files.path_of(source.file)))

    async def _beat(self) -> None:
        """Say that this worker is at its runs, hear which were ended elsewhere, end those of workers that are gone."""
        for beats in count():
            try:
                mine = dict(self._tasks)
                if mine:
                    alive = await self._memory(lambda store: store.renew_leases(self.owner))
                    for run_id in mine.keys() - alive:
                        mine[run_id].cancel()
                if beats % LOOK_EVERY == 0:
                    for run_id in await self._memory(lambda store: store.end_lost_runs(*LOST)):
                        _log.warning("run %s has lost its worker", run_id)
            except Fault as fault:
                _log.error("leases of runs could not be looked at: %s", fault.message)
            await asyncio.sleep(BEAT_S)

    async def _sweep(self) -> None:
        while True:
            try:
                await self._memory(lambda store: store.sweep())
                known = await self._memory(lambda store: store.file_ids())
                await asyncio.to_thread(self._files.sweep, known)
            except (Fault, OSError) as error:
                _log.error("what had its time of evals was not swept: %s", error)
            await asyncio.sleep(SWEEP_S)


class _Feed:
    """Rows, one after another, to whoever asks first. Reading a file is done in a thread."""

    def __init__(self, rows: Iterator[DataRow]) -> None:
        self._rows = enumerate(rows)
        self._turn = asyncio.Lock()

    async def next(self) -> tuple[int, DataRow] | None:
        async with self._turn:
            return await asyncio.to_thread(next, self._rows, None)


class _Keeping:
    """What is done of a run, into the store."""

    def __init__(self, run: RunRow, criteria: Sequence[Criterion], calls: Calls, memory: Memory, clock: Clock) -> None:
        self._run = run
        self._memory = memory
        self._clock = clock
        self._tally = Tally(usage=calls.usage, criteria=[Counted(one.name) for one in criteria])

    async def keep(self, done: Done) -> None:
        """Raises:
        _Ended: the run is over. Conflict: there is no more room.
        """
        run = self._run
        for counted, passed in zip(self._tally.criteria, done.passed, strict=True):
            counted.passed += passed is True
            counted.failed += passed is False
        item_id = new_id("outputitem", self._clock)
        body = msgspec.json.encode(
            {
                "id": item_id,
                "object": "eval.run.output_item",
                "created_at": int(self._clock.now()),
                "eval_id": run.eval_id,
                "run_id": run.id,
                **done.fields,
            }
        )

        def put(store: EvalStore) -> bool:
            # Told anew each time it is tried: another row may have been kept meanwhile, and its tally knows more.
            return store.put_item(run, item_id, done.status, body, msgspec.json.encode(self._tally))

        if not await self._memory.insisting(put):
            raise _Ended


def new_id(kind: str, clock: Clock) -> str:
    return f"{kind}_{uuid7(clock.now_ns()).replace('-', '')}"


def first_tally(criteria: Sequence[Criterion]) -> bytes:
    """Of a run that has not begun."""
    return msgspec.json.encode(Tally(criteria=[Counted(one.name) for one in criteria]))
