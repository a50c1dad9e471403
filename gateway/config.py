"""config.yaml as frozen options, and the only reader of the environment.

What runs and where stands here and needs a restart; what is allowed stands in `policies/` and is reloaded live.
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.access.signing import SigningOptions, read_signers
from gateway.cache.options import CacheOptions, check_cache
from gateway.core.extras import installing
from gateway.core.target import Target, parse_target
from gateway.core.wiring import Wiring
from gateway.dialects.fitting import DROPPABLE
from gateway.edge.endpoint import EndpointOptions
from gateway.edge.inflight import PatienceOptions
from gateway.edge.server import ServerOptions
from gateway.edge.server import missing_extra as server_extra
from gateway.evals.options import EvalsOptions
from gateway.guard.outside.options import GuardServiceOptions, check_guard_services
from gateway.identity.checking import check_identity
from gateway.identity.operators import OperatorOptions, check_operators
from gateway.identity.options import IdentityOptions
from gateway.identity.tokens import missing_extra as identity_extra
from gateway.ledger.alerts.options import AlertOptions
from gateway.ledger.drain import DrainOptions
from gateway.ledger.feedback.metrics import FeedbackOptions, check_feedback
from gateway.ledger.focus.naming import FocusOptions
from gateway.ledger.journal import JournalOptions
from gateway.ledger.options import LedgerOptions, LedgerPlace, check_ledger, why_no_ledger
from gateway.ledger.options import missing_extra as ledger_extra
from gateway.limits.shedding import OverloadOptions
from gateway.limits.store_options import LimitsStoreOptions, check_limits_store
from gateway.modelhost.options import EngineOptions
from gateway.pairs.store import PairsOptions
from gateway.pipeline.metering import MeteringOptions
from gateway.pipeline.tagging import unnoted_words
from gateway.prompts.labels.options import LabelPlace, PromptOptions, check_prompts, why_no_labels
from gateway.prompts.labels.options import missing_extra as prompts_extra
from gateway.providers.building import missing_extra
from gateway.providers.options import ProviderOptions
from gateway.providers.profiles import OPENAI_PATHS, PRICED_AS, PROFILES
from gateway.providers.shaping import base_url
from gateway.responses.store import ResponsesOptions
from gateway.stores.documents import Document, DocumentError, load_document
from gateway.stores.files import digest
from gateway.stores.redis import RedisOptions
from gateway.stores.redis import missing_extra as redis_extra
from gateway.stores.references import substitute, variables
from gateway.stores.wording import nearest
from gateway.telemetry.options import TelemetryOptions
from gateway.transport.options import ClientOptions


class ModelOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A route: a name for callers besides those of cards. `targets`: `provider/model`, best first;
    `policies/routes.yaml` may say otherwise how they are chosen."""

    targets: tuple[str, ...]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of config.yaml. Paths are relative to the file's own folder."""

    server: ServerOptions = ServerOptions()
    state_dir: str = ".gateway"
    policies_dir: str = "policies"
    engines: dict[str, EngineOptions] = {}
    providers: dict[str, ProviderOptions] = {}
    models: dict[str, ModelOptions] = {}
    requests: EndpointOptions = EndpointOptions()
    patience: PatienceOptions = PatienceOptions()
    overload: OverloadOptions = OverloadOptions()
    http_client: ClientOptions = ClientOptions()
    metering: MeteringOptions = MeteringOptions()
    journal: JournalOptions = JournalOptions()
    drain: DrainOptions = DrainOptions()
    ledger: LedgerOptions = LedgerOptions()
    focus: FocusOptions = FocusOptions()
    alerts: AlertOptions = AlertOptions()
    feedback: FeedbackOptions = FeedbackOptions()
    evals: EvalsOptions = EvalsOptions()
    responses: ResponsesOptions = ResponsesOptions()
    prompts: PromptOptions = PromptOptions()
    mirror_pairs: PairsOptions = PairsOptions()
    telemetry: TelemetryOptions = TelemetryOptions()
    identity: IdentityOptions = IdentityOptions()
    operators: OperatorOptions = OperatorOptions()
    policy_signing: SigningOptions | None = None
    guard_services: dict[str, GuardServiceOptions] = {}
    redis: RedisOptions | None = None
    limits_store: LimitsStoreOptions = LimitsStoreOptions()
    cache: CacheOptions = CacheOptions()


