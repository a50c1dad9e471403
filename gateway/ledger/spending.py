"""What was used in a time by any scope: what limits go on counting from, and what budgets are compared with.

Read as reports are: whole days and hours from the roll-ups, parts of hours at the ends from calls, exact to the
nanosecond at every cut. Runs, and labels and claims (`facts`), only calls can tell: for these every call is looked at.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.reports import Filters
from gateway.ledger.slices import QUARTER_NS, Part, part_queries, parts
from gateway.ledger.summing import people_for
from gateway.ledger.sums import HOUR_NS
from gateway.ledger.words import FILTERS, check_words, conditions, word_of
from gateway.stores.reading import Reader

NS = 1_000_000_000
# Sliding limits are of a day at most, and their slices of an hour: what is older need only be known between cuts.
FINE_S = 25 * 3_600
_APART = {"user": "person", "prompt": "prompt_id", "agent": "agent", "run": "run_id", "facts": "facts"}
_ONLY_IN_CALLS = frozenset({"run", "facts"})
_ALWAYS = ("tenant", "team", "key_id", "model", "target")


class Used(msgspec.Struct, frozen=True):
    """What calls used that began at about the same time.

    Attributes:
        at: Unix seconds: the end of the piece of time in which they began, less a second, but never at or after the
            time asked for: who limits by it limits rather too much than too little.
        calls: that went to a model. nano: of priced calls, in the price book's currency.
    """

    at: float
    tenant: str
    team: str
    key_id: str
    model: str
    target: str
    user: str
    prompt: str
    agent: str
    run: str
    facts: str
    calls: int
    input_tokens: int
    output_tokens: int
    nano: int


class Sums(msgspec.Struct, frozen=True):
    """`requests`: calls that went to a model; `nano`: of those that have a price."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    nano: int = 0


def spent(place: LedgerPlace, since_ns: int, until_ns: int, filters: Filters) -> Sums:
    """What a scope used in a time (Unix nanoseconds, the end exclusive): `filters` are words of reports, all of them.

    Raises:
        ValueError: an unknown word. LedgerUnavailable: the ledger cannot be read.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in filters.items()}
    check_words(wanted, FILTERS, "filter")
    with ledger_reader(place) as reader:
        if reader is None:
            return Sums()
        condition, values = conditions(wanted, people_for(reader, (), wanted))
        of_calls = any(word_of(name).of_calls for name in wanted)
        pieces = [Part("calls", since_ns, until_ns)] if of_calls else parts(since_ns, until_ns)
        found = [0, 0, 0, 0]
        for part in pieces:
            for row in _rows(reader, part, (), condition, values):
                for place_of_sum, name in enumerate(_SUMS):
                    found[place_of_sum] += part.sign * (row[name] or 0)
        return Sums(*found)


_SUMS = ("calls", "input_tokens", "output_tokens", "nano")


def used_since(
    place: LedgerPlace,
    since: float,
    until: float,
    by: Collection[str],
    cuts: Collection[float] = (),
    fine_s: float = FINE_S,
) -> Iterator[Used]:
    """What calls used that began at or after `since` and before `until` (Unix seconds). A ledger that does not exist
    yet has none.

    Args:
        by: what is kept apart besides tenant, team, key and model: `user`, `prompt`, `agent`, `run`, `facts`; the rest
            is empty.
        cuts: moments at which some limit's day or month begins: nothing is added up across one. fine_s: for how long
            before `until` hours are kept apart as well, and quarters of the running hour; 0 where no limit slides.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    with ledger_reader(place) as reader:
        if reader is None:
            return
        people = people_for(reader, ("user",) if "user" in by else (), {})
        columns = [*_ALWAYS, *(_APART[word] for word in _APART if word in by)]
        for begin, end in _pieces(since, until, cuts, fine_s):
            at = end / NS - 1.0 if end < int(until * NS) else until - 0.001
            of_calls = bool(_ONLY_IN_CALLS & {*by})
            found: dict[tuple[Any, ...], list[int]] = {}
            for part in [Part("calls", begin, end)] if of_calls else parts(begin, end):
                for row in _rows(reader, part, columns, "", {}):
                    sums = found.setdefault(tuple(row[f"c{number}"] for number in range(len(columns))), [0, 0, 0, 0])
                    for number, name in enumerate(_SUMS):
                        sums[number] += part.sign * row[name]
            for key, sums in found.items():
                if any(sums):
                    yield _used(at, dict(zip(columns, key, strict=True)), sums, people)


def _pieces(since: float, until: float, cuts: Collection[float], fine_s: float) -> Iterator[tuple[int, int]]:
    first, last = int(since * NS), int(until * NS)
    hours = range(-(-max(first, last - int(fine_s * NS)) // HOUR_NS) * HOUR_NS, last, HOUR_NS)
    quarters = range(last // HOUR_NS * HOUR_NS, last, QUARTER_NS)
    inner = [*(int(cut * NS) for cut in cuts), *((*hours, *quarters) if fine_s else ())]
    bounds: list[int] = sorted({first, last, *(at for at in inner if first < at < last)})
    yield from pairwise(bounds)


def _rows(
    reader: Reader, part: Part, columns: Sequence[str], condition: str, values: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    names = ", ".join(f"c{number}" for number in range(len(columns)))
    shape = {
        "columns": "".join(f"{column} AS c{number}, " for number, column in enumerate(columns)),
        "group_by": f"GROUP BY {names}" if names else "",
        "filters": condition,
    }
    for query in part_queries(reader.queries, "spent", part.unit, **shape):
        yield from reader.rows(query, {"first": part.first, "after": part.after, **values})


def _used(at: float, key: Mapping[str, Any], sums: Sequence[int], people: Mapping[int, tuple[str, str]]) -> Used:
    words = {word: key.get(_APART[word], "") for word in ("prompt", "agent", "run", "facts")}
    user = word_of("user").shown((key.get("person", 0),), people)
    always = {name: key[name] for name in _ALWAYS}
    return Used(at=at, user=user, **always, **words, **dict(zip(_SUMS, sums, strict=True)))
