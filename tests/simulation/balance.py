"""What must be true when a run is over, however it went."""

import operator
from collections import Counter, defaultdict
from typing import Any

from gateway.core.attempt import RETRIES
from gateway.ledger.chain import link_digest
from gateway.ledger.decisions import verify_decisions
from gateway.stores.reading import SqliteReader
from tests.simulation.balance_of_limits import check_limits
from tests.simulation.world import World

# What tokens cost at each target, by the price book of the tests.
NANO = {"mock/real": (1_000, 500, 2_000), "other/real": (1_500, 750, 3_000)}
Row = dict[str, Any]
METERS = ("input_tokens", "cached_input_tokens", "output_tokens")
NOTHING = dict.fromkeys(METERS, 0)


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
    attempts = _attempts(world)
    for call in calls.values():
        _check_call(call, attempts[call["id"]], world)
    _check_bills(calls, attempts, world)
    _check_clients(calls, world)
    _check_money(calls, attempts, world)
    _check_sums(world)
    _check_chain(world)
    assert Counter(row["call"] for row in world.rows("SELECT call FROM feedback")) == Counter(world.spoken)
    check_limits(calls, world)
    seen = Counter(call["outcome"] for call in calls.values())
    seen["feedback"] = len(world.spoken)
    seen["kills"], seen["estimates"] = world.killed, sum(call["usage_source"] == "estimate" for call in calls.values())
    seen += Counter(one["role"] for each in attempts.values() for one in each)
    seen["losers"] = sum(one["error_code"] == "hedge_lost" for each in attempts.values() for one in each)
    seen["paid for nothing"] = sum(
        bool(one["account"] and one["cost_nano"]) for each in attempts.values() for one in each
    )
    if world.redis is not None:
        fate = "emptied" if world.redis.emptied else "troubled" if world.redis.troubled else "unscathed"
        seen[f"redis {fate}"] += 1
    return seen


def _attempts(world: World) -> dict[str, list[Row]]:
    """By call, in their order, each with its charges as `used`."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in world.rows("SELECT * FROM attempts ORDER BY call, n"):
        found[row["call"]].append({**row, "used": dict.fromkeys(METERS, 0)})
    for row in world.rows("SELECT * FROM charges"):
        found[row["call"]][row["n"] - 1]["used"][row["meter"]] += row["quantity"]
    return found


def _check_call(call: Row, attempts: list[Row], world: World) -> None:
    """A call is what its one attempt is whose answer the client got."""
    assert call["outcome"] != "open"
    if call["outcome"] == "interrupted":
        assert call["id"] in world.cut, "only a killed worker leaves interrupted calls"
        assert (call["usage_source"], call["cost_nano"]) == ("none", None), "nobody knows, and so it is not free"
        return
    if call["usage_source"] == "estimate":
        assert call["outcome"] in ("cancelled", "failed"), "only what was cut is estimated"
        assert call["pricing"] == "priced", "what was cut is not free"
    served = [one for one in attempts if one["served"]]
    assert len(served) <= 1, "a client gets one answer"
    paid = [(one["used"], one["cost_nano"], one["account"]) for one in served]
    found = ({name: call[name] for name in METERS}, call["cost_nano"], "")
    assert found in (paid or [(NOTHING, None, "")]), f"{call} is what its attempts are: {attempts}"
    assert all(one["account"] == RETRIES for one in attempts if not one["served"]), "the team pays for one answer"
    assert [one["n"] for one in attempts] == list(range(1, len(attempts) + 1))
    assert call["outcome"] != "completed" or sum(served[0]["used"].values()) > 0


def _check_bills(calls: dict[str, Row], attempts: dict[str, list[Row]], world: World) -> None:
    """What was used, by the gateway's word, is what the upstream billed, attempt by attempt, or it is estimated."""
    answered = [one for each in attempts.values() for one in each if one["upstream_request_id"]]
    known = {one["upstream_request_id"]: one for one in answered}
    assert len(known) == len(answered), "an answer is one attempt's"
    traces = {call["trace_id"]: call for call in calls.values()}
    for bill in world.upstream.bills:
        call, one = traces.get(bill.trace_id), known.pop(bill.request_id, None)
        if one is None:
            assert call is None or call["outcome"] == "interrupted", f"billed, and not known: {bill}"
            continue
        assert call is not None
        assert one["call"] == call["id"]
        billed = (bill.input_tokens - bill.cached_tokens, bill.cached_tokens, bill.output_tokens)
        if one["usage_source"] == "estimate" or one["error_code"] == "hedge_lost":
            assert one["used"]["input_tokens"] > 0, "what was cut is not free"
        else:
            assert tuple(one["used"].values()) == billed, f"{one} was billed {billed}"
            assert one["pricing"] == "priced" or not sum(billed), "what was billed has a price"
    assert not known, "no answer came out of nowhere"


def _check_clients(calls: dict[str, Row], world: World) -> None:
    for heard in world.heard:
        if heard.whole and heard.status == 200 and heard.id in calls and heard.id not in world.unwritten:
            assert calls[heard.id]["outcome"] in ("completed", "failed"), "who has the last byte has been recorded"


def _check_money(calls: dict[str, Row], attempts: dict[str, list[Row]], world: World) -> None:
    every = [one for each in attempts.values() for one in each]
    for one in every:
        if one["pricing"] == "priced":
            assert one["cost_nano"] == sum(map(operator.mul, one["used"].values(), NANO[one["target"]]))
        else:
            assert one["cost_nano"] is None
    (charged,) = world.rows("SELECT coalesce(sum(nano), 0) AS nano FROM charges")
    assert charged["nano"] == sum(one["cost_nano"] or 0 for one in every)
    paid = sum(one["cost_nano"] or 0 for one in every if not one["account"])
    assert paid == sum(call["cost_nano"] or 0 for call in calls.values())


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
