"""Prompts as operators see them, and labels as they move them."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gateway.access.activations import iso
from gateway.core.clock import SystemClock
from gateway.core.faults import BadRequest
from gateway.core.live import Live
from gateway.edge.admin.prompts import Moved, MoveRequest, PromptsDeps, PromptShown, RollbackRequest
from gateway.prompts.building import Entry
from gateway.prompts.document import Gate
from gateway.prompts.labels.moves import Move, place_text
from gateway.prompts.labels.opening import open_labels
from gateway.prompts.labels.options import LabelPlace
from gateway.prompts.labels.promoting import Promoter, Request
from gateway.prompts.labels.store import LabelStore
from gateway.prompts.library import Library
from gateway.prompts.positions import Position, position_of

CLOCK = SystemClock()
NUMBER = re.compile("[1-9][0-9]{0,8}")
T = TypeVar("T")
Note = Callable[[str, str, str, Mapping[str, object]], None]


def prompts_deps(library: Live[Library], place: LabelPlace, note: Note) -> PromptsDeps:
    """`note`: writes the audit log. The store is opened for each question: nobody asks often."""

    def in_store(work: Callable[[LabelStore], T]) -> T:
        with open_labels(place, CLOCK) as store:
            return work(store)

    async def history(prompt: str, label: str) -> list[Moved]:
        entry = library.value.entry(prompt)
        kept = await asyncio.to_thread(in_store, lambda store: store.all_moves(entry.meta.name, label))
        return [_moved(one) for one in kept]

    async def move(asked: MoveRequest, actor: str) -> Moved:
        entry = library.value.entry(asked.prompt)
        request = Request(
            label=asked.label,
            after=_position(asked.to),
            actor=actor,
            reason=asked.reason,
            force=asked.force,
            operator=True,
        )
        return _moved(
            await asyncio.to_thread(in_store, lambda store: Promoter(store, note, gate_digest).move(entry, request))
        )

    async def roll_back(asked: RollbackRequest, actor: str) -> Moved:
        entry, label = library.value.entry(asked.prompt), asked.label
        return _moved(
            await asyncio.to_thread(
                in_store,
                lambda store: Promoter(store, note, gate_digest).rollback(
                    entry, label, actor=actor, reason=asked.reason
                ),
            )
        )

    return PromptsDeps(
        listed=lambda: _listed(library.value),
        text=lambda name, wanted: _text(library.value, name, wanted),
        history=history,
        move=move,
        roll_back=roll_back,
    )


def gate_digest(entry: Entry, gate: Gate) -> str:
    """As `compare.cases.gates` has it; what reads tests is loaded when a label with a gate is moved, and not before."""
    from gateway.compare.cases import gates

    return gates.gate_digest(entry, gate)


def _position(to: int | Mapping[str, int] | None) -> Position | None:
    try:
        if to is None or isinstance(to, int):
            return None if to is None else position_of(to)
        weights = {int(version): weight for version, weight in to.items() if NUMBER.fullmatch(version)}
        if len(weights) != len(to):
            wrong = min(to, key=lambda version: NUMBER.fullmatch(version) is not None)
            raise ValueError(f"`{wrong[:40]}` is no version; they are numbered 1, 2, 3 …")
        return position_of(weights)
    except ValueError as error:
        raise BadRequest(str(error), param="to") from None


def _listed(library: Library) -> list[PromptShown]:
    wrong: dict[str, list[str]] = {}
    for one in library.problems:
        wrong.setdefault(one.prompt, []).append(str(one))
    return [_shown(library, entry, wrong.get(name, ())) for name, entry in sorted(library.prompts.items())]


def _shown(library: Library, entry: Entry, problems: Sequence[str]) -> PromptShown:
    meta = entry.meta
    return PromptShown(
        name=meta.name,
        owner=meta.owner,
        description=meta.description,
        aliases=meta.aliases,
        tags=meta.tags,
        versions=tuple(entry.versions),
        labels={label: place_text(position) for label, position in library.positions(entry).items()},
        pinned=tuple(meta.pinned),
        gated=tuple(meta.gates),
        problems=tuple(problems),
    )


def _text(library: Library, name: str, wanted: str) -> dict[str, Any]:
    found = library.resolve(name, wanted, "", drafts=True)
    prompt = found.prompt
    return {
        "name": found.name,
        "version": found.version,
        "digest": found.digest,
        "label": found.label,
        "text": prompt.source,
        "partials": dict(prompt.partials),
        "model": prompt.model,
        "input_schema": prompt.input_schema,
        "config": prompt.config,
    }


def _moved(move: Move) -> Moved:
    said = {name: getattr(move, name) for name in ("id", "prompt", "label", "actor", "reason", "gate_run")}
    return Moved(
        **said,
        before=place_text(move.before),
        after=place_text(move.after),
        at=iso(move.at_ns),
        rollback=move.rollback,
        forced=move.forced,
    )
