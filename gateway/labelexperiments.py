"""Experiments of prompts: a version that does worse is taken off its label, by a move like any other.

Calls count from the label's last move on: whoever moves it, and be it to give a version calls again, begins anew. The
move stands in the audit log under `gateway:experiment`, past the label's gate if it has one: a version that does worse
must not be kept by that. One that is better and is to get all calls passes the gate like anything else. Of several
gateways with one database of labels the first that sees enough moves it for all.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.cases.gates import gate_digest
from gateway.config import Settings
from gateway.core.clock import Clock
from gateway.core.days import begins
from gateway.core.experiment import Experiment
from gateway.identity.keystore import KeyStore
from gateway.ledger.alerts.events import Event
from gateway.ledger.live.reading import Subject
from gateway.livedecisions import KIND, Decision, decisions
from gateway.livetraffic import NANO, compared, question_of
from gateway.prompts.building import Entry
from gateway.prompts.labels.moves import Move
from gateway.prompts.labels.opening import open_labels
from gateway.prompts.labels.promoting import Promoter, Request
from gateway.prompts.labels.store import MAX_TEXT, LabelStore
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.positions import Position
from gateway.prompts.vouching import Vouch
from gateway.router.loading import NO_ROUTES

ACTOR = "gateway:experiment"
# Files of prompts are looked at so often.
FIND_S = 10.0


class Labelled(msgspec.Struct, frozen=True):
    """An experiment of a label."""

    entry: Entry
    label: str
    experiment: Experiment

    @property
    def id(self) -> str:
        return f"{self.name} {self.experiment.since}"

    @property
    def name(self) -> str:
        return f"{self.entry.meta.name}@{self.label}"


class LabelExperiments:
    """All of it is called from threads, one at a time."""

    def __init__(self, settings: Settings, clock: Clock, vouch: Vouch | None = None) -> None:
        self._settings, self._clock, self._vouch = settings, clock, vouch
        self._library: Library | None = None
        self._again = 0.0
        self._events: dict[str, tuple[Event, ...]] = {}

    def found(self) -> list[Labelled]:
        """Every label with an experiment, as prompts' files have it."""
        now = self._clock.monotonic()
        if self._library is None or now >= self._again:
            self._library = read_library(self._settings.prompts_dir, self._library, vouch=self._vouch)
            self._again = now + FIND_S
        return [
            Labelled(entry, label, experiment)
            for entry in self._library.prompts.values()
            for label, experiment in entry.meta.experiments.items()
        ]

    def look(self, one: Labelled, now: float) -> tuple[list[Decision], tuple[str, ...]]:
        """What was decided, and done; and each version's difference in a sentence. `now`: Unix seconds.

        Raises:
            LedgerUnavailable, StoreUnavailable: the ledger or the labels cannot be read. ValueError: there is no such
                metric or version. Fault: the label may not be moved, or was moved meanwhile.
        """
        prompt = one.entry.meta.name
        with open_labels(self._settings.labels, self._clock) as store:
            moves = store.all_moves(prompt, one.label)
            self._events[one.id] = _events(moves)
            position = moves[-1].after if moves else None
            since = max(begins(one.experiment.since), moves[-1].at_ns / NANO if moves else 0.0)
            if position is None or len(position.weights) < 2 or now < since:
                return [], ()
            made, said = self._compared(one, position, since, now)
            harm = [decision for decision in made if decision.why != "lost"]
            made = harm if harm and one.label in one.entry.meta.gates else made  # whoever is better waits for the gate
            if made:
                self._move(store, one, position, made)
                self._events[one.id] = _events(store.all_moves(prompt, one.label))
            return made, said

    def events(self) -> list[Event]:
        """What was moved, for whoever tells each once."""
        return [event for events in list(self._events.values()) for event in events]

    def _compared(
        self, one: Labelled, position: Position, since: float, now: float
    ) -> tuple[list[Decision], tuple[str, ...]]:
        weights = {str(version): weight for version, weight in position.weights}
        base = one.experiment.base or max(weights, key=lambda version: weights[version])
        period = (int(since * NANO), int(max(since, now - one.experiment.settle_s) * NANO))
        subject, settings = Subject(prompt=one.entry.meta.name, label=one.label), self._settings
        question = question_of(subject, one.experiment, base, period, settings.config.feedback)
        question = msgspec.structs.replace(question, arms=tuple(weights))
        found = compared(settings.ledger, question, NO_ROUTES)
        said = tuple(each.said for each in found.differences)
        return decisions(found, one.experiment.stop, question, list(weights)), said

    def _move(self, store: LabelStore, one: Labelled, position: Position, made: Sequence[Decision]) -> None:
        out = {decision.arm for decision in made}
        left = tuple((version, weight) for version, weight in position.weights if str(version) not in out)
        after = Position(((left[0][0], 1),)) if len(left) == 1 else Position(left)
        reason = "; ".join(decision.reason for decision in made)[:MAX_TEXT]
        past = one.label in one.entry.meta.gates and all(decision.why != "lost" for decision in made)
        request = Request(
            label=one.label, after=after, actor=ACTOR, reason=reason, force=past, operator=True, before=position
        )
        Promoter(store, self._note, gate_digest).move(one.entry, request)

    def _note(self, actor: str, action: str, object: str, details: Mapping[str, object]) -> None:
        with KeyStore(self._settings.state_dir / "identity.db", self._clock) as store:
            store.note(actor, action, object, details)


def _events(moves: Sequence[Move]) -> tuple[Event, ...]:
    return tuple(_event(move) for move in moves if move.actor == ACTOR)


def _event(move: Move) -> Event:
    label = f"{move.prompt}@{move.label}"
    stands = {"from": str(move.before), "to": str(move.after)}
    text = f"{label} stands on {move.after} and no longer on {move.before}: {move.reason}"
    data = {"prompt": move.prompt, "label": move.label, **stands, "reason": move.reason}
    return Event(KIND, f"experiment {label} move {move.id}", move.at_ns / NANO, text, data)
