"""What the tests of feedback share: statements about the calls of `ledger_parts`."""

import hashlib
from typing import Any

from ledger_parts import START_NS, open_record

from gateway.core.clock import uuid7
from gateway.core.feedback import Feedback

VALUES: dict[str, dict[str, Any]] = {
    "up": {"kind": "thumbs", "score": 1.0, "label": "up"},
    "down": {"kind": "thumbs", "score": 0.0, "label": "down"},
    "true": {"kind": "bool", "score": 1.0, "label": "true"},
    "false": {"kind": "bool", "score": 0.0, "label": "false"},
}


def said(call: int, value: str | float = "up", number: int = 0, **fields: Any) -> Feedback:
    """About the call of that number; a later number was said later, and the same one is the same statement."""
    at_ns = START_NS + 10**12 + call * 1_000_000_000 + number * 1_000_000
    if isinstance(value, str):
        given = VALUES.get(value) or {"kind": "label", "label": value}
    else:
        given = {"kind": "score", "score": float(value)}
    digest = hashlib.sha256(repr((call, value, number, fields)).encode()).digest()
    known = {
        "id": uuid7(at_ns, lambda size: digest[:size]),
        "call": open_record(call).id,
        "at_ns": at_ns,
        "tenant": "acme",
        "team": "blue",
        "metric": "feedback",
    }
    return Feedback(**{**known, **given, **fields})
