"""Tokens and keys as JOSE writes them: JWS in compact form (RFC 7515), JWK sets (RFC 7517), claims (RFC 7519).

What a token says of itself is not believed: the algorithm must be in the issuer's allow-list and fit the key's type
and curve (RFC 8725, 3.1), `kid` is a word to look up and nothing else, `jku`, `jwk` and `x5c` are not looked at,
and a token with `crit` asks for what is not done here.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from gateway.identity.refusing import Refused

MAX_TOKEN_BYTES = 16 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048
# alg → (kty, curves).
ALGORITHMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "RS256": ("RSA", ("",)),
    "RS384": ("RSA", ("",)),
    "RS512": ("RSA", ("",)),
    "PS256": ("RSA", ("",)),
    "PS384": ("RSA", ("",)),
    "PS512": ("RSA", ("",)),
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}
# An access token (RFC 9068) or a plain one; not a logout token, a security event or a proof of possession.
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_COMPACT = re.compile(rb"[\w-]+\.[\w-]+\.[\w-]+")


class Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    typ: str = "JWT"
    crit: Any = msgspec.UNSET


class Token(msgspec.Struct, frozen=True):
    """A token as it stands: nothing in it is verified yet."""

    text: bytes
    header: Header
    claims: dict[str, Any]


class Key(msgspec.Struct, frozen=True):
    """A key that signs tokens. `alg`: the only algorithm it is for, or empty; `jwk`: its canonical text."""

    kid: str
    kty: str
    crv: str
    alg: str
    jwk: bytes
    public: Any

    def fits(self, alg: str) -> bool:
        kty, curves = ALGORITHMS[alg]
        return self.kty == kty and self.crv in curves and self.alg in ("", alg)


def looks_like_token(credential: bytes) -> bool:
    """Two dots; the gateway's own keys have none."""
    return credential.count(b".") == 2


def read_token(text: bytes) -> Token:
    """Take a token apart.

    Raises:
        Refused: it is too long, or no token of the kind that is verified here.
    """
    if len(text) > MAX_TOKEN_BYTES:
        raise Refused("too_long")
    if not _COMPACT.fullmatch(text):
        raise Refused("malformed")
    head, payload, _ = text.split(b".")
    try:
        header = msgspec.json.decode(_unpacked(head), type=Header)
        claims = msgspec.json.decode(_unpacked(payload), type=dict[str, Any])
    except (binascii.Error, ValueError, RecursionError, msgspec.MsgspecError):
        raise Refused("malformed") from None
    if header.crit is not msgspec.UNSET:
        raise Refused("critical_header")
    if header.typ.lower() not in TYPES:
        raise Refused("type")
    return Token(text, header, claims)


def check_signature(token: Token, key: Key) -> None:
    """Whether this key has signed the token, with the algorithm the token names, which was allowed before.

    Raises:
        Refused: it has not.
    """
    from jwt import PyJWS
    from jwt.exceptions import PyJWTError

    alg = token.header.alg
    try:
        PyJWS(algorithms=[alg]).decode_complete(token.text, key=key.public, algorithms=[alg])
    except (PyJWTError, ValueError, TypeError):
        raise Refused("signature") from None


def read_keys(document: bytes) -> tuple[Key, ...]:
    """The keys of a JWK set that can verify tokens here; others (encryption, secrets, unknown types) are left out.

    Raises:
        ValueError: it is no JWK set.
    """
    try:
        found = msgspec.json.decode(document, type=_Set).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"no JWK set: {error}") from None
    if len(found) > MAX_KEYS:
        raise ValueError(f"a JWK set of {len(found)} keys; at most {MAX_KEYS} are read")
    return tuple(key for jwk in found if (key := _read_key(jwk)) is not None)


class _Set(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


def _read_key(jwk: dict[str, Any]) -> Key | None:
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

    kinds: dict[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}
    words = {name: jwk.get(name, "") for name in ("kty", "crv", "kid", "alg")}
    if any(not isinstance(word, str) for word in words.values()) or words["kty"] not in kinds:
        return None
    # A private key that is published is nobody's any more.
    if jwk.get("use", "sig") != "sig" or not _verifies(jwk.get("key_ops")) or "d" in jwk:
        return None
    try:
        public = kinds[words["kty"]].from_jwk(jwk)
    except Exception:  # noqa: BLE001  a border: one key that the library cannot read must not take the others with it
        return None
    if words["kty"] == "RSA" and public.key_size < MIN_RSA_BITS:
        return None
    crv = "" if words["kty"] == "RSA" else words["crv"]
    text = msgspec.json.encode(jwk, order="sorted")
    return Key(words["kid"], words["kty"], crv, words["alg"], text, public)


def _verifies(operations: object) -> bool:
    return operations is None or (isinstance(operations, list) and "verify" in cast(Sequence[Any], operations))


def _unpacked(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
