"""The span of a call: names and attributes of the GenAI conventions, and no content."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.core.attempt import RETRIES, Attempt
from gateway.core.call import Call, TraceContext
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.telemetry import names
from gateway.telemetry.otlp_encoding import Span
from gateway.telemetry.spans import Semconv, attempt_spans, call_span, span_attributes

RecordMaker = Callable[..., Record]
CallMaker = Callable[..., Call]
TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def attributes(record: Record, semconv: Semconv = "legacy") -> dict[str, Any]:
    return dict(span_attributes(record, "chat", "openai" if record.target else "", semconv))


def build(call: Call) -> Span:
    return call_span(call, "openai", "legacy")


def test_the_attributes_of_a_streamed_call(record: RecordMaker) -> None:
    assert attributes(record(queued_us=1500, upstream_request_id="req_1")) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "smart",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 11,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "gen_ai.usage.cost": 0.0025,
        "http.response.status_code": 200,
        "gateway.request.id": "018bcfe5-687b-7000-8000-000000000001",
        "gateway.tenant": "acme",
        "gateway.team": "team-a",
        "gateway.key.id": "key-1",
        "gateway.target": "openai/gpt-4o",
        "gateway.outcome": "completed",
        "gateway.policy.rule": "team-a-may",
        "gateway.policy.version": "a1",
        "gateway.price.version": "p1",
        "gateway.cost.nano": 2_500_000,
        "gateway.queued_ms": 1.5,
        "gateway.upstream.request.id": "req_1",
        "gateway.usage.authoritative": True,
    }


def test_rules_in_audit_mode_are_named_one_by_one(record: RecordMaker) -> None:
    found = attributes(record(would_deny="no-secrets eu-only", rule_id=""))
    assert found["gateway.policy.would_deny"] == ("no-secrets", "eu-only")
    assert found["gateway.policy.version"] == "a1"
    assert "gateway.policy.rule" not in found


def test_the_latest_conventions_have_other_names(record: RecordMaker) -> None:
    used = record(usage=Usage(input_tokens=1, cache_write_tokens=5))
    legacy, latest = attributes(used), attributes(used, "latest")
    assert legacy["gen_ai.usage.cache_creation.input_tokens"] == 5
    assert latest["gen_ai.usage.cache_write.input_tokens"] == 5
    assert "gen_ai.system" in legacy
    assert "gen_ai.system" not in latest
    assert "gen_ai.usage.cache_creation.input_tokens" not in latest


def test_a_refused_call_went_nowhere_and_used_nothing(record: RecordMaker) -> None:
    refused = record(
        outcome="refused", status=403, error_code="model_not_allowed", blame="policy", target="", served_model="",
        usage=None, cost_nano=None, ttfb_us=None, finish_reason="",
    )  # fmt: skip
    found = attributes(refused)
    assert found[names.ERROR_TYPE] == "model_not_allowed"
    assert not [name for name in found if name.startswith(("gen_ai.usage", "gen_ai.response", "gen_ai.provider"))]


def test_no_attribute_is_empty_and_all_are_of_a_kind_that_can_be_exported(record: RecordMaker) -> None:
    for found in (attributes(record()), attributes(record(), "latest")):
        assert all(isinstance(value, str | bool | int | float | tuple) and value != "" for value in found.values())
        assert all(name.startswith(("gen_ai.", "gateway.", "error.", "http.")) for name in found)


def test_the_span_is_the_servers_and_a_child_of_the_callers(record: RecordMaker, call: CallMaker) -> None:
    span = build(call(record(), TraceContext(TRACE, SPAN, PARENT, sampled=True, state="congo=1")))
    assert (span.name, span.kind) == ("chat smart", "server")
    assert (span.trace_id, span.span_id, span.state) == (TRACE, SPAN, "congo=1")
    assert (span.parent_id, span.remote) == (PARENT, True)
    assert span.end_ns - span.start_ns == 1_250_000_000
    assert span.error is None
    assert span.attributes == attributes(record())


def test_a_trace_that_starts_here_has_no_parent(record: RecordMaker, call: CallMaker) -> None:
    span = build(call(record(model=""), TraceContext(TRACE, SPAN, sampled=True)))
    assert span.parent_id == ""
    assert span.name == "chat", "a call whose body never came has no model"


@pytest.mark.parametrize(
    ("outcome", "blame", "error"),
    [
        ("failed", "upstream", "code"),
        ("failed", "own", "code"),
        ("failed", "caller", None),
        ("refused", "policy", None),
        ("cancelled", "", None),
    ],
)
def test_only_what_is_not_the_callers_doing_is_an_error(
    record: RecordMaker, call: CallMaker, outcome: str, blame: str, error: str | None
) -> None:
    ended = record(outcome=outcome, blame=blame, error_code="code")
    assert build(call(ended, TraceContext(TRACE, SPAN, sampled=True))).error == error


def test_every_name_of_a_record_is_decided_upon(record: RecordMaker) -> None:
    """A field that is added to records must be added here: shown on spans, or left out on purpose."""
    shown = {
        "id", "started_ns", "duration_us", "tenant", "team", "key_id", "model", "target", "served_model", "stream",
        "outcome", "status", "error_code", "blame", "rule_id", "finish_reason", "usage", "cost_nano", "price_version",
        "policy_version", "would_deny", "prompt_id", "route", "variant", "cache", "guards", "ttfb_us", "queued_us", "upstream_request_id", "trace_id",
        "response_id", "prompt_digest", "prompt_label", "prompt_variables",
    }  # fmt: skip
    left_out = {
        "operation",  # the conventions' word for it stands in its place
        "usage_source", "pricing", "bytes_in", "bytes_out",
        "client_request_id", "run_id", "agent", "tags",  # the client's own words
        "user",  # personal
        "obligations",  # the caller was told, and the ledger keeps it
        "list_nano", "saved_nano", "attempts",  # for finance: the ledger keeps them
        "data_class", "facts", "attributes",  # the ledger keeps them, for decisions to be made again
    }  # fmt: skip
    assert set(msgspec.structs.asdict(record())) == shown | left_out


def test_each_of_several_attempts_has_a_span_below_the_calls(record: RecordMaker, call: CallMaker) -> None:
    tried = (
        Attempt(n=1, provider="openai", target="openai/gpt-4o", outcome="failed", status=503, started_ns=1_000, duration_us=7,
                error_code="upstream_status_503", account=RETRIES),
        Attempt(n=2, role="fallback", served=True, provider="azure", target="azure/gpt-4o", outcome="completed", status=200,
                started_ns=9_000, duration_us=1),
    )  # fmt: skip
    ids = iter(("1" * 16, "2" * 16))
    ended = call(record(attempts=tried), TraceContext(TRACE, SPAN, PARENT, sampled=True))
    first, second = attempt_spans(ended, lambda name: f"{name}.com", lambda: next(ids))
    assert [(span.name, span.kind, span.span_id) for span in (first, second)] == [
        ("primary openai/gpt-4o", "client", "1" * 16),
        ("fallback azure/gpt-4o", "client", "2" * 16),
    ]
    assert {(span.trace_id, span.parent_id, span.remote) for span in (first, second)} == {(TRACE, SPAN, False)}
    assert (first.start_ns, first.end_ns) == (1_000, 8_000)
    assert (first.error, second.error) == ("upstream_status_503", None)
    assert first.attributes == {
        names.PROVIDER: "openai.com",
        names.TARGET: "openai/gpt-4o",
        names.OUTCOME: "failed",
        names.ATTEMPT: 1,
        names.ROLE: "primary",
        names.STATUS_CODE: 503,
        names.ERROR_TYPE: "upstream_status_503",
        names.ACCOUNT: RETRIES,
    }


def test_where_an_answer_was_found_is_told(record: RecordMaker) -> None:
    found = attributes(record(route="fast", variant="canary", cache="exact", guards="[]", saved_nano=5))
    assert (found["gateway.route"], found["gateway.route.variant"]) == ("fast", "canary")
    assert (found["gateway.cache"], found["gateway.guards"]) == ("exact", "[]")
