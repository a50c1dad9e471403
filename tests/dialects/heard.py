"""What is noted of an answer while it passes: in its own dialect, or read to be translated."""

from collections.abc import Callable
from typing import Any

from gateway.core.call import Served
from gateway.core.faults import UpstreamBroken
from gateway.dialects.openai.answers import read_answer
from gateway.dialects.openai.streams import StreamReader
from gateway.dialects.protocols import UPSTREAMS
from gateway.edge.operations import OPERATIONS
from gateway.providers.noting import note_answer, note_events
from tests.dialects.recorded import PROTOCOLS, body_of, is_stream

# Recorded API → the operation that passes it.
PASSED = {
    "chat.completions": "chat", "completions": "completions", "responses": "responses", "embeddings": "embeddings",
    "moderations": "moderations", "rerank": "rerank",
}  # fmt: skip
Heard = Callable[[Served, bytes], None]


def passed_whole(operation: str, asked: dict[str, Any] | None = None) -> Heard:
    row = next(one for one in OPERATIONS if one.name == operation and one.dialect == "openai")
    return lambda served, body: read_answer(body, row, asked or {}, served)


def passed_stream(served: Served, body: bytes, *, images: bool = False) -> None:
    StreamReader(served, lambda: 0.0, images=images)(body)


def read_whole(protocol: str) -> Heard:
    return lambda served, body: note_answer(UPSTREAMS[protocol].decode_answer(body), served)


def read_stream(protocol: str) -> Heard:
    def hear(served: Served, body: bytes) -> None:
        decoder = UPSTREAMS[protocol].decoder()
        note_events(decoder.feed(body), served, lambda: 0.0)
        try:
            note_events(decoder.end(), served, lambda: 0.0)
        except UpstreamBroken:  # cut by whoever recorded it
            return

    return hear


def ways(row: dict[str, Any]) -> list[Heard]:
    """Every way on which the gateway reads such an answer."""
    found: list[Heard] = []
    if operation := PASSED.get(row["api"]):
        found.append(passed_stream if is_stream(row) else passed_whole(operation))
    if (protocol := PROTOCOLS.get(row["api"], "")) in UPSTREAMS:
        found.append(read_stream(protocol) if is_stream(row) else read_whole(protocol))
    return found


def heard(way: Heard, body: bytes, reports_cost: str = "") -> Served:
    served = Served()
    served.reports_cost = reports_cost
    way(served, body)
    return served


def noted(row: dict[str, Any], reports_cost: str = "") -> list[Served]:
    return [heard(way, body_of(row), reports_cost) for way in ways(row)]
