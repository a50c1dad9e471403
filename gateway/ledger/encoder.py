"""`python -m gateway.ledger.encoder`: the process that reads segments and encodes them, for `aside.py`, which says what
goes over its pipes."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.aside import Consumed, Known, Named, Task
from gateway.ledger.encoding import Encoded, Encoding, Pair, months_in
from gateway.ledger.entries import Lines
from gateway.ledger.forms import FORMS
from gateway.ledger.frames import Readable, Writable, receive, send
from gateway.ledger.months import Month
from gateway.ledger.rows import Person
from gateway.ledger.tail import Tail

_encode = msgspec.msgpack.Encoder().encode


class _Encoder:
    def __init__(self, task: Task, commands: Readable, answers: Writable) -> None:
        self._segments = task.segments
        self._form = FORMS[task.form]()
        self._link = task.link
        self._commands = commands
        self._answers = answers
        self._people: dict[Person, int] = {}

    def run(self) -> None:
        for path, offset in self._segments:
            tail = Tail(Path(path))
            tail.offset = offset
            for lines in tail.unread():
                self._answer(self._encoded(lines))
            self._answer(Consumed())

    def _encoded(self, lines: Lines) -> Encoded:
        broken: list[bytes] = []
        feedback: list[Feedback] = []
        months: set[Month] = set()

        def pairs() -> Iterator[Sequence[Pair]]:
            for batch in lines:
                broken.extend(batch.broken)
                feedback.extend(batch.feedback)
                months.update(months_in(batch.closed))
                yield self._with_persons(batch.closed)

        encoding = Encoding(pairs(), self._link, self._form)
        rows = list(map(memoryview, encoding.calls()))
        link, seals = self._link, encoding.seals()
        self._link += bool(seals)
        return Encoded(
            size=lines.size,
            broken=broken,
            link=link,
            months=sorted(months),
            rows=rows,
            attempts=list(map(memoryview, encoding.attempts)),
            charges=list(map(memoryview, encoding.charges)),
            sealed=seals,
            sums=encoding.counted(),
            feedback=feedback,
        )

    def _with_persons(self, records: Sequence[Record]) -> list[Pair]:
        wanted = {(record.tenant, record.user) for record in records if record.user} - self._people.keys()
        if wanted:
            people = sorted(wanted)
            self._answer(Named(people))
            known = msgspec.msgpack.decode(receive(self._commands), type=Known)
            self._people.update(zip(people, known.ids, strict=True))
        return [(record, self._people[record.tenant, record.user] if record.user else 0) for record in records]

    def _answer(self, answer: Encoded | Named | Consumed) -> None:
        send(self._answers, _encode(answer))


def main() -> None:
    gc.disable()  # see `ahead.py`
    with (
        os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as commands,
        os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as answers,
        # Whoever asked is gone, or the segment is: there is nobody to answer, or somebody who will find out.
        contextlib.suppress(EOFError, OSError),
    ):
        task = msgspec.msgpack.decode(receive(commands), type=Task)
        _Encoder(task, commands, answers).run()


if __name__ == "__main__":
    main()
