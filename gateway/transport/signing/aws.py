"""AWS: requests signed with Signature Version 4, or carrying a Bedrock API key.

Credentials are given, or found by botocore as AWS's own tools find them: environment, shared files and profiles, web
identity, container and instance roles. Botocore also finds a Bedrock API key in AWS_BEARER_TOKEN_BEDROCK, and that
goes before everything else, as it does in AWS's SDKs.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from gateway.core.clock import Clock, SystemClock
from gateway.core.faults import Fault, NotConfigured
from gateway.transport.signing.authorizer import FOREVER, Kept, Renewing, load, refused_by
from gateway.transport.signing.signature import AwsKeys, Scope, sign
from gateway.transport.url import Url

# Botocore renews by itself when it is asked, about 15 minutes ahead; so it is asked this often.
_ASK_AGAIN_S = 60.0
# Hashing this much takes longer than it may hold up everybody else.
_HASH_IN_THREAD_BYTES = 1024 * 1024
_REGION = re.compile(r"\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.", re.ASCII)


class AwsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    region: empty takes it from the host's name (`bedrock-runtime.eu-west-1.amazonaws.com`), then from botocore.
    profile: a profile of the shared files; empty takes the default chain.
    access_key_id, secret_access_key, session_token: given credentials; then nothing is looked for.
    """

    region: str = ""
    service: str = "bedrock"
    profile: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""

    def __repr__(self) -> str:
        return f"AwsOptions(region={self.region!r}, service={self.service!r}, profile={self.profile!r})"


class _Found(msgspec.Struct, frozen=True):
    """`bearer`: a key that takes the place of a signature. `region`: botocore's, for hosts that do not tell."""

    keys: AwsKeys
    bearer: str = ""
    region: str = ""


class AwsAuthorizer:
    """An `Authorizer` for AWS."""

    def __init__(self, options: AwsOptions, clock: Clock | None = None) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self._given: _Found | None = None
        if options.access_key_id:
            keys = AwsKeys(options.access_key_id, options.secret_access_key, options.session_token)
            self._given = _Found(keys)
        self._renewing = Renewing(_Botocore(options, self._clock).fetch, _failed, clock)

    async def headers(self, method: str, url: Url, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        found = self._given or await self._renewing.get()
        if found.bearer:
            return {"authorization": f"Bearer {found.bearer}"}
        region = self._options.region or region_of(url.origin.host) or found.region
        if not region:
            raise NotConfigured("this provider needs `region`: neither its host nor AWS's own configuration tells it")
        # Proxies may change other headers on the way; a signature over them would not hold.
        signed = {name: value for name, value in headers.items() if name == "content-type" or name.startswith("x-amz")}
        signed["host"] = url.host
        if len(body) < _HASH_IN_THREAD_BYTES:
            payload_hash = sha256(body).hexdigest()
        else:
            payload_hash = await asyncio.to_thread(lambda: sha256(body).hexdigest())
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.now()))
        scope = Scope(region, self._options.service)
        return sign(found.keys, scope, timestamp, method, url.target, signed, payload_hash)


def region_of(host: str) -> str:
    """The region in the name of an AWS endpoint (regional, FIPS or VPC's); empty if there is none."""
    found = _REGION.search(host)
    return found[1] if found else ""


class _Botocore:
    """Botocore's chain. All of it blocks, and is only called from a thread."""

    def __init__(self, options: AwsOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._session: Any = None
        self._credentials: Any = None

    def fetch(self) -> Kept[_Found]:
        """The keys as they are now.

        Raises:
            NotConfigured: botocore is not installed, or finds none.
            Exception: botocore's, if those that it finds cannot be had.
        """
        if self._session is None:
            botocore_session = load("botocore.session", "aws")
            self._session = botocore_session.Session(profile=self._options.profile or None)
        if bearer := self._bearer():
            return Kept(_Found(AwsKeys("", ""), bearer), FOREVER, FOREVER)
        if self._credentials is None:
            self._credentials = self._session.get_credentials()
        if self._credentials is None:
            raise NotConfigured("no AWS credentials were found for this provider; an operator must see to it")
        frozen = self._credentials.get_frozen_credentials()
        region = self._session.get_config_variable("region") or ""
        found = _Found(AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or ""), "", region)
        # There is no public word for when they expire; keys without one are a user's, and do not.
        expires: datetime | None = getattr(self._credentials, "_expiry_time", None)
        if expires is None:
            return Kept(found, FOREVER, FOREVER)
        return Kept(found, self._clock.now() + _ASK_AGAIN_S, expires.timestamp())

    def _bearer(self) -> str:
        if self._options.profile:
            return ""
        tokens = load("botocore.tokens", "aws")
        token = tokens.ScopedEnvTokenProvider(self._session).load_token(signing_name=self._options.service)
        return "" if token is None else token.token


def _failed(error: Exception) -> Fault:
    exceptions = load("botocore.exceptions", "aws")
    return refused_by("AWS", error, (exceptions.HTTPClientError,))
