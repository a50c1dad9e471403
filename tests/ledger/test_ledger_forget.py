"""Erasure: the name, key ids made from it, claims, and tags if asked, are in no row; sums, seals and the chain stay."""

import msgspec
import pytest
from keeping import call, committed, findings, place_of
from ledger_parts import Desk

from gateway.core.record import Record
from gateway.ledger.forgetting import Forgotten, forget_person
from gateway.ledger.reports import usage
from gateway.ledger.rows import FORGOTTEN
from gateway.ledger.writing import ledger_transaction

KINDS = ("sqlite", "postgres")
JANE = "jane@example.com"
NOW = 1_800_000_000_000_000_000
TABLES = ("calls", "people", "usage_inputs", "decision_inputs")


def forget(desk: Desk, user: str = JANE, tenant: str | None = None, tags: bool = False) -> Forgotten:
    with ledger_transaction(place_of(desk)) as ledger:
        assert ledger is not None
        return forget_person(ledger, user, tenant, tags, NOW)


def everything(desk: Desk) -> str:
    return repr([desk.place.table(name) for name in TABLES])


def by(desk: Desk, *words: str) -> dict[tuple[str, ...], tuple[int, int]]:
    return {tuple(row.group.values()): (row.calls, row.cost_nano) for row in usage(place_of(desk), words)}


def token_calls(count: int = 8) -> list[Record]:
    """Calls of people known by tokens: key ids and facts are theirs."""
    names = ("jane", "kim")
    return [
        call(
            number,
            user=f"{names[number % 2]}@example.com",
            key_id=f"user_{names[number % 2]}",
            facts=f'{{"claims":{{"sub":["{names[number % 2]}-sub"]}}}}',
        )
        for number in range(count)
    ]


def test_nothing_that_says_who_it_was_is_left_and_all_sums_are(desk: Desk) -> None:
    committed(desk, *token_calls())
    before = by(desk, "team", "model")
    done = forget(desk)
    assert (done.calls, done.keys, done.shared_keys) == (4, 1, 0)
    left = everything(desk)
    assert "jane" not in left
    assert "kim-sub" in left
    assert by(desk, "team", "model") == before
    (person,) = done.persons
    assert by(desk, "user", "key") == {
        (f"{FORGOTTEN}:{person}", FORGOTTEN): (4, 6_000),
        ("kim@example.com", "user_kim"): (4, 6_000),
    }
    assert by(desk, "user") == {(f"{FORGOTTEN}:{person}",): (4, 6_000), ("kim@example.com",): (4, 6_000)}
    assert findings(desk) == []


def test_two_who_were_taken_out_are_not_mixed_up_and_rows_that_became_alike_are_one(desk: Desk) -> None:
    committed(desk, *token_calls())
    forget(desk, JANE)
    forget(desk, "kim@example.com")
    assert "@example.com" not in everything(desk)
    assert by(desk, "key") == {(FORGOTTEN,): (8, 12_000)}
    assert len(by(desk, "user")) == 2
    kept = {(row["key_id"], row["facts"]) for row in desk.place.table("decision_inputs")}
    assert kept == {(FORGOTTEN, "")}
    assert findings(desk) == []


def test_a_name_in_another_tenant_is_another_person(desk: Desk) -> None:
    committed(desk, call(0, user=JANE), call(1, user=JANE, tenant="other"))
    assert len(forget(desk, tenant="other").persons) == 1
    assert by(desk, "tenant", "user")["acme", JANE] == (1, 1_500)
    assert findings(desk) == []


def test_nobody_of_that_name_changes_nothing(desk: Desk) -> None:
    committed(desk)
    before = everything(desk)
    assert forget(desk, "nobody") == Forgotten()
    assert everything(desk) == before


def test_a_key_that_others_were_named_with_stays_with_theirs(desk: Desk) -> None:
    """A token's owner may name other users: what was done for those is not the forgotten one's."""
    shared = {"key_id": "user_agent", "facts": '{"claims":{"sub":["agent"]}}'}
    committed(desk, *(call(number, user=JANE if number % 2 else "kim@example.com", **shared) for number in range(6)))
    done = forget(desk)
    assert (done.calls, done.keys, done.shared_keys) == (3, 0, 1)
    assert by(desk, "key") == {(FORGOTTEN,): (3, 4_500), ("user_agent",): (3, 4_500)}
    assert findings(desk) == []


def test_a_key_that_is_no_persons_stays(desk: Desk) -> None:
    committed(desk)
    done = forget(desk)
    assert (done.calls, done.keys) == (0, 0)
    assert by(desk, "key") == {("k1",): (8, 12_000)}
    assert findings(desk) == []


def test_tags_go_if_asked_and_the_chain_says_so(desk: Desk) -> None:
    committed(desk)
    done = forget(desk, tags=True)
    assert done.tagged == 3
    assert by(desk, "user", "tag:env")[f"{FORGOTTEN}:{done.persons[0]}", ""] == (3, 4_500)
    assert findings(desk) == []
    assert sum(link["calls"] for link in desk.place.table("links")) == 8
    assert len(desk.place.table("links")) == 3


@pytest.mark.parametrize("tags", [False, True])
def test_who_writes_meanwhile_notices(desk: Desk, tags: bool) -> None:
    """The store remembers ids of names and inputs; after an erasure they mean something else."""
    committed(desk, *token_calls(4))
    forget(desk, tags=tags)
    desk.store.commit([msgspec.structs.replace(one) for one in token_calls(8)[4:]], "w-1.jnl", 3)
    assert findings(desk) == []
    assert by(desk, "user")[JANE,] == (2, 3_000)
    assert by(desk, "key")["user_jane",] == (2, 3_000)


def break_off_an_erasure(desk: Desk) -> None:
    with ledger_transaction(place_of(desk)) as ledger:
        assert ledger is not None
        forget_person(ledger, JANE, None, True, NOW)
        raise RuntimeError


def test_an_erasure_that_fails_half_way_changes_nothing(desk: Desk) -> None:
    committed(desk, *token_calls())
    before = everything(desk)
    with pytest.raises(RuntimeError):
        break_off_an_erasure(desk)
    assert everything(desk) == before
    assert findings(desk) == []
