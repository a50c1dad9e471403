"""Reflective search with gepa (Agrawal et al., 2025): a model reads what went wrong and proposes other words; what
betters a few cases is asked all that score; the next proposal begins with a version that is best of all at some case.

gepa is synchronous, and has its own ideas of terminals and files. So it runs in a thread of its own, is given no folder
to write to and a logger that goes to `logging`, and asks through a bridge to the loop where the gateway is asked. What
it would remember of a run that was killed is not kept: the same seed and the same answers, out of the journal, lead it
to the same place.
"""

import asyncio
import concurrent.futures
import contextlib
import importlib
import logging
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from gateway.compare.cases import Case
from gateway.compare.running.results import Graded
from gateway.compare.tuning.evaluating import Ended
from gateway.compare.tuning.parts import Parts
from gateway.compare.tuning.reflecting import Record, Reflector
from gateway.compare.tuning.trying import Tries
from gateway.compare.tuning.workshop import Candidate, Workshop
from gateway.core.extras import installing

T = TypeVar("T")
_log = logging.getLogger("gateway.compare")
MISSING = f"reflective search needs the extra `tune`: {installing('tune')}"
BATCH = 4
ROUNDS = "number of rounds"
# Rounds in which nothing is proposed, because the few cases drawn were all right, cost nothing; but they must end.
_IDLE = 10


class MissingExtra(Exception):
    """gepa is not installed. Says which extra brings it."""


def load_gepa() -> Any:
    """Raises: MissingExtra."""
    try:
        return importlib.import_module("gepa")
    except ImportError:
        raise MissingExtra(f"{MISSING}; `--method few-shot` does without") from None


class _Out(BaseException):
    """The way out of gepa, which goes on after any Exception."""


class Bridge:
    """From gepa's thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # What is closed begins nothing, and what has begun can be given up: there is nothing between the two.
        self._lock = threading.Lock()
        self._open: concurrent.futures.Future[Any] | None = None
        self._closed = False
        self.ended: Exception | None = None

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for it, in gepa's thread."""
        with self._lock:
            if self._closed:
                work.close()
                raise _Out
            future = self._open = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise _Out from None
        except Exception as error:  # noqa: BLE001  whatever it is, it goes on from `search`, and not through gepa
            self.ended = error
            raise _Out from None

    def close(self) -> None:
        """Nothing more is asked; what is under way is given up."""
        with self._lock:
            self._closed = True
            if self._open is not None:
                self._open.cancel()


class _Adapter:
    """What gepa asks for: candidates scored, what there is to learn from it, and new words."""

    def __init__(
        self, gepa: Any, bridge: Bridge, workshop: Workshop, tries: Tries, reflector: Reflector, rounds: int
    ) -> None:
        self._batch: Any = gepa.EvaluationBatch
        self._bridge, self._workshop, self._tries, self._reflector = bridge, workshop, tries, reflector
        self._rounds = rounds
        self._made: dict[tuple[tuple[str, str], ...], Candidate] = {}
        self.round = 0

    def evaluate(self, batch: Sequence[Case], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        made = self._candidate(candidate)
        graded, values = self._bridge.call(self._tries.evaluate(made, batch))
        records = [Record(case, _of(case, graded)) for case in batch]
        scores = [values.get(case.id, 0.0) for case in batch]
        return self._batch(outputs=[None] * len(batch), scores=scores, trajectories=records if capture_traces else None)

    def make_reflective_dataset(
        self,
        candidate: dict[str, str],  # noqa: ARG002  gepa's
        eval_batch: Any,
        components_to_update: Sequence[str],
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        records: Sequence[Record] = eval_batch.trajectories
        return {name: [record.as_data for record in records] for name in components_to_update}

    def propose_new_texts(
        self, candidate: dict[str, str], reflective_dataset: Mapping[str, Any], components_to_update: Sequence[str]
    ) -> dict[str, str]:
        """The words that are new; gepa goes on to the next round where there are none."""
        made = self._candidate(candidate)
        found: dict[str, str] = {}
        for name in components_to_update:
            self.round += 1
            text = self._bridge.call(self._reflector.propose(made, name, reflective_dataset[name]))
            if text is not None:
                found[name] = text
        return found

    def enough(self, state: Any) -> bool:
        """gepa's question whether to stop."""
        return self.round >= self._rounds or state.i >= self._rounds * _IDLE or self._tries.perfect

    def _candidate(self, words: Mapping[str, str]) -> Candidate:
        """All of them have been made before they were proposed: none is refused here."""
        key = tuple(sorted(words.items()))
        if key not in self._made:
            start = self._workshop.start
            same = dict(words) == dict(start.words)
            self._made[key] = start if same else self._workshop.make(words, (), f"reflection {self.round}")
        return self._made[key]


def _of(case: Case, graded: Sequence[Graded]) -> Graded:
    """Of the repeats of a case, the first that has something wrong."""
    mine = [one for one in graded if one.trial.case == case.id]
    return next((one for one in mine if not one.passed), mine[0])


class _Quiet:
    """gepa's logger."""

    def log(self, message: str) -> None:
        _log.debug("gepa: %s", message)


async def search(workshop: Workshop, tries: Tries, reflector: Reflector, parts: Parts, rounds: int, seed: int) -> str:
    """Search until `rounds` proposals were asked for, all that score pass, or nothing more may be asked; whatever was
    tried is in `tries`.

    Returns:
        Why it ended.

    Raises:
        Unasked: the model that proposes does not answer. MissingExtra: gepa is not installed.
    """
    gepa = load_gepa()
    bridge = Bridge(asyncio.get_running_loop())
    adapter = _Adapter(gepa, bridge, workshop, tries, reflector, rounds)

    def work() -> None:
        with contextlib.suppress(_Out):
            gepa.optimize(
                seed_candidate=dict(workshop.start.words),
                trainset=list(parts.shown),
                valset=list(parts.scored),
                adapter=adapter,
                reflection_minibatch_size=min(BATCH, len(parts.shown)),
                stop_callbacks=adapter.enough,
                logger=_Quiet(),
                seed=seed,
                track_best_outputs=False,
            )

    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        bridge.close()
        await asyncio.wait([thread])
        raise
    if isinstance(bridge.ended, Ended):
        return str(bridge.ended)
    if bridge.ended is not None:
        raise bridge.ended
    return ROUNDS if adapter.round >= rounds else ""
