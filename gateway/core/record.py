"""The record that every identified call leaves, exactly once."""

from typing import Literal

import msgspec

from gateway.core.attempt import Attempt, Pricing, UsageSource
from gateway.core.settable import settable
from gateway.core.usage import UnixNs, Usage, Whole

Outcome = Literal["open", "completed", "refused", "failed", "cancelled", "interrupted"]

_LIMITS_CODES = ("request_exceeds_limit", "model_unpriced")  # of pipeline/limit_refusals.py


@settable
class Record(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One call as the ledger keeps it. Steps of the pipeline fill it in while the call passes. The order of the fields
    is that of the ledger's columns, and so of what is sealed: see `ledger/rows.py`.

    Attributes:
        id: the gateway's own UUIDv7; never chosen by a client, so no client can make two calls look like one.
        started_ns: Unix nanoseconds; ttfb_us and duration_us: microseconds since then, by the monotonic clock.
        model: the name the client asked for; target: `provider/model` it was sent to; served_model: what answered.
        outcome: `completed` the whole answer was made; `refused` we or the policy said no, or the upstream to what is
            the caller's to mend; `failed` the upstream or we broke; `cancelled` the client hung up; `interrupted` the
            gateway died during the call.
        usage, usage_source, pricing, cost_nano, list_nano: of what the team pays for, which is the attempt that served.
            `provider` as reported; `estimate` counted from what had passed when a stream was cut; `none`.
        attempts: every upstream call made for it, in order.
        user: the end user that the request names, or the person behind a token: personal, and so kept apart by the
            ledger. run_id, agent: of an agent's run. tags: what config.yaml says is noted, as canonical JSON.
        policy_version: digest of everything that decided (rules, cards, tenants). would_deny: rules in audit mode that
            would have refused it, with spaces between. data_class, facts, attributes: what was decided on besides
            tenant, team, model and operation: the request's classification, the caller's labels and claims
            (`core/principal.py`), and what the request asks for (`core/model.py`), as canonical JSON.
        route, variant: the route of `policies/routes.yaml` that chose the target, and which part of it (`canary`, …).
        cache: `exact` or `semantic` if a kept answer was given (`stale`, if it was past its time); saved_nano: what the
            upstream would have been paid for it.
        guards: what guards found, as canonical JSON; never the text itself.
        obligations: what policy wanted changed of the request, as the caller was told (`x-gateway-obligations`).
        response_id: the id that the answer has, as the upstream gave it.
        prompt_id, prompt_digest, prompt_label: the registry's prompt in the request, `name@version`; what it says; the
            label by which it was asked for, if by one. prompt_variables: for each of its variables a keyed hash of its
            value, as canonical JSON (`prompts/fingerprints.py`).
        cost_nano: integer nano-units of the price book's currency, or None when nothing is known to be owed or no
            price is known: `pricing` says which.
    """

    id: str
    started_ns: UnixNs
    tenant: str
    team: str
    key_id: str
    operation: str
    model: str = ""
    target: str = ""
    served_model: str = ""
    outcome: Outcome = "open"
    status: Whole = 0
    error_code: str = ""
    blame: str = ""
    rule_id: str = ""
    finish_reason: str = ""
    usage_source: UsageSource = "none"
    pricing: Pricing = "none"
    cost_nano: Whole | None = None
    price_version: str = ""
    policy_version: str = ""
    would_deny: str = ""
    data_class: str = ""
    facts: str = ""
    attributes: str = ""
    prompt_id: str = ""
    ttfb_us: Whole | None = None
    duration_us: Whole = 0
    queued_us: Whole = 0
    bytes_in: Whole = 0
    bytes_out: Whole = 0
    upstream_request_id: str = ""
    client_request_id: str = ""
    trace_id: str = ""
    list_nano: Whole | None = None
    run_id: str = ""
    agent: str = ""
    tags: str = ""
    stream: bool = False
    usage: Usage | None = None
    user: str = ""
    route: str = ""
    variant: str = ""
    cache: str = ""
    saved_nano: Whole | None = None
    guards: str = ""
    obligations: str = ""
    response_id: str = ""
    prompt_digest: str = ""
    prompt_label: str = ""
    prompt_variables: str = ""
    attempts: tuple[Attempt, ...] = ()

    @property
    def is_policy_refusal(self) -> bool:
        """Whether access said no, and not a limit (429)."""
        return self.outcome == "refused" and self.blame == "policy" and self.status == 403

    @property
    def is_rule_refusal(self) -> bool:
        """The same, without what a limit refused with 403 after a rule had allowed it."""
        return self.is_policy_refusal and self.error_code not in _LIMITS_CODES
