"""An issuer's keys: fetched at start and again and again, followed when they are rotated, kept when it is away.

a token's key is known         at once
not known                      one fetch, at most every AGAIN_S, for all who wait; each waits WAIT_S at most
the issuer is away             the last good keys stay; tried again soon, then less and less often
the issuer drops a key         gone with the next fetch
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.core.clock import Clock
from gateway.core.faults import Fault
from gateway.identity.jose import Key, read_keys
from gateway.identity.options import IssuerOptions
from gateway.identity.refusing import Refused
from gateway.transport.client import HttpClient
from gateway.transport.options import Timeouts
from gateway.transport.url import parse_url

_log = logging.getLogger("gateway.identity")
AGAIN_S = 10.0
WAIT_S = 2.0
RETRY_S = 2.0
MAX_BYTES = 512 * 1024
TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=5.0, idle_s=5.0, total_s=10.0)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class KeySet:
    """The keys of one issuer. `follow()` is to run as a task for as long as they are needed.

    Attributes:
        keys: the last good ones. last_error: why they may not be the newest, or empty.
    """

    def __init__(
        self,
        options: IssuerOptions,
        client: HttpClient,
        clock: Clock,
        changed: Callable[[], None],
        again_s: float = AGAIN_S,
    ) -> None:
        self._options = options
        self._client = client
        self._clock = clock
        self._changed = changed
        self._again_s = again_s
        self._asked_at = -again_s
        self._fetching: asyncio.Task[None] | None = None
        self.keys: tuple[Key, ...] = ()
        self.last_error = ""

    async def follow(self) -> None:
        """Fetch for ever. Ends only by being cancelled."""
        refresh_s, retry_s = self._options.refresh_s, RETRY_S
        while True:
            await asyncio.shield(self._fetch())
            if self.last_error:
                await asyncio.sleep(min(retry_s, refresh_s))
                retry_s *= 2
            else:
                retry_s = RETRY_S
                await asyncio.sleep(refresh_s)

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def find(self, kid: str | None, alg: str) -> Key:
        """The key that a token names. Without a name, the only one that fits.

        Raises:
            Refused: there is none, and a fetch did not bring it.
        """
        found = self._find(kid, alg)
        if found is None and self._may_fetch():
            try:
                async with asyncio.timeout(WAIT_S):
                    await asyncio.shield(self._fetch())
            except TimeoutError:
                pass
            found = self._find(kid, alg)
        if found is None:
            raise Refused("unknown_key" if self.keys else "no_keys")
        return found

    def _find(self, kid: str | None, alg: str) -> Key | None:
        named = [key for key in self.keys if key.kid == kid] if kid is not None else list(self.keys)
        fitting = [key for key in named if key.fits(alg)]
        if named and kid is not None and not fitting:
            raise Refused("algorithm")
        return fitting[0] if len(fitting) == 1 else None

    def _may_fetch(self) -> bool:
        """Whoever makes names up must not make us ask the issuer for each of them."""
        now = self._clock.monotonic()
        if self._fetching is None or self._fetching.done():
            if now - self._asked_at < self._again_s:
                return False
            self._asked_at = now
        return True

    def _fetch(self) -> "asyncio.Task[None]":
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._run())
        return self._fetching

    async def _run(self) -> None:
        """One fetch. What went wrong is noted, not raised: nobody may be waiting."""
        issuer = self._options.issuer
        try:
            keys = read_keys(await fetch_key_set(self._client, self._options))
        except (Fault, ValueError) as error:
            if not self.last_error:
                _log.error("keys of %s cannot be fetched, the last known ones stay: %s", issuer, error)
            self.last_error = str(error)
            return
        if self.last_error:
            _log.warning("keys of %s can be fetched again", issuer)
        self.last_error = ""
        if not keys:
            _log.error("%s publishes no key that can verify a token here: all its tokens are refused", issuer)
        if {key.jwk for key in keys} != {key.jwk for key in self.keys}:
            self.keys = keys
            self._changed()


class _Discovered(msgspec.Struct, frozen=True):
    """The part of an OpenID provider's configuration that is needed (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    jwks_uri: str


async def fetch_key_set(client: HttpClient, options: IssuerOptions) -> bytes:
    """The issuer's JWK set as it is served.

    Raises:
        Fault: it could not be fetched. ValueError: what came is not what it should be.
    """
    if options.jwks_url:
        return await _get(client, options.jwks_url)
    where = options.issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        found = msgspec.json.decode(await _get(client, where), type=_Discovered)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{where} is no OpenID configuration: {error}") from None
    if found.issuer != options.issuer:
        raise ValueError(f"{where} is the configuration of another issuer")
    if not is_safe(found.jwks_uri) or (is_loopback(found.jwks_uri) and not is_loopback(where)):
        raise ValueError(f"{where} names a jwks_uri that is not https")
    return await _get(client, found.jwks_uri)


async def _get(client: HttpClient, where: str) -> bytes:
    """What is served there. A redirect is no answer: it could lead anywhere."""
    exchange = await client.send(parse_url(where), {"accept": "application/json"}, b"", TIMEOUTS, method="GET")
    try:
        if exchange.status != 200:
            raise ValueError(f"{where} answered with status {exchange.status}")
        body = b""
        while (piece := await exchange.piece()) is not None:
            body += piece
            if len(body) > MAX_BYTES:
                raise ValueError(f"{where} answered with more than {MAX_BYTES} bytes")
        return body
    finally:
        exchange.close()


def is_safe(where: str) -> bool:
    """Only https proves whose keys they are; on this machine itself there is nobody in between."""
    try:
        url: Any = parse_url(where)
    except ValueError:
        return False
    return url.origin.tls or url.origin.host in LOOPBACK


def is_loopback(where: str) -> bool:
    return parse_url(where).origin.host in LOOPBACK
