"""The one place that constructs: a worker's application out of its settings."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import msgspec

from gateway.administration import admin_deps
from gateway.background import begin
from gateway.caching import caching
from gateway.config import Settings
from gateway.core.call import Call, Service
from gateway.core.clock import SystemClock, uuid7
from gateway.core.experiment import LOOKED
from gateway.core.principal import Principal
from gateway.counting import counting, store_problem
from gateway.edge.admin.admission import admitting
from gateway.edge.admin.api import admin_app
from gateway.edge.app import EdgeDeps, build_app
from gateway.edge.asgi import App
from gateway.edge.endpoint import endpoint
from gateway.edge.inflight import InFlight
from gateway.edge.models import ListModels
from gateway.edge.operations import ARRAY_STREAM, ARRAY_STREAM_PATH, OPERATIONS
from gateway.edge.organization import OrganizationDeps
from gateway.edge.proxied import behind_proxy
from gateway.evaluating import evaluating
from gateway.feedback import feedback_deps
from gateway.guard.outside.classifiers import MAX_TOKENS
from gateway.guard.outside.judging import Judges
from gateway.identity.callers import Callers
from gateway.identity.feed import KeyFeed
from gateway.identity.keys import OperatorCredentials
from gateway.identity.keystore import KeyStore
from gateway.identity.recognising import recognising
from gateway.identity.roles import Operator
from gateway.identity.tokens import Tokens
from gateway.langfuseview import langfuse_prompts
from gateway.ledger.journal import Journal
from gateway.ledgerview import organization_deps
from gateway.limits.bounds import Counters
from gateway.limits.shedding import Shedding
from gateway.pipeline import build_pipeline
from gateway.pipeline.allowlist import classed
from gateway.pipeline.asking_models import asking_models
from gateway.pipeline.demand import demands
from gateway.pipeline.own_calls import OwnCalls
from gateway.pipeline.parts import CacheParts, Parts
from gateway.pipeline.tagging import tagging
from gateway.policyfeed import PolicyFeed
from gateway.policyview import list_models
from gateway.processes import WorkerSpec
from gateway.prompting import prompt_feed, prompt_fingerprints
from gateway.prompts.feed import PromptFeed
from gateway.prompts.handlebars import Limits
from gateway.providers.building import build_provider, is_configured
from gateway.providers.pacing.pacer import DemandOf
from gateway.providers.profiles import PROFILES
from gateway.providers.provider import Provider
from gateway.remembering import memory_of, pairs_of, stored_responses
from gateway.reporting import Reports, Watched
from gateway.responses.memory import Memory
from gateway.router.decided import FOLDER
from gateway.router.draining import FILE, follow
from gateway.router.rollouts import Rollouts
from gateway.router.router import Router
from gateway.routing import mirroring, routing, watching
from gateway.shedding import telling, turning_away
from gateway.status import Status
from gateway.stores.files import read_or_create_secret
from gateway.telemetry.lines import LineWriter
from gateway.telemetry.log import RequestLog, configure_logging, dropped_line
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.otlp import Otlp
from gateway.telemetry.trace import Tracer
from gateway.transport.client import HttpClient

CLOCK = SystemClock()
# A prompt made of a caller's variables may be as long as a request that he could have written himself.
PROMPT_LIMITS = Limits()


class Application(msgspec.Struct, frozen=True):
    """A worker's application, ready to serve."""

    asgi: App
    flights: InFlight


