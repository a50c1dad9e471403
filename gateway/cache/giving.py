"""A kept answer as the reply to a call."""

import asyncio
from collections.abc import Callable

from gateway.cache.document import Replay
from gateway.cache.entries import Entry, batches_of, pieces_of
from gateway.core.call import Call, Pull, Reply

HEADER = "x-cache"
# How alike the question is that the answer was made for, as a cosine.
LIKENESS = "x-gateway-cache-likeness"
# Of what the steps say on an answer, that which is true for everybody: a caller's quota, the attempts of his call and
# the successors that he may hear of are his own.
_TOLD = ("x-gateway-target", "x-gateway-dropped-params", "deprecation", "sunset")
# Of the upstream's headers those that say something of the answer, and not of the call that fetched it.
_KEPT_HEADERS = frozenset({"content-type", "content-disposition", "openai-version", "x-gateway-estimated"})


def kept_headers(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple([pair for pair in headers if pair[0] in _KEPT_HEADERS])


def kept_told(call: Call) -> dict[str, str]:
    headers = call.reply_headers
    return {name: headers[name] for name in _TOLD if name in headers}


def reply_of(entry: Entry, call: Call, replay: Replay, now: Callable[[], float]) -> Reply:
    """`now`: monotonic seconds, for a replay in time."""
    call.reply_headers.update(entry.told)
    headers = list(entry.headers)
    if not entry.stream:
        return Reply(200, headers, entry.whole())
    pull = _timed(entry, call, now) if replay == "timed" else _at_once(entry, call)
    return Reply(200, headers, stream=pull)


def _at_once(entry: Entry, call: Call) -> Pull:
    batches = batches_of(entry)
    left = iter(batches)
    last = len(batches)

    async def pull() -> bytes | None:
        nonlocal last
        last -= 1
        if last == 0:
            call.served.complete = entry.ended >= 0
        return next(left, None)

    return pull


def _timed(entry: Entry, call: Call, now: Callable[[], float]) -> Pull:
    left = enumerate(pieces_of(entry))
    began: float | None = None

    async def pull() -> bytes | None:
        nonlocal began
        number, piece = next(left, (0, None))
        if piece is None:
            return None
        if began is None:
            began = now()
        if (wait_s := began + entry.at_ms[number] / 1000 - now()) > 0:
            await asyncio.sleep(wait_s)
        if number == entry.ended:
            call.served.complete = True
        return piece

    return pull
