"""What config.yaml says about a provider."""

import msgspec

from gateway.transport.options import Timeouts
from gateway.transport.signing.aws import AwsOptions
from gateway.transport.signing.entra import EntraOptions
from gateway.transport.signing.google import GoogleOptions


class PacingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast calls may leave for one upstream; what comes faster waits in a bounded queue.

    Counted per worker process: with N workers each paces at a Nth of `requests_per_minute`.
    """

    requests_per_minute: int
    max_queue: int = 100
    max_wait_s: float = 10.0


class ProviderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    kind: a row of `profiles.py`.
    base_url: overrides the row's; required where the row has none.
    api_key: `${env:NAME}` or `${file:/path}`; empty when that is not set, and then the provider is not configured,
        unless a cloud's own credentials open it.
    engine: name of an engine under `engines`; then base_url and key come from the model host.
    api_version: Azure's `api-version`; with it the deployments paths are used.
    protocols: what it generates text by, where its kind's row does not fit: `chat`, `responses`, …
    region: of AWS. project, location: of Google Cloud. They stand in the row's base URL.
    aws, google, entra: where the clouds' credentials come from, where it is not the clouds' own default.
    drop_params: features (words of the page on providers) to leave out where they would be refused.
    forward_headers: request headers (lower case) that go upstream besides the built-in allow-list.
    """

    kind: str = "openai-compatible"
    base_url: str = ""
    api_key: str | None = None
    engine: str = ""
    api_version: str = ""
    forward_headers: tuple[str, ...] = ()
    region: str = ""
    project: str = ""
    location: str = ""
    aws: AwsOptions = AwsOptions()
    google: GoogleOptions = GoogleOptions()
    entra: EntraOptions | None = None
    protocols: tuple[str, ...] = ()
    drop_params: tuple[str, ...] = ()
    timeouts: Timeouts = Timeouts()
    pacing: PacingOptions | None = None
