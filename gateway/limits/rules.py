"""Which limits there are, and which bounds they put on a call."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from gateway.core.days import begins, ends
from gateway.core.globs import compile_globs
from gateway.core.money import nano_from_decimal
from gateway.core.principal import Principal
from gateway.limits.bounds import Bound, Dimension, Span
from gateway.limits.document import BY_NAME, CALENDAR, FIGURES, SLIDING, Figure, Limit, LimitsFile, Match, Raise
from gateway.limits.matching import (
    ASKED,
    CLAIM,
    NOTHING_ASKED,
    OF_A_TENANT,
    Asked,
    Scope,
    counter_key,
    matcher,
    scopes,
    value_of,
)
from gateway.limits.sharing import Shares

MAX_REMEMBERED = 50_000
_ALWAYS, _NEVER = float("-inf"), float("inf")


class Expired(msgspec.Struct, frozen=True):
    """A raise that is over and still stands in the file."""

    limit: int
    raised: int
    limit_id: str
    until: str
    owner: str


class _Raised(msgspec.Struct, frozen=True):
    """A raise, ready to be applied: `figure` empty for all figures; `begins`, `ends` in Unix seconds."""

    figure: str
    maximum: int | None
    factor: Decimal | None
    begins: float
    ends: float
    scope: tuple[tuple[str, Callable[[str], bool]], ...]


class _Remembered(msgspec.Struct, frozen=True):
    """Bounds, and between which moments no raise begins or ends."""

    bounds: tuple[Bound, ...]
    since: float
    until: float


class _Rule(msgspec.Struct, frozen=True):
    limit: Limit
    matches: Callable[[Principal, str, Asked, Sequence[str]], bool]
    figures: tuple[tuple[Figure, int, Span], ...]
    raises: tuple[_Raised, ...]


class LimitPolicy:
    """A frozen set of limits; which bounds they put on a call is remembered.

    Attributes:
        asks: the words of `Asked` that some limit looks at; where there are none, nobody need find them out.
        kept_apart: these, and `facts` if some limit looks at labels or claims.
        shares: who gets how much of an upstream when it is the bottleneck.
        spans: what the limits count over. counts_money: whether there is a limit on money. queues: whether one keeps
            calls waiting.
    """

    def __init__(self, file: LimitsFile, version: str) -> None:
        self.limits = file.limits
        self.default_output_tokens = file.default_output_tokens
        self.version = version
        self.shares = Shares(file.sharing, self._groups_of)
        self.asks = frozenset(word for limit in file.limits for word in _asks(limit))
        self._asks = tuple(sorted(self.asks))
        self._rules = tuple(_rule(limit, file.zone) for limit in file.limits)
        self._groups = [(name, compile_globs(globs)) for name, globs in file.model_groups.items()]
        self._remembered: dict[object, _Remembered] = {}
        figures = [one for rule in self._rules for one in rule.figures]
        self.spans = frozenset(span for _, _, span in figures)
        self.queues = any(limit.queue_ms is not None for limit in file.limits)
        self.counts_money = any(figure.dimension == "cost" for figure, _, _ in figures)
        facts = ["facts"] if any(map(_looks_at_facts, file.limits)) else []
        self.kept_apart = frozenset([*self.asks, *facts])

    def bounds(self, caller: Principal, model: str, now: float, asked: Asked = NOTHING_ASKED) -> tuple[Bound, ...]:
        """The bounds on one call of a model, by its card's name, at a moment (Unix seconds)."""
        question = (caller.key_id, caller.tenant, caller.team, caller.facts, model)
        if self.asks:
            # Nothing else of it: what no limit looks at (a run's id, say) is new with every call.
            question = (question, *(getattr(asked, word) for word in self._asks))
        found = self._remembered.get(question)
        if found is None or not found.since <= now < found.until:
            found = self._found(caller, model, now, asked)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[question] = found
        return found.bounds

    def found(self, caller: Principal, model: str, now: float, asked: Asked = NOTHING_ASKED) -> tuple[Bound, ...]:
        """The same, without remembering it: may be asked in a thread."""
        return self._found(caller, model, now, asked).bounds

    def expired(self, now: float) -> list[Expired]:
        """The raises that are over."""
        return [
            Expired(at, number, limit.id, one.until, one.owner)
            for at, limit in enumerate(self.limits)
            for number, one in enumerate(limit.raises)
            if ends(one.until) <= now
        ]

    def _groups_of(self, model: str) -> list[str]:
        return [name for name, matches in self._groups if matches(model)]

    def _found(self, caller: Principal, model: str, now: float, asked: Asked) -> _Remembered:
        groups = self._groups_of(model)
        bounds: list[Bound] = []
        since, until = _ALWAYS, _NEVER
        for rule in self._rules:
            if not rule.matches(caller, model, asked, groups):
                continue
            raises = [one for one in rule.raises if _meant(one, caller, model, asked, groups)]
            for moment in (at for one in raises for at in (one.begins, one.ends)):
                since, until = (max(since, moment), until) if moment <= now else (since, min(until, moment))
            raises = [one for one in raises if one.begins <= now < one.ends]
            wanted = rule.limit.match.model_groups
            counted = [name for name in groups if wanted is None or name in wanted]
            for scope in scopes(rule.limit.per, caller, model, asked, counted):
                bounds += [_bound(rule.limit, one, scope, raises, caller.tenant) for one in rule.figures]
        return _Remembered(tuple(bounds), since, until)


