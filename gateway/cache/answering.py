"""A call answered from what is kept, from another call under way, or from the upstream; then its answer is kept.

near, fresh                       → given
somebody is fetching it           → stale: given; else waited for (`flights`)
nobody is                         → this call looks far, then asks the upstream
the upstream fails, stale is there → given
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from gateway.cache.entries import Entry
from gateway.cache.flights import Flight, Flights, Found, Word
from gateway.cache.giving import HEADER, LIKENESS, kept_headers, reply_of
from gateway.cache.landing import Landing
from gateway.cache.meaning import Embed, Meaning, Meanings, unit
from gateway.cache.question import Question, age_s, standing
from gateway.cache.redis_entries import Lease
from gateway.cache.sharing import SharedStream
from gateway.cache.storing import of_its_targets
from gateway.cache.tiers import Tiers
from gateway.core.call import Call, Reply, Service
from gateway.core.clock import Clock
from gateway.core.cohort import others_first
from gateway.core.faults import NotKept, Overloaded, TargetTakenOut, UpstreamFault


class CacheReports(Protocol):
    """`result`: hit, shared (with a call under way), stale, miss or bypass. `nano`: what the hit did not cost."""

    def cache_answered(self, rule_id: str, result: str, nano: int | None) -> None: ...


class Paying(msgspec.Struct, frozen=True):
    """How calls are paid for. `settle`: puts a call's usage and cost on its record; it is an ending of calls that may
    take an upstream call over. `price`: what a call under way will have cost."""

    settle: Callable[[Call], None]
    price: Callable[[Call], int | None]


class Answering:
    """One per worker. `wait_s`: the longest that a call waits for another."""

    def __init__(
        self,
        tiers: Tiers,
        wait_s: float,
        clock: Clock,
        reports: CacheReports,
        paying: Paying,
        embed: Embed | None = None,
    ) -> None:
        self._tiers = tiers
        self._embed = embed
        self._meanings = Meanings()
        self._wait_s = wait_s
        self._clock = clock
        self._reports = reports
        self._paying = paying
        self.flights = Flights()

    def answer(self, call: Call, service: Service, question: Question) -> Awaitable[Reply]:
        """Raises:
        NotKept: only a kept answer was wanted.
        """
        return (self._fetch if question.wanted.fresh else self._answer)(call, service, question)

    async def _answer(self, call: Call, service: Service, question: Question) -> Reply:
        key, wanted = question.key, question.wanted
        entry = self._tiers.near(key)
        now = self._clock.now()
        worth = standing(entry, question, now)
        if entry is not None and worth == "fresh":
            return self._give(call, question, entry)
        if wanted.only_kept:
            entry = await self._tiers.far(key, question.rule)
            if entry is None or standing(entry, question, self._clock.now()) != "fresh":
                call.reply_headers[HEADER] = "miss"
                self._tell(question, "miss", None)
                raise NotKept("no answer is kept that could be given, and the request wants no other")
            return self._give(call, question, entry)
        stale = entry if worth == "stale" else None
        flight = self.flights.under_way(key)
        if flight is None:
            flight = self.flights.begin(key)
            if self._tiers.reaches_far or question.meaning is not None:
                return await self._lead(call, service, question, flight, stale)
            # There is no other place to look at, and no other worker to ask.
            return await self._fetch(call, service, question, flight, None, stale)
        if stale is not None:
            return self._give(call, question, stale)
        given = await flight.join(self._patience_s(call))
        if isinstance(given, Found):
            return self._give(call, question, given.entry, by_meaning=given.by_meaning)
        if isinstance(given, SharedStream):
            return self._read_along(call, question, given)
        if given is Word.LEAD:
            return await self._lead(call, service, question, flight, stale)
        return await self._fetch(call, service, question)

    async def _lead(
        self, call: Call, service: Service, question: Question, flight: Flight, stale: Entry | None
    ) -> Reply:
        """For all who wait in the flight, and, where there is a Redis, for those in other workers."""
        try:
            found, stale, lease = await self._look(call, question, stale)
        except BaseException:
            flight.failed()
            raise
        if found is not None:
            flight.kept(found)
            return self._give(call, question, found.entry, by_meaning=found.by_meaning)
        return await self._fetch(call, service, question, flight, lease, stale)

    async def _look(
        self, call: Call, question: Question, stale: Entry | None
    ) -> tuple[Found | None, Entry | None, Lease | None]:
        """An answer to give; the stale one there is; and the right to fetch one."""
        key, rule, now, tiers = question.key, question.rule, self._clock.now, self._tiers

        def good(entry: Entry) -> bool:
            return standing(entry, question, now()) == "fresh"

        entry = await tiers.far(key, rule)
        if entry is not None and good(entry):
            return Found(entry), stale, None
        if standing(entry, question, now()) == "stale":
            stale = entry
        if question.meaning is not None and (entry := await self._alike(call, question, question.meaning)) is not None:
            return Found(entry, by_meaning=True), stale, None
        # The first piece of another worker's stream would come when its last is there: nobody waits for that.
        wait_s = 0.0 if question.stream or stale is not None else self._patience_s(call)
        lead = await tiers.lead(key, rule, good, wait_s)
        if isinstance(lead, Entry):
            return Found(lead), stale, None
        if lead == "held":
            return (None if stale is None else Found(stale)), stale, None
        return None, stale, (None if lead == "away" else lead)

    def _patience_s(self, call: Call) -> float:
        """How long it waits for another: no longer than its caller waits for it."""
        if call.deadline is None:
            return self._wait_s
        return max(0.0, min(self._wait_s, call.deadline - self._clock.monotonic()))

    async def _alike(self, call: Call, question: Question, meaning: Meaning) -> Entry | None:
        """The answer to a question that means the same."""
        semantic = question.rule.semantic
        if semantic is None or self._embed is None:
            return None
        vectors = await self._embed(call, semantic.model, [meaning.text])
        if not vectors:
            return None
        meaning.vector = unit(vectors[0])
        found = self._meanings.nearest(meaning, semantic.threshold)
        if found is None:
            return None
        entry = self._tiers.near(found[0]) or await self._tiers.far(found[0], question.rule)
        if entry is None or standing(entry, question, self._clock.now()) != "fresh":
            self._meanings.forget(meaning, found[0])
            return None
        call.reply_headers[LIKENESS] = f"{found[1]:.4f}"
        return entry

    async def _fetch(
        self,
        call: Call,
        service: Service,
        question: Question,
        flight: Flight | None = None,
        lease: Lease | None = None,
        stale: Entry | None = None,
    ) -> Reply:
        """From the upstream. What comes of it is told to the flight and kept when the call has ended."""
        landing = Landing(question, self._tiers, self._meanings, self._clock.now, flight, lease)
        # Before the steps inside add theirs, so that it runs after them: the call is priced by then.
        call.on_end(landing.ended)
        call.reply_headers[HEADER] = "miss"
        try:
            reply = await service(call)
        except (UpstreamFault, Overloaded, TargetTakenOut) as fault:
            if stale is None:
                raise
            landing.failed()
            return self._give_instead(call, question, stale, fault.status, fault.code)
        if stale is not None and (reply.status >= 500 or reply.status == 429):
            landing.failed()
            return self._give_instead(call, question, stale, reply.status, f"upstream_status_{reply.status}")
        if call.in_cohort:
            await others_first()
        self._reports.cache_answered(question.rule.id, "miss", None)
        if reply.status != 200:
            landing.failed()
            return reply
        if not of_its_targets(call):
            landing.dissolve()
            return reply
        landing.answered(call, reply)
        return reply if reply.stream is None else self._share(call, question, reply, landing)

    def _share(self, call: Call, question: Question, reply: Reply, landing: Landing) -> Reply:
        shared = SharedStream(reply, call, question.max_bytes, self._clock.monotonic)
        reply.taps = []
        landing.begun(shared)
        # The last that is added runs first: before the call is priced, it may no longer be this one's to pay.
        call.on_end(lambda call: self._leave(call, shared))
        reply.stream = shared.read(call).pull
        return reply

    def _read_along(self, call: Call, question: Question, shared: SharedStream) -> Reply:
        """A call reads the stream of another one, and pays for it only if it has to take it over."""
        record, headers = call.record, call.reply_headers
        record.cache = "exact"
        headers.update(shared.told)
        headers[HEADER], headers["age"] = "hit", "0"
        call.on_end(lambda call: shared.on_ended(call))
        call.on_end(lambda call: self._note_shared(call, question, shared))
        call.on_end(self._paying.settle)
        call.on_end(lambda call: self._leave(call, shared))
        reply = Reply(200, list(kept_headers(shared.headers)), stream=shared.read(call).pull)
        reply.broken = shared.broken
        return reply

    def _note_shared(self, call: Call, question: Question, shared: SharedStream) -> None:
        if call is shared.owner:
            self._tell(question, "miss", None)
            return
        record, served = call.record, shared.owner.served
        record.served_model, record.finish_reason = served.model, served.finish_reason
        record.response_id = served.response_id
        if record.outcome == "completed":
            record.saved_nano = self._paying.price(shared.owner)
        self._tell(question, "shared", record.saved_nano)

    def _leave(self, call: Call, shared: SharedStream) -> None:
        if call is shared.owner and call.record.outcome != "completed" and (heir := shared.hand_over()) is not None:
            heir.record.cache = ""

    def _give(self, call: Call, question: Question, entry: Entry, *, by_meaning: bool = False) -> Reply:
        age = age_s(entry, self._clock.now())
        stale = age > question.rule.ttl_s
        record, headers = call.record, call.reply_headers
        record.cache = "stale" if stale else "semantic" if by_meaning else "exact"
        record.saved_nano = entry.cost_nano
        record.served_model, record.finish_reason = entry.model, entry.finish_reason
        record.response_id = entry.response_id
        reply = reply_of(entry, call, question.rule.replay, self._clock.monotonic)
        headers[HEADER], headers["age"] = "stale" if stale else "hit", str(int(age))
        self._tell(question, headers[HEADER], entry.cost_nano)
        return reply

    def _give_instead(self, call: Call, question: Question, entry: Entry, status: int, code: str) -> Reply:
        """A stale answer in the place of one that could not be had: the attempt at that has failed, and is over."""
        call.close()
        if call.attempts:
            failed = call.attempts[-1]
            failed.outcome, failed.status, failed.error_code = "failed", status, code
            failed.duration_us = max(0, self._clock.now_ns() - failed.started_ns) // 1000
            failed.upstream_request_id = call.served.request_id
        return self._give(call, question, entry)

    def _tell(self, question: Question, result: str, nano: int | None) -> None:
        self._reports.cache_answered(question.rule.id, result, nano)
