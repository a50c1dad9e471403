"""Keys in SQLite: made, listed, rotated with overlap, revoked; every change leaves an audit line in its transaction."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.clock import Clock, uuid7
from gateway.core.faults import BadRequest, Conflict, NotFound
from gateway.identity.keys import NewKey, make_key
from gateway.stores.sqlite import SqliteStore, named_queries, open_database

MAX_OVERLAP_S = 90 * 86_400
_PACKAGE = "gateway.identity"
MAX_LABELS = 32


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A key as operators see it: everything but the key. Times are Unix seconds."""

    id: str
    shown: str
    name: str
    owner: str
    tenant: str
    team: str
    labels: dict[str, str]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    rotated_to: str | None = None


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: float
    actor: str
    action: str
    object: str
    details: dict[str, Any]


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a new key is to be. `expires_in_s`: seconds from now, or None for no end."""

    tenant: str
    team: str
    owner: str
    name: str = ""
    labels: dict[str, str] = {}
    expires_in_s: float | None = None


class KeyStore(SqliteStore):
    """`with KeyStore(path, clock) as store`. Synchronous and short; async callers use a thread."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, _PACKAGE)
        self._clock = clock

    def create(self, request: KeyRequest, actor: str) -> tuple[KeyInfo, NewKey]:
        """A new key; its clear text is in the answer and nowhere else.

        Raises:
            BadRequest: a field is out of bounds.
        """
        _check(request)
        with self._transaction():
            info, key = self._insert(request)
            details = {"tenant": info.tenant, "team": info.team, "owner": info.owner, "name": info.name}
            details |= {"labels": info.labels, "expires_at": info.expires_at}
            self._audit(actor, "key.create", info.id, details)
        return info, key

    def rotate(self, key_id: str, overlap_s: float, actor: str) -> tuple[KeyInfo, NewKey]:
        """A successor with the same rights; the old key works for `overlap_s` more seconds.

        Raises:
            NotFound: no such key. Conflict: it is revoked, expired, or was rotated already.
        """
        if not 0 <= overlap_s <= MAX_OVERLAP_S:
            raise BadRequest(f"overlap_s must be between 0 and {MAX_OVERLAP_S} (90 days)", param="overlap_s")
        now = self._clock.now()
        with self._transaction():
            old = self.get(key_id)
            if old.revoked_at is not None or old.rotated_to is not None:
                raise Conflict(f"the key {key_id} is revoked or was rotated already")
            if old.expires_at is not None and old.expires_at <= now:
                raise Conflict(f"the key {key_id} has expired; create a new one")
            left = None if old.expires_at is None else old.expires_at - now
            info, key = self._insert(
                KeyRequest(
                    tenant=old.tenant,
                    team=old.team,
                    owner=old.owner,
                    name=old.name,
                    labels=old.labels,
                    expires_in_s=left,
                )
            )
            self._execute("rotate_key", id=key_id, rotated_to=info.id, expires_at=now + overlap_s)
            self._audit(actor, "key.rotate", key_id, {"rotated_to": info.id, "overlap_s": overlap_s})
        return info, key

    def revoke(self, key_id: str, actor: str) -> KeyInfo:
        """End a key now. Revoking a revoked key changes nothing.

        Raises:
            NotFound: no such key.
        """
        with self._transaction():
            self.get(key_id)
            if self._execute("revoke_key", id=key_id, at=self._clock.now()).rowcount:
                self._audit(actor, "key.revoke", key_id, {})
            return self.get(key_id)

    def note(self, actor: str, action: str, object: str, details: Mapping[str, object]) -> None:
        """Append a line to the audit log about what was done elsewhere; `details` become JSON."""
        with self._transaction():
            self._audit(actor, action, object, details)

    def get(self, key_id: str) -> KeyInfo:
        row = self._execute("get_key", id=key_id).fetchone()
        if row is None:
            raise NotFound(
                f"there is no key `{key_id[:100]}`; GET /admin/keys and `gateway keys list` show those that there are"
            )
        return _info(row)

    def page(self, after: str = "", limit: int = 100) -> list[KeyInfo]:
        """Keys in the order they were made, after the id `after`."""
        return [_info(row) for row in self._execute("list_keys", after=after, limit=limit)]

    def audit(self, after: int = 0, limit: int = 100) -> list[AuditLine]:
        rows = self._execute("list_audit", after=after, limit=limit)
        return [
            AuditLine(
                id=row["id"],
                at=row["at"],
                actor=row["actor"],
                action=row["action"],
                object=row["object"],
                details=msgspec.json.decode(row["details"]),
            )
            for row in rows
        ]

    def _insert(self, request: KeyRequest) -> tuple[KeyInfo, NewKey]:
        now, key = self._clock.now(), make_key()
        info = KeyInfo(
            id="key_" + uuid7(self._clock.now_ns()).replace("-", ""),
            shown=key.shown,
            name=request.name,
            owner=request.owner,
            tenant=request.tenant,
            team=request.team,
            labels=request.labels,
            created_at=now,
            expires_at=None if request.expires_in_s is None else now + request.expires_in_s,
        )
        values = {name: getattr(info, name) for name in info.__struct_fields__}
        self._execute(
            "insert_key", **{**values, "digest": key.digest, "labels": msgspec.json.encode(info.labels).decode()}
        )
        return info, key

    def _audit(self, actor: str, action: str, object_: str, details: Mapping[str, object]) -> None:
        text = msgspec.json.encode(details).decode()
        self._execute("insert_audit", at=self._clock.now(), actor=actor, action=action, object=object_, details=text)


def known_keys(database: Path, ids: Iterable[str]) -> dict[str, KeyInfo]:
    """Those of these keys that are there, by id. Only read; a database that cannot be read knows none."""
    query = named_queries(_PACKAGE)["get_key"]
    try:
        with closing(open_database(database, read_only=True)) as connection:
            rows = [connection.execute(query, {"id": key_id}).fetchone() for key_id in ids]
            return {row["id"]: _info(row) for row in rows if row is not None}
    except (sqlite3.Error, IndexError):
        return {}


def _info(row: sqlite3.Row) -> KeyInfo:
    values = {name: row[name] for name in KeyInfo.__struct_fields__}
    return KeyInfo(**{**values, "labels": msgspec.json.decode(row["labels"])})


def _check(request: KeyRequest) -> None:
    texts = {"tenant": request.tenant, "team": request.team, "owner": request.owner, "name": request.name}
    for name, text in texts.items():
        if len(text) > 200 or not text.isprintable():
            raise BadRequest(f"`{name}` must be at most 200 printable characters", param=name)
    if not request.owner:
        raise BadRequest("`owner` says who answers for the key, such as an e-mail address", param="owner")
    if len(request.labels) > MAX_LABELS or any(len(k) > 64 or len(v) > 200 for k, v in request.labels.items()):
        raise BadRequest(f"at most {MAX_LABELS} labels, names up to 64 and values up to 200 characters", param="labels")
    if request.expires_in_s is not None and not 0 < request.expires_in_s < 100 * 366 * 86400:
        raise BadRequest("`expires_in_s` must be a positive number of seconds", param="expires_in_s")