def span_of(figure: Figure, limit: Limit, zone: str) -> Span:
    """What a figure of the limit counts over."""
    if not figure.unit:
        return Span("now")
    if figure.unit in CALENDAR and not limit.rolling:
        return Span("calendar", figure.unit, zone=limit.zone or zone)
    seconds, slices = SLIDING[figure.unit]
    return Span("sliding", figure.unit, seconds, slices)


def amount_of(dimension: Dimension, figure: int | Decimal) -> int:
    """A figure in the dimension's unit.

    Raises:
        ValueError: it is no amount of money, or no whole number.
    """
    if dimension == "cost":
        return nano_from_decimal(Decimal(figure))
    if figure != int(figure):
        raise ValueError(f"{figure} is not a whole number")
    return int(figure)


def _rule(limit: Limit, zone: str) -> _Rule:
    figures: list[tuple[Figure, int, Span]] = []
    for figure in FIGURES:
        maximum: int | Decimal | None = getattr(limit, figure.name)
        if maximum is not None:
            figures.append((figure, amount_of(figure.dimension, maximum), span_of(figure, limit, zone)))
    return _Rule(limit, matcher(limit.match), tuple(figures), tuple(map(_raised, limit.raises)))


def _raised(one: Raise) -> _Raised:
    dimension: Dimension = BY_NAME[one.figure].dimension if one.figure else "requests"
    return _Raised(
        one.figure,
        None if one.maximum is None else amount_of(dimension, one.maximum),
        one.factor,
        _ALWAYS if one.from_ is None else begins(one.from_),
        ends(one.until),
        tuple((word, compile_globs((glob,))) for word, glob in one.scope.items()),
    )


def _meant(one: _Raised, caller: Principal, model: str, asked: Asked, groups: Sequence[str]) -> bool:
    """Whether a raise is for this caller. A team is named as in tenants.yaml, without its tenant."""
    for word, fits in one.scope:
        values = groups if word == "model_group" else [value_of(word, caller, model, asked)]
        if not any(map(fits, [caller.team] if word == "team" else values)):
            return False
    return True


def _bound(
    limit: Limit, figure: tuple[Figure, int, Span], scope: Scope, raises: Sequence[_Raised], tenant: str
) -> Bound:
    what, base, span = figure
    maximum, until = base, None
    for one in raises:
        if one.figure in ("", what.name):
            raised = one.maximum if one.maximum is not None else int(base * (one.factor or 1))
            if raised > maximum:
                maximum, until = raised, one.ends
    return Bound(
        limit_id=limit.id,
        name=what.name,
        dimension=what.dimension,
        span=span,
        maximum=maximum,
        scope=scope,
        key=counter_key(limit.id, what.name, scope),
        tag=tenant if any(word in OF_A_TENANT for word, _ in scope) else "",
        on_exceeded=limit.on_exceeded,
        on_store_failure=limit.on_store_failure,
        on_unpriced=limit.on_unpriced,
        queue_s=(limit.queue_ms or 0) / 1000,
        raised_until=until,
    )


def _asks(limit: Limit) -> set[str]:
    """What of a call itself the limit looks at."""
    words = {word for word in limit.per if word in ASKED}
    words |= {word for one in limit.raises for word in one.scope if word in ASKED}
    named: Mapping[str, str] = {"users": "user", "prompts": "prompt", "agents": "agent"}
    return words | {word for name, word in named.items() if getattr(limit.match, name) is not None}


def _looks_at_facts(limit: Limit) -> bool:
    words = [*limit.per, *(word for one in limit.raises for word in one.scope)]
    return bool(limit.match.labels or limit.match.claims or any(word.startswith(CLAIM) for word in words))


__all__ = ["Expired", "Limit", "LimitPolicy", "LimitsFile", "Match", "amount_of", "span_of"]
