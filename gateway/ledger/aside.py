"""A backlog encoded by a process of its own: half of the work is done on one core, and on another what the store does
with it. It is started for a backlog and ends with it.

    here ──▶ Task                                segments, and the number of the first link
    here ◀── Encoded, for each batch             taken from it while another is committed, up to AHEAD of them
         ◀── Named  ──▶ Known                    people whose ids it does not know yet
         ◀── Consumed, after each segment

It commits nothing and knows no database. Whatever becomes of it, the journal is as it was: what it has not encoded, or
what cannot be committed as it was encoded, is read again here.
"""

import contextlib
import fcntl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import IO, Protocol, Self, cast, runtime_checkable

import msgspec

from gateway.ledger.ahead import read_ahead
from gateway.ledger.encoding import Encoded
from gateway.ledger.frames import Readable, receive, send
from gateway.ledger.rows import Person
from gateway.ledger.store import LedgerStore
from gateway.ledger.tail import Tail

PATIENCE_S = 60.0  # for one batch, which takes a fraction of a second
PIPE_BYTES = 1024 * 1024
AHEAD = 2  # answers: a segment's last batch, and that there is no more


class Task(msgspec.Struct, frozen=True):
    """`form`: one of `forms.FORMS`."""

    form: str
    segments: list[tuple[str, int]]
    link: int


class Named(msgspec.Struct, tag=True, frozen=True):
    people: list[Person]


class Known(msgspec.Struct, frozen=True):
    """`ids`: in the order of the people."""

    ids: list[int]


class Consumed(msgspec.Struct, tag=True, frozen=True):
    """A segment was read to its end."""


@runtime_checkable
class TakesEncoded(LedgerStore, Protocol):
    """A store that commits what another process encoded.

    Attributes:
        form: in which of `forms.FORMS`.
        next_link: the number of the next commit's link, as far as this knows: it has to have committed before.
    """

    form: str
    next_link: int

    def people_ids(self, people: Sequence[Person]) -> list[int]: ...

    def commit_encoded(self, encoded: Encoded, segment: str, offset: int) -> bool:
        """As `commit`, of records none of which may be there yet.

        Returns:
            False if nothing was committed, because the calls have to be encoded anew: some are there, somebody else
            has made a link, or people were taken out.
        """
        ...


class EncoderLost(Exception):
    """The process has ended, or does not answer."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Encoded | Named | Consumed).decode


class Encoder:
    """`with Encoder() as encoder`: the process, which takes a moment to be ready."""

    def __enter__(self) -> Self:
        """Raises:
        EncoderLost: there is no room for another process.
        """
        try:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "gateway.ledger.encoder"),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # A terminal's Ctrl-C goes to the parent alone. In its session: Linux shares out cores by sessions
                # first, and one that is less urgent than others is so within its own.
                process_group=0,
            )
        except OSError as error:
            raise EncoderLost(str(error)) from error
        _widen(self._process.stdout)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "asked for"
            pipe.close()
        self._process.wait()

    def begin(self, tails: Sequence[Tail], offsets: Sequence[int], form: str, link: int) -> None:
        """Let it encode what is in each after its offset, the first batch for this link.

        Raises:
            EncoderLost
        """
        paths = [str(tail.path) for tail in tails]
        self._send(Task(form, list(zip(paths, offsets, strict=True)), link))

    def batches(
        self, tails: Sequence[Tail], people_ids: Callable[[Sequence[Person]], list[int]]
    ) -> Iterator[tuple[Tail, Encoded | None]]:
        """What it encodes of those that it was given, one after another; None after the last of each.

        Raises:
            EncoderLost
        """
        # What comes while a batch is being committed is taken from it, so that it goes on encoding.
        answers = read_ahead(iter(self._receive, None), AHEAD)
        try:
            for tail in tails:
                for answer in answers:
                    if isinstance(answer, Consumed):
                        break
                    if isinstance(answer, Named):
                        self._send(Known(people_ids(answer.people)))
                    else:
                        yield tail, answer
                yield tail, None
        finally:
            self._process.kill()  # nobody waits for what it would say next

    def _send(self, message: Task | Known) -> None:
        pipe = self._process.stdin
        assert pipe is not None, "asked for"
        with self._in_time():
            send(pipe, _encode(message))

    def _receive(self) -> Encoded | Named | Consumed:
        pipe = self._process.stdout
        assert pipe is not None, "asked for"
        with self._in_time():
            return _decode(receive(cast(Readable, pipe)))

    @contextlib.contextmanager
    def _in_time(self) -> Generator[None]:
        """Should it hang, it is ended, and then so is the wait."""
        timer = threading.Timer(PATIENCE_S, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError) as error:
            raise EncoderLost("it ended") from error
        except msgspec.MsgspecError as error:
            raise EncoderLost(f"what it says is no answer: {error}") from error
        finally:
            timer.cancel()


def _widen(pipe: IO[bytes] | None) -> None:
    """So that it need not wait for us as often."""
    with contextlib.suppress(AttributeError, OSError):  # not Linux, or there is a bound on what a user's pipes take
        fcntl.fcntl(cast(IO[bytes], pipe), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
