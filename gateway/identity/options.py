"""`identity:` in config.yaml: whose tokens and certificates are believed, and what their claims mean here."""

import msgspec

MINUTE_S = 60.0


class From(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a word comes from: a token's claim, or always this value.

    Attributes:
        claim: the claim's name; where there is none of that name, a path into nested ones (`realm_access.roles`).
        map: claim value → word here. Of several values the first that this mapping lists counts; what it does not
            list counts as no value. Without it, the claim's one value is the word.
        value: the word, whatever the claims are.
    """

    claim: str = ""
    map: dict[str, str] = {}
    value: str = ""


class IssuerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An OpenID provider whose tokens are credentials here.

    Attributes:
        issuer: exactly what stands in `iss`. audience: one of these must stand in `aud`.
        jwks_url: where its keys are; if empty, `<issuer>/.well-known/openid-configuration` tells.
        algorithms: those that a token may be signed with; only asymmetric ones.
        clock_skew_s: how far its clock and ours may differ. max_age_s: how old a token (`iat`) may be at most.
        refresh_s: how often its keys are fetched.
        required_claims: must be there besides `iss`, `aud`, `sub` and `exp`.
        tenant, team: who the caller is; only pairs that tenants.yaml declares work.
        labels, data_class: as a key's. owner: default `email` unless it is marked unverified, else `sub`.
        keep_claims: what policies may look at.
        admin_role: opens the admin API to whoever it gives a role to.
    """

    issuer: str
    audience: tuple[str, ...]
    jwks_url: str = ""
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    clock_skew_s: float = MINUTE_S
    max_age_s: float | None = None
    refresh_s: float = 5 * MINUTE_S
    required_claims: tuple[str, ...] = ()
    tenant: From | None = None
    team: From | None = None
    labels: dict[str, From] = {}
    keep_claims: tuple[str, ...] = ()
    owner: From | None = None
    data_class: From | None = None
    admin_role: From | None = None


class SubjectOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A certificate's subject, exactly as the header tells it, and whose it is."""

    subject: str
    tenant: str
    team: str
    labels: dict[str, str] = {}
    data_class: str = ""


class ClientCertificateOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    trusted_proxies: addresses or networks of those who end TLS and verify clients' certificates.
    header: what they tell the subject in. `client-cert` (RFC 9440) holds the certificate itself, whose subject is
        read as RFC 4514 writes it: `CN=billing,O=Example`.
    """

    trusted_proxies: tuple[str, ...]
    subjects: tuple[SubjectOptions, ...]
    header: str = "client-cert"


class IdentityOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Credentials besides the gateway's own keys."""

    issuers: tuple[IssuerOptions, ...] = ()
    client_certificates: ClientCertificateOptions | None = None
