"""The store of moves and gate runs: one set of rules over two kinds of database."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from gateway.core.clock import Clock, uuid7
from gateway.core.faults import BadRequest, Conflict, NotFound
from gateway.prompts.labels.moves import (
    VERDICTS,
    Change,
    GateRun,
    Move,
    Positions,
    Verdict,
    place_of,
    place_text,
)
from gateway.prompts.positions import Position

Rows = list[dict[str, Any]]
MAX_TEXT = 500


class Database(Protocol):
    """A connection and its named queries. Everything here raises StoreUnavailable if it cannot be used."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def writing(self) -> AbstractContextManager[None]:
        """What is done inside is done as a whole or not at all, and by one writer at a time."""
        ...

    def rows(self, query: str, **values: object) -> Rows:
        """The rows of a named query."""
        ...


class LabelStore:
    """`with LabelStore(database, clock) as store`. Synchronous and short; async callers use a thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def __enter__(self) -> Self:
        self._database.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.__exit__(kind, error, trace)

    def move(self, change: Change) -> Move:
        """Write a move down.

        Raises:
            Conflict: the label does not stand where it was thought to, or stands there already. BadRequest: a text is
                too long.
        """
        for name, text in (("actor", change.actor), ("reason", change.reason)):
            if len(text) > MAX_TEXT:
                raise BadRequest(f"`{name}` has at most {MAX_TEXT} characters", param=name)
        with self._database.writing():
            now = self.position(change.prompt, change.label)
            if now != change.before:
                raise Conflict(
                    f"the label `{change.label}` was moved by somebody else meanwhile: it stands {_where(now)}; look "
                    "again, and decide again",
                    code="label_moved",
                )
            if now == change.after:
                raise Conflict(f"the label `{change.label}` stands {_where(now)} already", code="label_there")
            (row,) = self._database.rows(
                "insert_move",
                prompt=change.prompt,
                label=change.label,
                from_place=place_text(change.before),
                to_place=place_text(change.after),
                at_ns=self._clock.now_ns(),
                actor=change.actor,
                reason=change.reason,
                gate_run=change.gate_run,
                rollback=int(change.rollback),
                forced=int(change.forced),
            )
        return _move(row)

    def position(self, prompt: str, label: str) -> Position | None:
        """Where the label stands."""
        rows = self._database.rows("last_move", prompt=prompt, label=label)
        return place_of(rows[0]["to_place"]) if rows else None

    def positions(self) -> Positions:
        """Where all labels of all prompts stand."""
        return positions_in(self._database.rows("positions"))

    def moves(self, prompt: str, label: str = "", after: int = 0, limit: int = 1_000) -> list[Move]:
        """Moves of a prompt's labels, or of one of them, oldest first; those with ids beyond `after`."""
        return [
            _move(row)
            for row in self._database.rows("list_moves", prompt=prompt, label=label, after=after, limit=limit)
        ]

    def all_moves(self, prompt: str, label: str = "") -> list[Move]:
        found: list[Move] = []
        while page := self.moves(prompt, label, found[-1].id if found else 0):
            found += page
        return found

    def record_gate_run(
        self,
        *,
        prompt: str,
        digest: str,
        against_digest: str,
        suite_digest: str,
        verdict: Verdict,
        actor: str,
        summary: Mapping[str, object] | None = None,
    ) -> GateRun:
        """Write down what came of testing a version. Of several runs of one pair the last counts.

        Raises:
            BadRequest: no such verdict.
        """
        if verdict not in VERDICTS:
            raise BadRequest(f"`{verdict}` is no verdict; one of {', '.join(VERDICTS)}", param="verdict")
        now = self._clock.now_ns()
        with self._database.writing():
            (row,) = self._database.rows(
                "insert_run",
                id="gate_" + uuid7(now).replace("-", ""),
                prompt=prompt,
                digest=digest,
                against_digest=against_digest,
                suite_digest=suite_digest,
                verdict=verdict,
                at_ns=now,
                actor=actor,
                summary=msgspec.json.encode({} if summary is None else summary).decode(),
            )
        return _run(row)

    def gate_run(self, run_id: str) -> GateRun:
        """Raises:
        NotFound: there is no such run.
        """
        rows = self._database.rows("get_run", id=run_id)
        if not rows:
            raise NotFound(f"there is no gate run {run_id}")
        return _run(rows[0])

    def last_gate_run(self, prompt: str, digest: str, against_digest: str) -> GateRun | None:
        """The last run of a version against another, or against none."""
        rows = self._database.rows("newest_run", prompt=prompt, digest=digest, against_digest=against_digest)
        return _run(rows[0]) if rows else None


def positions_in(rows: Rows) -> Positions:
    """The positions that the query of that name found."""
    found = {(row["prompt"], row["label"]): place_of(row["to_place"]) for row in rows}
    return {key: position for key, position in found.items() if position is not None}


def _where(position: Position | None) -> str:
    return "nowhere" if position is None else f"on {position}"


def _move(row: Mapping[str, Any]) -> Move:
    return Move(
        id=row["id"],
        prompt=row["prompt"],
        label=row["label"],
        before=place_of(row["from_place"]),
        after=place_of(row["to_place"]),
        at_ns=row["at_ns"],
        actor=row["actor"],
        reason=row["reason"],
        gate_run=row["gate_run"],
        rollback=bool(row["rollback"]),
        forced=bool(row["forced"]),
    )


def _run(row: Mapping[str, Any]) -> GateRun:
    values = {name: row[name] for name in GateRun.__struct_fields__}
    return GateRun(**{**values, "summary": msgspec.json.decode(row["summary"])})