@contextlib.asynccontextmanager
async def build(settings: Settings, spec: WorkerSpec) -> AsyncGenerator[Application]:
    """Construct everything, in the order of dependence; on exit everything ends in the reverse order.

    Raises:
        DocumentError: the policies do not validate. MissingExtra: config.yaml asks for a part not installed.
    """
    config, state = settings.config, settings.state_dir
    async with contextlib.AsyncExitStack() as stack:
        reports, otlp = _reports(settings, stack)
        policies, prompts = await _followed(settings, spec, reports, stack)
        store = stack.enter_context(KeyStore(state / "identity.db", CLOCK))
        keys = await stack.enter_async_context(KeyFeed(state / "identity.db", state / "identity.snapshot", CLOCK))
        journal = stack.enter_context(_journal(settings, spec))
        client = await stack.enter_async_context(HttpClient(config.http_client))
        callers, tokens = await stack.enter_async_context(
            recognising(config.identity, keys.keys, policies.tenants, client, CLOCK, reports.token_refused)
        )
        rollouts = Rollouts(policies.routes, CLOCK, state / FOLDER, reports.trials)
        await stack.enter_async_context(rollouts)
        providers = build_providers(settings, spec, client, demands(policies.limits))
        router = routing(providers, policies, CLOCK, reports.seen, rollouts)
        begin(stack, follow(state / FILE, router.standings.take_out), *watching(router, config, CLOCK))
        counters, seeding = await counting(settings, spec, policies, reports, stack)
        own_calls, shedding = OwnCalls(CLOCK), Shedding(config.overload)
        cache = await caching(settings, policies, reports, router, own_calls, stack)
        memory, shed = memory_of(settings, stack), turning_away(shedding, policies)
        parts = _parts(
            settings, callers, policies, prompts, reports, journal, memory, router, counters, client, cache,
            own_calls, shed,
        )  # fmt: skip
        pairs = await pairs_of(settings, reports.trials, stack)
        mirrors = await stack.enter_async_context(
            mirroring(router, policies, parts, reports.trials, pairs, config.mirror_pairs)
        )
        flights = InFlight(config.patience, CLOCK.monotonic)
        files = (settings.run_dir / "engines.json", settings.ledger_state, settings.run_dir / LOOKED)
        watched = Watched(flights, keys, router, shedding, store_problem(counters))
        status = Status(
            policies, prompts.library, keys, flights, journal, *files, tokens, watched.store_problem, router, mirrors
        )
        credentials = operator_credentials(settings, tokens)
        lent = admin_deps(settings, store, policies, router, status, counters, pairs, prompts.library)
        admin = admin_app(lent, credentials)
        if otlp is not None:
            otlp.instrument(admin)
        deps = EdgeDeps(
            clock=CLOCK,
            identify=lambda headers: callers.identified(headers, CLOCK.now()),
            list_models=_models(policies, router),
            stored=stored_responses(memory, router),
            feedback=feedback_deps(settings, policies.tenants, journal, reports, CLOCK),
            evals=await evaluating(settings, own_calls, stack),
            organization=_organization(settings, policies, credentials), langfuse=langfuse_prompts(prompts.library),
            ready=status.ready, metrics_allowed=credentials.may_read_metrics,
            exposition=lambda: reports.exposition(watched),
        )  # fmt: skip
        late = telling(shedding, router.standings)
        begin(stack, flights.look_after(late), reports.watch(watched, journal), seeding.watch())
        asgi = build_app(_endpoints(settings, build_pipeline(parts, mirrors.beside(router)), flights), admin, deps)
        yield Application(behind_proxy(asgi, config.identity.client_certificates), flights)


def _reports(settings: Settings, stack: contextlib.AsyncExitStack) -> tuple[Reports, Otlp | None]:
    metrics = stack.enter_context(Metrics(settings.run_dir / "metrics"))
    options = settings.config.telemetry.log
    # One writer for both, in a thread: neither a request's line nor a warning ever waits for a slow terminal.
    lines = stack.enter_context(LineWriter(said_of_dropped=dropped_line(options)))
    configure_logging(options, lines)
    request_log = stack.enter_context(RequestLog(options, lines))
    otlp = _otlp(settings, stack)
    reports = Reports(metrics, request_log, otlp, CLOCK)
    stack.callback(reports.end)
    return reports, otlp


async def _followed(
    settings: Settings, spec: WorkerSpec, reports: Reports, stack: contextlib.AsyncExitStack
) -> tuple[PolicyFeed, PromptFeed]:
    """The log hears of policies from the parent, and of prompts, which it does not follow, from the first worker."""
    kept = settings.last_good_policies
    feed = PolicyFeed(settings.policies_dir, reports.reloaded, settings.wiring, last_good=kept, tells=False)
    policies = await stack.enter_async_context(feed)
    return policies, await stack.enter_async_context(prompt_feed(settings, reports, tells=spec.index == 0))


def _journal(settings: Settings, spec: WorkerSpec) -> Journal:
    writer = f"{spec.index:03d}-{uuid7(CLOCK.now_ns()).replace('-', '')}"
    return Journal(settings.config.journal, settings.state_dir / "journal", writer)


