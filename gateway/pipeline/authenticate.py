"""Who is calling? Unknown, malformed, expired and revoked credentials are answered alike."""

from collections.abc import Awaitable

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import Unauthenticated
from gateway.core.principal import Principal
from gateway.identity.callers import credential_in
from gateway.pipeline.parts import Parts

# How the SDKs of a dialect send a key, where not as a bearer's.
_WAYS = {"anthropic": "x-api-key: …", "gemini": "x-goog-api-key: …"}
_INVALID = "the API key is not valid here; ask whoever runs this gateway for one"


def authenticate(parts: Parts) -> Layer:
    identify, now = parts.identify, parts.clock.now

    def layer(service: Service) -> Service:
        def authenticated(call: Call) -> Awaitable[Reply]:
            found = identify(call.headers, now())
            if isinstance(found, Principal):  # by a key, nearly always
                _recognise(call, found)
                return service(call)
            if found is None:
                raise _unknown(call)
            return asked_for(call, found)

        async def asked_for(call: Call, asked: Awaitable[Principal | None]) -> Reply:
            found = await asked
            if found is None:
                raise _unknown(call)
            _recognise(call, found)
            return await service(call)

        return authenticated

    return layer


def _recognise(call: Call, caller: Principal) -> None:
    call.principal = caller
    record = call.record
    record.tenant, record.team, record.key_id = caller.tenant, caller.team, caller.key_id


def _unknown(call: Call) -> Unauthenticated:
    said = _INVALID if credential_in(call.headers) else _missing(call)
    return Unauthenticated(said, headers={"www-authenticate": "Bearer"})


def _missing(call: Call) -> str:
    if b"authorization" in call.headers:
        return "the authorization header must be `Bearer` and the API key"
    return f"no API key was given; send it as `{_WAYS.get(call.operation.dialect, 'Authorization: Bearer …')}`"
