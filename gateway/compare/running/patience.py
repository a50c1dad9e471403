"""Asking again where somebody was busy: as long as that is told, and no longer than makes sense."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from gateway.compare.running.asking import Ask, Heard, Question


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """`tries`: how often one question is asked, at most. `most_s`: the longest wait before the next try; who asks for
    more than that gets no more tries."""

    tries: int = 6
    most_s: float = 120.0


class Waited(msgspec.Struct, frozen=True):
    """What came in the end, how often it was asked in vain before, and how long that was waited for."""

    heard: Heard
    retries: int
    waited_s: float


Sleep = Callable[[float], Awaitable[None]]


async def patiently(ask: Ask, question: Question, patience: Patience, sleep: Sleep = asyncio.sleep) -> Waited:
    """Ask until there is an answer, or a failure that another try does not mend.

    Who says when to come again is believed; who says it again and again is given twice as long each time.
    """
    waited = 0.0
    for retries in range(patience.tries):
        heard = await ask(question)
        again = heard.again_in_s
        if heard.sample is not None or again is None or retries == patience.tries - 1:
            return Waited(heard, retries, waited)
        wait = again * 2**retries if retries else again
        if again > patience.most_s:
            return Waited(heard, retries, waited)
        wait = min(wait, patience.most_s)
        await sleep(wait)
        waited += wait
    raise AssertionError("the last try returns")
