"""What the rest of the gateway lends to the admin API."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.access.history import PolicyHistory
from gateway.config import Settings
from gateway.core.clock import SystemClock
from gateway.core.days import date_time
from gateway.core.live import Live
from gateway.edge.admin.api import AdminDeps
from gateway.edge.admin.focus import FocusAsked, FocusCsv
from gateway.edge.admin.mirrors import PairsDeps
from gateway.edge.admin.policies import ExplainRequest, PastDeps
from gateway.exports import focus_csv, focus_maker, last_whole
from gateway.identity.keystore import KeyStore
from gateway.ledger.focus.lines import Period
from gateway.ledgerview import said_deps, usage_deps
from gateway.limits.bounds import Counters
from gateway.limitview import limit_levels
from gateway.pairs.keeping import Keeping
from gateway.policyfeed import PolicyFeed
from gateway.policypast import answer, at_text, in_force_at, page
from gateway.policyview import describe_models, explain
from gateway.prompts.library import Library
from gateway.promptview import prompts_deps
from gateway.router.router import Router
from gateway.status import Status

CLOCK = SystemClock()


def admin_deps(
    settings: Settings,
    store: KeyStore,
    policies: PolicyFeed,
    router: Router,
    status: Status,
    counters: Counters,
    pairs: Keeping,
    prompts: Live[Library],
) -> AdminDeps:
    history = PolicyHistory(settings.policy_history)

    def at(time: str, asked: ExplainRequest) -> dict[str, Any]:
        at_ns = at_text(time)
        return answer(in_force_at(history, at_ns, settings.wiring), asked, at_ns)

    def focus(asked: FocusAsked) -> FocusCsv:
        maker = focus_maker(settings, policies.tenants.value, policies.prices.value.currency)
        until = last_whole(asked.by, datetime.now(UTC)) if asked.until is None else date_time(asked.until)
        return FocusCsv(
            *focus_csv(settings.ledger, maker, Period(date_time(asked.since), until, asked.by), asked.version)
        )

    return AdminDeps(
        keys=store,
        declared=lambda tenant, team: policies.tenants.value.declares(tenant, team),
        tenants=lambda: [msgspec.to_builtins(tenant) for tenant in policies.tenants.value.tenants],
        models=lambda: describe_models(policies.catalogue.value, router.providers, CLOCK.now()),
        usage=usage_deps(settings.ledger),
        said=said_deps(settings.ledger),
        explain=lambda asked: explain(asked, policies.set, CLOCK.now()),
        focus=focus,
        past=PastDeps(lambda before_seq, limit: page(history, before_seq, limit), at),
        limits=lambda asked: limit_levels(asked, policies, counters, store.get, CLOCK.now()),
        pairs=PairsDeps(pairs.page, pairs.get),
        prompts=prompts_deps(prompts, settings.labels, store.note),
        status=status.full,
    )
