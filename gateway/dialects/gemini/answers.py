"""Whole answers, read from an upstream and written for a client.

Source: https://ai.google.dev/api/generate-content#generatecontentresponse. A whole answer is a stream of one chunk, and
is read as one; but it need not say why it ended.
"""

from typing import Any

import msgspec

from gateway.core.days import written
from gateway.core.generation import Answer, Choice, Gathering
from gateway.dialects.fitting import Caption
from gateway.dialects.gemini.decoding import Answering
from gateway.dialects.gemini.grounding import encode_grounding
from gateway.dialects.gemini.logprobs import encode_logprobs
from gateway.dialects.gemini.parts import answer_part, finish_word, text_of
from gateway.dialects.gemini.usage import write_usage

_encode = msgspec.json.Encoder().encode


def decode_answer(body: bytes) -> Answer:
    """An upstream's answer.

    Raises:
        UpstreamBroken: it is not JSON, or no answer.
        UpstreamFault: it is an error under a status that says otherwise.
    """
    gathering, answering = Gathering(), Answering(whole=True)
    for event in answering.chunk(body):
        gathering.add(event)
    for event in answering.end():
        gathering.add(event)
    return gathering.answer()


def encode_answer(answer: Answer, caption: Caption) -> bytes:
    """The answer as a client gets it."""
    body: dict[str, Any] = {"candidates": [_candidate(index, choice) for index, choice in enumerate(answer.choices)]}
    if answer.usage is not None:
        body["usageMetadata"] = write_usage(answer.usage, answer.service_tier)
    return _encode({**body, **labels(answer.id, answer.model, answer.created, caption)})


def labels(id: str, model: str, created: int, caption: Caption) -> dict[str, Any]:
    """What every answer and every chunk says of itself."""
    return {
        "modelVersion": model or caption.model,
        "createTime": written(min(created or caption.created, 2**33)),
        "responseId": id or caption.id,
    }


def _candidate(index: int, choice: Choice) -> dict[str, Any]:
    parts = [answer_part(part) for part in choice.parts]
    candidate: dict[str, Any] = {
        "content": {"parts": [part for part in parts if part is not None], "role": "model"},
        "finishReason": finish_word(choice.finish, broken=None in parts),
        "index": index,
    }
    text, citations = text_of(choice.parts)
    if citations:
        candidate["groundingMetadata"] = encode_grounding(citations, text)
    if choice.logprobs is not None:
        candidate["logprobsResult"] = encode_logprobs(choice.logprobs)
        known = [entry["logprob"] for entry in choice.logprobs]
        candidate["avgLogprobs"] = sum(known) / len(known) if known else 0.0
    return candidate
