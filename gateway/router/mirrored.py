"""One call's way to a mirror: the leg it goes on, its answer read to the end, and the pair that is kept of both."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.core.attempt import Attempt
from gateway.core.call import Call, Reply
from gateway.core.fields import Fields
from gateway.core.model import Permit
from gateway.core.record import Record
from gateway.pairs.store import Answered, Pair
from gateway.router.loading import RouteRule

MIRROR = "mirror"
# What a pair says of its call.
_ABOUT = ("tenant", "team", "user", "route", "operation", "stream", "prompt_id")


async def nobody_asks(permit: Permit) -> None:
    """In the place of the limits of the caller, who does not pay for a mirror."""


async def _is_open() -> None:
    """The body was read for the call that is mirrored."""


def leg_of(call: Call, rule: RouteRule, model: str, id: str, now_ns: int, now: float) -> Call:
    """The same request as a call of its own: its record, its attempts. Its name in the body stays the caller's."""
    leg = call.leg()
    # No target: what limits and reports count by it is the team's own. Its attempt says where it went.
    leg.record = msgspec.structs.replace(
        call.record,
        id=id,
        started_ns=now_ns,
        model=model,
        route=rule.name,
        variant=MIRROR,
        client_request_id=call.record.id,
        target="",
        rule_id="",
        would_deny="",
        queued_us=0,
    )
    leg.attempts, leg.plan, leg.deadline, leg.arrived = [], None, None, now
    leg.open, leg.admit = _is_open, nobody_asks
    # The same key with another body is an error at the same provider, for whichever of the two comes later.
    leg.headers = {name: value for name, value in call.headers.items() if name != b"idempotency-key"}
    return leg


def unkept(piece: bytes) -> bytes:
    """A tap where nothing is kept."""
    return piece


class Copy:
    """A tap that keeps what passes, up to so many bytes; then nothing of it."""

    __slots__ = ("_left", "_pieces")

    def __init__(self, most: int) -> None:
        self._left = most
        self._pieces: list[bytes] | None = []

    def __call__(self, piece: bytes) -> bytes:
        if self._pieces is not None:
            self._left -= len(piece)
            if self._left < 0:
                self._pieces = None
            else:
                self._pieces.append(piece)
        return piece

    @property
    def whole(self) -> bytes | None:
        """All of it; None if it was too much."""
        return None if self._pieces is None else b"".join(self._pieces)

    def drop(self) -> None:
        self._pieces = None


async def read_to_end(leg: Call, reply: Reply, copy: Callable[[bytes], bytes], now: Callable[[], float]) -> None:
    """Read the answer as a client would, and throw it away.

    Raises:
        Fault: it breaks off.
    """
    record, served, taps = leg.record, leg.served, (*reply.taps, copy)
    record.status = reply.status
    body: bytes | None = reply.body if reply.stream is None else await reply.stream()
    while body is not None:
        for tap in taps:
            body = tap(body)
        if body and record.ttfb_us is None:
            record.ttfb_us = int(((served.first_output_at or now()) - leg.arrived) * 1e6)
        record.bytes_out += len(body)
        body = None if reply.stream is None else await reply.stream()


class Halves:
    """A pair on its way to the store: whichever of the two answers ends last hands it over.

    Attributes:
        copy: taps the caller's answer; mirror_copy: the other.
    """

    __slots__ = ("_about", "_caller", "_fields", "_give", "_lost", "_mirror", "_most", "copy", "mirror_copy")

    def __init__(self, fields: Fields, most: int, give: Callable[[Pair | str], None]) -> None:
        """`fields`: the caller's request. `give` gets the pair, or in a word why there is none; once."""
        self._fields = fields
        self._most = most
        self._give = give
        self.copy, self.mirror_copy = Copy(most), Copy(most)
        self._caller: Answered | None = None
        self._mirror: Answered | None = None
        self._about: Mapping[str, Any] = {}
        self._lost = False

    def caller_answered(self, call: Call) -> None:
        """The caller's call is closed, and priced."""
        record = call.record
        if record.outcome != "completed":
            return self.lose("incomplete")
        if not call.keep_content:
            return self.lose("not_to_be_kept")
        body = self.copy.whole
        self._caller = (
            None if body is None else _answered(record, record.target, record.served_model, record.cost_nano, body)
        )
        return self._meet(body)

    def mirror_answered(self, leg: Call, attempt: Attempt) -> None:
        """The mirror's is."""
        record, body = leg.record, self.mirror_copy.whole
        if record.outcome != "completed":
            return self.lose("incomplete")
        if not leg.keep_content:
            return self.lose("not_to_be_kept")
        self._about = {
            "id": record.id,
            "call": record.client_request_id,
            "at_ns": record.started_ns,
            "model": leg.model,
            "mirror_model": record.model,
            **{name: getattr(record, name) for name in _ABOUT},
        }
        self._mirror = (
            None if body is None else _answered(record, attempt.target, attempt.served_model, attempt.cost_nano, body)
        )
        return self._meet(body)

    def lose(self, why: str) -> None:
        """There is no pair."""
        self.copy.drop()
        self.mirror_copy.drop()
        if not self._lost:
            self._lost = True
            self._give(why)

    def _meet(self, body: bytes | None) -> None:
        if body is None:
            return self.lose("too_large")
        if self._lost or self._caller is None or self._mirror is None:
            return None
        request = self._fields.encode({})
        if len(request) > self._most:
            return self.lose("too_large")
        self._give(Pair(request=request, primary=self._caller, mirror=self._mirror, **self._about))
        return None


def _answered(record: Record, target: str, served_model: str, cost_nano: int | None, body: bytes) -> Answered:
    return Answered(
        target=target,
        served_model=served_model,
        ttfb_us=record.ttfb_us,
        duration_us=record.duration_us,
        cost_nano=cost_nano,
        answer=body,
    )
