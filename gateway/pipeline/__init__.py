"""The steps every call passes, outermost first. Each step is thin: what it decides stands in the room it asks.

Must never: hold a rule, a number or a provider's quirk of its own.
"""

from gateway.core.call import Layer, Service
from gateway.pipeline.accounting import accounting
from gateway.pipeline.allowlist import allowlist
from gateway.pipeline.authenticate import authenticate
from gateway.pipeline.cache import cache
from gateway.pipeline.guard import guard
from gateway.pipeline.metering import metering
from gateway.pipeline.observe import observe
from gateway.pipeline.parts import Parts
from gateway.pipeline.prompt_template import prompt_template
from gateway.pipeline.rate_limit import rate_limit
from gateway.pipeline.recall import recall
from gateway.pipeline.shed import shed


def build_pipeline(parts: Parts, route: Service) -> Service:
    """The Service that answers calls: these layers around `route`."""
    layers: tuple[Layer, ...] = (
        observe(parts),  # outermost: refusals are seen too
        authenticate(parts),  # before metering: a call without a caller is nobody's to pay for
        metering(parts),  # outside everything that can refuse an identified caller; opens the body inside its record
        shed(parts),  # before anything that costs; what it turns away has a record
        prompt_template(parts),  # before allowlist, so that what is judged is what will be sent
        allowlist(parts),  # judges what will be sent
        recall(parts),  # earlier responses that the call goes on from; they are input too, and so before the limits
        guard(parts),  # sees all that will be sent; inside of recall, so that what is stored is what the caller saw
        rate_limit(parts),  # a refused call never costs quota
        cache(parts),  # a hit counts against rates; outside accounting, so that what is kept has its price
        accounting(parts),  # innermost: its ending runs first, so that limits and the record settle to the true cost
    )
    service = route
    for layer in reversed(layers):
        service = layer(service)
    parts.own_calls.service = service
    return service
