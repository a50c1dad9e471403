"""A stream that several calls read: one task pulls it, each reader goes through its pieces at its own pace.

The upstream's call belongs to one of the readers, its owner, who pays for it. When the owner leaves before the answer
is whole, the call goes over to another reader, with its connection and all it owes; when nobody is left, it is ended.

What no more readers can join for is let go of: up to `max_bytes` the stream is held whole, for those who come later and
for the store. Beyond that it is only passed on, and the quickest reader is never more than `max_bytes` ahead of the
slowest.
"""

import asyncio
from collections.abc import Callable, Mapping

from gateway.core.call import Call, Reply, Served


class Piece:
    """`at`: monotonic seconds at which it came. `ends`: with it the answer is whole."""

    __slots__ = ("at", "data", "ends")

    def __init__(self, data: bytes, at: float, ends: bool) -> None:
        self.data = data
        self.at = at
        self.ends = ends


class Reader:
    """One call's way through the stream."""

    __slots__ = ("_stream", "call", "place")

    def __init__(self, stream: "SharedStream", call: Call) -> None:
        self._stream = stream
        self.call = call
        self.place = 0

    async def pull(self) -> bytes | None:
        piece = await self._stream.next(self)
        if piece is None:
            return None
        if piece.ends:
            self.call.served.complete = True
        return piece.data


class SharedStream:
    """Args:
    reply: the upstream's, a stream; its taps are what is done to the pieces before they count.
    owner: whose call it is; its `served` is what the taps fill in.

    Attributes:
        headers, broken: of the reply. told: reply headers of the owner that are every reader's.
        pieces: what it has said, as far as it is held. whole: it has ended as it should, and all of it is there.
        on_whole, on_over: told when it is whole; when it will have no more readers, whole or not.
        on_ended: told of each reader's call that has ended and is priced.
    """

    def __init__(self, reply: Reply, owner: Call, max_bytes: int, now: Callable[[], float]) -> None:
        assert reply.stream is not None, "a streamed reply has a stream"
        self._pull = reply.stream
        self._taps = tuple(reply.taps)
        self.headers, self.broken = reply.headers, reply.broken
        self._of_events = any(value.startswith("text/event-stream") for _, value in reply.headers)
        self.told: Mapping[str, str] = {}
        self.owner = owner
        self._max_bytes = max_bytes
        self._now = now
        self._first = 0  # the place of the first piece that is still held
        self._held = 0
        self._fault: BaseException | None = None
        self._ended = False
        self._readers: dict[Reader, None] = {}
        self._hungry: list[asyncio.Future[None]] = []
        self._room: asyncio.Future[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._complete = False
        self.pieces: list[Piece] = []
        self.on_whole: Callable[[], None] = _nothing
        self.on_over: Callable[[], None] = _nothing
        self.on_ended: Callable[[Call], None] = _ignored

    @property
    def whole(self) -> bool:
        return self._ended and self._fault is None and self._complete and self._first == 0

    @property
    def joinable(self) -> bool:
        """Whether a reader may still begin at the beginning."""
        return self._first == 0 and self._held <= self._max_bytes and self._fault is None and bool(self._readers)

    def read(self, call: Call) -> Reader:
        """A reader from the beginning; it leaves when its call is closed."""
        reader = Reader(self, call)
        self._readers[reader] = None
        call.on_close(lambda: self.leave(call))
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())
        return reader

    async def next(self, reader: Reader) -> Piece | None:
        """The reader's next piece; None at the end.

        Raises:
            Exception: what the upstream's stream broke with.
        """
        while (at := reader.place - self._first) >= len(self.pieces):
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return None
            fed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._hungry.append(fed)
            await fed
        piece = self.pieces[at]
        reader.place += 1
        if self._held > self._max_bytes:
            self._let_go()
        return piece

    def hand_over(self) -> Call | None:
        """The owner leaves: whose call it is now, or None, if there is nobody else or nothing to go on with."""
        left = self.owner
        heir = next((one.call for one in self._readers if one.call is not left and _is_open(one.call)), None)
        if heir is None or self._ended:
            left.served.complete = left.served.complete or self._complete
            return None
        self.leave(left)
        _take_over(heir, left)
        self.owner = heir
        return heir

    def leave(self, call: Call) -> None:
        for reader in [one for one in self._readers if one.call is call]:
            del self._readers[reader]
        if not self._readers:
            if self._pump is not None:
                self._pump.cancel()
            self.on_over()
            self._undo()
        elif self._held > self._max_bytes:
            self._let_go()

    def _undo(self) -> None:
        """Nobody reads it any more: let go of all that knows it in turn. Those are who is told of it, the task that
        pulled it, and the frames that a fault has come by."""
        self.on_whole, self.on_over, self.on_ended = _nothing, _nothing, _ignored
        self._pump = None
        if self._fault is not None:
            self._fault = self._fault.with_traceback(None)

    async def _run(self) -> None:
        try:
            while (data := await self._pull()) is not None:
                for tap in self._taps:
                    data = tap(data)
                self._came(data)
                if self._held > self._max_bytes:
                    self._let_go()
                    await self._until_room()
            # Some dialects have no last event: only the end of all says that it was one. What is no stream of events
            # (sound) cannot end too early without a fault.
            self._complete = self._complete or self.owner.served.complete or not self._of_events
        except Exception as error:  # noqa: BLE001  told to every reader
            self._fault = error
        self._ended = True
        if self.whole:
            self.on_whole()
        self._feed()
        if self._fault is not None:
            self.on_over()

    def _came(self, data: bytes) -> None:
        served = self.owner.served
        # Each reader hears of it with the piece, when it is there.
        ends, served.complete = served.complete, False
        self._complete = self._complete or ends
        if data or ends:
            self.pieces.append(Piece(data, self._now(), ends))
            self._held += len(data)
            self._feed()

    async def _until_room(self) -> None:
        while self._held > self._max_bytes and self._readers:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def _feed(self) -> None:
        hungry, self._hungry = self._hungry, []
        for fed in hungry:
            if not fed.done():
                fed.set_result(None)

    def _let_go(self) -> None:
        """Of the pieces that every reader has had."""
        slowest = min((reader.place for reader in self._readers), default=0)
        while self._first < slowest and self.pieces:
            self._held -= len(self.pieces.pop(0).data)
            self._first += 1
        if self._held <= self._max_bytes and self._room is not None and not self._room.done():
            self._room.set_result(None)


def _nothing() -> None:
    pass


def _is_open(call: Call) -> bool:
    return call.record.outcome == "open"


def _take_over(heir: Call, left: Call) -> None:
    """What the one has begun upstream, and must pay for, is the other's now."""
    told = heir.reply_headers.copy()
    heir.adopt(left)
    heir.reply_headers = told  # what is told of the other's quota is not told to the heir
    left.served = Served(asked=heir.served.asked)
    heir.attempts, left.attempts = left.attempts, []
    mine, other = heir.record, left.record
    mine.target, mine.rule_id, mine.would_deny = other.target, other.rule_id, other.would_deny
    mine.route, mine.variant = other.route, other.variant


def _ignored(call: Call) -> None:
    pass
