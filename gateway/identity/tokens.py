"""Tokens of OpenID providers as credentials: verified once, remembered until they expire.

A token costs a signature's check when it is first seen, and a dictionary's lookup from then on. It is remembered under
the SHA-256 of all of it, and forgotten when its issuer's keys change. Why one is refused stands in a metric and, once
a minute, in the log; the caller hears what an unknown key hears.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from gateway.core.clock import Clock
from gateway.core.extras import installing
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.identity.callers import admitted
from gateway.identity.certificates import CLIENT_CERT
from gateway.identity.claims import check_claims
from gateway.identity.jose import Token, check_signature, looks_like_token, read_token
from gateway.identity.keysets import KeySet
from gateway.identity.mapping import owner_of, principal_of, word_from
from gateway.identity.options import IdentityOptions, IssuerOptions
from gateway.identity.refusing import Reason, Refused
from gateway.identity.roles import Operator, role_named
from gateway.identity.tenants import Tenants
from gateway.transport.client import HttpClient

_log = logging.getLogger("gateway.identity")
MAX_REMEMBERED = 10_000
SAID_AGAIN_S = 60.0


class Verified:
    """A token that was verified, and what it opens. `caller`: with what `tenants` says of it."""

    __slots__ = ("caller", "issuer", "operator", "principal", "tenants", "until")

    def __init__(self, issuer: str, until: float, principal: Principal | None, operator: Operator | None) -> None:
        self.issuer = issuer
        self.until = until
        self.principal = principal
        self.operator = operator
        self.tenants: Tenants | None = None
        self.caller: Principal | None = None


class Tokens:
    """`async with Tokens(…) as tokens`. Belongs to one event loop.

    Args:
        refused: hears why, for every token that is refused.

    Raises (on entry):
        MissingOidc: PyJWT is not installed.
    """

    def __init__(
        self,
        options: Sequence[IssuerOptions],
        client: HttpClient,
        clock: Clock,
        tenants: Live[Tenants],
        refused: Callable[[Reason], None],
    ) -> None:
        self._issuers = {one.issuer: one for one in options}
        self._sets = {one.issuer: KeySet(one, client, clock, self._forgetting(one.issuer)) for one in options}
        self._clock = clock
        self._tenants = tenants
        self._refused = refused
        self._remembered: dict[bytes, Verified] = {}
        self._said_at: dict[tuple[str, Reason], float] = {}
        self._following: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if not oidc_installed():
            raise MissingOidc(f"identity.issuers need the extra `oidc`: {installing('oidc')}")
        self._following = [asyncio.create_task(one.follow()) for one in self._sets.values()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        for one in self._sets.values():
            await one.close()

    @property
    def problems(self) -> list[str]:
        """Issuers whose keys could not be fetched last time, and why."""
        return [f"{issuer}: {one.last_error}" for issuer, one in self._sets.items() if one.last_error]

    async def known(self, headers: Mapping[bytes, bytes], credential: bytes, now: float) -> Principal | None:  # noqa: ARG002
        """The caller whose credential this is, if it looks like a token."""
        return await self.caller(credential, now) if looks_like_token(credential) else None

    async def caller(self, token: bytes, now: float) -> Principal | None:
        """The caller of a declared team whose token this is, or None."""
        found = await self._found(token, now)
        if found is None:
            return None
        if found.tenants is not (tenants := self._tenants.value):
            found.tenants = tenants
            found.caller = None if found.principal is None else admitted(found.principal, tenants)
        if found.caller is None:
            self._tell(found.issuer, "mapping" if found.principal is None else "undeclared")
        return found.caller

    async def operator(self, token: bytes) -> Operator | None:
        """The operator whose token this is now; None if it is nobody's, or of somebody without a role."""
        found = await self._found(token, self._clock.now()) if looks_like_token(token) else None
        if found is None:
            return None
        if found.operator is None:
            self._tell(found.issuer, "role")
        return found.operator

    async def _found(self, token: bytes, now: float) -> Verified | None:
        """The token if it is good now; why it is not is told."""
        try:
            return await self._verified(token, now)
        except Refused as refusal:
            self._tell(refusal.issuer, refusal.reason)
            return None

    async def _verified(self, text: bytes, now: float) -> Verified:
        digest = hashlib.sha256(text).digest()
        found = self._remembered.get(digest)
        if found is None:
            found = await self._verify(text, now)
            while len(self._remembered) >= MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[digest] = found
        elif now >= found.until:
            del self._remembered[digest]
            raise Refused("expired")
        return found

    async def _verify(self, text: bytes, now: float) -> Verified:
        token = read_token(text)
        options = self._issuer_of(token)
        try:
            if token.header.alg not in options.algorithms:
                raise Refused("algorithm")
            key = await self._sets[options.issuer].find(token.header.kid, token.header.alg)
            # Nothing waits from here until it is remembered: a key that goes meanwhile takes the token with it.
            check_signature(token, key)
            until = check_claims(options, token.claims, now)
        except Refused as refusal:
            refusal.issuer = options.issuer
            raise
        return Verified(options.issuer, until, _caller(options, token, until), _operator(options, token))

    def _issuer_of(self, token: Token) -> IssuerOptions:
        issuer = token.claims.get("iss")
        options = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if options is None:
            raise Refused("issuer")
        return options

    def _forgetting(self, issuer: str) -> Callable[[], None]:
        def forget() -> None:
            gone = [digest for digest, one in self._remembered.items() if one.issuer == issuer]
            for digest in gone:
                del self._remembered[digest]

        return forget

    def _tell(self, issuer: str, reason: Reason) -> None:
        self._refused(reason)
        now = self._clock.monotonic()
        said_at = self._said_at.get((issuer, reason))
        if said_at is None or now - said_at >= SAID_AGAIN_S:
            self._said_at[issuer, reason] = now
            _log.warning("a token%s was refused: %s", f" of {issuer}" if issuer else "", reason)


class MissingOidc(Exception):
    """What verifies tokens is not installed."""


def oidc_installed() -> bool:
    return find_spec("jwt") is not None and find_spec("cryptography") is not None


def missing_extra(options: IdentityOptions) -> str:
    """The extra that these options need and that is not installed; empty if nothing is missing."""
    certificates = options.client_certificates
    needed = bool(options.issuers) or (certificates is not None and certificates.header.lower() == CLIENT_CERT)
    return "oidc" if needed and not oidc_installed() else ""


def _caller(options: IssuerOptions, token: Token, until: float) -> Principal | None:
    """None if the claims give no team: the token may open the admin API all the same."""
    try:
        return principal_of(options, token.claims, until)
    except Refused:
        return None


def _operator(options: IssuerOptions, token: Token) -> Operator | None:
    if options.admin_role is None:
        return None
    try:
        role = role_named(word_from(options.admin_role, token.claims))
        # Who a provider lets choose a subject must not be able to look like an operator of config.yaml.
        return None if role is None else Operator(f"token:{owner_of(options, token.claims)}", role)
    except Refused:
        return None
