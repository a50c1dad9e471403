"""One finished span per sampled call, made from its record: no live span object, no context to attach.

A live span costs about 26 µs and its export 70; this one 12 in all, and nothing for calls that are not sampled.

One SERVER span, and for a call with one attempt no CLIENT span: a child would show nearly the same interval again and
double the cost of exporting, which is what tracing really costs. Where there were several, each has one, so that one
sees which target failed, and for how long another was asked beside it. The upstreams' own spans hang below ours by the
`traceparent` they are sent.
"""

from collections.abc import Callable, Iterator
from typing import Literal

from gateway.core.attempt import Attempt
from gateway.core.call import Call
from gateway.core.money import NANO
from gateway.core.record import Record
from gateway.telemetry import names
from gateway.telemetry.gathering import Ended
from gateway.telemetry.otlp_encoding import Attribute, Span

Semconv = Literal["legacy", "latest"]
# Whose texts are another one with each call.
UNIQUE = (names.REQUEST_ID, names.RESPONSE_ID, names.UPSTREAM_REQUEST_ID, names.PROMPT_VARIABLES)


def span_attributes(record: Record, operation: str, provider: str, semconv: Semconv) -> dict[str, Attribute]:
    """The attributes of a call's span, by the conventions; never content.

    `operation`: `gen_ai.operation.name`; `provider`: `gen_ai.provider.name`, empty if the call went nowhere.
    """
    attributes: dict[str, Attribute] = {
        names.OPERATION: operation,
        names.REQUEST_MODEL: record.model,
        names.STATUS_CODE: record.status,
        names.REQUEST_ID: record.id,
        names.TENANT: record.tenant,
        names.TEAM: record.team,
        names.KEY_ID: record.key_id,
        names.OUTCOME: record.outcome,
    }
    if provider:
        attributes[names.PROVIDER] = provider
        attributes[names.TARGET] = record.target
        if semconv == "legacy":
            attributes[names.SYSTEM] = provider
    if record.stream:
        attributes[names.REQUEST_STREAM] = True
        if record.ttfb_us is not None:
            attributes[names.FIRST_CHUNK] = record.ttfb_us / 1e6
    if record.finish_reason:
        attributes[names.FINISH_REASONS] = (record.finish_reason,)
    if record.served_model:
        attributes[names.RESPONSE_MODEL] = record.served_model
    if record.error_code:
        attributes[names.ERROR_TYPE] = record.error_code
    if record.queued_us:
        attributes[names.QUEUED_MS] = record.queued_us / 1000
    if record.upstream_request_id:
        attributes[names.UPSTREAM_REQUEST_ID] = record.upstream_request_id
    prompt, _, version = record.prompt_id.partition("@")
    for name, value in (
        (names.RESPONSE_ID, record.response_id),
        (names.PROMPT_NAME, prompt),
        (names.PROMPT_VERSION, version),
        (names.PROMPT_DIGEST, record.prompt_digest),
        (names.PROMPT_LABEL, record.prompt_label),
        (names.PROMPT_VARIABLES, record.prompt_variables),
        (names.ROUTE, record.route),
        (names.VARIANT, record.variant),
        (names.CACHE, record.cache),
        (names.GUARDS, record.guards),
    ):
        if value:
            attributes[name] = value
    _add_policy(attributes, record)
    _add_usage(attributes, record, semconv)
    return attributes


def _add_policy(attributes: dict[str, Attribute], record: Record) -> None:
    if record.rule_id or record.would_deny:
        attributes[names.POLICY] = record.policy_version
    if record.rule_id:
        attributes[names.RULE] = record.rule_id
    if record.would_deny:
        attributes[names.WOULD_DENY] = tuple(record.would_deny.split())


def _add_usage(attributes: dict[str, Attribute], record: Record, semconv: Semconv) -> None:
    if record.cost_nano is not None:
        attributes[names.COST] = record.cost_nano / NANO
        attributes[names.COST_NANO] = record.cost_nano
        attributes[names.PRICE_VERSION] = record.price_version
    usage = record.usage
    if usage is None:
        return
    attributes[names.INPUT_TOKENS] = usage.total_input
    attributes[names.OUTPUT_TOKENS] = usage.total_output
    attributes[names.AUTHORITATIVE] = True
    if cached := usage.cached_input_tokens + usage.cached_audio_tokens:
        attributes[names.CACHE_READ] = cached
    if written := usage.cache_write_tokens + usage.cache_write_1h_tokens:
        name = names.CACHE_WRITE_LEGACY if semconv == "legacy" else names.CACHE_WRITE
        attributes[name] = written
    if usage.reasoning_tokens:
        attributes[names.REASONING] = usage.reasoning_tokens


def call_span(call: Call | Ended, provider: str, semconv: Semconv) -> Span:
    """The span of a traced call. `provider`: `gen_ai.provider.name`, empty if it went nowhere.

    As HTTP servers do, a refusal for which the caller is to blame is no error of ours: its status stays unset.
    """
    trace, record, operation = call.trace, call.record, call.operation.otel_name
    assert trace is not None, "only traced calls have spans"
    failed = record.outcome in ("failed", "interrupted") and record.blame != "caller"
    return Span(
        name=f"{operation} {record.model}".rstrip(),
        kind="server",
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        parent_id=trace.parent_id,
        remote=True,
        state=trace.state,
        start_ns=record.started_ns,
        end_ns=record.started_ns + record.duration_us * 1000,
        attributes=span_attributes(record, operation, provider, semconv),
        error=record.error_code if failed else None,
    )


def attempt_spans(
    call: Call | Ended, provider_name: Callable[[str], str], new_span_id: Callable[[], str]
) -> Iterator[Span]:
    """The spans of a traced call's attempts, below the call's own."""
    trace = call.trace
    assert trace is not None, "only traced calls have spans"
    for attempt in call.record.attempts:
        yield Span(
            name=f"{attempt.role} {attempt.target}",
            kind="client",
            trace_id=trace.trace_id,
            span_id=new_span_id(),
            parent_id=trace.span_id,
            start_ns=attempt.started_ns,
            end_ns=attempt.started_ns + attempt.duration_us * 1000,
            attributes=_attempt_attributes(attempt, provider_name(attempt.provider)),
            error=attempt.error_code if attempt.outcome == "failed" else None,
        )


def _attempt_attributes(attempt: Attempt, provider: str) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {
        names.PROVIDER: provider,
        names.TARGET: attempt.target,
        names.OUTCOME: attempt.outcome,
        names.ATTEMPT: attempt.n,
        names.ROLE: attempt.role,
    }
    if attempt.status:
        attributes[names.STATUS_CODE] = attempt.status
    if attempt.error_code:
        attributes[names.ERROR_TYPE] = attempt.error_code
    if attempt.upstream_request_id:
        attributes[names.UPSTREAM_REQUEST_ID] = attempt.upstream_request_id
    if attempt.cost_nano is not None:
        attributes[names.COST_NANO] = attempt.cost_nano
    if attempt.account:
        attributes[names.ACCOUNT] = attempt.account
    return attributes
