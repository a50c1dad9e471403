"""Who is calling? Unknown, malformed, expired and revoked credentials are answered alike."""

from collections.abc import Awaitable

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.principal import Principal
from gateway.identity.unknown_callers import unknown_caller
from gateway.pipeline.parts import Parts


def authenticate(parts: Parts) -> Layer:
    identify, now = parts.identify, parts.clock.now

    def layer(service: Service) -> Service:
        def authenticated(call: Call) -> Awaitable[Reply]:
            found = identify(call.headers, now())
            if isinstance(found, Principal):  # by a key, nearly always
                _recognise(call, found)
                return service(call)
            if found is None:
                raise unknown_caller(call.headers, call.operation.dialect)
            return asked_for(call, found)

        async def asked_for(call: Call, asked: Awaitable[Principal | None]) -> Reply:
            found = await asked
            if found is None:
                raise unknown_caller(call.headers, call.operation.dialect)
            _recognise(call, found)
            return await service(call)

        return authenticated

    return layer


def _recognise(call: Call, caller: Principal) -> None:
    call.caller = caller
    record = call.record
    record.tenant, record.team, record.key_id = caller.tenant, caller.team, caller.key_id
