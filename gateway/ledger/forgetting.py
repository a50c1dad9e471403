"""Erasure: who somebody was is taken out of the ledger, and what they used stays.

    people                        the name: gone; the calls keep a number that means nobody any more
    calls                         key ids made from a token or a certificate, and its labels and claims
    usage_inputs, decision_inputs the same; rows that are alike afterwards become one, with the sums of both
    tags                          only if asked: they are sealed, so the calls get new seals, in a link of their own
    feedback                      what was written, by this person or about this person's calls; with tags, labels too

Seals are over everything but what is taken out here (`rows.py`), so the chain holds afterwards as before. With tags it
holds too, and shows that, when and for which calls they were taken out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.ledger.counted import DECISION_SUMS, INPUTS
from gateway.ledger.rollup import inputs_digest
from gateway.ledger.rows import FORGOTTEN, seal_of_stored
from gateway.ledger.sums import CHARGE_SUMS, USAGE_INPUTS, USAGE_SUMS
from gateway.ledger.writing import Transaction, add_link, added_sums, interned, one

# Tables of sums: the keys besides `inputs`, and the sums.
_USAGE = (
    *(("usage_hours", ("hour",), USAGE_SUMS), ("usage_days", ("day",), USAGE_SUMS)),
    *(("charge_hours", ("hour", "sku"), CHARGE_SUMS), ("charge_days", ("day", "sku"), CHARGE_SUMS)),
)
_DECISIONS = (("decision_hours", ("hour",), DECISION_SUMS),)
Values = dict[str, Any]


class Forgotten(msgspec.Struct, frozen=True):
    """What an erasure did. `persons`: the numbers that stand for nobody now. `shared_keys`: personal key ids that
    others were named with as well; only this person's own calls have lost them. `own_keys`: those that were this
    person's alone; for erasing them elsewhere, and to be told to nobody. `texts`: pieces of feedback whose
    comment or correction went."""

    persons: tuple[int, ...] = ()
    calls: int = 0
    keys: int = 0
    shared_keys: int = 0
    tagged: int = 0
    texts: int = 0
    own_keys: tuple[str, ...] = ()


def forget_person(ledger: Transaction, user: str, tenant: str | None, tags: bool, now_ns: int) -> Forgotten:
    """Take out everybody of this name, of one tenant or of all. Nobody of that name: nothing is done."""
    named = [row for row in _rows(ledger, "people_named", name=user) if tenant is None or row["tenant"] == tenant]
    persons = tuple(row["id"] for row in named)
    if not persons:
        return Forgotten()
    ids = ", ".join(map(str, persons))
    keys = [row["key_id"] for row in ledger.rows(ledger.queries["personal_keys_of"].format(persons=ids))]
    shared = {row["key_id"] for row in ledger.rows(ledger.queries["personal_keys_shared"].format(persons=ids))}
    own = [key for key in keys if key not in shared]
    names = {f"k{number}": key for number, key in enumerate(own)}
    of_keys = ", ".join(f":{name}" for name in names) or "NULL"
    affected = ledger.queries["affected_by_erasure"].format(persons=ids, keys=of_keys)
    # Corrections first: the row of an hour goes when no call is left in it.
    moved = [
        row
        for query in ("inputs_of_adjustments", "inputs_of_calls")
        for row in ledger.rows(ledger.queries[query].format(condition=affected), names)
    ]
    tagged = _forget_tags(ledger, ids, now_ns) if tags else 0
    calls = ledger.run(ledger.queries["forget_in_calls"].format(affected=affected), names)
    _forget_in_decisions(ledger, moved, own)
    _forget_in_usage(ledger, affected, names, ids if tags else "")
    texts = ledger.run(ledger.queries["forget_feedback"].format(persons=ids))
    if tags:
        ledger.run(ledger.queries["forget_labels"].format(persons=ids))
    ledger.run(ledger.queries["forget_people"].format(persons=ids))
    counted = {"made_ns": now_ns, "persons": len(persons), "calls": calls}
    ledger.run(ledger.queries["add_erasure"], counted)
    return Forgotten(persons, calls, len(own), len(keys) - len(own), tagged, texts, tuple(own))


def _rows(ledger: Transaction, query: str, **values: Any) -> Iterator[Values]:
    return ledger.rows(ledger.queries[query], values)


def _forget_tags(ledger: Transaction, persons: str, now_ns: int) -> int:
    """Take tags out of their calls and seal those anew. Key ids are not sealed, so what goes next changes nothing."""
    seals: list[tuple[str, bytes]] = []
    for call in ledger.rows(ledger.queries["tagged_calls"].format(persons=persons)):
        call["tags"] = ""
        attempts, charges = (_rows(ledger, f"{what}_of_call", call=call["id"]) for what in ("attempts", "charges"))
        seals.append((call["id"], seal_of_stored(call, attempts, charges)))
    if seals:
        link = add_link(ledger, [seal for _, seal in sorted(seals)], now_ns)
        for call_id, seal in seals:
            ledger.run(ledger.queries["add_reseal"], {"call": call_id, "link": link, "seal": seal})
        ledger.run(ledger.queries["forget_tags"].format(persons=persons))
    return len(seals)


def _forget_in_decisions(ledger: Transaction, moved: Sequence[Values], own: Sequence[str]) -> None:
    """Of keys that are this person's alone everything goes, whether their calls are still there or not; of others what
    these calls had added."""
    for key in own:
        for row in list(_rows(ledger, "decision_inputs_of_key", key=key)):
            _merge(ledger, "decision_inputs", INPUTS, {**row, **_WITHOUT_FACTS}, row["id"], _DECISIONS)
    for sums in moved:
        if sums["key_id"] not in own:
            _move(ledger, sums)


_WITHOUT = {"key_id": FORGOTTEN}
_WITHOUT_FACTS = {**_WITHOUT, "facts": ""}


def _move(ledger: Transaction, sums: Values) -> None:
    """What some calls of an hour had added to the sums of their inputs, to the sums of inputs without the key."""
    digest = inputs_digest(*(sums[name] for name in INPUTS))
    old = one(ledger, ledger.queries["inputs_id"].format(table="decision_inputs"), {"digest": digest})
    if old is None:
        return
    new = interned(ledger, "decision_inputs", INPUTS, {**sums, **_WITHOUT_FACTS})
    place = {"hour": sums["hour"], "inputs": old["id"]}
    taken = {name: sums[name] for name in DECISION_SUMS if name != "last_ns"}
    ledger.run(ledger.queries["take_decisions"], {**place, **taken})
    ledger.run(ledger.queries["drop_decisions_of_none"], place)
    ledger.run(ledger.queries["last_of_decisions"], {**place, **{name: sums[name] for name in INPUTS}})
    added = {name: sums[name] for name in DECISION_SUMS}
    text = ledger.queries["add_sums"].format(
        table="decision_hours",
        columns=", ".join((*DECISION_SUMS, "hour", "inputs")),
        source="VALUES (" + ", ".join(f":{name}" for name in (*DECISION_SUMS, "hour", "inputs")) + ")",
        keys="hour, inputs",
        sums=added_sums("decision_hours", DECISION_SUMS),
    )
    ledger.run(text, {**added, "hour": sums["hour"], "inputs": new})
    ledger.run(ledger.queries["drop_decision_inputs_of_none"], {"id": old["id"]})


def _forget_in_usage(ledger: Transaction, affected: str, names: Mapping[str, str], tagged: str) -> None:
    for row in list(ledger.rows(ledger.queries["usage_inputs_affected"].format(affected=affected), names)):
        _merge(ledger, "usage_inputs", USAGE_INPUTS, {**row, **_WITHOUT}, row["id"], _USAGE)
    if tagged:
        for row in list(ledger.rows(ledger.queries["usage_inputs_tagged"].format(persons=tagged))):
            _merge(ledger, "usage_inputs", USAGE_INPUTS, {**row, "tags": ""}, row["id"], _USAGE)


def _merge(
    ledger: Transaction,
    table: str,
    columns: Sequence[str],
    values: Values,
    old: int,
    sums: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]],
) -> None:
    """Add all sums of the inputs `old` to those of the inputs with these values, and drop the old ones."""
    new = interned(ledger, table, columns, values)
    for name, keys, added in sums:
        every = (*keys, *added)
        text = ledger.queries[
            "add_sums"
        ].format(
            table=name,
            columns=", ".join((*every, "inputs")),
            source=f"SELECT {', '.join(every)}, :new FROM {name} WHERE inputs = :old",  # noqa: S608  our own names
            keys=", ".join((keys[0], "inputs", *keys[1:])),
            sums=added_sums(name, added),
        )
        ledger.run(text, {"new": new, "old": old})
        ledger.run(ledger.queries["drop_sums"].format(table=name), {"old": old})
    ledger.run(ledger.queries["drop_inputs"].format(table=table), {"old": old})
