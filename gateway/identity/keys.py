"""The form of a key, and the snapshot that recognises one."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping

import msgspec

from gateway.core.principal import Principal

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
    """The admin API's and the metrics endpoint's own credentials; neither opens `/v1`, and no key opens them."""

    def __init__(self, admin: str, metrics: str) -> None:
        self._admin = digest_of(admin.encode())
        self._metrics = digest_of(metrics.encode())

    def is_admin(self, credential: bytes) -> bool:
        return hmac.compare_digest(digest_of(credential), self._admin)

    def may_read_metrics(self, credential: bytes) -> bool:
        digest = digest_of(credential)
        return hmac.compare_digest(digest, self._metrics) | hmac.compare_digest(digest, self._admin)
