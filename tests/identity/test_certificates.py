"""Clients known by a certificate: believed from a proxy, and from nobody else."""

import base64
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from gateway.config import missing_extras, read_config
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.edge.proxied import behind_proxy
from gateway.identity import tokens
from gateway.identity.certificates import VOUCHED, ClientCertificates, certificate_in
from gateway.identity.options import ClientCertificateOptions, SubjectOptions
from gateway.identity.tenants import Tenants
from gateway.stores.documents import DocumentError
from gateway.stores.files import digest
from tests.identity.issuing import private_key

SUBJECT = "CN=billing\\, nightly,O=Example"
TENANTS = Tenants((), frozenset({("acme", "team-a")}), "1", classes={("acme", "team-a"): "internal"})


def certificate(days: float = 1) -> bytes:
    """A `Client-Cert` header of a certificate that ends so many days from now."""
    key = private_key("ES256")
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(NameOID.COMMON_NAME, "billing, nightly"),
        ]
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return b":" + base64.b64encode(made.public_bytes(serialization.Encoding.DER)) + b":"


def options(header: str = "x-client-cert-subject") -> ClientCertificateOptions:
    subject = SubjectOptions(subject=SUBJECT, tenant="acme", team="team-a", labels={"env": "prod"})
    return ClientCertificateOptions(trusted_proxies=("10.0.0.0/8", "::1"), subjects=(subject,), header=header)


async def known(
    headers: dict[bytes, bytes], tenants: Tenants = TENANTS, header: str = "client-cert"
) -> Principal | None:
    return await ClientCertificates(options(header), Live(tenants)).known(headers, b"", time.time())


async def test_a_subject_that_a_proxy_tells_is_a_caller() -> None:
    found = await known({VOUCHED: SUBJECT.encode()}, header="x-client-cert-subject")
    assert found is not None
    assert (found.tenant, found.team, found.owner) == ("acme", "team-a", SUBJECT)
    assert found.key_id == "cert_" + digest(SUBJECT.encode())
    assert (found.data_class, found.facts) == ("internal", '{"labels":{"env":"prod"}}')


async def test_a_certificate_is_known_by_its_subject_until_it_ends() -> None:
    found = await known({VOUCHED: certificate()})
    assert found is not None
    assert found.owner == SUBJECT
    assert found.expires_at == pytest.approx(time.time() + 86_400, abs=5)
    assert await known({VOUCHED: certificate(days=-1)}) is None


@pytest.mark.parametrize(
    "value",
    [b"", b":", b"::", b":AAAA:", b":!!!:", b"AAAA", SUBJECT.encode(), certificate()[:-9] + b":", certificate()[1:-1]],
)
async def test_what_is_no_certificate_is_nobodys(value: bytes) -> None:
    assert certificate_in(value) == ("", None)
    assert await known({VOUCHED: value}) is None


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"x-goog-api-key"])
async def test_whoever_shows_another_credential_is_judged_by_it(name: bytes) -> None:
    for value in (b"Basic x", b""):
        assert await known({VOUCHED: certificate(), name: value}) is None


async def test_a_subject_of_an_undeclared_team_or_none_is_nobody() -> None:
    assert await known({VOUCHED: certificate()}, Tenants((), frozenset(), "2")) is None
    assert await known({VOUCHED: b"CN=other"}, header="x-subject") is None
    assert await known({b"client-cert": certificate()}) is None


async def test_a_reloaded_file_counts_at_once() -> None:
    tenants = Live(TENANTS)
    certificates = ClientCertificates(options("x-subject"), tenants)
    headers = {VOUCHED: SUBJECT.encode()}
    first = await certificates.known(headers, b"", 0.0)
    assert first is not None
    assert await certificates.known(headers, b"", 0.0) is first
    tenants.value = Tenants((), frozenset(), "2")
    assert await certificates.known(headers, b"", 0.0) is None


async def passed(sent: Sequence[tuple[bytes, bytes]], peer: Any) -> list[tuple[bytes, bytes]]:
    """The headers that reach the application behind a proxy."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["headers"])

    scope = {"type": "http", "headers": [(b"host", b"x"), *sent], "client": peer}
    await behind_proxy(app, options("X-Subject"))(scope, None, None)  # type: ignore[arg-type]
    (headers,) = seen
    assert headers.pop(0) == (b"host", b"x")
    return headers


async def test_the_header_counts_from_a_proxy_only_and_only_once() -> None:
    said = (b"x-subject", b"CN=a")
    for peer in ("10.1.2.3", "::1", "::ffff:10.1.2.3"):
        assert await passed([said], (peer, 1)) == [(VOUCHED, b"CN=a")]
    for peer in ("11.1.2.3", "::2", "::ffff:11.1.2.3", "unix:", ""):
        assert await passed([said], (peer, 1)) == []
    assert await passed([said], None) == []
    assert await passed([said, (b"x-subject", b"CN=b")], ("10.1.2.3", 1)) == []
    assert await passed([(VOUCHED, b"CN=a")], ("10.1.2.3", 1)) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trusted_proxies": []}, "must name who ends TLS"),
        ({"trusted_proxies": ["proxy"]}, "does not appear to be"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "has host bits set"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "is everybody"),
        ({"trusted_proxies": ["::/0"]}, "is everybody"),
        ({"header": "Authorization"}, "is no header"),
        ({"header": "x subject"}, "is no header"),
        ({"subjects": [{"subject": "", "tenant": "a", "team": "b"}]}, "a subject is empty"),
        ({"subjects": [{"subject": "CN=a", "tenant": "a", "team": "b"}] * 2}, "declared twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    given = {"trusted_proxies": ["10.0.0.0/8"], "subjects": [], **changes}
    (tmp_path / "config.yaml").write_text(json.dumps({"identity": {"client_certificates": given}}))
    with pytest.raises(DocumentError, match=reason):
        read_config(tmp_path / "config.yaml", {})


def test_reading_certificates_needs_the_extra_and_subjects_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "oidc_installed", lambda: False)
    for header, missing in (("Client-Cert", 1), ("x-subject", 0)):
        given = {"header": header, "trusted_proxies": ["10.0.0.0/8"], "subjects": []}
        (tmp_path / "config.yaml").write_text(json.dumps({"identity": {"client_certificates": given}}))
        assert len(missing_extras(read_config(tmp_path / "config.yaml", {}))) == missing
