"""What a call wants of its upstream, for whoever lets calls leave: whose it is, and how much it may use."""

from collections.abc import Callable

import msgspec

from gateway.core.call import Call
from gateway.core.live import Live
from gateway.core.share import Demand
from gateway.limits.matching import NOTHING_ASKED
from gateway.limits.rules import LimitPolicy
from gateway.pipeline.estimate import estimated_usage
from gateway.pipeline.rate_limit import asked_of
from gateway.router.mirrored import MIRROR


def demands(limits: Live[LimitPolicy]) -> Callable[[Call], Demand]:
    """The demand of a call that has its permits."""

    def demand_of(call: Call) -> Demand:
        policy = limits.value
        asked = asked_of(call) if policy.shares.asks else NOTHING_ASKED
        share = policy.shares.share_of(call.caller, call.permits[0].model.name, asked)
        if call.record.variant == MIRROR:
            share = msgspec.structs.replace(share, priority="batch")  # it never takes a caller's turn
        usage = estimated_usage(call, policy.default_output_tokens)
        return Demand(share, usage.total_input, usage.total_output)

    return demand_of
