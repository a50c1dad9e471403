"""One open connection to Redis on which commands are pipelined: what one turn of the event loop sends goes out in one
write, and answers come back in order. Nothing waits longer than the connection's patience: then all of it is lost."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

# The answer to whatever was not answered when the connection was lost. It may have been carried out all the same.
LOST: Final = object()
Done = Callable[[Any], None]


def pack(*words: bytes, more: int = 0) -> bytes:
    """A command in RESP, or its head if `more` packed words follow."""
    return b"*%d\r\n" % (len(words) + more) + b"".join(map(packed_word, words))


def packed_word(word: bytes) -> bytes:
    """One word of a command whose head was packed before."""
    return b"$%d\r\n%b\r\n" % (len(word), word)


def let_go(connection: Any) -> None:
    """End redis-py's connection at once: its own closing would wait for the other side."""
    if (writer := connection._writer) is not None:
        writer.transport.abort()
    connection._reader = connection._writer = None


class Wire(asyncio.Protocol):
    """Belongs to one event loop.

    Args:
        patience_s: how long a command may go unanswered before the connection counts as dead.
        lost: called once, with a word that says why, when the connection is gone.
        answered: called with the seconds that one write's first answer took.
    """

    def __init__(
        self,
        patience_s: float,
        lost: Callable[[str], None],
        answered: Callable[[float], None],
        now: Callable[[], float],
    ) -> None:
        import hiredis

        self._loop = asyncio.get_running_loop()
        self._reader: Any = hiredis.Reader()
        self._patience_s = patience_s
        self._tell_lost = lost
        self._tell_answered = answered
        self._now = now
        self._transport: Any = None
        self._connection: Any = None
        self._out: list[bytes] = []
        self._waiting: deque[Done] = deque()
        # Writes whose answers are not all there: [answers to come, when it went out, whether none has come].
        self._writes: deque[list[Any]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._suspect: list[Any] | None = None
        self.open = False

    def take_over(self, transport: asyncio.Transport, connection: Any) -> None:
        """Speak on `transport` from now on; `connection` owns it and is let go of at the end."""
        self._transport, self._connection = transport, connection
        transport.set_protocol(self)
        self.open = True

    def send(self, packed: bytes, done: Done) -> None:
        """Send a command with this turn's others; `done` gets its answer: what hiredis makes of it (an error is a value
        too), or LOST."""
        if not self.open:
            done(LOST)
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packed)
        self._waiting.append(done)

    async def ask(self, packed: bytes) -> Any:
        """The same for who can wait."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self.send(packed, lambda answer: None if future.done() else future.set_result(answer))
        return await future

    def _flush(self) -> None:
        if not self._out or not self.open:
            return
        self._writes.append([len(self._out), self._now(), True])
        self._transport.write(b"".join(self._out))
        self._out = []
        if self._watch is None:
            self._watch = self._loop.call_later(self._patience_s, self._look)

    def _look(self) -> None:
        """Is the oldest write overdue? A loop that was busy itself finds its timers before its sockets: what looks
        overdue gets another look, after the sockets were read."""
        self._watch = None
        if not self._writes or not self.open:
            return
        oldest = self._writes[0]
        left = oldest[1] + self._patience_s - self._now()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        elif self._suspect is not oldest:
            self._suspect = oldest
            self._watch = self._loop.call_later(0.001, self._look)
        else:
            self.close("timeout")

    def data_received(self, data: bytes) -> None:
        reader, waiting, writes = self._reader, self._waiting, self._writes
        reader.feed(data)
        while True:
            try:
                answer = reader.gets()
            except Exception:  # noqa: BLE001  hiredis' ProtocolError, of a module that this file must not need
                self.close("protocol")
                return
            if answer is False:
                return
            if not writes:
                self.close("protocol")
                return
            write = writes[0]
            if write[2]:
                write[2] = False
                self._tell_answered(self._now() - write[1])
            write[0] -= 1
            if not write[0]:
                writes.popleft()
            waiting.popleft()(answer)
            if not self.open:
                return

    def connection_lost(self, exc: Exception | None) -> None:
        self.close("reset" if exc is not None else "closed")

    def eof_received(self) -> bool:
        return False

    def close(self, reason: str = "closed") -> None:
        """End it at once. A second time changes nothing."""
        if not self.open:
            return
        self.open = False
        if self._watch is not None:
            self._watch.cancel()
        connection, self._connection = self._connection, None
        let_go(connection)
        waiting: Sequence[Done] = list(self._waiting)
        self._waiting.clear()
        self._writes.clear()
        self._out = []
        self._tell_lost(reason)
        for done in waiting:
            done(LOST)
