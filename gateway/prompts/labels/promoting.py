"""Moving a label: what has to be true first, the move, and the line in the audit log.

A label that prompt.yaml keeps is moved there, in a pull request or by `gateway prompts label`; by nobody else.
A label with a gate moves only to a version that passed its tests, as they are now, against the version that it
replaces. Going back needs
no gate: what a label goes back to was let through before.
"""

from collections.abc import Callable, Mapping

import msgspec

from gateway.core.faults import BadRequest, Conflict, NotAllowed
from gateway.prompts.building import Entry
from gateway.prompts.document import Gate
from gateway.prompts.labels.moves import Change, Move, stood
from gateway.prompts.labels.store import LabelStore
from gateway.prompts.naming import why_no_label
from gateway.prompts.positions import Position
from gateway.prompts.refusing import UnknownVersion

Note = Callable[[str, str, str, Mapping[str, object]], None]
Tests = Callable[[Entry, Gate], str]
MOVED, ROLLED_BACK = "prompt.label", "prompt.rollback"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A label is to stand on a version, or on several by weight, or (None) nowhere.

    Attributes:
        force: past its gate; for operators, and with a reason.
        before: where it stood when that was decided; left out: wherever it stands now.
    """

    label: str
    after: Position | None
    actor: str
    reason: str = ""
    force: bool = False
    operator: bool = False
    before: Position | msgspec.UnsetType | None = msgspec.UNSET


class Promoter:
    """`note(actor, action, object, details)`: writes the audit log. `tests`: the digest of what a gate asks."""

    def __init__(self, store: LabelStore, note: Note, tests: Tests) -> None:
        self._store = store
        self._note = note
        self._tests = tests

    def move(self, entry: Entry, request: Request) -> Move:
        """Move a label of a prompt, given as the current library has it.

        Raises:
            BadRequest: no such label. UnknownVersion: not published. Conflict: prompt.yaml keeps the label, its gate is
                not passed, or somebody else moved it meanwhile. NotAllowed: who may not.
        """
        label = request.label
        check_target(entry, label, request.after)
        self._refuse_pinned(entry, label)
        before = request.before
        if before is msgspec.UNSET:
            before = self._store.position(entry.meta.name, label)
        run = judge(self._store, entry, request, before, self._tests)
        change = Change(
            prompt=entry.meta.name,
            label=label,
            before=before,
            after=request.after,
            actor=request.actor,
            reason=request.reason,
            gate_run=run,
            forced=request.force and label in entry.meta.gates,
        )
        return self._made(change, MOVED)

    def rollback(self, entry: Entry, label: str, *, actor: str, reason: str = "") -> Move:
        """Put a label where it stood before its last move; again, before the one before.

        Raises:
            Conflict: it was never moved, or prompt.yaml keeps it. UnknownVersion: where it stood is not there any more.
        """
        self._refuse_pinned(entry, label)
        moves = self._store.all_moves(entry.meta.name, label)
        places = stood((one.before, one.after, one.rollback) for one in moves)
        if len(places) < 2:
            raise nothing_before(entry, label)
        back = places[-2]
        check_target(entry, label, back)
        change = Change(
            prompt=entry.meta.name,
            label=label,
            before=moves[-1].after,
            after=back,
            actor=actor,
            reason=reason,
            gate_run=next((one.gate_run for one in reversed(moves[:-1]) if one.after == back), ""),
            rollback=True,
        )
        return self._made(change, ROLLED_BACK)

    def _made(self, change: Change, action: str) -> Move:
        made = self._store.move(change)
        self._note(change.actor, action, f"{change.prompt}@{change.label}", {"move": made.id, **told(change)})
        return made

    def _refuse_pinned(self, entry: Entry, label: str) -> None:
        if label in entry.meta.pinned:
            raise Conflict(
                f"the label `{label}` of {entry.meta.name} stands in its prompt.yaml, and is moved there: in a pull "
                "request, or by `gateway prompts label` on a checkout",
                code="label_pinned",
            )


def told(change: Change) -> dict[str, object]:
    """A change as the audit log has it."""
    details: dict[str, object] = {
        "from": None if change.before is None else str(change.before),
        "to": None if change.after is None else str(change.after),
        "reason": change.reason,
        "gate_run": change.gate_run,
    }
    return {**details, "forced": True} if change.forced else details


def nothing_before(entry: Entry, label: str) -> Conflict:
    return Conflict(f"the label `{label}` of {entry.meta.name} has nothing to go back to", code="label_unmoved")


def check_target(entry: Entry, label: str, after: Position | None) -> None:
    """Raises:
    BadRequest: no label. UnknownVersion: a version that is not published. Conflict: one that cannot be served.
    """
    if why := why_no_label(label):
        raise BadRequest(why, param="label")
    for number in () if after is None else after.versions:
        version = entry.versions.get(number)
        if version is None:
            known = ", ".join(map(str, entry.versions)) or "none"
            reason = f"the prompt `{entry.meta.name}` has no published version {number}; published: {known}"
            raise UnknownVersion(reason, param="version")
        if (problem := version.verify()) is not None:
            raise Conflict(f"version {number} cannot be served: {problem}", code="prompt_unusable")


def judge(store: LabelStore, entry: Entry, request: Request, before: Position | None, tests: Tests) -> str:
    """The ids of the runs that let a label through; empty if it has no gate, or goes past it by force.

    Every version that it is to stand on needs one, but for the one that most of it stands on already.

    Raises:
        Conflict: no run, or one that was not passed. NotAllowed: who may not. BadRequest: force without a reason.
    """
    if request.force and not request.operator:
        raise NotAllowed("only an operator may move a label past its gate", code="force_not_allowed")
    if request.force and not request.reason:
        raise BadRequest("going past a gate needs a reason", param="reason")
    gate = entry.meta.gates.get(request.label)
    if gate is None or request.force:
        return ""
    if request.after is None:
        reason = f"the label `{request.label}` has a gate, and what takes it away passes none; use force"
        raise Conflict(reason, code="gate_not_passed")
    wanted = tests(entry, gate)
    main = 0 if before is None else max(before.weights, key=lambda one: one[1])[0]
    runs: list[str] = []
    for number in request.after.versions:
        if number != main:
            published = entry.lock[number]
            if gate.approver == "other" and published.by == request.actor:
                reason = f"{published.by} published version {number}, and this gate wants somebody else to approve it"
                raise NotAllowed(reason, code="approver_is_author")
            runs.append(_passed(store, entry, request.label, number, main, wanted))
    return " ".join(runs)


def _passed(store: LabelStore, entry: Entry, label: str, number: int, main: int, tests: str) -> str:
    """Raises:
    Conflict: the last run of exactly this version against exactly that one was not passed, or was of other tests, or
        there is none.
    """
    name = entry.meta.name
    digest, against = entry.lock[number].digest, entry.lock[main].digest if main in entry.lock else ""
    last = store.last_gate_run(name, digest, against)
    if last is not None and last.passed and last.suite_digest == tests:
        return last.id
    found = "there is none" if last is None else f"the last one, {last.id}, says `{last.verdict}`"
    if last is not None and last.passed:
        found = f"the last one, {last.id}, was of another gate, or of this one as it was before"
    other = f"version {main}" if main else "nothing"
    raise Conflict(
        f"the label `{label}` has a gate: version {number} needs a passing run of {entry.meta.gates[label].suite} "
        f"against {other}; {found}: gateway prompts test {name}@{number} --gate {label}",
        code="gate_not_passed",
        details={"prompt": name, "version": number, "digest": digest, "against_digest": against},
    )
