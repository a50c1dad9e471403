"""Whether the ledger is what was written to it: its chain, its rows, its money. Read, never written.

    calls, attempts, charges   sealed together when they were inserted; a changed one is named by its call's id
    links                      each follows from the one before and from the seals of its calls: what is missing or was
                               added is named by its link
    charges                    add up to their attempt, and what served to its call
    adjustments                sealed together too; their charges add up to them
    roll-ups                   what the calls add up to: `recounting.py`

One link's calls are in memory at a time, whatever the ledger's size.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.ledger.adjusting.checking import corrections_of_link, corrections_outside
from gateway.ledger.chain import CHAIN_BITS, link_digest
from gateway.ledger.months import first_id
from gateway.ledger.rows import seal_of_stored
from gateway.ledger.sums import HOUR_NS
from gateway.ledger.writing import WRITER
from gateway.stores.reading import Reader

_IN_CHAIN = (1 << CHAIN_BITS) - 1
SHOWN = 20  # ids of one finding
Row = dict[str, Any]


class Head(msgspec.Struct, frozen=True):
    """The last link of a chain. Noted somewhere else, `digest` (hexadecimal) shows later that nothing up to it was
    changed. PostgreSQL has a chain for each gateway that writes there."""

    seq: int
    writer: str
    made_ns: int
    digest: str


class Tally(msgspec.Struct):
    """What was looked at, for people."""

    links: int = 0
    calls: int = 0
    attempts: int = 0
    charges: int = 0
    hours: int = 0
    before_chain: int = 0
    resealed: int = 0
    adjustments: int = 0
    expired_before_ns: int = 0


def heads(reader: Reader) -> list[Head]:
    """The last link of every chain."""
    return [
        Head(row["seq"], row["writer"], row["made_ns"], bytes(row["digest"]).hex())
        for row in reader.rows(reader.queries["last_links"])
    ]


def has_head(reader: Reader, digest: str) -> bool:
    """Whether a link with this digest is in the ledger.

    Raises:
        ValueError: it is no digest.
    """
    try:
        wanted = bytes.fromhex(digest)
    except ValueError:
        raise ValueError(f"{digest[:80]!r} is no head; `gateway ledger head` prints one") from None
    return reader.one(reader.queries["link_of_digest"], {"digest": wanted}) is not None


def verify_chain(reader: Reader, since_ns: int, tally: Tally) -> Iterator[str]:
    """What is wrong with calls, attempts, charges and links that were written since then, one after another."""
    expired = tally.expired_before_ns = expired_before(reader)
    last: Row | None = None
    # The latest call of the chain so far that is vouched for: what was linked after it was linked later.
    reached_ns = 0
    for link in reader.rows(reader.queries["links_from"], {"since_ns": since_ns}):
        goes_on = last is not None and _chain(last) == _chain(link)
        before, reached_ns = (last, reached_ns) if goes_on else (_before(reader, link), 0)
        tally.links += 1
        if before is None and link["seq"] & _IN_CHAIN != 1:
            yield f"{_named(link)}: the link before it, {_number(link['seq'] - 1)}, is not there"
        elif before is not None and before["seq"] + 1 != link["seq"]:
            missing = range(before["seq"] + 1, link["seq"])
            yield f"{_named(link)}: {len(missing)} links before it are not there, from {_number(missing[0])} on"
        at_ns = max(reached_ns, link["made_ns"])
        reached_ns = max(reached_ns, (yield from _verify_link(reader, link, before, _Excuse(expired, at_ns), tally)))
        last = link
    yield from _outside(reader, since_ns, tally)
    yield from _resealed_outside(reader)
    yield from corrections_outside(reader, expired > 0)


def expired_before(reader: Reader) -> int:
    """Unix nanoseconds: calls that began before may have been dropped, because they were old enough. 0: none was."""
    found = reader.one(reader.queries["expired_before_ns"])
    return (found or {}).get("expired_before_ns") or 0


def countable(reader: Reader, since_ns: int) -> tuple[int, set[int]]:
    """The first whole hour since then of which no calls may have been dropped, because they were old; and hours with
    corrections of calls that were. Of both nothing is left to count."""
    expired = expired_before(reader)
    orphans = {row["hour"] for row in reader.rows(reader.queries["hours_of_orphans"])} if expired else set[int]()
    return -(-max(since_ns, expired) // HOUR_NS), orphans


def _chain(link: Row) -> int:
    return link["seq"] >> CHAIN_BITS


def _before(reader: Reader, link: Row) -> Row | None:
    return reader.one(reader.queries["link_at"], {"seq": link["seq"] - 1})


class _Excuse(msgspec.Struct, frozen=True):
    """Calls of a link can be gone because they were old; they began before it was made. Nothing seals when that was,
    or how many calls it has: so it was not before calls of earlier links that are sealed (`at_ns`). Links of keepers
    and those that say what was dropped never had calls."""

    expired_ns: int
    at_ns: int

    def covers(self, link: Row) -> bool:
        has_calls = link["writer"] != WRITER and link["expired_before_ns"] is None
        return has_calls and self.expired_ns > 0 and self.at_ns - _LATE_NS < self.expired_ns


def _verify_link(
    reader: Reader, link: Row, before: Row | None, excuse: _Excuse, tally: Tally
) -> Generator[str, None, int]:
    """What is wrong with it; and then when the latest of its calls began, if nothing is, and 0 otherwise."""
    calls = sorted(reader.rows(reader.queries["calls_of_link"], {"link": link["seq"]}), key=lambda row: row["id"])
    attempts, charges = _by_call(reader, "attempts_of_link", link), _by_call(reader, "charges_of_link", link)
    resealed = {
        row["call"]: bytes(row["seal"])
        for row in reader.rows(reader.queries["reseals_of_calls"], {"link": link["seq"]})
    }
    tally.calls += len(calls)
    tally.resealed += len(resealed)
    for call in calls:
        own, owed = attempts[call["id"]], charges[call["id"]]
        tally.attempts += len(own)
        tally.charges += len(owed)
        if seal_of_stored(call, own, owed) != resealed.get(call["id"], bytes(call["seal"] or b"")):
            yield f"call {call['id']}: it, its attempts or its charges were changed after they were written"
        yield from _money(call, own, owed)
    if link["calls"] != len(calls):
        gone, added = link["calls"] - len(calls), len(calls) - link["calls"]
        if added > 0:
            yield f"{_named(link)}: {added} calls more than the {link['calls']} that were written"
        elif not excuse.covers(link):
            yield f"{_named(link)}: {gone} of its {link['calls']} calls are missing"
        return 0
    remade = [bytes(row["seal"]) for row in reader.rows(reader.queries["reseals_of_link"], {"link": link["seq"]})]
    seals = [bytes(call["seal"] or b"") for call in calls] + remade
    if link["writer"] == WRITER:
        seals += yield from corrections_of_link(reader, link["seq"], tally)
    earlier = b"" if before is None else bytes(before["digest"])
    if link_digest(earlier, link["seq"], link["writer"], seals, link["expired_before_ns"]) != bytes(link["digest"]):
        yield f"{_named(link)}: it does not follow from the link before and from its {len(calls)} calls"
        return 0
    return max((call["started_ns"] for call in calls), default=0)


# How long a call may take to be written.
_LATE_NS = 7 * 24 * HOUR_NS


def _by_call(reader: Reader, query: str, link: Row) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in reader.rows(reader.queries[query], {"link": link["seq"]}):
        found[row["call"]].append(row)
    return found


def _money(call: Row, attempts: Sequence[Row], charges: Sequence[Row]) -> Iterator[str]:
    """Whether charges add up to attempts, and what served to the call."""
    for name, of_charge in (("cost_nano", "nano"), ("list_nano", "list_nano")):
        for attempt in attempts:
            owed = sum(row[of_charge] or 0 for row in charges if row["n"] == attempt["n"])
            if attempt[name] is not None and attempt[name] != owed:
                yield f"call {call['id']}, attempt {attempt['n']}: {name} is {attempt[name]}, its charges say {owed}"
        served = [row[name] for row in attempts if row["served"]]
        expected = None if None in served else sum(served)
        if served and (call[name] or 0) != (expected or 0):
            yield f"call {call['id']}: {name} is {call[name]}, the attempt that served says {expected}"


def _outside(reader: Reader, since_ns: int, tally: Tally) -> Iterator[str]:
    """Rows that no link holds, and rows below calls that are not there."""
    queries = reader.queries
    for row in reader.rows(queries["calls_without_link"], {"since_ns": since_ns}):
        yield f"link {_number(row['link'])} is not there, but {row['calls']} calls are in it, such as {row['first_id']}"
    began = (reader.one(queries["first_link_ns"]) or {}).get("made_ns")
    tally.before_chain = (reader.one(queries["calls_unsealed"]) or {"calls": 0})["calls"]
    known = (reader.one(queries["calls_before_chain"]) or {"calls": 0})["calls"] or 0
    if began is not None or tally.before_chain > known:
        first: int = 0 if tally.before_chain > known else began or 0
        outside = [
            row["id"]
            for row in reader.rows(queries["calls_outside"], {"since_ns": max(first, since_ns), "limit": SHOWN})
        ]
        if outside:
            more = f" ({tally.before_chain - known} too many)" if tally.before_chain > known else ""
            yield f"calls that are in no link, so that nobody vouches for them{more}: {', '.join(outside)}"
    least = {"first_id": first_id(since_ns)}
    for row in reader.rows(queries["attempts_without_call"], least):
        yield f"call {row['call']} is missing; its attempt {row['n']} is there"
    for row in reader.rows(queries["charges_without_attempt"], least):
        yield f"call {row['call']}, attempt {row['n']} is missing; {row['charges']} of its charges are there"


def _resealed_outside(reader: Reader) -> Iterator[str]:
    """Seals made anew that nobody vouches for, or for another reason than that somebody's tags were taken out."""
    for row in reader.rows(reader.queries["reseals_outside"]):
        yield f"call {row['call']}: it was sealed anew in link {_number(row['link'])}, which is not there"
    for row in reader.rows(reader.queries["reseals_of_the_known"]):
        yield f"call {row['call']}: it was sealed anew, but nobody was taken out of it"


def _named(link: Row) -> str:
    at = datetime.fromtimestamp(link["made_ns"] // 1_000_000_000, UTC)
    return f"link {_number(link['seq'])} of {at:%Y-%m-%d %H:%M:%S} UTC"


def _number(seq: int) -> str:
    chain = seq >> CHAIN_BITS
    return f"{seq & _IN_CHAIN} of chain {chain}" if chain else str(seq)


def said(findings: Iterable[str], most: int) -> tuple[list[str], bool]:
    """At most so many findings, and whether there are more."""
    kept: list[str] = []
    for one in findings:
        if len(kept) == most:
            return kept, True
        kept.append(one)
    return kept, False
