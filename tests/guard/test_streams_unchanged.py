"""On recorded streams guards that find nothing change no byte, hold nothing back at the end, however the bytes come."""

import gzip
import json
import random
from functools import cache
from typing import Any

import pytest

from gateway.dialects.sse import Framer
from gateway.guard.streaming import StreamGuard
from gateway.guard.vault import Vault
from gateway.guard.window import Looking
from tests.conftest import SHARED
from tests.guard.doubles import Addresses, Secrets, Shouting, rule

CORPUS = SHARED / "corpus" / "exchanges.jsonl.gz"
pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the recorded traffic is not here")


class Never(Addresses):
    """Everything may become something, and nothing does: each event is held back until its text is at its end."""

    def find(self, text: str) -> list[Any]:
        return []

    def open_from(self, text: str) -> int:
        return 0


@cache
def streams() -> dict[str, bytes]:
    with gzip.open(CORPUS, "rt") as file:
        rows = [json.loads(line) for line in file]
    found = {
        f"{row['provider']} {row['api']} {row['id']}": row["response"]["body"].encode()
        for row in rows
        if row["stream"] and row["response"] and row["response"].get("body") and row["status"] == 200
    }
    return {name: body for name, body in found.items() if b"data:" in body[:4000]}


def passed(body: bytes, looking: Looking, cuts: random.Random | None) -> bytes:
    """What comes out when the stream's bytes come cut; whole at once for None."""
    guard, framer, out = StreamGuard(looking, keep=True), Framer(), b""
    at = 0
    while at < len(body):
        end = len(body) if cuts is None else at + cuts.choice((1, 7, 60, 400, 3000))
        if batch := framer.feed(body[at:end]):
            out += guard.feed(batch)
        at = end
    rest = framer.take_rest()
    return out + (guard.feed(rest) if rest else b"") + guard.end()


def test_there_are_streams() -> None:
    assert len(streams()) > 250


@pytest.mark.parametrize("name", streams() if CORPUS.exists() else [])
def test_a_stream_without_findings_passes_byte_for_byte(name: str) -> None:
    body, found = streams()[name], list[Any]()
    tokens = Vault()
    tokens.token("email", "\0")
    for watching in (Secrets(), Never()):
        for hold in (False, True):
            looking = Looking((rule(watching, Shouting()) if hold else rule(watching),), tokens, found.append, hold)
            for seed in (None, 1, 2):
                cuts = None if seed is None else random.Random(f"{name}{seed}")
                out = passed(body, looking, cuts)
                hits = [hit for hits in found for hit in hits if not isinstance(hit.detector, Shouting)]
                assert hits == [], "the recordings hold none of these"
                if not found:
                    assert out == body
                found.clear()
