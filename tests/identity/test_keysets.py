"""An issuer's keys: fetched, rotated, gone, away."""

import asyncio
import time
from typing import Any

import pytest

from gateway.core.clock import SystemClock
from gateway.core.live import Live
from gateway.identity import keysets
from gateway.identity.keysets import MAX_BYTES, KeySet, is_safe
from gateway.identity.refusing import Refused
from gateway.identity.tokens import Tokens
from gateway.testing import HandClock, Hangup, body_answer, json_answer, raw, status
from gateway.transport.client import HttpClient
from tests.identity.issuing import CONFIGURATION, JWKS, Provider, private_key, public_jwk
from tests.identity.test_tokens import TENANTS, eventually, options

CLOCK = SystemClock()


def key_set(idp: Provider, client: HttpClient, clock: HandClock, changes: list[str]) -> KeySet:
    return KeySet(options(idp.issuer), client, clock, lambda: changes.append("changed"))


async def test_an_unknown_key_is_fetched_once_for_all_who_wait(idp: Provider, client: HttpClient) -> None:
    clock, changes = HandClock(), list[str]()
    keys = key_set(idp, client, clock, changes)
    found = await asyncio.gather(*(keys.find("first", "RS256") for _ in range(20)))
    assert len({key.kid for key in found}) == 1
    assert (idp.asked(), idp.asked(CONFIGURATION), changes) == (1, 1, ["changed"])


async def test_made_up_names_do_not_make_us_ask_the_issuer_each_time(idp: Provider, client: HttpClient) -> None:
    clock = HandClock()
    keys = key_set(idp, client, clock, [])
    for number in range(50):
        with pytest.raises(Refused, match="unknown_key"):
            await keys.find(f"made up {number}", "RS256")
    assert idp.asked() == 1
    clock.advance(11)
    idp.publish(second="ES256")
    assert (await keys.find("second", "ES256")).kid == "second"
    assert idp.asked() == 2


async def test_a_rotation_is_followed_and_what_was_dropped_stops_working(idp: Provider, client: HttpClient) -> None:
    clock, reasons = HandClock(), list[str]()
    async with Tokens([options(idp.issuer)], client, clock, Live(TENANTS), reasons.append) as tokens:
        old = idp.token().encode()
        assert await tokens.caller(old, time.time()) is not None
        idp.publish(second="EdDSA")
        assert await tokens.caller(old, time.time()) is not None, "remembered, and its key is still known"
        clock.advance(11)
        assert await tokens.caller(idp.token("second").encode(), time.time()) is not None
        assert await tokens.caller(old, time.time()) is None
    assert reasons == ["unknown_key"]


async def test_keys_are_fetched_again_and_again(idp: Provider, client: HttpClient) -> None:
    often = options(idp.issuer, refresh_s=0.05)
    async with Tokens([often], client, CLOCK, Live(TENANTS), [].append) as tokens:
        old = idp.token().encode()
        assert await tokens.caller(old, time.time()) is not None
        idp.publish(second="RS256")
        before = idp.asked()
        await eventually(lambda: idp.asked() >= before + 2)
        assert await tokens.caller(old, time.time()) is None


async def test_with_the_issuer_away_known_keys_go_on_and_it_recovers(
    idp: Provider, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "RETRY_S", 0.05)
    often = options(idp.issuer, refresh_s=0.05)
    async with Tokens([often], client, CLOCK, Live(TENANTS), [].append) as tokens:
        assert await tokens.caller(idp.token().encode(), time.time()) is not None
        idp.away()
        await eventually(lambda: tokens.problems)
        assert await tokens.caller(idp.token(sub="another").encode(), time.time()) is not None
        idp.publish(first="RS256")
        await eventually(lambda: not tokens.problems)


async def test_an_issuer_that_is_away_at_the_start_is_found_later(
    idp: Provider, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "RETRY_S", 0.05)
    idp.away()
    reasons = list[str]()
    async with Tokens([options(idp.issuer)], client, CLOCK, Live(TENANTS), reasons.append) as tokens:
        token = idp.token().encode()
        assert await tokens.caller(token, time.time()) is None
        idp.publish(first="RS256")
        await eventually(lambda: not tokens.problems)
        assert await tokens.caller(token, time.time()) is not None
    assert reasons == ["no_keys"]


async def test_nobody_waits_long_for_a_slow_issuer(
    idp: Provider, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keysets, "WAIT_S", 0.1)
    idp.upstream.set(CONFIGURATION, raw(5.0))
    keys = key_set(idp, client, HandClock(), [])
    began = time.monotonic()
    with pytest.raises(Refused, match="no_keys"):
        await keys.find("first", "RS256")
    assert time.monotonic() - began < 4
    await keys.close()


