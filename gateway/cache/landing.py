"""What becomes of an answer that was fetched: kept, and given to those who wait, or neither."""

from collections.abc import Callable, Sequence

import msgspec

from gateway.cache.entries import Entry, packed_stream
from gateway.cache.flights import Flight, Found
from gateway.cache.giving import kept_headers, kept_told
from gateway.cache.meaning import Meanings
from gateway.cache.question import Question
from gateway.cache.redis_entries import Lease
from gateway.cache.sharing import Piece, SharedStream
from gateway.cache.storing import may_keep
from gateway.cache.tiers import Tiers
from gateway.core.call import Call, Reply


class Landing:
    """One call that asks the upstream, from its start until it is known how that went. A stream may be whole before its
    owner's call has ended, or after: it is kept when both are there.

    Args:
        flight: those who wait for it. lease: of this worker, while others leave the asking to it.
    """

    __slots__ = (
        *("_answered", "_body", "_done", "_flight", "_headers", "_lease", "_meanings", "_now", "_paid", "_question"),
        *("_tiers", "_told", "stream"),
    )

    def __init__(
        self,
        question: Question,
        tiers: Tiers,
        meanings: Meanings,
        now: Callable[[], float],
        flight: Flight | None,
        lease: Lease | None,
    ) -> None:
        self._question = question
        self._tiers = tiers
        self._meanings = meanings
        self._now = now
        self._flight = flight
        self._lease = lease
        self._answered = False
        self._body = b""
        self._headers: tuple[tuple[str, str], ...] = ()
        self._told: dict[str, str] = {}
        self._done = False
        self._paid: Call | None = None
        self.stream: SharedStream | None = None

    def answered(self, call: Call, reply: Reply) -> None:
        """There is an answer, whole or about to come. What it is now is kept: steps outside make it the caller's own,
        with what guards had taken out of his request put back."""
        self._answered, self._body, self._headers = True, reply.body, kept_headers(reply.headers)
        self._told = kept_told(call)

    def begun(self, stream: SharedStream) -> None:
        """It comes in pieces: whoever waits may read along."""
        self.stream = stream
        stream.told, stream.on_ended = self._told, self.ended
        stream.on_whole, stream.on_over = self._keep_stream, self.dissolve
        if self._flight is not None:
            self._flight.streams(stream)

    def ended(self, call: Call) -> None:
        """The call has ended and is priced. Of a stream only its owner's end counts."""
        if self._done or (self.stream is not None and call is not self.stream.owner):
            return
        if call.record.outcome != "completed" or not self._answered:
            self.failed()
            return
        self._paid = call
        if self.stream is None:
            self._keep(call, self._body, ())
        else:
            self._keep_stream()

    def failed(self) -> None:
        """No answer: the next in line tries."""
        if self._finish() and self._flight is not None:
            self._flight.failed()

    def dissolve(self) -> None:
        """An answer for nobody else."""
        if self._finish() and self._flight is not None:
            self._flight.dissolve()

    def _keep_stream(self) -> None:
        stream = self.stream
        if stream is not None and stream.whole and self._paid is not None:
            self._keep(self._paid, b"".join(piece.data for piece in stream.pieces), stream.pieces)

    def _keep(self, call: Call, body: bytes, pieces: Sequence[Piece]) -> None:
        if self._done:
            return
        served = call.served
        if len(body) > self._question.max_bytes or not may_keep(call, body):
            self.dissolve()
            return
        entry = Entry(
            stored_at=self._now(),
            headers=self._headers,
            told=self._told,
            body=body,
            cost_nano=call.record.cost_nano,
            model=served.model,
            finish_reason=served.finish_reason,
            response_id=served.response_id,
        )
        if self.stream is not None:
            entry = _as_it_came(entry, pieces)
        question = self._question
        self._tiers.keep(question.key, entry, question.rule)
        if question.meaning is not None:
            self._meanings.add(question.meaning, question.key)
        if self._finish() and self._flight is not None:
            self._flight.kept(Found(entry))

    def _finish(self) -> bool:
        """Whether it was not over before."""
        if self._done:
            return False
        self._done = True
        if self._lease is not None:
            self._lease.release()
        return True


def _as_it_came(entry: Entry, pieces: Sequence[Piece]) -> Entry:
    """The entry of a stream."""
    body, small = packed_stream(entry.body)
    first = pieces[0].at if pieces else 0.0
    return msgspec.structs.replace(
        entry,
        stream=True,
        cuts=tuple(len(piece.data) for piece in pieces),
        at_ms=tuple(int((piece.at - first) * 1000) for piece in pieces),
        ended=max((number for number, piece in enumerate(pieces) if piece.ends), default=len(pieces) - 1),
        body=body,
        packed=small,
    )
