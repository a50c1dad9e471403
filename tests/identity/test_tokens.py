"""Tokens as credentials, with real keys, from a real server."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio
from jwt.algorithms import RSAAlgorithm

from gateway.core.clock import SystemClock
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.identity.jose import MAX_TOKEN_BYTES
from gateway.identity.options import From, IssuerOptions
from gateway.identity.tenants import Tenants
from gateway.identity.tokens import Tokens
from gateway.stores.files import digest
from gateway.transport.client import HttpClient
from tests.identity.issuing import (
    AUDIENCE,
    JWKS,
    Provider,
    packed,
    pem,
    private_key,
    public_jwk,
    signed_by_hand,
)

CLOCK = SystemClock()
TENANTS = Tenants(
    (),
    frozenset({("acme", "team-a"), ("acme", "team-b")}),
    "1",
    classes={("acme", "team-a"): "internal", ("acme", "team-b"): "internal"},
)
ALL = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def options(issuer: str, **changes: Any) -> IssuerOptions:
    given: dict[str, Any] = {
        "issuer": issuer,
        "audience": (AUDIENCE, "other-name"),
        "algorithms": ALL,
        "tenant": From(claim="org"),
        "team": From(claim="groups", map={"team-b": "team-b", "team-a": "team-a", "gone": "gone"}),
        "labels": {"env": From(claim="env")},
        "keep_claims": ("groups",),
        "admin_role": From(claim="roles", map={"sec": "security", "view": "viewer"}),
    }
    return IssuerOptions(**{**given, **changes})


class Site:
    """Tokens of one provider, and why they were refused."""

    def __init__(self, idp: Provider, tokens: Tokens, tenants: Live[Tenants], reasons: list[str]) -> None:
        self.idp, self.tokens, self.tenants, self.reasons = idp, tokens, tenants, reasons

    async def caller(self, token: str | bytes, now: float | None = None) -> Principal | None:
        text = token.encode() if isinstance(token, str) else token
        return await self.tokens.caller(text, time.time() if now is None else now)

    async def refusal(self, token: str | bytes, now: float | None = None) -> str:
        self.reasons.clear()
        assert await self.caller(token, now) is None
        (reason,) = self.reasons
        return reason


@pytest_asyncio.fixture
async def site(idp: Provider, client: HttpClient) -> AsyncIterator[Site]:
    tenants, reasons = Live(TENANTS), list[str]()
    async with Tokens([options(idp.issuer)], client, CLOCK, tenants, reasons.append) as tokens:
        yield Site(idp, tokens, tenants, reasons)


async def test_a_token_tells_who_calls(site: Site) -> None:
    token = site.idp.token(env="prod", data_class="secret")
    found = await site.caller(token)
    assert found is not None
    assert (found.tenant, found.team, found.owner) == ("acme", "team-a", "u1@example.com")
    assert found.key_id == "user_" + digest(site.idp.issuer.encode(), b"u-1")
    assert (found.labels, found.claims) == ({"env": "prod"}, {"groups": ("staff", "team-a")})
    assert found.facts == '{"claims":{"groups":["staff","team-a"]},"labels":{"env":"prod"}}'
    assert found.data_class == "internal"
    assert found.expires_at == pytest.approx(time.time() + 660, abs=5)
    assert await site.caller(token) is found, "put together once"


@pytest.mark.parametrize("alg", ALL)
async def test_every_asymmetric_algorithm_is_verified(site: Site, alg: str) -> None:
    site.idp.publish(k=alg)
    token = site.idp.token("k")
    assert await site.caller(token) is not None
    head, payload, signature = token.split(".")
    other = packed({**site.idp.claims(), "sub": "somebody else"})
    assert await site.refusal(f"{head}.{other}.{signature}") == "signature"
    assert await site.refusal(f"{head}.{payload}.{'A' * len(signature)}") == "signature"


async def test_a_token_may_leave_its_key_unnamed_where_only_one_fits(site: Site) -> None:
    site.idp.publish(a="RS256", bb="ES256")
    alg, private = site.idp.private["bb"]
    assert await site.caller(jwt.encode(site.idp.claims(), private, alg)) is not None
    _, other = site.idp.private["a"]
    assert await site.caller(jwt.encode(site.idp.claims(), other, "RS256")) is not None


SIGNED: list[tuple[str, dict[str, Any], str]] = [
    ("another audience", {"aud": "someone"}, "audience"),
    ("no audience", {"aud": None}, "audience"),
    ("an audience in other letters", {"aud": "Gateway"}, "audience"),
    ("audiences that are no words", {"aud": [1, None]}, "audience"),
    ("another issuer", {"iss": "https://elsewhere.example.com"}, "issuer"),
    ("no issuer", {"iss": None}, "issuer"),
    ("expired", {"exp": int(time.time()) - 61}, "expired"),
    ("no expiry", {"exp": None}, "claims"),
    ("an expiry that is a text", {"exp": "9999999999"}, "claims"),
    ("an expiry that is true", {"exp": True}, "claims"),
    ("not yet good", {"nbf": int(time.time()) + 86_400}, "not_yet"),
    ("issued in the future", {"iat": int(time.time()) + 86_400}, "not_yet"),
    ("no subject", {"sub": None}, "claims"),
    ("an empty subject", {"sub": ""}, "claims"),
    ("no tenant", {"org": None}, "mapping"),
    ("two tenants", {"org": ["acme", "other"]}, "mapping"),
    ("a tenant that is an object", {"org": {"id": "acme"}}, "mapping"),
    ("no group that is mapped", {"groups": ["staff"]}, "mapping"),
    ("a team that is not declared", {"groups": ["gone"]}, "undeclared"),
    ("a tenant that is not declared", {"org": "other"}, "undeclared"),
    ("more groups than are read", {"groups": [f"g{n}" for n in range(300)]}, "mapping"),
    ("a label with a line break", {"env": "prod\nx"}, "mapping"),
]


@pytest.mark.parametrize(("_what", "changes", "reason"), SIGNED, ids=[row[0] for row in SIGNED])
async def test_a_token_signed_by_the_issuer_may_still_be_no_good(
    site: Site, _what: str, changes: dict[str, Any], reason: str
) -> None:
    assert await site.refusal(site.idp.token(**changes)) == reason


async def test_clocks_may_differ_by_the_skew(site: Site) -> None:
    now = time.time()
    token = site.idp.token(exp=int(now) - 30, nbf=int(now) + 30, iat=int(now) + 30)
    assert await site.caller(token, now) is not None
    assert await site.refusal(token, now + 31) == "expired"


async def test_a_remembered_token_ends_when_it_expires(site: Site) -> None:
    now = time.time()
    token = site.idp.token(exp=int(now) + 10)
    assert await site.caller(token, now) is not None
    assert await site.caller(token, now + 69) is not None
    assert await site.refusal(token, now + 71) == "expired"
    assert await site.refusal(token, now + 71) == "expired"


async def test_max_age_and_required_claims(idp: Provider, client: HttpClient) -> None:
    strict, reasons = options(idp.issuer, max_age_s=60.0, required_claims=("amr",)), list[str]()
    async with Tokens([strict], client, CLOCK, Live(TENANTS), reasons.append) as tokens:
        now = time.time()
        good = idp.token(amr=["mfa"]).encode()
        assert await tokens.caller(good, now) is not None
        assert await tokens.caller(good, now + 125) is None
        for token in (idp.token(), idp.token(amr=["mfa"], iat=None), idp.token(amr=["mfa"], iat=int(now) - 200)):
            assert await tokens.caller(token.encode(), now) is None
    assert reasons == ["expired", "claims", "claims", "too_old"]


def forged(idp: Provider) -> list[tuple[str, str | bytes, str]]:
    """Tokens that nobody at the issuer has made: (what, token, reason)."""
    claims, private = idp.claims(), idp.private["first"][1]
    payload = packed(claims)
    good = {"alg": "RS256", "kid": "first"}
    stranger = private_key("RS256", 99)
    hs = packed({"alg": "HS256", "kid": "first"})
    import hashlib
    import hmac

    confused = hmac.new(pem(private), f"{hs}.{payload}".encode(), hashlib.sha256).digest()
    honest = signed_by_hand(good, claims, private)
    return [
        ("none", f"{packed({'alg': 'none'})}.{payload}.{packed(b'x')}", "algorithm"),
        ("none without a signature", f"{packed({'alg': 'none'})}.{payload}.", "malformed"),
        ("None in other letters", f"{packed({'alg': 'nOnE'})}.{payload}.{packed(b'x')}", "algorithm"),
        ("the public key as a shared secret", f"{hs}.{payload}.{packed(confused)}", "algorithm"),
        ("another type of key", signed_by_hand({**good, "alg": "ES256"}, claims, private), "algorithm"),
        ("no algorithm", signed_by_hand({"kid": "first"}, claims, private), "malformed"),
        ("an algorithm that is a number", signed_by_hand({**good, "alg": 5}, claims, private), "malformed"),
        ("somebody else's key", signed_by_hand(good, claims, stranger), "signature"),
        (
            "a key of its own",
            signed_by_hand({**good, "jwk": public_jwk(stranger, "first")}, claims, stranger),
            "signature",
        ),
        ("a key set of its own", signed_by_hand({**good, "jku": "http://127.0.0.1:1/"}, claims, stranger), "signature"),
        ("crit", signed_by_hand({**good, "crit": ["exp"]}, claims, private), "critical_header"),
        ("crit that is empty", signed_by_hand({**good, "crit": []}, claims, private), "critical_header"),
        ("crit that is null", signed_by_hand({**good, "crit": None}, claims, private), "critical_header"),
        ("b64 switched off", signed_by_hand({**good, "b64": False}, claims, private), "signature"),
        ("a path for a key", signed_by_hand({**good, "kid": "../../etc/passwd"}, claims, private), "unknown_key"),
        ("a URL for a key", signed_by_hand({**good, "kid": "http://127.0.0.1:1/k"}, claims, private), "unknown_key"),
        ("SQL for a key", signed_by_hand({**good, "kid": "x' UNION SELECT 'y"}, claims, private), "unknown_key"),
        ("an object for a key", signed_by_hand({**good, "kid": {}}, claims, private), "malformed"),
        ("a logout token", signed_by_hand({**good, "typ": "logout+jwt"}, claims, private), "type"),
        ("claims that are a list", signed_by_hand(good, [claims], private), "malformed"),
        ("claims that are no JSON", signed_by_hand(good, b"\xff{", private), "malformed"),
        (
            "claims nested without end",
            signed_by_hand(good, b'{"a":' * 3_000 + b"1" + b"}" * 3_000, private),
            "too_long",
        ),
        ("an endless number", signed_by_hand(good, b'{"exp":1e999}', private), "malformed"),
        ("too long", honest + "A" * MAX_TOKEN_BYTES, "too_long"),
        ("padding", honest + "=", "malformed"),
        ("a blank within", honest.replace(".", ". ", 1), "malformed"),
        ("nothing but dots", "..", "malformed"),
        ("other letters", "ä.ö.ü", "malformed"),
        ("no text at all", b"\x00.\xff.\x80", "malformed"),
    ]


FORGED = 29


@pytest.mark.parametrize("number", range(FORGED))
async def test_a_forged_token_opens_nothing(site: Site, number: int) -> None:
    await eventually(lambda: site.idp.asked() == 1)
    cases = forged(site.idp)
    assert len(cases) == FORGED
    what, token, reason = cases[number]
    assert await site.refusal(token) == reason, what
    assert await site.caller(
        signed_by_hand({"alg": "RS256", "kid": "first"}, site.idp.claims(), site.idp.private["first"][1])
    )


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_algorithm_that_the_issuer_may_not_use_is_refused(idp: Provider, client: HttpClient) -> None:
    idp.publish(k="RS512")
    only, reasons = options(idp.issuer, algorithms=("RS256",)), list[str]()
    async with Tokens([only], client, CLOCK, Live(TENANTS), reasons.append) as tokens:
        assert await tokens.caller(idp.token("k").encode(), time.time()) is None
    assert reasons == ["algorithm"]


async def test_a_key_that_is_not_for_signing_here_verifies_nothing(site: Site) -> None:
    rs, short, es = private_key("RS256", 5), private_key("short"), private_key("ES256")
    encryption = public_jwk(rs, "enc", use="enc")
    ops = public_jwk(rs, "ops", key_ops=["encrypt"])
    leaked = {**RSAAlgorithm.to_jwk(rs, as_dict=True), "kid": "leaked", "key_ops": ["verify"]}
    other = public_jwk(rs, "other", alg="PS256")
    secret = {"kty": "oct", "kid": "oct", "k": packed(b"x" * 32)}
    broken = [{"kty": "RSA", "kid": "broken", "n": 5, "e": "AQAB"}, {"kty": "EC", "kid": "curve", "crv": "P-256"}, {}]
    wrong_curve = {**public_jwk(es, "crv"), "crv": "P-384"}
    site.idp.serve_keys([encryption, ops, leaked, other, secret, wrong_curve, *broken, public_jwk(short, "short")])
    for kid, private, reason in (
        ("enc", rs, "unknown_key"),
        ("ops", rs, "unknown_key"),
        ("leaked", rs, "unknown_key"),
        ("other", rs, "algorithm"),
        ("short", short, "unknown_key"),
        ("oct", rs, "unknown_key"),
    ):
        token = signed_by_hand({"alg": "RS256", "kid": kid}, site.idp.claims(), private)
        assert await site.refusal(token) == reason, kid


async def test_removing_a_team_ends_its_users_tokens_and_a_class_follows_the_file(site: Site) -> None:
    token = site.idp.token()
    assert await site.caller(token) is not None
    site.tenants.value = Tenants((), frozenset(), "2")
    assert await site.refusal(token) == "undeclared"
    site.tenants.value = Tenants((), TENANTS.teams, "3", classes={("acme", "team-a"): "restricted"})
    found = await site.caller(token)
    assert found is not None
    assert found.data_class == "restricted"


async def test_the_first_group_in_the_mappings_order_counts(site: Site) -> None:
    for groups in (["team-a", "team-b"], ["team-b", "team-a"]):
        found = await site.caller(site.idp.token(groups=groups))
        assert found is not None
        assert found.team == "team-b"


async def test_a_role_opens_the_admin_api_and_only_a_role(site: Site) -> None:
    found = await site.tokens.operator(site.idp.token(roles=["view", "sec"], org=None).encode())
    assert found is not None
    assert (found.name, found.role) == ("token:u1@example.com", "security")
    for changes in ({}, {"roles": ["admin"]}, {"roles": {"a": 1}}):
        assert await site.tokens.operator(site.idp.token(**changes).encode()) is None
    assert await site.tokens.operator(b"gwo-key") is None
    assert site.reasons == ["role"] * 3


async def test_the_log_says_why_and_never_holds_a_token(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    token = site.idp.token(aud="someone")
    for _ in range(3):
        await site.refusal(token)
    assert caplog.text.count("was refused: audience") == 1
    assert site.idp.issuer in caplog.text
    for part in token.split("."):
        assert part not in caplog.text


async def test_a_remembered_token_costs_microseconds(site: Site) -> None:
    token, now = site.idp.token().encode(), time.time()
    assert await site.tokens.caller(token, now) is not None
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(500):
            await site.tokens.caller(token, now)
        best = min(best, (time.perf_counter() - began) / 500)
    assert best < 10e-6, f"{best * 1e6:.1f} us"


async def test_what_is_remembered_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.identity import tokens as module

    monkeypatch.setattr(module, "MAX_REMEMBERED", 5)
    for number in range(20):
        assert await site.caller(site.idp.token(sub=f"u{number}")) is not None
    assert len(site.tokens._remembered) == 5
    assert site.idp.asked(JWKS) == 1
