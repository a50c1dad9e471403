"""A worker with more to do than it can turns calls away before they cost anything but their record."""

from collections.abc import Awaitable

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import Shed
from gateway.pipeline.parts import Parts


def shed(parts: Parts) -> Layer:
    turns_away = parts.turns_away

    def layer(service: Service) -> Service:
        def admitted(call: Call) -> Awaitable[Reply]:
            if turns_away(call):
                raise Shed("the gateway has more to do than it can at the moment; try again in a moment")
            return service(call)

        return admitted

    return layer
