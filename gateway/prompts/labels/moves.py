"""Moves of labels, and runs of the tests that guard them: what they are, and what follows from a list of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec

from gateway.prompts.positions import Position, position_of

Verdict = Literal["passed", "failed", "better", "equivalent", "worse", "inconclusive"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# What a run with nothing to compare with says, and what a comparison does.
PASSING = frozenset({"passed", "better", "equivalent"})
Positions = Mapping[tuple[str, str], Position]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A label is to go from one position to another. None: it stood nowhere, or does from then on.

    Attributes:
        before: where it stood when that was decided; it is moved from nowhere else.
        gate_run: ids of the runs that let it through, or empty.
        rollback: it takes back the move before. forced: past a gate, by an operator.
    """

    prompt: str
    label: str
    before: Position | None
    after: Position | None
    actor: str
    reason: str = ""
    gate_run: str = ""
    rollback: bool = False
    forced: bool = False


class Move(Change, frozen=True, kw_only=True):
    """A change that was made. `at_ns`: Unix nanoseconds."""

    id: int
    at_ns: int


class GateRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a prompt's tests.

    Attributes:
        digest: of the version that was tested. against_digest: of the one it was compared with; empty: with none.
        suite_digest: of the tests, and of what they let through. verdict: see `PASSING`. at_ns: Unix nanoseconds.
        summary: figures, as JSON values.
    """

    id: str
    prompt: str
    digest: str
    against_digest: str
    suite_digest: str
    verdict: Verdict
    at_ns: int
    actor: str
    summary: Mapping[str, Any] = {}

    @property
    def passed(self) -> bool:
        return self.verdict in PASSING


def place_text(position: Position | None) -> str:
    """A position as stores keep it: `2`, `2:90 3:10`, empty for none."""
    return "" if position is None else str(position)


def place_of(text: str) -> Position | None:
    """The position that `place_text` wrote.

    Raises:
        ValueError: it is none.
    """
    if not text:
        return None
    if ":" not in text:
        return position_of(int(text))
    return position_of(
        {int(version): int(weight) for version, _, weight in (one.partition(":") for one in text.split())}
    )


def stood(moves: Iterable[tuple[Position | None, Position | None, bool]]) -> list[Position | None]:
    """Where a label stood, oldest first, as it can still be gone back to; last, where it stands.

    A rollback takes the move before it off the list, so that two of them go back two moves. `moves`: (from, to,
    rollback), oldest first.
    """
    found: list[Position | None] = []
    for before, after, rollback in moves:
        if not found or found[-1] != before:  # somebody moved it without writing that down: a file that was edited
            found.append(before)
        if rollback and len(found) > 1:
            found.pop()
        if found[-1] != after:
            found.append(after)
    return found
