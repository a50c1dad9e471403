"""What must be true when a run is over, however it went."""

import operator
from collections import Counter
from typing import Any

from gateway.ledger.chain import link_digest
from gateway.ledger.decisions import verify_decisions
from gateway.stores.reading import SqliteReader
from tests.simulation.balance_of_limits import check_limits
from tests.simulation.upstream import Bill
from tests.simulation.world import World

INPUT_NANO, CACHED_NANO, OUTPUT_NANO = 1_000, 500, 2_000  # a token, by the price book of the tests


def check(world: World) -> Counter[str]:
    """What the run was made of, for the one who reads figures.

    Raises:
        AssertionError: something was lost, doubled, or does not add up.
    """
    calls = {row["id"]: row for row in world.rows("SELECT * FROM calls")}
    missing, foreign = set(world.opened) - set(calls), set(calls) - set(world.opened)
    assert not missing, f"lost: {missing}"
    # A call refused because it could not be recorded is recorded all the same, once the disk takes it.
    assert all(calls[call]["error_code"] == "metering_unavailable" for call in foreign), f"out of nowhere: {foreign}"
    bills = {bill.trace_id: bill for bill in world.upstream.bills}
    for call in calls.values():
        _check_call(call, bills.get(call["trace_id"]), world)
    _check_clients(calls, world)
    _check_money(calls, world)
    _check_sums(world)
    _check_chain(world)
    check_limits(calls, world)
    seen = Counter(call["outcome"] for call in calls.values())
    seen["kills"], seen["estimates"] = world.killed, sum(call["usage_source"] == "estimate" for call in calls.values())
    if world.redis is not None:
        fate = "emptied" if world.redis.emptied else "troubled" if world.redis.troubled else "unscathed"
        seen[f"redis {fate}"] += 1
    return seen


def _check_call(call: dict[str, Any], bill: Bill | None, world: World) -> None:
    """What the gateway says was used is what the upstream billed, or it says that it does not know."""
    assert call["outcome"] != "open"
    if call["outcome"] == "interrupted":
        assert call["id"] in world.cut, "only a killed worker leaves interrupted calls"
        assert (call["usage_source"], call["cost_nano"]) == ("none", None), "nobody knows, and so it is not free"
        return
    billed = (bill.input_tokens - bill.cached_tokens, bill.cached_tokens, bill.output_tokens) if bill else (0, 0, 0)
    if call["usage_source"] == "estimate":
        assert call["outcome"] in ("cancelled", "failed"), "only what was cut is estimated"
        assert call["pricing"] == "priced", "what was cut is not free"
        return
    assert (call["input_tokens"], call["cached_input_tokens"], call["output_tokens"]) == billed, (
        f"{call} was billed {billed}"
    )
    assert call["outcome"] != "completed" or sum(billed) > 0
    assert call["pricing"] == "priced" or not sum(billed), "what was billed has a price"


def _check_clients(calls: dict[str, dict[str, Any]], world: World) -> None:
    for heard in world.heard:
        if heard.whole and heard.status == 200 and heard.id in calls and heard.id not in world.unwritten:
            assert calls[heard.id]["outcome"] in ("completed", "failed"), "who has the last byte has been recorded"


def _check_money(calls: dict[str, dict[str, Any]], world: World) -> None:
    for call in calls.values():
        if call["pricing"] == "priced":
            used = (call["input_tokens"], call["cached_input_tokens"], call["output_tokens"])
            assert call["cost_nano"] == sum(map(operator.mul, used, (INPUT_NANO, CACHED_NANO, OUTPUT_NANO)))
        else:
            assert call["cost_nano"] is None
    (charged,) = world.rows("SELECT coalesce(sum(nano), 0) AS nano FROM charges")
    (attempted,) = world.rows("SELECT coalesce(sum(cost_nano), 0) AS nano FROM attempts")
    assert charged["nano"] == attempted["nano"] == sum(call["cost_nano"] or 0 for call in calls.values())


def _check_sums(world: World) -> None:
    whole = "count(*) AS calls, coalesce(sum(input_tokens), 0) AS tokens, coalesce(sum(cost_nano), 0) AS nano"
    summed = "coalesce(sum(calls), 0) AS calls, coalesce(sum(input_tokens), 0) AS tokens, coalesce(sum(cost_nano), 0) AS nano"
    (calls,) = world.rows(f"SELECT {whole} FROM calls")
    for table in ("usage_hours", "usage_days"):
        assert world.rows(f"SELECT {summed} FROM {table}") == [calls]
    bought = "coalesce(sum(quantity), 0) AS quantity, coalesce(sum(nano), 0) AS nano"
    charges = world.rows(f"SELECT {bought} FROM charges")
    for table in ("charge_hours", "charge_days"):
        assert world.rows(f"SELECT {bought} FROM {table}") == charges
    with SqliteReader(world.database, "gateway.ledger") as reader:
        assert list(verify_decisions(reader)) == []


def _check_chain(world: World) -> None:
    before = b""
    seals: dict[int, list[bytes]] = {}
    for row in world.rows("SELECT link, seal FROM calls ORDER BY id"):
        seals.setdefault(row["link"], []).append(row["seal"])
    for link in world.rows("SELECT * FROM links ORDER BY seq"):
        before = link_digest(before, link["seq"], link["writer"], seals.pop(link["seq"]))
        assert before == link["digest"]
    assert not seals, "every call is sealed by a link"
