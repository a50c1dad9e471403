"""Who could use what then: answered from the policies' history, with what proves the answer.

What config.yaml said then is not in the history: routes are those of today, and whether an engine served the weights
that its card lists is not looked at.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gateway.access.activations import Activated, activations, iso
from gateway.access.asking import usable
from gateway.access.chain import Entry
from gateway.access.history import HistoryError, PolicyHistory
from gateway.core.days import date_time
from gateway.core.faults import BadRequest, Conflict, NotFound
from gateway.core.model import Catalogue
from gateway.core.wiring import Wiring
from gateway.edge.admin.policies import ExplainRequest
from gateway.policyset import CALLS, Deciding, parse_deciding
from gateway.policyview import asked_by, explain
from gateway.stores.documents import DocumentError, Text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROUTES = "names that config.yaml routes go where it says today: it is not in the history"


class Past(msgspec.Struct, frozen=True):
    """What was in force at a moment, out of a chain that holds. `entries`: how many it has; `head`: its newest hash."""

    entry: Entry
    policies: Deciding
    entries: int
    head: str


def moment_ns(at: datetime) -> int:
    """Unix nanoseconds."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def in_force_at(history: PolicyHistory, at_ns: int, wiring: Wiring, head: str = "") -> Past:
    """What was in force then. `head`: a hash that the chain must hold, kept elsewhere.

    Raises:
        NotFound: nothing was in force yet. Conflict: the history does not hold, or cannot be read by this version.
    """
    problems = history.verify(head)
    if problems:
        raise Conflict(f"the history proves nothing: {'; '.join(problems)}")
    entries = history.entries()
    entry = next((one for one in reversed(entries) if one.at <= at_ns), None)
    if entry is None:
        since = f"it begins at {iso(entries[0].at)}" if entries else "it begins when a gateway first serves"
        raise NotFound(f"nothing is known of {iso(at_ns)}: the history is younger, {since}")
    try:
        texts = {name: Text(f"{name} of entry {entry.seq}", data) for name, data in history.files(entry).items()}
        policies = parse_deciding(texts, Wiring(routes=wiring.routes, past=True))
    except (HistoryError, DocumentError) as error:
        raise Conflict(f"what was in force then cannot be read: {error}") from None
    return Past(entry, policies, len(entries), entries[-1].hash)


def answer(past: Past, asked: ExplainRequest, at_ns: int) -> dict[str, Any]:
    """Whether they could use the model, target by target; without a model, which they could use, for the operation or,
    if that is empty, for any.

    Raises:
        BadRequest: a word that had no meaning then.
    """
    entry, now = past.entry, at_ns // 1000 / 1e6
    who = {"tenant": asked.tenant, "team": asked.team, "labels": asked.labels, "data_class": asked.data_class}
    told: dict[str, Any] = {"at": iso(at_ns), **who, "operation": asked.operation}
    if not past.policies.tenants.declares(asked.tenant, asked.team):
        no = {"allowed": False, "reason": "the team was not declared then"}
        told |= {"model": asked.model, "decision": no, "targets": []} if asked.model else {"models": [], "decision": no}
    elif asked.model:
        operation = asked.operation or "chat"
        found = explain(msgspec.structs.replace(asked, operation=operation), past.policies, now)
        told |= {"model": asked.model, **found, "operation": operation}
    else:
        told["models"] = _usable(past.policies, asked, now)
    told["policy"] = {
        "seq": entry.seq,
        "activated_at": iso(entry.at),
        "digest": entry.digest,
        "hash": entry.hash,
        "actor": entry.actor,
        "source": entry.source,
    }
    return {**told, "proof": {"verified": True, "entries": past.entries, "head": past.head, "routes": ROUTES}}


def _usable(policies: Deciding, asked: ExplainRequest, now: float) -> list[dict[str, Any]]:
    operations = (asked.operation,) if asked.operation else CALLS
    principal, attributes = asked_by(msgspec.structs.replace(asked, operation=operations[0]), policies)
    catalogue = policies.catalogue
    found = usable(policies.access, catalogue, principal, operations, attributes.data_class, now, _providers(catalogue))
    return [
        {"model": name, "card": model.name, "target": model.place, "status": model.life.status(now)}
        for name, model in sorted(found.items())
    ]


def _providers(catalogue: Catalogue) -> frozenset[str]:
    return frozenset(target.provider for target in catalogue.models)


def page(history: PolicyHistory, before_seq: int | None, limit: int) -> list[Activated]:
    """Entries with a lower number than `before_seq`, newest first.

    Raises:
        Conflict: the history cannot be read.
    """
    try:
        found = activations(history.entries())
    except HistoryError as error:
        raise Conflict(f"the history cannot be read: {error}") from None
    return [one for one in reversed(found) if before_seq is None or one.seq < before_seq][:limit]


def at_text(text: str) -> int:
    """The moment, Unix nanoseconds; a day is its first moment, UTC. It is the last of its microsecond: what the history
    says took force at a moment was in force then.

    Raises:
        BadRequest: it is no ISO 8601 date or time, or has not come yet.
    """
    try:
        at = date_time(text)
        ahead = at > datetime.now(UTC)
        at_ns = moment_ns(at) + 999
        iso(at_ns)
    except (ValueError, OverflowError):
        raise BadRequest(f"`{text[:100]}` is not an ISO 8601 date or time, such as 2026-11-01", param="time") from None
    if ahead:
        raise BadRequest(f"{text} has not come yet: what will be in force nobody knows", param="time")
    return at_ns
