"""Google access tokens, of a service account's key and of the metadata server, from local stand-ins."""

import asyncio
import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from token_server import TokenServer

from gateway.core.faults import NotConfigured, UpstreamUnreachable
from gateway.testing import HandClock
from gateway.transport.signing.google import GoogleAuthorizer, GoogleOptions
from gateway.transport.url import parse_url

URL = parse_url("https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:predict")
_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = _key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def key_file(token_uri: str) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "gateway@p.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": PEM,
            "token_uri": token_uri,
        }
    )


async def ask(authorizer: GoogleAuthorizer) -> dict[str, str]:
    return dict(await authorizer.headers("POST", URL, {}, b"{}"))


async def test_a_service_accounts_key() -> None:
    def issue(asked: Any) -> tuple[int, Any]:
        assertion = parse_qs(asked.body.decode())["assertion"][0].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(assertion + "=="))
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        return 200, {"access_token": f"token-{server.times('/token')}", "expires_in": 3600}

    with TokenServer({"/token": issue}, delay_s=0.05) as server:
        clock = HandClock()
        authorizer = GoogleAuthorizer(GoogleOptions(service_account=key_file(f"{server.url}/token")), clock)
        together = await asyncio.gather(*(ask(authorizer) for _ in range(10)))
        assert {one["authorization"] for one in together} == {"Bearer token-1"}
        assert server.times("/token") == 1, "ten callers, one token"
        clock.at = time.time() + 3600 - 200
        assert (await ask(authorizer))["authorization"] == "Bearer token-1", "renewed in the background"
        for _ in range(200):
            if (await ask(authorizer))["authorization"] == "Bearer token-2":
                break
            await asyncio.sleep(0.01)
        assert server.times("/token") == 2


async def test_the_metadata_server(monkeypatch: pytest.MonkeyPatch) -> None:
    account = "/computeMetadata/v1/instance/service-accounts/default/"
    routes: Any = {
        "/": lambda _: (200, "ok"),
        account: lambda _: (200, {"email": "vm@p", "scopes": [], "aliases": []}),
        f"{account}token": lambda _: (200, {"access_token": "vm-token", "expires_in": 3000, "token_type": "Bearer"}),
        "/computeMetadata/v1/project/project-id": lambda _: (200, "p"),
        "/computeMetadata/v1/universe/universe-domain": lambda _: (200, "googleapis.com"),
    }
    with TokenServer(routes) as server:
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
        monkeypatch.setenv("GCE_METADATA_IP", server.host)
        # The library reads GCE_METADATA_HOST once, when it is imported.
        monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", server.host)
        headers = await ask(GoogleAuthorizer(GoogleOptions()))
        assert headers["authorization"] == "Bearer vm-token"
        assert all(one.headers["metadata-flavor"] == "Google" for one in server.asked)


async def test_a_key_that_is_none() -> None:
    for text in ("not json", "[]", '{"type": "service_account"}', '"text"'):
        with pytest.raises(NotConfigured, match="service_account"):
            await ask(GoogleAuthorizer(GoogleOptions(service_account=text)))
    assert "PRIVATE" not in repr(GoogleOptions(service_account=key_file("http://127.0.0.1:1")))


async def test_a_key_that_is_refused_is_told_without_what_was_said() -> None:
    said = {"error": "invalid_grant", "error_description": "SECRET"}
    with TokenServer({"/token": lambda _: (400, said)}) as server:
        with pytest.raises(NotConfigured) as found:
            await ask(GoogleAuthorizer(GoogleOptions(service_account=key_file(f"{server.url}/token"))))
    assert "SECRET" not in found.value.message
    assert found.value.__cause__ is None


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the library waits between its own attempts
    with pytest.raises(UpstreamUnreachable, match="Google"):
        await ask(GoogleAuthorizer(GoogleOptions(service_account=key_file("http://127.0.0.1:1/token"))))
