"""What happens when policies take force, once for the whole gateway: the parent keeps the history, tells the audit log,
and says which engines may run."""

import logging
from collections.abc import Callable
from pathlib import Path

from gateway.access.history import HistoryError, PolicyHistory
from gateway.access.sources import owner_of, sources
from gateway.core.clock import Clock
from gateway.core.model import USABLE, Model
from gateway.policyfeed import keep
from gateway.policyset import PolicySet, deciding
from gateway.stores.documents import DocumentError

_log = logging.getLogger("gateway.policies")
# (actor, action, object, details)
Note = Callable[[str, str, str, dict[str, object]], None]


class Activation:
    """`reloaded` is what a PolicyFeed tells. `note`: appends to the audit log. `last_good`: where workers find the set
    in force if its files are wrong when they start."""

    def __init__(self, folder: Path, history: PolicyHistory, note: Note, clock: Clock, last_good: Path) -> None:
        self._folder = folder
        self._last_good = last_good
        self._history = history
        self._note = note
        self._clock = clock
        self._digest = ""
        self._told = ""

    def reloaded(self, policies: PolicySet, problem: DocumentError | None) -> None:
        """A set that decides otherwise than the one before goes into the history and the audit log. That the disk does
        not take it keeps no policy from force: the log says so, and the next one says what is missing."""
        if problem is not None:
            return
        try:
            keep(policies, self._last_good)
        except OSError as error:
            _log.error("the policies in force cannot be kept for workers that start anew: %s", error)
        if policies.digest == self._digest:
            return
        actor = owner_of(self._folder / name for name in policies.files)
        details: dict[str, object] = {"digest": policies.digest, "signed_by": policies.signed_by}
        try:
            before = self._history.head
            entry = self._history.append(deciding(policies.files), actor, sources(self._folder), self._clock.now_ns())
        except Exception as error:  # noqa: BLE001  the border: the watch over the policies must go on
            said = str(error) if isinstance(error, HistoryError | OSError) else repr(error)
            _log.error("the policies in force (%s) are not in their history: %s", policies.access.version, said)
            details["history"] = said
        else:
            self._digest = policies.digest
            if entry.hash == before:
                return
            details.update(seq=entry.seq, hash=entry.hash, source=entry.source)
        self._tell(actor, policies, details)

    def _tell(self, actor: str, policies: PolicySet, details: dict[str, object]) -> None:
        """The audit log hears of it whatever became of the history: who breaks that must not go unseen here."""
        if policies.digest == self._told:
            return
        try:
            self._note(actor, "policy.activate", policies.access.version, details)
        except Exception as error:  # noqa: BLE001  the same border
            _log.error("the policies in force (%s) are not in the audit log: %r", policies.access.version, error)
        else:
            self._told = policies.digest


def why_not_admitted(engine: str, digest: str, policies: PolicySet, engines: dict[str, str], now: float) -> str:
    """Why an engine may not run: empty if the card of a model that it serves is approved and lists its weights.

    `engines`: provider → the engine that serves it. `digest`: SHA-256 of the engine's weights.
    """
    targets = [model for model in policies.catalogue.models.values() if engines.get(model.provider) == engine]
    if not targets:
        return "no card in policies/models describes what it serves"
    reasons = [_unfit(model, digest, policies, now) for model in targets]
    return "" if "" in reasons else reasons[0]


def _unfit(model: Model, digest: str, policies: PolicySet, now: float) -> str:
    status = model.life.status(now)
    if model.unfit:
        return model.unfit
    if status not in USABLE:
        return f"the model `{model.name}` is {'not approved' if status == 'draft' else status}"
    files = policies.cards.cards[model.name].provenance.files
    if all(file.sha256 != digest for file in files):
        return f"its weights (SHA-256 {digest}) are not among the files of the card `{model.name}`"
    return ""
