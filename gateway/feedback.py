"""Feedback as the edge hands it over: whose call it is, whether it may be kept, into the journal, and told."""

import asyncio
import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from gateway.config import Settings
from gateway.core.clock import Clock, uuid7
from gateway.core.faults import BadRequest, NotFound, Overloaded, RateLimited, Unrecorded
from gateway.core.feedback import Feedback
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.edge.feedback import FeedbackDeps, Said, Taken
from gateway.identity.tenants import Tenants
from gateway.ledger.feedback.finding import Found, find_calls
from gateway.ledger.feedback.looking import Looking
from gateway.ledger.feedback.metrics import FeedbackOptions, Stated, Unfit, stated
from gateway.ledger.feedback.wanting import Rated, Wanted, began_ms, by_request, by_response
from gateway.pipeline.tagging import person_behind

_log = logging.getLogger("gateway.feedback")
# Another gateway's calls reach a ledger that several write within half a second, as a rule: so long one is waited for.
PAUSES_S = (0.25, 0.5, 1.0)
YOUNG_MS = 60_000
_canonical = msgspec.json.Encoder(order="sorted").encode


class FeedbackJournal(Protocol):
    """Where feedback is written before it is answered."""

    def said(self, feedback: Feedback) -> None: ...


class FeedbackReports(Protocol):
    """Who is told of it, once it is in the journal. `rated`: the call, where it is known; `counted_as`: the metric,
    where names have to be few."""

    def rated(self, feedback: Feedback, rated: Rated | None, counted_as: str) -> None: ...

    def journal_failed(self, error: OSError) -> None: ...


def feedback_deps(
    settings: Settings, tenants: Live[Tenants], journal: FeedbackJournal, reports: FeedbackReports, clock: Clock
) -> FeedbackDeps:
    """What the endpoint needs."""
    place, folder = settings.ledger, settings.state_dir / "journal"
    looking = Looking(lambda wanted: find_calls(place, folder, wanted, clock))
    pauses = PAUSES_S if place.options.url is not None else ()
    desk = _Desk(settings, tenants, journal, reports, clock, Finding(looking, pauses, clock))
    return FeedbackDeps(desk.take, settings.config.patience.request_body_s)


class Finding:
    """Finds calls; where others write the same ledger, a young one is waited for."""

    def __init__(self, looking: Looking, pauses_s: Sequence[float], clock: Clock) -> None:
        self._looking = looking
        self._pauses_s = pauses_s
        self._clock = clock

    async def find(self, wanted: Wanted) -> Found:
        found = await self._looking.find(wanted)
        for pause_s in self._pauses_s if self._is_young(wanted) else ():
            if found.rated is not None or found.away:
                break
            await asyncio.sleep(pause_s)
            found = await self._looking.find(wanted)
        return found

    def _is_young(self, wanted: Wanted) -> bool:
        """An answer's id does not tell its age."""
        return bool(wanted.answers) or self._clock.now_ns() // 1_000_000 - began_ms(wanted.call) < YOUNG_MS


