"""A provider out of its options and its row."""

from collections.abc import Callable
from importlib.util import find_spec

import msgspec

from gateway.core.clock import SystemClock
from gateway.providers.options import PacingOptions, ProviderOptions
from gateway.providers.pacing.pacer import DemandOf, Pacer, rough_demand
from gateway.providers.profiles import PROFILES, Profile
from gateway.providers.provider import Endpoint, Provider
from gateway.providers.shaping import base_url
from gateway.transport.client import HttpClient
from gateway.transport.signing.authorizer import Authorizer
from gateway.transport.signing.aws import AwsAuthorizer
from gateway.transport.signing.entra import EntraAuthorizer
from gateway.transport.signing.google import GoogleAuthorizer


def build_provider(
    name: str,
    options: ProviderOptions,
    client: HttpClient,
    now: Callable[[], float],
    workers: int,
    engine: Endpoint | None,
    demand_of: DemandOf = rough_demand,
    wall: Callable[[], float] = SystemClock.now,
) -> Provider:
    """Args:
    engine: where the model host runs it, for a provider that names an engine.
    demand_of: what a call wants of it, and whose it is. wall: Unix seconds.
    """
    profile = PROFILES[options.kind]
    where = engine or Endpoint(base_url(profile, options), options.api_key or "")
    idle = options.pacing == PacingOptions(learn=False)
    pacer = None if idle else Pacer(options.pacing, name, workers, demand_of, now, wall)
    return Provider(name, profile, options, where, client, now, pacer, authorizer_of(profile, options))


def authorizer_of(profile: Profile, options: ProviderOptions) -> Authorizer | None:
    """What authorizes requests one by one; None where a key in a header does."""
    if options.api_key:
        return None
    if profile.auth == "aws":
        region = options.aws.region or options.region
        return AwsAuthorizer(msgspec.structs.replace(options.aws, region=region))
    if profile.auth == "google":
        return GoogleAuthorizer(options.google)
    return EntraAuthorizer(options.entra) if options.entra is not None else None


def missing_extra(options: ProviderOptions) -> str:
    """The extra that the provider's credentials need and that is not installed; empty if nothing is missing."""
    auth = PROFILES[options.kind].auth
    if options.api_key or (auth == "aws" and options.aws.access_key_id):
        return ""
    extra = auth if auth in _LIBRARIES else "azure" if options.entra is not None else ""
    return extra if extra and not _is_installed(_LIBRARIES[extra]) else ""


# extra → what it brings, by the name it is imported by.
_LIBRARIES = {"aws": "botocore", "google": "google.auth", "azure": "azure.identity"}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would stand in
        return False


def is_configured(provider: ProviderOptions) -> bool:
    """Has everything it needs to be called. A key that the environment does not hold is no error: it is not here."""
    profile = PROFILES[provider.kind]
    keyless = profile.key_optional and bool(provider.base_url) and provider.api_key is None
    cloud = profile.auth in ("aws", "google") or (profile.auth == "api-key" and provider.entra is not None)
    return bool(provider.engine) or profile.auth == "none" or bool(provider.api_key) or keyless or cloud
