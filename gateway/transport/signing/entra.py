"""Microsoft Entra: access tokens for Azure OpenAI and Foundry, by azure-identity.

A client secret, a federated workload (Kubernetes), a managed identity, or azure-identity's own chain of all these and
a developer's logins.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gateway.core.clock import Clock
from gateway.core.faults import Fault
from gateway.transport.signing.authorizer import Kept, Renewing, load, refused_by
from gateway.transport.url import Url

_RENEW_BEFORE_S = 300.0


class EntraOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    credential: where to take it from; `default` tries all in azure-identity's order.
    tenant_id, client_id, client_secret: as far as `credential` needs them; the rest azure-identity finds.
    authority: another cloud's login host. scope: `https://ai.azure.com/.default` for Foundry's own endpoints.
    """

    credential: Literal["default", "client_secret", "workload_identity", "managed_identity"] = "default"
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = ""
    authority: str = ""
    scope: str = "https://cognitiveservices.azure.com/.default"

    def __repr__(self) -> str:
        return f"EntraOptions(credential={self.credential!r}, scope={self.scope!r})"


class EntraAuthorizer:
    """An `Authorizer` for Azure."""

    def __init__(self, options: EntraOptions, clock: Clock | None = None) -> None:
        self._renewing = Renewing(_AzureIdentity(options).fetch, _failed, clock)

    async def headers(
        self,
        method: str,  # noqa: ARG002  the protocol's signature
        url: Url,  # noqa: ARG002
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        return await self._renewing.get()


class _AzureIdentity:
    """Azure's library. All of it blocks, and is only called from a thread."""

    def __init__(self, options: EntraOptions) -> None:
        self._options = options
        self._credential: Any = None

    def fetch(self) -> Kept[Mapping[str, str]]:
        """A token, as headers; azure-identity keeps it, and renews it when it is asked in the last five minutes."""
        if self._credential is None:
            self._credential = self._make()
        token = self._credential.get_token(self._options.scope)
        expires = float(token.expires_on)
        return Kept({"authorization": f"Bearer {token.token}"}, expires - _RENEW_BEFORE_S, expires)

    def _make(self) -> Any:
        options = self._options
        named = {
            "tenant_id": options.tenant_id,
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            "authority": options.authority,
        }
        wanted: Mapping[str, tuple[str, tuple[str, ...]]] = {
            "client_secret": ("ClientSecretCredential", ("tenant_id", "client_id", "client_secret", "authority")),
            "workload_identity": ("WorkloadIdentityCredential", ("tenant_id", "client_id", "authority")),
            "managed_identity": ("ManagedIdentityCredential", ("client_id",)),
            "default": ("DefaultAzureCredential", ("authority",)),
        }
        name, takes = wanted[options.credential]
        given = {key: named[key] for key in takes if named[key]}
        return getattr(load("azure.identity", "azure"), name)(**given)


def _failed(error: Exception) -> Fault:
    exceptions = load("azure.core.exceptions", "azure")
    return refused_by("Microsoft Entra", error, (exceptions.ServiceRequestError, exceptions.ServiceResponseError))
