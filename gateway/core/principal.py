"""Who is calling, once a credential has been recognised."""

from collections.abc import Mapping

import msgspec


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A recognised caller. `labels` come from the key's registration, never from the request.

    Attributes:
        strict: what a target cannot express is refused, never dropped (tenants.yaml).
        expires_at: Unix seconds after which the credential is refused, or None.
    """

    key_id: str
    tenant: str
    team: str
    owner: str = ""
    labels: Mapping[str, str] = {}
    expires_at: float | None = None
    strict: bool = False
