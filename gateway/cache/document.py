"""The shape of policies/cache.yaml."""

from typing import Annotated, Literal

import msgspec

Shared = Literal["tenant", "team", "key", "organisation"]
Replay = Literal["instant", "timed"]
YEAR_S = 366 * 86_400


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which calls a rule is for: patterns. What is left out matches everything.

    Attributes:
        models: names that callers ask for. routes: of routes.yaml; a name without one has the empty route.
        operations: chat, completions, responses, messages, generate, embeddings, moderations, rerank, count_tokens,
            images, speech.
        data_classes: the classification of what is sent.
        labels: of the caller, by name.
    """

    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    operations: tuple[str, ...] | None = None
    data_classes: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None


class Semantic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Answers to questions that mean the same, in other words: of requests with one question in plain text, and the
    same in everything else.

    Attributes:
        model: for embeddings, as callers name it; each caller asks for them himself, and must be allowed to.
        threshold: the cosine from which two questions are taken for the same.
        evaluated: NAME of the labelled pairs in `cache/NAME.yaml`, measured by `gateway cache evaluate`.
        max_false_hits: of the pairs taken for the same, the part that may be different. If it is more, or nobody has
            measured it, the file is refused.
    """

    model: str
    threshold: Annotated[float, msgspec.Meta(ge=0.5, le=1)]
    evaluated: str
    max_false_hits: Annotated[float, msgspec.Meta(ge=0, le=0.5)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule. The first that matches a call counts; a call that none matches is not cached.

    Attributes:
        ttl_s: how long an answer is given again.
        stale_s: for how long after that it is still given while somebody fetches a new one, and when the upstream
            fails.
        max_entry_bytes: larger answers are not kept; the most is config.yaml's `cache.max_entry_bytes`.
        shared: by whom an answer is given again to: all of the `tenant`, of the `team`, the `key` alone, or the whole
            `organisation`.
        replay: of streams: all at once, or `timed` as they came.
        semantic: answers to like questions, too.
        only_deterministic: only requests with temperature 0 or a seed; those that generate nothing always are.
    """

    id: str
    match: Match = Match()
    ttl_s: Annotated[float, msgspec.Meta(gt=0, le=YEAR_S)]
    stale_s: Annotated[float, msgspec.Meta(ge=0, le=YEAR_S)] = 0.0
    max_entry_bytes: Annotated[int, msgspec.Meta(ge=1, le=2**30)] | None = None
    shared: Shared = "tenant"
    replay: Replay = "instant"
    only_deterministic: bool = False
    semantic: Semantic | None = None


class CacheFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...] = ()
