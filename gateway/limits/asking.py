"""Asking Redis for a reservation, and reading what it answers."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from gateway.limits.bounds import Bound, Level, Refusal
from gateway.limits.plans import Group
from gateway.stores.redis_link import Link
from gateway.stores.redis_store import RedisStore
from gateway.stores.redis_wire import packed_word

_encode = msgspec.msgpack.encode


class Admitted(NamedTuple):
    """`member`: the reservation, as Redis knows it. Of a lease for each bound what was `granted`, and the milliseconds
    for which it may be used."""

    member: bytes
    levels: Sequence[Level]
    granted: Sequence[int] = ()
    good_for_ms: Sequence[int] = ()


class Question:
    """A script on its way. Whoever asked may be cancelled before the answer is there: what it took is given back."""

    __slots__ = ("_give_back", "_packed", "asked_at", "group", "link", "reply")

    def __init__(self, group: Group, link: Link, packed: bytes, give_back: Callable[[Group, bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.group = group
        self.link = link
        self.asked_at = loop.time()
        self.reply: asyncio.Future[Any] = loop.create_future()
        self._packed = packed
        self._give_back = give_back

    def send(self) -> None:
        if self.reply.done():
            self.reply = self.reply.get_loop().create_future()
        self.link.send(self._packed, self._answered)

    def abandon(self) -> None:
        if not self.reply.cancel() and not self.reply.cancelled():
            self._unwanted(self.reply.result())

    def _answered(self, answer: Any) -> None:
        if self.reply.done():
            self._unwanted(answer)
        else:
            self.reply.set_result(answer)

    def _unwanted(self, answer: Any) -> None:
        if isinstance(answer, list):
            said = cast("list[Any]", answer)
            if said[0] == 1 and said[1]:
                self._give_back(self.group, said[1])


class Asking:
    """Args:
    hold_s: how long a reservation lives. timeout_s: the longest that a call waits, whatever has to be repaired.
    worker: a word for this process, so that no two reservations are the same.
    give_back: told of reservations that nobody waits for any more.
    """

    def __init__(
        self,
        store: RedisStore,
        hold_s: float,
        timeout_s: float,
        worker: str,
        give_back: Callable[[Group, bytes], None],
    ) -> None:
        self._store = store
        self._ttl_ms = int(hold_s * 1000)
        self._timeout_s = timeout_s
        self._worker = worker
        self._numbers = itertools.count()
        self._give_back = give_back

    def ask(self, group: Group, needs: Sequence[int], asks: Sequence[int] | None = None) -> Question | None:
        """Ask for these amounts of the group's bounds, in their order; None: the server is away. `asks`: as much as
        that would be welcome, for a lease."""
        said = (f"{self._worker}{next(self._numbers)}", self._ttl_ms, needs, asks)
        return self._sent(group, said if asks is not None else said[:3])

    def look(self, group: Group) -> Question | None:
        """Ask how full they are."""
        return self._sent(group, ("", self._ttl_ms, [0] * len(group.bounds)))

    def _sent(self, group: Group, said: tuple[object, ...]) -> Question | None:
        link = self._store.link(group.tag)
        if link is None or not link.up:
            return None
        question = Question(group, link, group.head + packed_word(_encode(said)), self._give_back)
        question.send()
        return question

    async def answer(self, question: Question) -> Admitted | Refusal | None:
        """What was answered; None: it was not, the server is away or not the one to be asked."""
        answer = await question.reply
        if isinstance(answer, Exception):
            answer = await self._again(question, answer)
        if isinstance(answer, list):
            return read(question.group, cast("list[Any]", answer))
        if isinstance(answer, Exception):
            question.link.refused(answer)
        return None

    async def _again(self, question: Question, error: Exception) -> Any:
        """What the same question is answered with once what was wrong is repaired; the error, if it is not in time."""
        late = question.asked_at + self._timeout_s
        try:
            async with asyncio.timeout_at(late):
                if not await self.repaired(question.link, error):
                    return error
                # An error's script has not begun.
                question.send()
                return await question.reply
        except TimeoutError:
            question.abandon()
            return error

    async def repaired(self, link: Link, error: Exception) -> bool:
        """Whether it is worth asking again."""
        said = str(error)
        if said.startswith("NOSCRIPT"):
            return await link.load()
        if said.startswith(("MOVED", "ASK ", "TRYAGAIN")):
            self._store.moved()
        return False


def read(group: Group, answer: list[Any]) -> Admitted | Refusal:
    """What reserve.lua says."""
    count = len(group.bounds)
    if answer[0] == 0:
        levels = _levels(group.bounds, answer, 3)
        level = levels[int(answer[1]) - 1]
        return Refusal(level.bound, level.used, answer[2] / 1000, levels=levels)
    levels = _levels(group.bounds, answer, 2)
    if len(answer) == 2 + 2 * count:
        return Admitted(answer[1], levels)
    rest = answer[2 + 2 * count :]
    return Admitted(answer[1], levels, rest[::2], rest[1::2])


def _levels(bounds: Sequence[Bound], answer: list[Any], first: int) -> list[Level]:
    return [
        Level(bound, answer[place], answer[place + 1] / 1000)
        for bound, place in zip(bounds, range(first, len(answer), 2), strict=False)
    ]
