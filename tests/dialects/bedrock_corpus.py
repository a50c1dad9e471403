"""Recorded Bedrock traffic, and how AWS's own SDK reads it."""

import base64
import gzip
import json
import random
from typing import Any

from botocore.eventstream import EventStreamBuffer

from gateway.core.generation import Event
from gateway.dialects.eventstream import encode_event
from tests.conftest import SHARED

CORPUS = SHARED / "corpus" / "exchanges.jsonl.gz"


def exchanges(*apis: str, anyone: bool = False) -> list[dict[str, Any]]:
    if not CORPUS.exists():
        return []
    with gzip.open(CORPUS, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [row for row in rows if row["api"] in apis and (anyone or row["provider"] in ("bedrock", "vertex"))]


def body_of(row: dict[str, Any]) -> bytes:
    response = row["response"]
    if response.get("body_b64"):
        return base64.b64decode(response["body_b64"])
    if row["wire"] == "events-decoded":  # one {kind: payload} a line, put back into messages
        lines = [json.loads(line) for line in response["body"].splitlines()]
        return b"".join(encode_event(k, json.dumps(v).encode()) for line in lines for k, v in line.items())
    return (response.get("body") or "").encode()


def sdk_events(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """(event type, payload) as botocore cuts them."""
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    return [(one.headers[":event-type"], json.loads(one.payload or b"{}")) for one in buffer]


def cuts(data: bytes, seed: int = 0, small: int = 3_000) -> list[list[bytes]]:
    """The same bytes in pieces: whole, at random places, and byte by byte if they are few."""
    die = random.Random(seed)
    ways = [[data]]
    for _ in range(3):
        places = sorted(die.sample(range(1, len(data)), min(20, len(data) - 1))) if len(data) > 1 else []
        ways.append([data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)])
    if len(data) <= small:
        ways.append([data[at : at + 1] for at in range(len(data))])
    return ways


def decoded(decoder: Any, pieces: list[bytes]) -> list[Event]:
    events: list[Event] = []
    for piece in pieces:
        events.extend(decoder.feed(piece))
    events.extend(decoder.end())
    return events
