"""Which calls an entry of limits.yaml is for."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.core.globs import compile_globs
from gateway.core.principal import Principal
from gateway.stores.documents import Document, Known, check_known

Matches = Callable[[Principal, str], bool]


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which calls an entry is for. What is left out matches everything."""

    tenants: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None


def matcher(match: Match) -> Matches:
    """The test for a caller and the name of a model."""

    def test(globs: tuple[str, ...] | None) -> Callable[[str], bool]:
        return compile_globs(("*",) if globs is None else globs)

    tenants, teams, keys, models = test(match.tenants), test(match.teams), test(match.keys), test(match.models)
    labels = [(name, compile_globs((glob,))) for name, glob in (match.labels or {}).items()]

    def matches(principal: Principal, model: str) -> bool:
        return (
            tenants(principal.tenant)
            and teams(principal.team)
            and keys(principal.key_id)
            and models(model)
            and all(name in principal.labels and fits(principal.labels[name]) for name, fits in labels)
        )

    return matches


def check_match(document: Document[Any], where: tuple[str | int, ...], match: Match, known: Known) -> None:
    """Raises:
    DocumentError: a list that matches nothing, or a tenant or team that is not declared.
    """
    for name in ("tenants", "teams", "keys", "models"):
        if getattr(match, name) == ():
            raise document.error((*where, name), f"an empty `{name}` matches nothing; leave it out")
    check_known(document, where, match, known)
