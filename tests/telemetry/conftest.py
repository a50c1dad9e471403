"""Finished calls to tell of."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.core.call import Call, Operation, TraceContext
from gateway.core.fields import NoFields
from gateway.core.record import Record
from gateway.core.target import Target
from gateway.core.usage import Usage

CHAT = Operation(name="chat", path="chat/completions", otel_name="chat", streams=True, ends_with_done=True)
STARTED_NS = 1_700_000_000_123_456_789


def make_record(**changes: Any) -> Record:
    """A completed, priced, streamed chat call; `changes` make it another."""
    fields: dict[str, Any] = {
        "id": "018bcfe5-687b-7000-8000-000000000001",
        "started_ns": STARTED_NS,
        "tenant": "acme",
        "team": "team-a",
        "key_id": "key-1",
        "operation": "chat",
        "model": "smart",
        "target": "openai/gpt-4o",
        "served_model": "gpt-4o-2024-08-06",
        "stream": True,
        "outcome": "completed",
        "status": 200,
        "rule_id": "team-a-may",
        "finish_reason": "stop",
        "usage": Usage(input_tokens=80, cached_input_tokens=20, output_tokens=10, reasoning_tokens=1),
        "usage_source": "provider",
        "pricing": "priced",
        "cost_nano": 2_500_000,
        "price_version": "p1",
        "policy_version": "a1",
        "ttfb_us": 250_000,
        "duration_us": 1_250_000,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }
    return Record(**{**fields, **changes})


def make_call(record: Record, trace: TraceContext | None = None) -> Call:
    async def unopened() -> None:
        raise AssertionError("nobody reads the body of an ended call")

    call = Call(operation=CHAT, headers={}, record=record, open=unopened, fields=NoFields(), arrived=0.0)
    call.trace = trace
    if record.target:
        call.target = Target(*record.target.split("/", 1))
    return call


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def call() -> Callable[..., Call]:
    return make_call
