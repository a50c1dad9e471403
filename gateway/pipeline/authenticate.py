"""Who is calling? Unknown, malformed, expired and revoked credentials are answered alike."""

from gateway.core.call import Call, Layer, Reply, Service
from gateway.core.faults import Unauthenticated
from gateway.identity.callers import credential_in
from gateway.pipeline.parts import Parts

# How the SDKs of a dialect send a key, where not as a bearer's.
_WAYS = {"anthropic": "x-api-key: …", "gemini": "x-goog-api-key: …"}


_INVALID = "the API key is not valid here; ask whoever runs this gateway for one"


def authenticate(parts: Parts) -> Layer:
    verify, others, now = parts.verify, parts.others, parts.clock.now

    def layer(service: Service) -> Service:
        async def authenticated(call: Call) -> Reply:
            key = credential_in(call.headers)
            principal = verify(key, now()) if key else None
            if principal is None and others is not None:
                principal = await others(call.headers, key, now())
            if principal is None:
                raise Unauthenticated(_INVALID if key else _missing(call), headers={"www-authenticate": "Bearer"})
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
