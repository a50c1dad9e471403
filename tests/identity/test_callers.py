"""What is known of a caller besides its key, and that it costs nothing to know."""

import time
from collections.abc import Mapping

from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.identity.callers import Callers, admitted, credential_in
from gateway.identity.keys import KeySnapshot, digest_of
from gateway.identity.tenants import Team, Tenant, Tenants

TENANTS = Tenants(
    (Tenant("acme", teams=(Team("a"), Team("b"))),),
    frozenset({("acme", "a"), ("acme", "b")}),
    "1",
    frozenset({"acme"}),
    classes={("acme", "a"): "internal", ("acme", "b"): "confidential"},
)


def principal(team: str = "a", **labels: str) -> Principal:
    return Principal(key_id="key_1", tenant="acme", team=team, labels=labels)


def of(*principals: Principal) -> tuple[Live[KeySnapshot], Live[Tenants], Callers]:
    keys = Live(KeySnapshot({digest_of(b"gw-%d" % number): one for number, one in enumerate(principals)}))
    tenants = Live(TENANTS)
    return keys, tenants, Callers(keys, tenants)


def test_a_key_brings_its_class_its_facts_and_its_tenants_strictness() -> None:
    *_, callers = of(principal(env="dev"))
    found = callers.verify(b"gw-0", 0)
    assert found is not None
    assert (found.data_class, found.facts, found.strict) == ("internal", '{"labels":{"env":"dev"}}', True)


def test_a_label_raises_the_class_and_never_lowers_it() -> None:
    for team, word, expected in (
        ("a", "restricted", "restricted"),
        ("a", "public", "internal"),
        ("b", "internal", "confidential"),
        ("a", "no such class", "restricted"),
        ("a", "", "internal"),
    ):
        found = admitted(principal(team, data_class=word), TENANTS)
        assert found is not None
        assert found.data_class == expected, (team, word)


def test_the_caller_is_put_together_once_until_the_keys_or_the_tenants_change() -> None:
    keys, tenants, callers = of(principal())
    first = callers.verify(b"gw-0", 0)
    assert callers.verify(b"gw-0", 0) is first
    tenants.value = Tenants(TENANTS.tenants, TENANTS.teams, "2", classes={("acme", "a"): "restricted"})
    second = callers.verify(b"gw-0", 0)
    assert second is not None
    assert (second.data_class, second.strict) == ("restricted", False)
    tenants.value = Tenants((), frozenset(), "3")
    assert callers.verify(b"gw-0", 0) is None
    tenants.value = TENANTS
    assert callers.verify(b"gw-0", 0) is not None
    keys.value = KeySnapshot()
    assert callers.verify(b"gw-0", 0) is None


def test_an_expired_key_is_refused_however_well_it_is_remembered() -> None:
    *_, callers = of(Principal(key_id="k", tenant="acme", team="a", expires_at=100.0))
    assert callers.verify(b"gw-0", 99.9) is not None
    assert callers.verify(b"gw-0", 100.0) is None


def test_recognising_a_key_takes_two_microseconds_at_most() -> None:
    *_, callers = of(principal(env="dev"))
    key, best = b"gw-0", float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(2_000):
            callers.verify(key, 0.0)
        best = min(best, (time.perf_counter() - began) / 2_000)
    assert best <= 2e-6, f"{best * 1e6:.2f} us"


def test_where_credentials_stand() -> None:
    for headers, expected in (
        ({b"authorization": b"Bearer  gw-1 "}, b"gw-1"),
        ({b"authorization": b"bearer gw-1", b"x-api-key": b"gw-2"}, b"gw-1"),
        ({b"authorization": b"Basic eA==", b"x-api-key": b"gw-2"}, b""),
        ({b"x-api-key": b"gw-2"}, b"gw-2"),
        ({b"x-goog-api-key": b" gw-3"}, b"gw-3"),
        ({}, b""),
    ):
        assert credential_in(headers) == expected


async def test_only_who_has_no_key_has_to_be_asked_for() -> None:
    keys, tenants, _ = of(principal())
    person = Principal(key_id="user_1", tenant="acme", team="a")

    async def known(headers: Mapping[bytes, bytes], credential: bytes, now: float) -> Principal | None:
        return person if credential == b"token" else None

    alone, with_others = Callers(keys, tenants), Callers(keys, tenants, known)
    key, token, nobody = ({b"x-api-key": one} for one in (b"gw-0", b"token", b"gw-1"))
    for callers in (alone, with_others):
        assert isinstance(callers.identify(key, 0), Principal)
    assert alone.identify(token, 0) is None
    assert await with_others.identified(token, 0) is person
    assert await with_others.identified(nobody, 0) is None
    assert await with_others.identified(key, 0) is with_others.identify(key, 0)
