"""A real OpenID provider on this machine: real keys, discovery, a key set that can be rotated, and outages."""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.testing import ScriptedUpstream, json_answer, status

CONFIGURATION, JWKS = "/.well-known/openid-configuration", "/jwks"
AUDIENCE = "gateway"
_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
_MADE: dict[tuple[str, int], Any] = {}


def private_key(alg: str, number: int = 0) -> Any:
    """A key for an algorithm; made once for a run, RSA keys take time."""
    if (alg, number) not in _MADE:
        made: Any
        if alg in _CURVES:
            made = ec.generate_private_key(_CURVES[alg])
        elif alg == "EdDSA":
            made = ed25519.Ed25519PrivateKey.generate()
        elif alg == "Ed448":
            made = ed448.Ed448PrivateKey.generate()
        else:
            made = rsa.generate_private_key(65537, 1024 if alg == "short" else 2048)
        _MADE[alg, number] = made
    return _MADE[alg, number]


def public_jwk(private: Any, kid: str | None, **fields: Any) -> dict[str, Any]:
    """The JWK of its public half."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        jwk = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
    found = {name: value for name, value in jwk.items() if name != "key_ops"}
    return {**found, **({"kid": kid} if kid is not None else {}), **fields}


def pem(private: Any) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def packed(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_by_hand(header: dict[str, Any], claims: Any, private: Any) -> str:
    """A token with whatever header is wanted, under an honest RS256 signature."""
    signed = f"{packed(header)}.{packed(claims)}"
    return f"{signed}.{packed(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Provider:
    """An OpenID provider. `publish` changes its key set, `away` takes it off the net."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self.issuer = upstream.base_url.removesuffix("/v1")
        self.private: dict[str, tuple[str, Any]] = {}
        self.publish(first="RS256")

    def publish(self, **algorithms: str) -> None:
        """From now on the key set holds these keys: kid → algorithm."""
        self.private = {kid: (alg, private_key(alg, len(kid))) for kid, alg in algorithms.items()}
        self.serve_keys([public_jwk(private, kid, use="sig") for kid, (_, private) in self.private.items()])

    def serve_keys(self, keys: list[dict[str, Any]]) -> None:
        self.upstream.set(CONFIGURATION, json_answer({"issuer": self.issuer, "jwks_uri": self.issuer + JWKS}))
        self.upstream.set(JWKS, json_answer({"keys": keys}))

    def away(self) -> None:
        for path in (CONFIGURATION, JWKS):
            self.upstream.set(path, status(503))

    def asked(self, path: str = JWKS) -> int:
        return sum(one.path == path for one in self.upstream.requests)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims but for the changes; None leaves one out."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": "u-1", "iat": now, "exp": now + 600, "org": "acme"}
        claims |= {"groups": ["staff", "team-a"], "email": "u1@example.com", **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "first", headers: dict[str, Any] | None = None, **changes: Any) -> str:
        alg, private = self.private[kid]
        return jwt.encode(self.claims(**changes), private, alg, headers={"kid": kid, **(headers or {})})


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    async with ScriptedUpstream({}) as upstream:
        yield Provider(upstream)
