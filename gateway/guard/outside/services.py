"""What services are sent, and what they say.

Source of `openai`: https://platform.openai.com/docs/api-reference/moderations. Its `flagged` counts, or with a
`threshold` every category whose score reaches it.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.core.faults import UpstreamBroken
from gateway.dialects.reading import answer_object, part, rows, words
from gateway.guard.outside.options import Format, GuardServiceOptions
from gateway.guard.words import Side

_encode = msgspec.json.Encoder().encode


class Question(msgspec.Struct, frozen=True):
    """Texts that a guard wants judged. `threshold`: the least score that counts, 0 for what the judge itself counts."""

    guard: str
    side: Side
    texts: Sequence[str]
    threshold: float = 0.0


def _own_body(service: GuardServiceOptions, asked: Question) -> bytes:  # noqa: ARG001  the table's signature
    return _encode({"guard": asked.guard, "side": asked.side, "texts": asked.texts})


def _own_kinds(body: bytes, asked: Question) -> list[str]:
    said = answer_object(body)
    if not isinstance(said.get("findings"), list):
        raise UpstreamBroken("the guard's service answered without `findings`")
    found = ((words(row, "kind") or "found", _score(row.get("score", 1.0))) for row in rows(said, "findings"))
    return [kind for kind, score in found if score >= asked.threshold]


def _moderation_body(service: GuardServiceOptions, asked: Question) -> bytes:
    return _encode({"input": asked.texts, **({"model": service.model} if service.model else {})})


def _moderation_kinds(body: bytes, asked: Question) -> list[str]:
    results = rows(answer_object(body), "results")
    if not results:
        raise UpstreamBroken("the guard's service answered without `results`")
    kinds: list[str] = []
    for result in results:
        if asked.threshold:
            scores = part(result, "category_scores").items()
            kinds += [name for name, score in scores if _score(score) >= asked.threshold]
        elif result.get("flagged") is True:
            kinds += [name for name, said in part(result, "categories").items() if said is True] or ["flagged"]
    return kinds


def _score(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


class ServiceFormat(msgspec.Struct, frozen=True):
    body: Callable[[GuardServiceOptions, Question], bytes]
    kinds: Callable[[bytes, Question], list[str]]


FORMATS: Mapping[Format, ServiceFormat] = {
    "gateway": ServiceFormat(_own_body, _own_kinds),
    "openai": ServiceFormat(_moderation_body, _moderation_kinds),
}
