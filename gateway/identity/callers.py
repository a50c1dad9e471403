"""Who calls: what a credential says, as far as tenants.yaml still declares the team.

Removing a team there is how a reviewer ends it, so its keys are refused like unknown ones. What is known of a caller
(facts, class of data, strictness) is put together once and remembered until the keys or the tenants change.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.identity.keys import KeySnapshot
from gateway.identity.tenants import Tenants

CLASS_LABEL = "data_class"
Others = Callable[[Mapping[bytes, bytes], bytes, float], Awaitable[Principal | None]]
# Who it is, None for nobody; or where that has to be asked for, what will say it.
Identified = Principal | Awaitable[Principal | None] | None


class Callers:
    """Recognises callers. Belongs to one event loop.

    `others`: who it is if the credential is no key, by (headers, credential, now); None where only keys are known.
    """

    def __init__(self, keys: Live[KeySnapshot], tenants: Live[Tenants], others: Others | None = None) -> None:
        self._others = others
        self._keys = keys
        self._tenants = tenants
        self._snapshot: KeySnapshot = keys.value
        self._declared: Tenants = tenants.value
        self._known: dict[bytes, Principal] = {}

    def verify(self, key: bytes, now: float) -> Principal | None:
        """The caller a key belongs to; None for anything that is not a valid key of a declared team now."""
        if self._keys.value is not self._snapshot or self._tenants.value is not self._declared:
            self._snapshot, self._declared = self._keys.value, self._tenants.value
            self._known.clear()
        digest = hashlib.sha256(key).digest()
        principal = self._known.get(digest) or self._admit(digest)
        if principal is None or (principal.expires_at is not None and now >= principal.expires_at):
            return None
        return principal

    def identify(self, headers: Mapping[bytes, bytes], now: float) -> Identified:
        """The caller that a request's headers tell of, by whatever credential."""
        credential = credential_in(headers)
        found = self.verify(credential, now)
        if found is None and self._others is not None:
            return self._others(headers, credential, now)
        return found

    async def identified(self, headers: Mapping[bytes, bytes], now: float) -> Principal | None:
        """The same for who would wait for it anyway."""
        found = self.identify(headers, now)
        return found if found is None or isinstance(found, Principal) else await found

    def _admit(self, digest: bytes) -> Principal | None:
        found = self._snapshot.principals.get(digest)
        principal = None if found is None else admitted(found, self._declared)
        if principal is not None:  # what is remembered is bounded by the keys there are
            self._known[digest] = principal
        return principal


def any_of(others: Sequence[Others]) -> Others | None:
    """Whoever of them knows the caller first; None for none of them."""
    if not others:
        return None

    async def known(headers: Mapping[bytes, bytes], credential: bytes, now: float) -> Principal | None:
        for one in others:
            if (found := await one(headers, credential, now)) is not None:
                return found
        return None

    return known


def admitted(principal: Principal, tenants: Tenants) -> Principal | None:
    """The caller with all that tenants.yaml says of it, or None if its team is not declared.

    A label `data_class` raises the class. A word that is no class counts as the highest: a slip closes, never opens.
    """
    tenant, team = principal.tenant, principal.team
    if not tenants.declares(tenant, team):
        return None
    data_class = tenants.class_of(tenant, team)
    for word in (principal.labels.get(CLASS_LABEL), principal.data_class):
        if word:
            known = word in tenants.data_classes
            data_class = tenants.highest(data_class, word) if known else tenants.data_classes[-1]
    return msgspec.structs.replace(
        principal,
        data_class=data_class,
        strict=tenant in tenants.strict,
    )


def credential_in(headers: Mapping[bytes, bytes]) -> bytes:
    """The key from `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`; empty if there is none."""
    header = headers.get(b"authorization", b"")
    if header[:7].lower() == b"bearer ":
        return header[7:].strip()
    if header:
        return b""
    return (headers.get(b"x-api-key") or headers.get(b"x-goog-api-key") or b"").strip()
