"""Microsoft Entra tokens: a managed identity from a local stand-in. The other kinds speak to a login host over TLS
that cannot be stood in for here: that the right one is made is all that is tested of them."""

import time
from typing import Any
from urllib.parse import parse_qs

import azure.identity
import pytest
from token_server import TokenServer

from gateway.core.faults import NotConfigured
from gateway.transport.signing import entra
from gateway.transport.signing.entra import EntraAuthorizer, EntraOptions
from gateway.transport.url import parse_url

URL = parse_url("https://example.openai.azure.com/openai/v1/chat/completions")


async def test_a_managed_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    def issue(asked: Any) -> tuple[int, Any]:
        query = parse_qs(asked.query)
        assert query["resource"] == ["https://cognitiveservices.azure.com"]
        assert query["client_id"] == ["me"]
        return 200, {"access_token": "mi-token", "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer"}

    with TokenServer({"/token": issue}) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "proof")
        authorizer = EntraAuthorizer(EntraOptions(credential="managed_identity", client_id="me"))
        for _ in range(3):
            assert await authorizer.headers("POST", URL, {}, b"{}") == {"authorization": "Bearer mi-token"}
        assert server.times("/token") == 1
        assert server.asked[0].headers["x-identity-header"] == "proof"


async def test_a_refusal_is_told_without_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with TokenServer({"/token": lambda _: (400, {"error": "invalid", "error_description": "SECRET"})}) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "proof")
        with pytest.raises(NotConfigured) as found:
            await EntraAuthorizer(EntraOptions(credential="managed_identity")).headers("POST", URL, {}, b"{}")
    assert "SECRET" not in found.value.message


@pytest.mark.parametrize(
    ("kind", "name", "given"),
    [
        ("client_secret", "ClientSecretCredential", {"tenant_id": "t", "client_id": "c", "client_secret": "s"}),
        ("workload_identity", "WorkloadIdentityCredential", {"tenant_id": "t", "client_id": "c"}),
        ("managed_identity", "ManagedIdentityCredential", {"client_id": "c"}),
        ("default", "DefaultAzureCredential", {}),
    ],
)
async def test_the_kinds_of_credential(
    kind: Any, name: str, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, str]] = []

    class Stand:
        def __init__(self, **named: str) -> None:
            made.append(named)

        def get_token(self, scope: str) -> Any:
            return azure.core.credentials.AccessToken(f"for {scope}", int(time.time()) + 3600)

    monkeypatch.setattr(azure.identity, name, Stand)
    options = EntraOptions(
        credential=kind, tenant_id="t", client_id="c", client_secret="s", scope="https://ai.azure.com/.default"
    )
    headers = await EntraAuthorizer(options).headers("POST", URL, {}, b"{}")
    assert headers == {"authorization": "Bearer for https://ai.azure.com/.default"}
    assert made == [given]
    assert "client_secret='s'" not in repr(options)
    assert entra.EntraOptions().scope == "https://cognitiveservices.azure.com/.default"
