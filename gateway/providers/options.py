"""What config.yaml says about a provider."""

from typing import Annotated, Literal

import msgspec

from gateway.transport.options import Timeouts
from gateway.transport.signing.aws import AwsOptions
from gateway.transport.signing.entra import EntraOptions
from gateway.transport.signing.google import GoogleOptions

Figure = Annotated[int, msgspec.Meta(ge=1)]


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Figures that calls keep to; None: no limit of ours.

    Attributes:
        requests_per_minute, tokens_per_minute: a second's worth may leave at once, the rest is spread evenly. Tokens
            are an estimate on the high side before the call, and what was used after it.
        concurrency: calls under way at once.
    """

    requests_per_minute: Figure | None = None
    tokens_per_minute: Figure | None = None
    concurrency: Figure | None = None


class PacingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast calls may leave for one upstream; what comes faster waits in a bounded queue.

    Counted per worker process: with N workers each keeps to a Nth of the figures (of `concurrency` to one at least)
    and of what the upstream says is left.

    Attributes:
        requests_per_minute, tokens_per_minute, concurrency: of all its models together; as in `models`.
        max_queue: calls that may wait; of the tenant with the longest queue the newest is sent away.
        max_wait_s: a call that would wait longer is refused at once.
        learn: from the upstream's rate-limit headers and its refusals, for each of its models.
        models: figures for one model or for those that match a pattern; the first that matches counts.
    """

    requests_per_minute: Figure | None = None
    tokens_per_minute: Figure | None = None
    concurrency: Figure | None = None
    max_queue: Annotated[int, msgspec.Meta(ge=0)] = 100
    max_wait_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 10.0
    learn: bool = True
    models: dict[str, Pace] = {}


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
    prompt_cache: have an upstream that keeps nothing unasked keep what prompts begin with, for so long; it charges more
        for what it writes, and a tenth for what it reads again.
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
    prompt_cache: Literal["5m", "1h"] | None = None
    timeouts: Timeouts = Timeouts()
    pacing: PacingOptions = PacingOptions()
