"""What a call wants of its upstream, for whoever lets calls leave: whose it is, and how much it may use."""

from collections.abc import Callable

from gateway.core.call import Call
from gateway.core.live import Live
from gateway.core.share import Demand
from gateway.limits.estimate import input_tokens
from gateway.limits.rules import LimitPolicy
from gateway.pipeline.estimate import all_tokens


def demands(limits: Live[LimitPolicy]) -> Callable[[Call], Demand]:
    """The demand of a call that has its permits."""

    def demand_of(call: Call) -> Demand:
        policy = limits.value
        share = policy.shares.share_of(call.caller, call.permits[0].model.name)
        inputs = input_tokens(call)
        return Demand(share, inputs, all_tokens(call, policy.default_output_tokens) - inputs)

    return demand_of
