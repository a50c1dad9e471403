"""Who is calling, once a credential has been recognised."""

from collections.abc import Mapping
from typing import Any

import msgspec

_canonical = msgspec.json.Encoder(order="sorted").encode


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A recognised caller. Everything here comes from the credential's registration or the token's issuer, never from
    the request.

    Attributes:
        labels: of the key, or mapped from a token's claims; `env` is the environment.
        claims: of a token, as lists of words; only those that the issuer's mapping keeps.
        data_class: the classification of what this caller sends, unless a request raises it; empty: the default.
        facts: labels and claims as canonical JSON: what is remembered and recorded instead of them. Made from them.
        strict: what a target cannot express is refused, never dropped (tenants.yaml).
        expires_at: Unix seconds after which the credential is refused, or None.
    """

    key_id: str
    tenant: str
    team: str
    owner: str = ""
    labels: Mapping[str, str] = {}
    claims: Mapping[str, tuple[str, ...]] = {}
    data_class: str = ""
    facts: str = ""
    expires_at: float | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        # Always made anew: two callers with different facts must never look alike.
        msgspec.structs.force_setattr(self, "facts", facts_of(self.labels, self.claims))

    @property
    def environment(self) -> str:
        """The label `env`; empty without one."""
        return self.labels.get("env", "")


def facts_of(labels: Mapping[str, str], claims: Mapping[str, tuple[str, ...]]) -> str:
    """Labels and claims as one canonical text: equal facts, equal text; empty for none."""
    facts: dict[str, Any] = {name: value for name, value in (("labels", labels), ("claims", claims)) if value}
    return _canonical(facts).decode() if facts else ""


def principal_from_facts(tenant: str, team: str, key_id: str, facts: str, data_class: str) -> Principal:
    """The caller that a record tells of.

    Raises:
        ValueError: `facts` is not what `facts_of` writes.
    """
    found = msgspec.json.decode(facts, type=_Facts) if facts else _Facts()
    return Principal(
        key_id=key_id,
        tenant=tenant,
        team=team,
        labels=found.labels,
        claims=found.claims,
        data_class=data_class,
    )


class _Facts(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}
    claims: dict[str, tuple[str, ...]] = {}