def other(idp: Provider, **changes: Any) -> Any:
    return json_answer({"issuer": idp.issuer, "jwks_uri": idp.issuer + JWKS, **changes})


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("another issuer", "another issuer"),
        ("an issuer with a slash more", "another issuer"),
        ("keys over plain http elsewhere", "not https"),
        ("keys in a file", "not https"),
        ("no configuration", "no OpenID configuration"),
        ("a redirect", "status 302"),
        ("no keys", "no JWK set"),
        ("too many keys", "at most 100"),
        ("too many bytes", "more than"),
        ("a hang-up", "upstream"),
        ("HTML", "no JWK set"),
    ],
)
async def test_what_an_issuer_must_not_answer(idp: Provider, client: HttpClient, what: str, said: str) -> None:
    jwk = public_jwk(private_key("ES256"), "k")
    path, answer = {
        "another issuer": (CONFIGURATION, other(idp, issuer="https://login.example.com")),
        "an issuer with a slash more": (CONFIGURATION, other(idp, issuer=idp.issuer + "/")),
        "keys over plain http elsewhere": (CONFIGURATION, other(idp, jwks_uri="http://keys.example.com/jwks")),
        "keys in a file": (CONFIGURATION, other(idp, jwks_uri="file:///etc/passwd")),
        "no configuration": (CONFIGURATION, json_answer(["no"])),
        "a redirect": (JWKS, body_answer(b"", code=302, headers={"location": idp.issuer + "/elsewhere"})),
        "no keys": (JWKS, json_answer({"key": []})),
        "too many keys": (JWKS, json_answer({"keys": [jwk] * 101})),
        "too many bytes": (JWKS, json_answer({"keys": [], "x": "y" * MAX_BYTES})),
        "a hang-up": (JWKS, raw(Hangup())),
        "HTML": (JWKS, body_answer(b"<html>", "text/html")),
    }[what]
    idp.upstream.set(path, answer)
    clock = HandClock()
    keys = key_set(idp, client, clock, [])
    with pytest.raises(Refused, match="no_keys"):
        await keys.find("first", "RS256")
    assert said in keys.last_error
    assert idp.asked("/elsewhere") == 0
    idp.publish(first="RS256")
    clock.advance(11)
    assert (await keys.find("first", "RS256")).kid == "first"
    assert keys.last_error == ""


async def test_a_key_set_without_keys_ends_them_all(idp: Provider, client: HttpClient) -> None:
    clock, changes = HandClock(), list[str]()
    keys = key_set(idp, client, clock, changes)
    await keys.find("first", "RS256")
    idp.serve_keys([])
    clock.advance(11)
    with pytest.raises(Refused):
        await keys.find("other", "RS256")
    assert (keys.keys, changes) == ((), ["changed", "changed"])


async def test_the_same_keys_in_another_order_are_no_change(idp: Provider, client: HttpClient) -> None:
    clock, changes = HandClock(), list[str]()
    keys = key_set(idp, client, clock, changes)
    one, two = (public_jwk(private_key("ES256", number), f"k{number}") for number in (1, 2))
    for order in ([one, two], [two, dict(reversed(one.items()))]):
        idp.serve_keys(order)
        with pytest.raises(Refused):
            await keys.find("none", "ES256")
        clock.advance(11)
    assert (idp.asked(), changes) == (2, ["changed"])


async def test_without_a_name_two_keys_that_fit_are_none(idp: Provider, client: HttpClient) -> None:
    idp.publish(a="RS256", bb="RS256")
    keys = key_set(idp, client, HandClock(), [])
    with pytest.raises(Refused, match="unknown_key"):
        await keys.find(None, "RS256")
    assert (await keys.find("bb", "RS256")).kid == "bb"


async def test_a_given_jwks_url_needs_no_discovery(idp: Provider, client: HttpClient) -> None:
    idp.upstream.set(CONFIGURATION, status(404))
    keys = KeySet(options("any name", jwks_url=idp.issuer + JWKS), client, HandClock(), lambda: None)
    assert (await keys.find("first", "RS256")).kid == "first"
    assert idp.asked(CONFIGURATION) == 0


def test_only_https_proves_whose_keys_they_are() -> None:
    for where, safe in (
        ("https://login.example.com/x", True),
        ("http://127.0.0.1:80/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://localhost.example.com/x", False),
        ("http://127.0.0.1@example.com/x", False),
        ("http://login.example.com/x", False),
        ("ftp://localhost", False),
        ("", False),
    ):
        assert is_safe(where) is safe, where