def _models(policies: PolicyFeed, router: Router) -> ListModels:
    def listed(principal: Principal, headers: Mapping[bytes, bytes]) -> Sequence[Mapping[str, object]]:
        data_class = classed(headers, principal, policies.tenants.value)
        return list_models(principal, policies, data_class, router.providers, CLOCK.now())

    return listed


def _organization(settings: Settings, policies: PolicyFeed, credentials: OperatorCredentials) -> OrganizationDeps:
    admit = admitting(credentials, "usage.read")
    return organization_deps(settings.ledger, admit, CLOCK.now, lambda: policies.prices.value.currency)


def _parts(
    settings: Settings,
    callers: Callers,
    policies: PolicyFeed,
    prompts: PromptFeed,
    reports: Reports,
    journal: Journal,
    memory: Memory | None,
    router: Router,
    counters: Counters,
    client: HttpClient,
    cache: CacheParts,
    own_calls: OwnCalls,
    turns_away: Callable[[Call], bool],
) -> Parts:
    config = settings.config
    ask_model = asking_models(router.providers, CLOCK, MAX_TOKENS)
    return Parts(
        clock=CLOCK,
        note=tagging(config.metering.noted),
        start_trace=Tracer(config.telemetry.otlp.sample_ratio if config.telemetry.otlp else 0.0).start,
        ended=reports.ended,
        ended_apart=reports.ended_apart,
        identify=callers.identify,
        turns_away=turns_away,
        output_field=router.output_field,
        access=policies.access,
        catalogue=policies.catalogue,
        tenants=policies.tenants,
        guards=policies.guards,
        guarding=reports,
        judges=Judges(config.guard_services, client, ask_model, CLOCK.monotonic),
        limits=policies.limits,
        prices=policies.prices,
        served=router.providers,
        choose=router.choose,
        estimate_cost=lambda target, usage, caller, at, tier: policies.prices.value.estimate(
            target.provider, target.model, usage, at, tenant=caller.tenant, team=caller.team, tier=tier
        ),
        ceiling_cost=lambda target, usage, at: policies.prices.value.ceiling(target.provider, usage, at),
        doubted=reports.doubted,
        cache=cache,
        counters=counters,
        limiting=reports,
        journal=journal,
        journal_failed=reports.journal_failed,
        responses=memory,
        own_calls=own_calls,
        prompts=prompts.library,
        prompt_limits=PROMPT_LIMITS,
        prompt_fingerprint=prompt_fingerprints(settings),
        refuse_unrecorded=config.metering.on_journal_failure == "refuse",
    )


def _endpoints(settings: Settings, service: Service, flights: InFlight) -> dict[str, App]:
    options = settings.config.requests
    apps = {operation.path: endpoint(operation, service, options, flights, CLOCK) for operation in OPERATIONS}
    return {**apps, ARRAY_STREAM_PATH: endpoint(ARRAY_STREAM, service, options, flights, CLOCK)}


def build_providers(
    settings: Settings, spec: WorkerSpec, client: HttpClient, demand_of: DemandOf
) -> dict[str, Provider]:
    """The configured providers, by name. One without its key is left out: its targets are not configured."""
    return {
        name: build_provider(
            name, options, client, CLOCK.monotonic, spec.workers, spec.engines.get(options.engine), demand_of
        )
        for name, options in settings.config.providers.items()
        if is_configured(options)
    }


def operator_credentials(settings: Settings, tokens: Tokens | None = None) -> OperatorCredentials:
    operators = settings.config.operators
    return OperatorCredentials(
        operators.admin_key or read_or_create_secret(settings.state_dir / "admin.key", "gwa-"),
        operators.metrics_key or read_or_create_secret(settings.state_dir / "metrics.key", "gwm-"),
        {one.key: Operator(one.name, one.role) for one in operators.others if one.key},
        None if tokens is None else tokens.operator,
    )


def _otlp(settings: Settings, stack: contextlib.AsyncExitStack) -> Otlp | None:
    options = settings.config.telemetry.otlp
    if options is None:
        return None
    kinds = {name: PROFILES[provider.kind].otel_name for name, provider in settings.config.providers.items()}
    otlp = Otlp(options, lambda provider: kinds.get(provider, provider))
    stack.push_async_callback(asyncio.to_thread, otlp.close)
    return otlp