class Pace:
    """A bound per team: as much as comes at an even pace, and as much as a minute's at once."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._step_s = 60.0 / per_minute
        self._now = now
        # When what has been taken so far would have come at an even pace, by team; teams are declared.
        self._until: dict[tuple[str, str], float] = {}

    def take(self, caller: Principal) -> None:
        """Raises:
        RateLimited: more than that.
        """
        now, team = self._now(), (caller.tenant, caller.team)
        until = max(now, self._until.get(team, now)) + self._step_s
        if (wait_s := until - now - 60.0) > 1e-9:
            raise RateLimited(
                f"the team sends more feedback than {60 / self._step_s:.0f} a minute (feedback.requests_per_minute); "
                f"try again in {wait_s:.1f} s",
                headers={"retry-after": str(max(1, math.ceil(wait_s)))},
            )
        self._until[team] = until


class _Desk:
    """One per worker."""

    def __init__(
        self,
        settings: Settings,
        tenants: Live[Tenants],
        journal: FeedbackJournal,
        reports: FeedbackReports,
        clock: Clock,
        finding: Finding,
    ) -> None:
        self._options: FeedbackOptions = settings.config.feedback
        self._users = settings.config.metering.noted.users
        self._tenants = tenants
        self._journal = journal
        self._reports = reports
        self._clock = clock
        self._finding = finding
        self._pace = Pace(self._options.requests_per_minute, clock.monotonic)

    async def take(self, caller: Principal, said: Said, key: str) -> Taken:
        """Raises:
        BadRequest, NotFound, RateLimited: the caller's to mend. Overloaded, Unrecorded: to be sent again.
        """
        self._pace.take(caller)
        try:
            value = stated(self._options, said.metric, said.value)
        except Unfit as unfit:
            raise BadRequest(str(unfit), param=unfit.param) from None
        if said.comment or said.correction:
            self._consented(caller, said)
        call, rated = await self._call_of(caller, said)
        feedback = self._feedback(caller, said, value, call, key)
        try:
            self._journal.said(feedback)
        except OSError as error:
            self._reports.journal_failed(error)
            raise Unrecorded(
                "feedback cannot be recorded at the moment; send it again", headers={"retry-after": "5"}
            ) from error
        self._reports.rated(feedback, rated, self._options.counted_as(said.metric))
        status = "accepted" if rated is None else "recorded"
        return Taken(id=feedback.id, request_id=call, metric=said.metric, value=said.value, status=status)

    def _consented(self, caller: Principal, said: Said) -> None:
        if caller.tenant not in self._tenants.value.feedback_texts:
            field = "comment" if said.comment else "correction"
            raise BadRequest(
                f"no texts are kept with feedback of tenant `{caller.tenant}`, and nothing was recorded; leave "
                f"`{field}` out, or ask for `feedback_texts: true` on the tenant in policies/tenants.yaml",
                code="feedback_texts_not_kept",
                param=field,
            )

    async def _call_of(self, caller: Principal, said: Said) -> tuple[str, Rated | None]:
        """The id of the call's record; and the call, or None where only the ledger could say whose it is, and is away.

        Raises:
            NotFound: there is none of the caller's own. Overloaded: nobody can say, and it has to be known.
        """
        tenant, team = caller.tenant, caller.team
        texts = bool(said.comment or said.correction)
        named = said.request_id or said.response_id or ""
        if said.response_id is not None:
            wanted = by_response(tenant, team, said.response_id)
        elif (found := by_request(tenant, team, named)) is not None:
            wanted = found
        else:
            raise _unknown(named)
        found = await self._finding.find(wanted)
        if found.rated is not None:
            if texts and not found.rated.keeps_content:
                raise BadRequest(
                    "policy wants nothing kept of what was said in this call, and nothing was recorded; leave "
                    "`comment` and `correction` out",
                    code="feedback_texts_not_kept",
                    param="comment" if said.comment else "correction",
                )
            return found.rated.id, found.rated
        if not found.away:
            raise _unknown(named)
        _log.warning("whose calls are spoken of cannot be said: %s", found.away)
        if texts or not wanted.call or wanted.answers:
            raise Overloaded(
                "the ledger cannot say at the moment which call this is; send it again",
                code="ledger_unavailable",
                headers={"retry-after": "5"},
            )
        return wanted.call, None

    def _feedback(self, caller: Principal, said: Said, value: Stated, call: str, key: str) -> Feedback:
        at_ns = self._clock.now_ns()
        return Feedback(
            id=_id_of(caller, said, key) if key else uuid7(at_ns),
            call=call,
            at_ns=at_ns,
            tenant=caller.tenant,
            team=caller.team,
            metric=said.metric,
            kind=value.kind,
            score=value.score,
            label=value.label,
            user=(said.user or person_behind(caller)) if self._users else "",
            labels=_canonical(said.labels).decode() if said.labels else "",
            comment=said.comment,
            correction=said.correction,
        )


def _id_of(caller: Principal, said: Said, key: str) -> str:
    """The same for the same statement with the same key, and another for everything else (UUID version 8, RFC 9562)."""
    parts: list[Any] = [caller.tenant, caller.team, key, msgspec.to_builtins(said)]
    text = hashlib.sha256(_canonical(parts)).hexdigest()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def _unknown(named: str) -> NotFound:
    return NotFound(
        f"no call `{named[:100]}` of yours is known here; `request_id` is the answer's header x-request-id, "
        "`response_id` the `id` in it (for 30 days)",
        code="call_not_found",
    )
