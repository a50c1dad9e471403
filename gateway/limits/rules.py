"""policies/limits.yaml: which limits there are, and which apply to a call."""

from pathlib import Path
from typing import Literal

import msgspec

from gateway.core.principal import Principal
from gateway.limits.matching import Match, check_match, matcher
from gateway.limits.sharing import Shares, Sharing, check_sharing
from gateway.stores.documents import Known, Text, load_document
from gateway.stores.files import digest

Scope = Literal["tenant", "team", "key", "model"]
MAX_REMEMBERED = 50_000


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One limit. `per`: one counter for each distinct combination of these; empty: one counter for all."""

    id: str
    match: Match = Match()
    per: tuple[Scope, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None


class LimitsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`default_output_tokens`: reserved for a call that does not say how much it may produce."""

    limits: tuple[Limit, ...] = ()
    default_output_tokens: int = 1024
    sharing: Sharing = Sharing()


class Applied(msgspec.Struct, frozen=True):
    """A limit as it applies to one call: `key` names the counter."""

    limit: Limit
    key: str


class LimitPolicy:
    """A frozen set of limits; which ones apply is remembered by key and model."""

    def __init__(self, file: LimitsFile, version: str) -> None:
        self.limits = file.limits
        self.default_output_tokens = file.default_output_tokens
        self.shares = Shares(file.sharing)
        self.version = version
        self._compiled = tuple((limit, matcher(limit.match)) for limit in file.limits)
        self._remembered: dict[tuple[str, str], tuple[Applied, ...]] = {}

    def applying(self, principal: Principal, model: str) -> tuple[Applied, ...]:
        """The limits on one call."""
        question = (principal.key_id, model)
        found = self._remembered.get(question)
        if found is None:
            found = tuple(
                Applied(limit, _counter_key(limit, principal, model))
                for limit, matches in self._compiled
                if matches(principal, model)
            )
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[question] = found
        return found


def read_limits(source: Path | Text, known: Known | None = None) -> LimitPolicy:
    """The limits in the file.

    Args:
        known: the tenants and teams there are.

    Raises:
        DocumentError: as every document, and for an id that stands twice, a limit that limits nothing or is not
            positive, or a list that matches nothing.
    """
    document = load_document(source, LimitsFile)
    seen: set[str] = set()
    for index, limit in enumerate(document.value.limits):
        where = ("limits", index)
        if not limit.id or limit.id in seen:
            raise document.error((*where, "id"), f"the limit id `{limit.id}` is empty or stands twice")
        seen.add(limit.id)
        figures = [limit.requests_per_minute, limit.tokens_per_minute, limit.concurrent_requests]
        if all(figure is None for figure in figures):
            raise document.error(
                where, "needs at least one of requests_per_minute, tokens_per_minute, concurrent_requests"
            )
        if any(figure is not None and figure < 1 for figure in figures):
            raise document.error(where, "a limit must be at least 1; to forbid something, deny it in access.yaml")
        check_match(document, (*where, "match"), limit.match, known or {})
    check_sharing(document, document.value.sharing, known or {})
    if document.value.default_output_tokens < 1:
        raise document.error(("default_output_tokens",), "default_output_tokens must be at least 1")
    return LimitPolicy(document.value, digest(document.data))


def _counter_key(limit: Limit, principal: Principal, model: str) -> str:
    """The counter's name. A team's name means something within its tenant only."""
    parts = {
        "tenant": principal.tenant,
        "team": f"{principal.tenant}/{principal.team}",
        "key": principal.key_id,
        "model": model,
    }
    return "|".join([limit.id, *(parts[scope] for scope in limit.per)])
