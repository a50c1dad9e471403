"""Sums of pieces of a period by words that are not of time, with as few queries and columns as tell them exactly.

Neighbouring hours, or days, that are told apart are one query together. What none of a month's calls has used is not
read hour by hour: of thirty columns most calls leave twenty at 0, and adding columns up is what takes time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import add, sub
from typing import Any, NamedTuple

from gateway.core.usage import METERS
from gateway.ledger.own import Bought, OwnAccounts
from gateway.ledger.regions import Key
from gateway.ledger.slices import DAY_NS, Labels, Part, Unit, part_queries, parts
from gateway.ledger.sums import DAY_HOURS, USAGE_SUMS
from gateway.ledger.words import ACCOUNT, FORGOTTEN_PERSON, TEAMS, People, Word, conditions, word_of
from gateway.stores.reading import Reader

SUMS = tuple(name for name in USAGE_SUMS if name != "last_ns")
# What is found of each group: those sums, and what the gateway's own accounts paid for the same calls.
FOUND = (*SUMS, "own_nano", "own_unpriced")
_NO_OWN = (0, 0)
# What corrections add to, and take from: only of counts does 0 in a day mean 0 in each of its hours.
_CORRECTED = ("cost_nano", "list_nano", "unpriced")
_COUNTS = tuple(name for name in SUMS if name not in _CORRECTED)
# Days or hours in one query, so that a database sorts no more than that at a time: it is done in memory.
_RUN = DAY_HOURS
# From so many hours on it is worth to ask first what was used.
_MANY_HOURS = 2 * DAY_HOURS
# More inputs than these are not named in a query, which has room for a million letters: all are read.
MAX_NAMED = 50_000

Piece = tuple[Labels, int, int]
Found = dict[tuple[Labels, Key], list[int]]


class _Run(NamedTuple):
    """Neighbouring days or hours, the first of which is `first`, each with labels of its own."""

    unit: Unit
    first: int
    labels: list[Labels]
    sign: int


class Summing:
    def __init__(self, reader: Reader, words: Sequence[str], filters: Mapping[str, Sequence[str]]) -> None:
        self._reader = reader
        self._words: list[Word] = [word_of(name) for name in words]
        self._people = people_for(reader, words, filters)
        self._of_calls = any(word_of(name).of_calls for name in (*words, *filters))
        self._own = OwnAccounts(reader)
        self._by_account = ACCOUNT in words
        self._columns = list(dict.fromkeys(column for word in self._words for column in word.columns))
        self._shown: list[tuple[Word, list[int]]] = [
            (word, [self._columns.index(column) for column in word.columns]) for word in self._words
        ]
        self._keys: dict[tuple[Any, ...], Key] = {}
        self._ids: dict[Key, list[int]] = {}
        self._condition, self._values = conditions(filters, self._people)

    def keys(self, since_ns: int, until_ns: int) -> list[Key] | None:
        """Of what there may be lines in the period; None if only reading all of it can tell."""
        if self._of_calls or self._by_account:
            return None
        if not self._columns:
            return [()]
        query = self._reader.queries["inputs_used"].format(columns=self._selected(()), filters=self._condition)
        self._ids = {}
        for *values, number in self._reader.tuples(query, {**_days(since_ns, until_ns), **self._values}):
            self._ids.setdefault(self._key(tuple(values)), []).append(number)
        return list(self._ids)

    def sums(self, pieces: Iterable[Piece], keys: Collection[Key] | None = None) -> Found:
        """By labels and key, the sums of FOUND; what is labelled alike is added up. `keys`: only these, of those that
        there are."""
        found: Found = {}
        wanted = None if keys is None or len(keys) == len(self._ids) or not self._ids else frozenset(keys)
        runs: dict[tuple[Unit, int], list[tuple[int, Labels]]] = defaultdict(list)
        for labels, first_ns, after_ns in pieces:
            for part in self._parts(first_ns, after_ns):
                if part.unit != "calls" and part.after - part.first == 1:
                    runs[part.unit, part.sign].append((part.first, labels))
                else:
                    self._add_part(found, labels, part, wanted)
        for (unit, sign), times in runs.items():
            many = unit == "hours" and len(times) >= _MANY_HOURS
            names = self._used(min(times)[0], max(times)[0], wanted) if many else SUMS
            for run in _runs(unit, sign, times):
                self._add_run(found, run, names, wanted)
        return {key: sums for key, sums in found.items() if any(sums)}

    def own_sums(self, since_ns: int, until_ns: int) -> Found:
        """The same of what the gateway's own accounts paid for alone."""
        found: Found = {}
        for part in self._parts(since_ns, until_ns):
            self._add_own(found, part, [()], None)
        return {key: sums for key, sums in found.items() if any(sums)}

    def _parts(self, first_ns: int, after_ns: int) -> list[Part]:
        return [Part("calls", first_ns, after_ns)] if self._of_calls else parts(first_ns, after_ns)

    def _add_part(self, found: Found, labels: Labels, part: Part, wanted: Collection[Key] | None) -> None:
        width = len(self._columns)
        for query in self._queries(part.unit, SUMS, wanted):
            for row in self._reader.tuples(query, {"first": part.first, "after": part.after, **self._values}):
                key, sums = self._key(row[:width]), row[width:]
                if any(sums) and (wanted is None or key in wanted):
                    _add(found, (labels, key), (*sums, *_NO_OWN), part.sign)
        self._add_own(found, part, [labels], wanted)

    def _add_run(self, found: Found, run: _Run, names: Sequence[str], wanted: Collection[Key] | None) -> None:
        bounds = {"first": run.first, "after": run.first + len(run.labels), **self._values}
        places = [SUMS.index(name) for name in names]
        width = len(self._columns) + 1
        (query,) = self._queries(run.unit, names, wanted, (run.unit.removesuffix("s"),))
        for row in self._reader.tuples(query, bounds):
            key = self._key(row[1:width])
            if wanted is None or key in wanted:
                sums = [0] * len(FOUND)
                for place, number in zip(places, row[width:], strict=True):
                    sums[place] = number
                at: int = row[0] - run.first
                _add(found, (run.labels[at], key), sums, run.sign)
        part = Part(run.unit, run.first, run.first + len(run.labels), run.sign)
        self._add_own(found, part, run.labels, wanted)

    def _add_own(self, found: Found, part: Part, labels: Sequence[Labels], wanted: Collection[Key] | None) -> None:
        """`labels`: of each of the part's days or hours; a single one: of all of it."""
        times = (part.unit.removesuffix("s"),) if len(labels) > 1 else ()
        columns, names = self._selected(times), self._named(times)
        restricted = self._restricted(None if part.unit == "calls" else wanted)
        shape = {"columns": columns, "names": "".join(f"{name}, " for name in names), **restricted}
        for one in self._own.bought(part, shape, self._values):
            place: int = one.values[0] - part.first if times else 0
            key = self._key(self._paid_by(one.account, one.values[len(times) :]))
            if wanted is None or key in wanted:
                _add(found, (labels[place], key), self._own_numbers(one), part.sign)

    def _paid_by(self, account: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._by_account:
            return values
        place = self._columns.index(TEAMS)
        return (*values[:place], account, *values[place + 1 :])

    def _own_numbers(self, one: Bought) -> list[int]:
        """In a report by account what it paid for is a line's own cost, and of other lines it is told beside theirs."""
        numbers = [0] * len(FOUND)
        if not self._by_account:
            numbers[-len(_NO_OWN) :] = one.nano, one.unpriced
            return numbers
        for name, number in zip(_CORRECTED, (one.nano, one.list_nano, one.unpriced), strict=True):
            numbers[SUMS.index(name)] = number
        if one.meter in METERS:
            numbers[SUMS.index(one.meter)] = one.quantity
        return numbers

    def _used(self, first: int, last: int, wanted: Collection[Key] | None) -> Sequence[str]:
        """Those of SUMS that are not 0 throughout, from one hour to another."""
        query = self._reader.queries["usage_used"].format(
            most=", ".join(f"max({name}) AS {name}" for name in _COUNTS), **self._restricted(wanted)
        )
        bounds = {"first": first // DAY_HOURS, "last": last // DAY_HOURS}
        most = self._reader.one(query, {**bounds, **self._values})
        return [name for name in SUMS if name in _CORRECTED or (most is not None and most[name])]

    def _queries(
        self, unit: str, sums: Sequence[str], wanted: Collection[Key] | None, times: Sequence[str] = ()
    ) -> list[str]:
        names = ", ".join(self._named(times))
        shape = {
            "columns": self._selected(times),
            "group_by": f"GROUP BY {names}" if names else "",
            "sums": added(sums),
        }
        restricted = self._restricted(None if unit == "calls" else wanted)
        return part_queries(self._reader.queries, "usage", unit, **shape, **restricted)

    def _restricted(self, wanted: Collection[Key] | None) -> dict[str, str]:
        ids = [number for key in wanted or () for number in self._ids[key]]
        named = f" AND inputs IN ({', '.join(map(str, ids))})" if ids and len(ids) <= MAX_NAMED else ""
        joined = "JOIN usage_inputs ON usage_inputs.id = inputs" if self._columns or self._condition else ""
        return {"filters": self._condition + named, "inputs": joined}

    def _selected(self, times: Sequence[str]) -> str:
        columns = [*times, *(f"{column} AS c{place}" for place, column in enumerate(self._columns))]
        return "".join(f"{column}, " for column in columns)

    def _named(self, times: Sequence[str]) -> list[str]:
        return [*times, *(f"c{place}" for place in range(len(self._columns)))]

    def _key(self, values: tuple[Any, ...]) -> Key:
        key = self._keys.get(values)
        if key is None:
            key = self._keys[values] = tuple(
                word.shown(tuple(values[place] for place in places), self._people) for word, places in self._shown
            )
        return key


def added(sums: Iterable[str]) -> str:
    """What a query of roll-ups selects for these of their sums."""
    return ", ".join(f"sum({name}) AS {name}" for name in sums)


def people_for(reader: Reader, words: Sequence[str], filters: Mapping[str, Sequence[str]]) -> People:
    """Names by the ids of persons: of everybody if a report shows users, of those it asks for otherwise."""
    queries = reader.queries
    asked = filters.get("user", ())
    if "user" in words or any(name.startswith(FORGOTTEN_PERSON) for name in asked):
        rows = list(reader.rows(queries["people_all"]))
    else:
        rows = [row for name in asked for row in reader.rows(queries["people_named"], {"name": name})]
    return {row["id"]: (row["tenant"], row["user"]) for row in rows}


def days_used(reader: Reader, since_ns: int, until_ns: int) -> list[int]:
    """The days of UTC since the epoch, within the period, on which there was a call."""
    return [row["day"] for row in reader.rows(reader.queries["days_used"], _days(since_ns, until_ns))]


def _days(since_ns: int, until_ns: int) -> dict[str, int]:
    return {"first": since_ns // DAY_NS, "last": until_ns // DAY_NS}


def _runs(unit: Unit, sign: int, times: Iterable[tuple[int, Labels]]) -> Iterator[_Run]:
    run: _Run | None = None
    for time, labels in sorted(times):
        if run is not None and time == run.first + len(run.labels) and len(run.labels) < _RUN:
            run.labels.append(labels)
            continue
        if run is not None:
            yield run
        run = _Run(unit, time, [labels], sign)
    if run is not None:
        yield run


def _add(found: Found, key: tuple[Labels, Key], sums: Sequence[int], sign: int) -> None:
    known = found.get(key)
    if known is None:
        found[key] = list(sums) if sign > 0 else [-number for number in sums]
    else:
        found[key] = list(map(add if sign > 0 else sub, known, sums))
