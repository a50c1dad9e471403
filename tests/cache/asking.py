"""Entries, rules and questions that tests are made of."""

import time
from typing import Any

from gateway.cache.directives import NOTHING_WANTED, Wanted
from gateway.cache.document import Rule
from gateway.cache.entries import Entry, packed_stream
from gateway.cache.question import Question

KEY, OTHER = b"k" * 32, b"o" * 32
RULE = Rule(id="r", ttl_s=3600)


def entry_of(body: bytes, age_s: float = 0.0, **fields: Any) -> Entry:
    kept, small = packed_stream(body) if fields.get("stream") else (body, False)
    made: dict[str, Any] = {"headers": (("content-type", "application/json"),), "cost_nano": 7}
    return Entry(stored_at=time.time() - age_s, body=kept, packed=small, **{**made, **fields})


def stream_of(*pieces: bytes, at_ms: tuple[int, ...] = (), **fields: Any) -> Entry:
    cuts = tuple(map(len, pieces))
    at_ms = at_ms or (0,) * len(pieces)
    made: dict[str, Any] = {"headers": (("content-type", "text/event-stream"),), "ended": len(pieces) - 1}
    return entry_of(b"".join(pieces), stream=True, cuts=cuts, at_ms=at_ms, **{**made, **fields})


def question(
    rule: Rule = RULE, wanted: Wanted = NOTHING_WANTED, stream: bool = False, max_bytes: int = 10_000
) -> Question:
    return Question(key=KEY, rule=rule, wanted=wanted, stream=stream, max_bytes=max_bytes)
