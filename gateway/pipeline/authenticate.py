"""Who is calling? Unknown, malformed, expired and revoked credentials are answered alike."""

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import Unauthenticated
from gateway.identity.callers import credential_in
from gateway.pipeline.parts import Parts

# How the SDKs of a dialect send a key, where not as a bearer's.
_WAYS = {"anthropic": "x-api-key: …", "gemini": "x-goog-api-key: …"}
_INVALID = "the API key is not valid here; ask whoever runs this gateway for one"


def authenticate(parts: Parts) -> Layer:
    identify, now = parts.identify, parts.clock.now

    def layer(service: Service) -> Service:
        async def authenticated(call: Call) -> Reply:
            principal = await identify(call.headers, now())
            if principal is None:
                said = _INVALID if credential_in(call.headers) else _missing(call)
                raise Unauthenticated(said, headers={"www-authenticate": "Bearer"})
            call.principal = principal
            record = call.record
            record.tenant, record.team, record.key_id = principal.tenant, principal.team, principal.key_id
            return await service(call)

        return authenticated

    return layer


def _missing(call: Call) -> str:
    if b"authorization" in call.headers:
        return "the authorization header must be `Bearer` and the API key"
    return f"no API key was given; send it as `{_WAYS.get(call.operation.dialect, 'Authorization: Bearer …')}`"
