"""Which recorded answers are replayed: for each protocol, and each kind of answer, the shortest few."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.dialects.recorded import CORPUS, PROTOCOLS, Said, body_of, exchanges, is_stream, succeeded, truth

EACH = 3
# Whose own SDKs these clients are, and some that speak OpenAI's protocol as it does.
PROVIDERS = ("openai", "anthropic", "gemini", "bedrock", "deepseek", "ollama")
# Enums as numbers; arguments in pieces, as asked for; a fixture in which two streams are mixed.
ODD = ("18c85adc53b275dd", "d0afc7200cbb0ce6", "ab068f9420ec7f19")

available = CORPUS.exists()


@cache
def chosen(protocol: str, stream: bool) -> list[tuple[str, bytes, Said]]:
    """(id, body, what it says)."""
    counted: dict[str, int] = {}
    found: list[tuple[str, bytes, Said]] = []
    for row, said in _good(protocol, stream):
        for kind in _kinds(row, said):
            if counted.get(kind, 0) < EACH:
                counted[kind] = counted.get(kind, 0) + 1
                found.append((row["id"], body_of(row), said))
                break
    return found


def _good(protocol: str, stream: bool) -> Iterator[tuple[dict[str, Any], Said]]:
    rows = [row for row in exchanges() if PROTOCOLS[row["api"]] == protocol and row["provider"] in PROVIDERS]
    for row in sorted(rows, key=lambda row: (PROVIDERS.index(row["provider"]), len(body_of(row)), row["id"])):
        if is_stream(row) != stream or row["id"] in ODD or body_of(row).startswith(b"["):
            continue
        if succeeded(row) and (said := truth(row)) is not None and not said.refusal and (said.text or said.calls):
            yield row, said


def _kinds(row: dict[str, Any], said: Said) -> Iterator[str]:
    features = set(row["features"])
    if features & {"server_tools", "length_cut", "refusal_or_filter", "p:n"}:
        return  # what these mean, each SDK has an opinion of its own about
    if len(said.calls) > 1:
        yield "parallel calls"
    elif said.calls:
        yield "calls"
    for feature in ("reasoning_out", "citations", "structured_output"):
        if feature in features:
            yield feature
    yield "text"
