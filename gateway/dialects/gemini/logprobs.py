"""`logprobsResult` as token entries the way OpenAI writes them, and back.

Source: https://ai.google.dev/api/generate-content#LogprobsResult. The chosen tokens and the likeliest ones are two
arrays of the same length; bytes are not told, so they are the token's UTF-8.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.conversation import Json
from gateway.dialects.reading import rows, words


def decode_logprobs(result: Json) -> tuple[dict[str, Any], ...]:
    chosen, top = rows(result, "chosenCandidates"), rows(result, "topCandidates")
    entries: list[dict[str, Any]] = []
    for index, one in enumerate(chosen):
        others = rows(top[index], "candidates") if index < len(top) else []
        entries.append({**_entry(one), "top_logprobs": [_entry(other) for other in others]})
    return tuple(entries)


def _entry(one: Json) -> dict[str, Any]:
    token, logprob = words(one, "token"), one.get("logProbability")
    known = float(logprob) if isinstance(logprob, int | float) and abs(logprob) < 1e9 else 0.0
    return {"token": token, "logprob": known, "bytes": list(token.encode("utf-8", "replace"))}


def encode_logprobs(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "chosenCandidates": [_candidate(entry) for entry in entries],
        "topCandidates": [
            {"candidates": [_candidate(other) for other in entry.get("top_logprobs") or ()]} for entry in entries
        ],
    }


def _candidate(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": entry.get("token", ""), "logProbability": entry.get("logprob", 0.0)}
