"""What services are sent, and what they say.

Source of `openai`: https://platform.openai.com/docs/api-reference/moderations. Its `flagged` counts, or with a
`threshold` every category whose score reaches it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

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
    found = _all_rows(body, "findings")
    return [words(row, "kind") or "found" for row in found if _score(row.get("score", 1.0)) >= asked.threshold]


def _moderation_body(service: GuardServiceOptions, asked: Question) -> bytes:
    return _encode({"input": asked.texts, **({"model": service.model} if service.model else {})})


def _moderation_kinds(body: bytes, asked: Question) -> list[str]:
    results = _all_rows(body, "results")
    if not results or len(results) < len(asked.texts):
        raise UpstreamBroken("the guard's service did not answer about every text")
    kinds: list[str] = []
    for result in results:
        if asked.threshold:
            scores = part(result, "category_scores")
            if not scores:
                raise UpstreamBroken("the guard's service answered without `category_scores`")
            kinds += [name for name, score in scores.items() if _score(score) >= asked.threshold]
        elif result.get("flagged") is True:
            kinds += [name for name, said in part(result, "categories").items() if said is True] or ["flagged"]
        elif result.get("flagged") is not False:
            raise UpstreamBroken("the guard's service answered without `flagged`")
    return kinds


def _all_rows(body: bytes, name: str) -> list[dict[str, Any]]:
    """An answer's list of objects. What cannot be read may have been a finding, so none is passed over.

    Raises:
        UpstreamBroken: it is not there, or something in it is no object.
    """
    said = answer_object(body)
    listed, found = said.get(name), rows(said, name)
    if not isinstance(listed, list) or len(found) != len(cast(list[Any], listed)):
        raise UpstreamBroken(f"the guard's service answered without `{name}`, or with other things than objects in it")
    return found


def _score(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UpstreamBroken("the guard's service gave a score that is no number")
    return value


class ServiceFormat(msgspec.Struct, frozen=True):
    body: Callable[[GuardServiceOptions, Question], bytes]
    kinds: Callable[[bytes, Question], list[str]]


FORMATS: Mapping[Format, ServiceFormat] = {
    "gateway": ServiceFormat(_own_body, _own_kinds),
    "openai": ServiceFormat(_moderation_body, _moderation_kinds),
}