class Settings(msgspec.Struct, frozen=True):
    """A checked Config, with its paths resolved and its names turned into what they mean.

    Attributes:
        digest: of the file's bytes. unset: environment variables that it refers to and that are not there, or empty.
    """

    config: Config
    file: Path
    state_dir: Path
    policies_dir: Path
    routes: dict[str, tuple[Target, ...]]
    digest: str
    unset: frozenset[str]
    signers: tuple[bytes, ...] = ()

    @property
    def wiring(self) -> Wiring:
        """What policies are read against."""
        engines, providers = self.config.engines, self.config.providers
        served = {name: engines[one.engine].weights.sha256 for name, one in providers.items() if one.engine}
        priced = {name: PRICED_AS.get(one.kind, "none") for name, one in providers.items() if not one.engine}
        unnoted = unnoted_words(self.config.metering.noted)
        asked = frozenset(self.config.guard_services)
        found = Wiring(providers=frozenset(providers), engines=served, price_providers=priced, routes=self.routes)
        return msgspec.structs.replace(found, unnoted=unnoted, guard_services=asked, signers=self.signers)

    @property
    def ledger(self) -> LedgerPlace:
        return LedgerPlace(self.state_dir / "ledger.db", self.config.ledger)

    @property
    def ledger_state(self) -> Path:
        """What the parent's drainer tells its workers (`/health/ready`)."""
        return self.run_dir / "ledger.json"

    @property
    def policy_history(self) -> Path:
        """What took force when; the parent appends to it."""
        return self.state_dir / "policy_history"

    @property
    def last_good_policies(self) -> Path:
        """Where the parent keeps the policies in force for its workers."""
        return self.run_dir / "policies.json"

    @property
    def prompts_dir(self) -> Path:
        return self.policies_dir / "prompts"

    @property
    def labels(self) -> LabelPlace:
        """Where labels of prompts stand that no file keeps."""
        return LabelPlace(self.state_dir / "prompts.db", self.state_dir / "prompts.snapshot", self.config.prompts)

    @property
    def last_good_prompts(self) -> Path:
        """What stands in for broken prompts, for processes of this run that are started while they are broken."""
        return self.run_dir / "prompts.json"

    @property
    def run_dir(self) -> Path:
        """What lives as long as this run: metrics files, engine states."""
        return self.state_dir / "run"


def read_config(
    path: Path, environment: Mapping[str, str] | None = None, server: Mapping[str, object] | None = None
) -> Settings:
    """The settings in `path`; values of `server` that are not None take the place of those under `server:`.

    Raises:
        DocumentError: with file, line, what is wrong, and the nearest valid word.
    """
    environment = os.environ if environment is None else environment
    document = load_document(path, Config, lambda text: substitute(text, environment))
    config = document.value
    if server is not None:
        given = {name: value for name, value in server.items() if value is not None}
        config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, **given))
    for name, provider in config.providers.items():
        _check_provider(document, name, provider)
    for name in config.focus.providers:
        _check_words(document, ("focus", "providers", name), [name], config.providers, "provider")
    check_guard_services(document, config.guard_services)
    check_identity(document, config.identity)
    check_operators(document, config.operators)
    check_ledger(document, config.ledger)
    check_prompts(document, config.prompts)
    check_feedback(document, config.feedback)
    routes = {name: _route(document, name, options) for name, options in config.models.items()}
    if not 0 <= config.server.port <= 65_535:
        raise document.error(("server", "port"), f"server.port is {config.server.port}; ports go from 0 to 65535")
    if config.server.workers < 1:
        raise document.error(("server", "workers"), "server.workers must be at least 1")
    per_worker = config.server.limits_per_worker
    check_limits_store(document, config.limits_store, config.redis, config.server.workers, per_worker)
    check_cache(document, config.cache, config.redis is not None)
    folder = path.resolve().parent
    return Settings(
        config=config,
        file=path.resolve(),
        state_dir=folder / config.state_dir,
        policies_dir=folder / config.policies_dir,
        routes=routes,
        digest=digest(document.data),
        unset=frozenset(
            name for name in variables(document.data.decode(errors="replace")) if not environment.get(name)
        ),
        signers=read_signers(document, config.policy_signing, folder),
    )


