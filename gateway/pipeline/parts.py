"""What the steps ask of the rooms below, as one frozen value that `app.py` fills in."""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Protocol

import msgspec

from gateway.access.policy import AccessPolicy
from gateway.cache.answering import CacheReports
from gateway.cache.options import CacheOptions
from gateway.cache.rules import CachePolicy
from gateway.cache.tiers import Tiers
from gateway.catalogue.prices import PriceBook
from gateway.core.call import Call, TraceContext
from gateway.core.clock import Clock
from gateway.core.live import Live
from gateway.core.model import Catalogue, Permit
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.guard.outside.judging import Opinion
from gateway.guard.rules import GuardPolicy, Rule
from gateway.guard.tally import Finding
from gateway.guard.words import Side
from gateway.identity.callers import Identified
from gateway.identity.tenants import Tenants
from gateway.limits.bounds import Bound, Counters, Level, Refusal
from gateway.limits.rules import LimitPolicy
from gateway.pipeline.embedding import Embedding
from gateway.pipeline.own_calls import OwnCalls
from gateway.prompts.fingerprints import Fingerprint
from gateway.prompts.handlebars import Limits
from gateway.prompts.library import Library
from gateway.responses.store import Stored


class RecordJournal(Protocol):
    """Where records are written before the client has its last byte."""

    def opened(self, record: Record) -> None: ...

    def closed(self, record: Record) -> None: ...


class LimitReports(Protocol):
    """Who is told what limits do."""

    def limited(self, refusal: Refusal) -> None: ...

    def warned(self, bounds: Sequence[Bound]) -> None:
        """Of limits that only warn, those that a call goes over."""
        ...

    def waited(self, bound: Bound, seconds: float) -> None:
        """A call was kept waiting for room."""
        ...

    def counted(self, levels: Sequence[Level]) -> None:
        """How full the bounds of a call are; told where there are limits on money."""
        ...


class GuardReports(Protocol):
    """Who is told what guards find."""

    def guarded(self, findings: Sequence[Finding]) -> None:
        """Of one call, at its end."""
        ...

    def unguarded(self, guard: str, why: str, told: str) -> None:
        """A guard's judge could not say. `why`: one of few words; `told`: a sentence without content, or none."""
        ...


class GuardJudges(Protocol):
    """Whom guards ask over the network."""

    async def judge(self, rule: Rule, side: Side, texts: Sequence[str], call: Call) -> Opinion: ...


class ResponseMemory(Protocol):
    """Stored responses, asked without blocking the event loop."""

    async def chain(self, tenant: str, id: str) -> Sequence[Stored]: ...

    async def put(self, stored: Stored) -> None: ...


class CacheParts(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    route_of: the name of the route that a model's name has; empty: none.
    varying: names of request headers that reach some upstream, and so may change what it answers.
    embed: makes vectors of texts, by calls through the whole pipeline.
    """

    policy: Live[CachePolicy]
    options: CacheOptions
    tiers: Tiers
    reports: CacheReports
    route_of: Callable[[str], str]
    varying: Sequence[bytes]
    embed: Embedding


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    note: puts on the record whose work a call is (`tagging.py`).
    start_trace: from `traceparent` and `tracestate`. ended: reports a call that has ended; ended_apart: one that no
        caller waited for.
    identify: whose credential the headers hold at a time. output_field: where a chat request that has these permits
        says how much it may produce.
    served: the providers that can be asked from here, by name.
    choose: the permitted target that a call will go to first, or None: none can be reached from here.
    estimate_cost: what a usage of a target will cost a caller at most, in nano-units, at a moment (Unix seconds), on
        the service tier that is asked for, if that is a dearer one; None: no price is known. ceiling_cost: the same by
        the highest prices that the target's provider has for anything.
    turns_away: whether the worker has too much to do to take a call that comes now.
    doubted: told of a cost that a provider reported and that was not believed: (provider, why).
    cache: replies that are kept, and the rules for them.
    prompts: those of the registry. prompt_limits: what rendering one may take. prompt_fingerprint: hashes of variables.
    responses: stored responses, or None where storing is switched off. own_calls: makes calls for a caller.
    refuse_unrecorded: whether a call that cannot be journalled is refused (else served and counted).
    """

    clock: Clock
    note: Callable[[Call], None]
    start_trace: Callable[[bytes | None, bytes | None], TraceContext]
    ended: Callable[[Call], None]
    ended_apart: Callable[[Call], None]
    identify: Callable[[Mapping[bytes, bytes], float], Identified]
    turns_away: Callable[[Call], bool]
    output_field: Callable[[Sequence[Permit]], str]
    access: Live[AccessPolicy]
    catalogue: Live[Catalogue]
    tenants: Live[Tenants]
    guards: Live[GuardPolicy]
    guarding: GuardReports
    judges: GuardJudges
    limits: Live[LimitPolicy]
    prices: Live[PriceBook]
    served: Container[str]
    choose: Callable[[Call], Permit | None]
    estimate_cost: Callable[[Target, Usage, Principal, float, str], int | None]
    ceiling_cost: Callable[[Target, Usage, float], int | None]
    doubted: Callable[[str, str], None]
    cache: CacheParts
    counters: Counters
    limiting: LimitReports
    journal: RecordJournal
    journal_failed: Callable[[OSError], None]
    responses: ResponseMemory | None
    prompts: Live[Library]
    prompt_limits: Limits
    prompt_fingerprint: Fingerprint
    own_calls: OwnCalls
    refuse_unrecorded: bool
