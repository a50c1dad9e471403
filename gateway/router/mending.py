"""A whole answer that policy does not take, asked for once more of the same target."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from gateway.core.attempt import Attempt
from gateway.core.call import Call, Mend
from gateway.core.faults import Fault
from gateway.core.model import Permit
from gateway.router.loading import RouteRule
from gateway.router.sending import Begun, Sender
from gateway.router.trying import Next, Tried

NOT_TAKEN = "answer_not_taken"


class Again(NamedTuple):
    """How to ask again. `may_take`: whether the retry budget allows one more attempt. `kept`: so many of the call's
    closings are none of the first attempt's."""

    permit: Permit
    rule: RouteRule
    sender: Sender
    may_take: Callable[[], bool]
    kept: int


async def mended(call: Call, mend: Mend, first: Tried, again: Again) -> Tried:
    """The better of two answers. Nothing that goes wrong with the second takes the first away."""
    reply, attempt, sender = first.reply, first.attempt, again.sender
    if attempt is None or reply is None or reply.stream is not None or reply.status != 200:
        return first
    if (fields := mend(reply)) is None or not again.may_take():
        return first
    call.close(keep=again.kept)  # the whole answer is here
    leg = call.leg()
    leg.fields = fields
    begun = sender.begin(leg, Next(again.permit, "repair"), again.rule)
    if isinstance(begun, Tried):
        return first
    try:
        second = await _better(sender, begun, mend)
    except BaseException:
        # The caller has gone, or something broke: the first attempt stands for the call.
        sender.close_unused(begun, "cancelled", "")
        _leave(call, begun, attempt)
        raise
    if second is None:
        _leave(call, begun, attempt)
        return first
    sender.close_unused(msgspec.structs.replace(begun, call=call, attempt=attempt), "failed", NOT_TAKEN)
    call.adopt(leg)
    return second


async def _better(sender: Sender, begun: Begun, mend: Mend) -> Tried | None:
    """What a second attempt was answered; None, and the attempt closed, if that is no better."""
    try:
        tried = await sender.carry_out(begun)
    except Fault as fault:
        sender.close_unused(begun, "failed", fault.code)
        return None
    if tried.failure is not None:
        sender.close_failed(begun.call, tried)
        return None
    assert tried.reply is not None, "an attempt that did not fail ends with a reply"
    if tried.reply.stream is None and mend(tried.reply) is None:
        return tried
    sender.close_unused(begun, "failed", NOT_TAKEN)
    return None


def _leave(call: Call, begun: Begun, first: Attempt) -> None:
    """The call's last attempt is the one that its answer is from."""
    begun.call.close()
    call.attempts.remove(first)
    call.attempts.append(first)
