"""`identity:` in config.yaml: what cannot be meant is refused with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import missing_extras, read_config
from gateway.core.extras import installing
from gateway.identity import tokens
from gateway.identity.mapping import principal_of, words_in
from gateway.identity.options import From, IssuerOptions
from gateway.identity.refusing import Refused
from gateway.stores.documents import DocumentError

GOOD: dict[str, Any] = {
    "issuer": "https://login.example.com",
    "audience": ["gateway"],
    "tenant": {"claim": "org"},
    "team": {"value": "team-a"},
}


def read(folder: Path, *issuers: dict[str, Any]) -> Any:
    path = folder / "config.yaml"
    path.write_text(json.dumps({"identity": {"issuers": list(issuers)}}))
    return read_config(path, {})


def test_an_issuer_needs_little(tmp_path: Path) -> None:
    (issuer,) = read(tmp_path, GOOD).config.identity.issuers
    assert (issuer.algorithms, issuer.clock_skew_s) == (("RS256", "ES256", "EdDSA"), 60.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"algorithms": ["HS256"]}, "symmetric"),
        ({"algorithms": ["hs512"]}, "symmetric"),
        ({"algorithms": ["RS256", "none"]}, "nobody signed"),
        ({"algorithms": ["None"]}, "nobody signed"),
        ({"algorithms": ["RS265"]}, "did you mean `RS256`"),
        ({"algorithms": []}, "is empty"),
        ({"audience": []}, "audience must name"),
        ({"audience": [""]}, "audience must name"),
        ({"issuer": "http://login.example.com"}, "starts with https://"),
        ({"issuer": "login.example.com"}, "starts with https://"),
        ({"issuer": "https://login.example.com/?tenant=1"}, "starts with https://"),
        ({"issuer": "", "jwks_url": "https://login.example.com/k"}, "issuer is empty"),
        ({"jwks_url": "http://login.example.com/keys"}, "a jwks_url starts with"),
        ({"clock_skew_s": 3600}, "clock_skew_s"),
        ({"max_age_s": 0}, "max_age_s"),
        ({"refresh_s": 0}, "refresh_s"),
        ({"tenant": {"claim": "org", "value": "acme"}}, "either `claim` or `value`"),
        ({"tenant": {}}, "either `claim` or `value`"),
        ({"team": {"value": "a", "map": {"x": "y"}}}, "only beside a `claim`"),
        ({"team": {"claim": "groups", "map": {"x": ""}}}, "a word for every value"),
        ({"labels": {"env": {}}}, "env needs either"),
        ({"admin_role": {"claim": "roles"}}, "admin_role needs a claim and a map"),
        ({"admin_role": {"value": "admin"}}, "admin_role needs a claim and a map"),
        ({"admin_role": {"claim": "roles", "map": {"x": "secrity"}}}, "did you mean `security`"),
        ({"colour": "red"}, "unknown key `colour`"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read(tmp_path, {**GOOD, **changes})


def test_who_calls_must_be_told_but_for_an_issuer_of_operators(tmp_path: Path) -> None:
    for missing in (["tenant"], ["team"], ["tenant", "team"]):
        with pytest.raises(DocumentError, match="say who a caller is"):
            read(tmp_path, {name: value for name, value in GOOD.items() if name not in missing})
    role = {"admin_role": {"claim": "roles", "map": {"x": "viewer"}}}
    alone = {name: value for name, value in GOOD.items() if name not in ("tenant", "team")}
    assert read(tmp_path, {**alone, **role}).config.identity.issuers[0].tenant is None


def test_an_issuer_is_declared_once(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="declared twice"):
        read(tmp_path, GOOD, GOOD)


def test_what_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(tmp_path, GOOD)
    assert missing_extras(settings) == []
    monkeypatch.setattr(tokens, "oidc_installed", lambda: False)
    (told,) = missing_extras(settings)
    assert told.reason == f"identity needs the extra `oidc`: {installing('oidc')}"
    assert missing_extras(read(tmp_path)) == []


ISSUER = IssuerOptions(
    issuer="https://login.example.com",
    audience=("gateway",),
    tenant=From(claim="org.id"),
    team=From(claim="https://example.com/team"),
    keep_claims=("scope", "groups", "realm_access.roles"),
)


def test_claims_are_found_by_their_name_and_then_by_a_path() -> None:
    claims: dict[str, Any] = {
        "sub": "s",
        "org": {"id": "acme"},
        "https://example.com/team": "a",
        "scope": "read write read",
        "groups": [3, True, "x"],
        "realm_access": {"roles": ["admin"]},
    }
    found = principal_of(ISSUER, claims, 1.0)
    assert (found.tenant, found.team, found.owner) == ("acme", "a", "s")
    assert found.claims == {"scope": ("read", "write"), "groups": ("3", "true", "x"), "realm_access.roles": ("admin",)}


def test_an_address_that_is_not_verified_names_nobody() -> None:
    claims: dict[str, Any] = {
        "sub": "s",
        "org": {"id": "acme"},
        "https://example.com/team": "a",
        "email": "x@example.com",
    }
    assert principal_of(ISSUER, claims, 1.0).owner == "x@example.com"
    assert principal_of(ISSUER, {**claims, "email_verified": False}, 1.0).owner == "s"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_claim_gives_words_or_is_refused(value: Any) -> None:
    try:
        words = words_in({"c": value}, "c")
    except Refused:
        words = ()
    assert list(words) == sorted(set(words))
    assert all(word and word.isprintable() for word in words)
