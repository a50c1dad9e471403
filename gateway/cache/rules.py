"""Which rule of cache.yaml a call falls under: the first that matches."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.cache.document import CacheFile, Match, Rule
from gateway.core.globs import compile_globs


class Asked(msgspec.Struct, frozen=True):
    """What rules look at of a call."""

    tenant: str
    team: str
    model: str
    operation: str
    route: str = ""
    data_class: str = ""
    labels: Mapping[str, str] = {}


class CachePolicy:
    """The rules in force. `version`: digest of the file; empty without one. `for_all`: the first rule, if every call
    falls under it."""

    def __init__(self, file: CacheFile, version: str = "") -> None:
        self.rules = file.rules
        self.version = version
        self._tests = [(rule, _matcher(rule.match)) for rule in file.rules]
        self.for_all = next((rule for rule in file.rules[:1] if rule.match == Match()), None)

    def rule(self, asked: Asked) -> Rule | None:
        for rule, matches in self._tests:
            if matches(asked):
                return rule
        return None


NO_CACHE = CachePolicy(CacheFile())


def _matcher(match: Match) -> Callable[[Asked], bool]:
    """Only what the rule names is looked at: every call passes here."""
    tests: list[tuple[str, Callable[[str], bool]]] = []
    for field, globs in (
        ("tenant", match.tenants),
        ("team", match.teams),
        ("model", match.models),
        ("operation", match.operations),
        ("route", match.routes),
        ("data_class", match.data_classes),
    ):
        if globs is not None:
            tests.append((field, compile_globs(globs)))
    labels = [(name, compile_globs((glob,))) for name, glob in (match.labels or {}).items()]

    def matches(asked: Asked) -> bool:
        for field, test in tests:
            if not test(getattr(asked, field)):
                return False
        return not labels or all(name in asked.labels and fits(asked.labels[name]) for name, fits in labels)

    return matches
