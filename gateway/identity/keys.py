"""The form of a key, and the snapshot that recognises one."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from gateway.core.principal import Principal
from gateway.identity.roles import Operator

PREFIX = "gw-"


class NewKey(msgspec.Struct, frozen=True):
    """A key just made; the only place where it stands in clear. Kept out of every repr."""

    clear: str
    digest: bytes
    shown: str

    def __repr__(self) -> str:
        return f"NewKey({self.shown}…)"


def make_key(random_token: Callable[[int], str] = secrets.token_urlsafe) -> NewKey:
    """`gw-` and 256 bits of randomness."""
    clear = PREFIX + random_token(32)
    return NewKey(clear, digest_of(clear.encode()), clear[:9])


def digest_of(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


class KeySnapshot(msgspec.Struct, frozen=True):
    """Every key that could be valid, by digest.

    Looking a digest up in a dictionary takes a time that depends on the digest, which nobody can steer: to learn the
    digest's bytes from timing is to invert SHA-256. So the lookup needs no constant-time comparison.
    """

    principals: Mapping[bytes, Principal] = {}

    def verify(self, key: bytes, now: float) -> Principal | None:
        """The caller a key belongs to; None for anything that is not a valid key now."""
        principal = self.principals.get(hashlib.sha256(key).digest())
        if principal is None or (principal.expires_at is not None and now >= principal.expires_at):
            return None
        return principal


class OperatorCredentials:
    """The credentials of the admin API and of the metrics endpoint; none opens `/v1`, and no key opens them.

    They are looked up by digest, as keys are. An empty credential is nobody's, whatever is configured.

    Args:
        others: further operators by their credential. by_token: the operator of a token, or None.
    """

    def __init__(
        self,
        admin: str,
        metrics: str,
        others: Mapping[str, Operator] | None = None,
        by_token: Callable[[bytes], Awaitable[Operator | None]] | None = None,
    ) -> None:
        known = {**(others or {}), admin: Operator("admin", "admin")}
        self._operators = {digest_of(one.encode()): operator for one, operator in known.items() if one}
        self._scrapers = {digest_of(one.encode()) for one in (admin, metrics) if one}
        self._by_token = by_token

    async def operator(self, credential: bytes) -> Operator | None:
        """Whose credential it is, or None."""
        found = self._operators.get(digest_of(credential))
        if found is None and self._by_token is not None:
            found = await self._by_token(credential)
        return found

    def may_read_metrics(self, credential: bytes) -> bool:
        return digest_of(credential) in self._scrapers