def child_environment(metrics_dir: Path) -> dict[str, str]:
    """The environment of a worker: ours, and where processes leave their metrics for each other."""
    # numpy's own threads wait for each other longer than a thousand vectors take, on cores that other workers need.
    return {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics_dir)}


def use_metrics_dir(metrics_dir: Path) -> None:
    """The same for this process; prometheus_client reads it when it is first imported."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_dir)


def missing_extras(settings: Settings) -> list[DocumentError]:
    """What is declared, and cannot work with what is installed."""
    providers = [
        _missing(settings, f"the provider `{name}`", extra)
        for name, provider in settings.config.providers.items()
        if (extra := missing_extra(provider))
    ]
    return [*providers, *missing_to_start(settings)]


def missing_to_start(settings: Settings) -> list[DocumentError]:
    """The part of it without which a gateway does not start."""
    config = settings.config
    needed = {
        "identity": identity_extra(config.identity),
        "ledger.url": ledger_extra(config.ledger),
        "prompts.url": prompts_extra(config.prompts),
        "redis": redis_extra(config.redis),
        "server.http": server_extra(config.server),
    }
    missing = [_missing(settings, who, extra) for who, extra in needed.items() if extra]
    empty = [why for why in (why_no_ledger(config.ledger), why_no_labels(config.prompts)) if why]
    return [*missing, *(DocumentError(str(settings.file), 0, why) for why in empty)]


def _missing(settings: Settings, who: str, extra: str) -> DocumentError:
    return DocumentError(str(settings.file), 0, f"{who} needs the extra `{extra}`: {installing(extra)}")


def _check_provider(document: Document[Config], name: str, provider: ProviderOptions) -> None:
    path = ("providers", name)
    if "/" in name:
        raise document.error(path, f"the provider name `{name}` must not contain `/`")
    if provider.kind not in PROFILES:
        raise document.error((*path, "kind"), f"unknown kind `{provider.kind}`{nearest(provider.kind, list(PROFILES))}")
    protocols = {*OPENAI_PATHS, *PROFILES[provider.kind].protocols}
    _check_words(document, (*path, "protocols"), provider.protocols, protocols, "protocol")
    _check_words(document, (*path, "drop_params"), provider.drop_params, DROPPABLE, "feature that can be dropped")
    if provider.engine:
        if provider.engine not in document.value.engines:
            known = nearest(provider.engine, list(document.value.engines))
            raise document.error((*path, "engine"), f"unknown engine `{provider.engine}`{known}")
        return
    base = base_url(PROFILES[provider.kind], provider)
    if found := re.search(r"{(\w+)}", base):
        raise document.error(path, f"the provider `{name}` needs `{found[1]}`, or a base_url")
    if not base:
        raise document.error(path, f"the provider `{name}` needs a base_url")
    if not base.startswith(("http://", "https://")):
        raise document.error((*path, "base_url"), "a base_url starts with http:// or https://")


def _check_words(
    document: Document[Config], path: tuple[str, ...], words: Sequence[str], known: Collection[str], kind: str
) -> None:
    for word in words:
        if word not in known:
            raise document.error(path, f"`{word}` is no {kind}{nearest(word, sorted(known))}")


def _route(document: Document[Config], name: str, options: ModelOptions) -> tuple[Target, ...]:
    path = ("models", name)
    if not options.targets:
        raise document.error(path, f"the model `{name}` has no targets")
    targets: list[Target] = []
    for index, text in enumerate(options.targets):
        where = (*path, "targets", index)
        try:
            target = parse_target(text)
        except ValueError as error:
            raise document.error(where, str(error)) from None
        if target.provider not in document.value.providers:
            known = nearest(target.provider, list(document.value.providers), "under `providers`")
            raise document.error(where, f"unknown provider `{target.provider}`{known}")
        targets.append(target)
    return tuple(targets)
