"""Clients known by their TLS certificate, which a proxy has verified and tells of in a header.

The header counts only if the request comes from one of the proxies (`edge/proxied.py` sees to that: what it lets
through stands under a name that no client can send) and only if no other credential is sent: whoever shows a key, even
a wrong one, is judged by it.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.identity.callers import admitted
from gateway.identity.options import ClientCertificateOptions
from gateway.identity.tenants import Tenants
from gateway.stores.files import digest

# A colon cannot be sent in a header's name (RFC 9110, 5.1).
VOUCHED = b"gateway:client-certificate"
# The certificate itself, not its subject (RFC 9440).
CLIENT_CERT = "client-cert"
CREDENTIALS = (b"authorization", b"x-api-key", b"x-goog-api-key")
MAX_REMEMBERED = 1_000


class ClientCertificates:
    """The declared subjects."""

    def __init__(self, options: ClientCertificateOptions, tenants: Live[Tenants]) -> None:
        self._reads_certificate = options.header.lower() == CLIENT_CERT
        self._subjects = {
            one.subject: Principal(
                key_id="cert_" + digest(one.subject.encode()),
                tenant=one.tenant,
                team=one.team,
                owner=one.subject,
                labels=one.labels,
                data_class=one.data_class,
            )
            for one in options.subjects
        }
        self._tenants = tenants
        self._declared: Tenants = tenants.value
        self._known: dict[bytes, Principal | None] = {}

    async def known(self, headers: Mapping[bytes, bytes], credential: bytes, now: float) -> Principal | None:
        """The caller whose certificate a proxy vouches for; None for any other request."""
        value = headers.get(VOUCHED)
        if value is None or credential or any(name in headers for name in CREDENTIALS):
            return None
        if self._tenants.value is not self._declared or len(self._known) >= MAX_REMEMBERED:
            self._declared = self._tenants.value
            self._known.clear()
        if value not in self._known:
            self._known[value] = self._principal(value)
        found = self._known[value]
        if found is not None and found.expires_at is not None and now >= found.expires_at:
            return None
        return found

    def _principal(self, value: bytes) -> Principal | None:
        subject, expires_at = certificate_in(value) if self._reads_certificate else (_text(value), None)
        found = self._subjects.get(subject)
        if found is None:
            return None
        return admitted(msgspec.structs.replace(found, expires_at=expires_at), self._declared)


def certificate_in(value: bytes) -> tuple[str, float | None]:
    """Subject (RFC 4514) and end (Unix seconds) of the DER certificate in a `Client-Cert` header, a byte sequence
    between colons (RFC 9440, 2.2). An empty subject if it is none."""
    from cryptography import x509

    if len(value) < 2 or value[:1] != b":" or value[-1:] != b":":
        return "", None
    try:
        found = x509.load_der_x509_certificate(base64.b64decode(value[1:-1], validate=True))
        return found.subject.rfc4514_string(), found.not_valid_after_utc.timestamp()
    except (binascii.Error, ValueError, x509.InvalidVersion):
        return "", None


def trusts(proxies: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether an address is one of these, which are addresses or networks (`10.0.0.0/8`).

    Raises:
        ValueError: one is neither, or is everybody.
    """
    networks = [ip_network(one) for one in proxies]
    for network in networks:
        if network.prefixlen == 0:
            raise ValueError(f"`{network}` is everybody: anyone could claim to be any subject")

    @lru_cache(maxsize=1024)
    def trusted(address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in networks)

    return trusted


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
