"""Usage by tenant, team, key, user, model, day and more: read from the roll-ups, exact at the edges, never written.

A report reads one row a day for what is alike in everything that roll-ups keep apart, so its time depends on how many
teams, keys, users and models there are, not on how many calls. Slower, because they read single calls: groups and
filters that roll-ups do not know (`of_calls` in `words.py`), and hours and days of zones whose clocks are not whole
hours from UTC, of which the hour in which they begin is read call by call.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import add, sub
from typing import Any

import msgspec

from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.slices import DAY_NS, Part, part_queries, parts, period, slices, zone_of
from gateway.ledger.sums import USAGE_SUMS
from gateway.ledger.words import (
    FILTERS,
    FORGOTTEN_PERSON,
    GROUPS,
    TIMES,
    People,
    Word,
    check_words,
    conditions,
    word_of,
)
from gateway.stores.reading import Reader


class UsageRow(msgspec.Struct, kw_only=True):
    """One line of a report.

    Attributes:
        group: the values of what was grouped by.
        input_tokens, output_tokens: everything that went in and came out; the other token meters are parts of them.
        cost_nano, list_nano: of priced calls, as contracted and by the published prices. unpriced: calls that used
            something without a known price; they are in neither.
        would_refuse: calls that a rule in audit mode would have refused.
        estimated: calls whose usage was counted by us, because their answer was cut. inconsistent: whose provider's
            figures do not add up.
    """

    group: dict[str, str]
    calls: int
    completed: int
    refused: int
    failed: int
    cancelled: int
    interrupted: int
    would_refuse: int
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    input_audio_tokens: int
    input_image_tokens: int
    output_tokens: int
    reasoning_tokens: int
    output_audio_tokens: int
    output_image_tokens: int
    images: int
    audio_ms: int
    characters: int
    search_units: int
    web_searches: int
    cached_audio_tokens: int
    file_searches: int
    code_sessions: int
    cost_nano: int
    list_nano: int
    unpriced: int
    estimated: int
    inconsistent: int


NUMBERS = tuple(name for name in UsageRow.__struct_fields__ if name != "group")
_INPUT = (
    *("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens"),
    *("input_image_tokens", "cached_audio_tokens"),
)
_OUTPUT = ("reasoning_tokens", "output_audio_tokens", "output_image_tokens")
_SUMS = tuple(name for name in USAGE_SUMS if name != "last_ns")
# A word to filter by, and what it may be: one value, or any of several.
Filters = Mapping[str, str | Sequence[str]]
Key = tuple[str, ...]


def usage(
    place: LedgerPlace,
    group_by: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    filters: Filters | None = None,
    zone: str = "UTC",
) -> list[UsageRow]:
    """Usage of calls that started at or after `since` and before `until`, by groups, in the groups' order. A ledger
    that does not exist yet has no rows.

    `zone`: the IANA time zone that months, days and hours are of. The hour that happens twice in autumn is two hours.

    Raises:
        ValueError: an unknown word to group or filter by, an unknown zone, a moment without a time zone, a period
            that ends before it begins.
        LedgerUnavailable: the ledger cannot be read.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in (filters or {}).items()}
    check_words(group_by, GROUPS, "group")
    check_words(wanted, FILTERS, "filter")
    since_ns, until_ns = period(since, until)
    times = [word for word in TIMES if word in group_by]
    place_of_time, local = {word: times.index(word) for word in times}, zone_of(zone)
    found: dict[Key, list[int]] = {}
    with ledger_reader(place) as reader:
        if reader is None:
            return []
        read = _Reading(reader, [name for name in group_by if name not in TIMES], wanted)
        days = days_used(reader, since_ns, until_ns) if times else ()
        for labels, first_ns, after_ns in slices(times, local, since_ns, until_ns, days):
            for key, sums in read.sums(first_ns, after_ns).items():
                plain = iter(key)
                full = tuple(labels[place_of_time[word]] if word in TIMES else next(plain) for word in group_by)
                _add(found, full, sums)
    return [_row(key, found[key], group_by) for key in sorted(found)]


def usage_of_spans(
    place: LedgerPlace, spans: Sequence[tuple[int, int]], group_by: Sequence[str], filters: Filters
) -> list[list[UsageRow]]:
    """The same for several periods at once (Unix nanoseconds, the end exclusive), by words that are not of time.

    Raises:
        ValueError: an unknown word. LedgerUnavailable: the ledger cannot be read.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in filters.items()}
    check_words(group_by, FILTERS, "group")
    check_words(wanted, FILTERS, "filter")
    with ledger_reader(place) as reader:
        if reader is None:
            return [[] for _ in spans]
        read = _Reading(reader, group_by, wanted)
        found = (read.sums(*span) for span in spans)
        return [[_row(key, sums[key], group_by) for key in sorted(sums)] for sums in found]


def never_seen(place: LedgerPlace, filters: Filters) -> list[str]:
    """Which of these filters match no call of any time, so that a slip of the pen is not taken for no usage."""
    unseen: list[str] = []
    with ledger_reader(place) as reader:
        if reader is None:
            return unseen
        for name, value in filters.items():
            wanted = {name: [value] if isinstance(value, str) else list(value)}
            condition, values = conditions(wanted, people_for(reader, (), wanted))
            query = reader.queries["call_seen" if word_of(name).of_calls else "input_seen"]
            if reader.one(query.format(filters=condition), values) is None:
                unseen.append(name)
    return unseen


def days_used(reader: Reader, since_ns: int, until_ns: int) -> list[int]:
    """The days of UTC since the epoch, within the period, on which there was a call."""
    bounds = {"first": since_ns // DAY_NS, "last": until_ns // DAY_NS}
    return [row["day"] for row in reader.rows(reader.queries["days_used"], bounds)]


class _Reading:
    """Sums of parts of a period by words that are not of time."""

    def __init__(self, reader: Reader, words: Sequence[str], filters: Mapping[str, Sequence[str]]) -> None:
        self._reader = reader
        self._words: list[Word] = [word_of(name) for name in words]
        self._people = people_for(reader, words, filters)
        self._of_calls = any(word_of(name).of_calls for name in (*words, *filters))
        columns = list(dict.fromkeys(column for word in self._words for column in word.columns))
        self._width = len(columns)
        self._shown: list[tuple[Word, list[int]]] = [
            (word, [columns.index(column) for column in word.columns]) for word in self._words
        ]
        self._keys: dict[tuple[Any, ...], Key] = {}
        names = ", ".join(f"c{index}" for index in range(len(columns)))
        condition, self._values = conditions(filters, self._people)
        shape = {
            "columns": "".join(f"{column} AS c{index}, " for index, column in enumerate(columns)),
            "group_by": f"GROUP BY {names}" if names else "",
            "filters": condition,
            "inputs": "JOIN usage_inputs ON usage_inputs.id = inputs" if names or condition else "",
        }
        units = ("days", "hours", "calls")
        self._queries = {unit: part_queries(reader.queries, "usage", unit, **shape) for unit in units}

    def sums(self, first_ns: int, after_ns: int) -> dict[Key, list[int]]:
        found: dict[Key, list[int]] = {}
        for part in [Part("calls", first_ns, after_ns)] if self._of_calls else parts(first_ns, after_ns):
            bounds = {"first": part.first, "after": part.after, **self._values}
            for query in self._queries[part.unit]:
                for row in self._reader.rows(query, bounds):
                    values = tuple(row.values())
                    if any(values[self._width :]):
                        _add(found, self._key(values[: self._width]), values[self._width :], part.sign)
        return {key: sums for key, sums in found.items() if any(sums)}

    def _key(self, values: tuple[Any, ...]) -> Key:
        key = self._keys.get(values)
        if key is None:
            key = self._keys[values] = tuple(
                word.shown(tuple(values[place] for place in places), self._people) for word, places in self._shown
            )
        return key


def people_for(reader: Reader, words: Sequence[str], filters: Mapping[str, Sequence[str]]) -> People:
    """Names by the ids of persons: of everybody if a report shows users, of those it asks for otherwise."""
    queries = reader.queries
    asked = filters.get("user", ())
    if "user" in words or any(name.startswith(FORGOTTEN_PERSON) for name in asked):
        rows = list(reader.rows(queries["people_all"]))
    else:
        rows = [row for name in asked for row in reader.rows(queries["people_named"], {"name": name})]
    return {row["id"]: (row["tenant"], row["user"]) for row in rows}


def _add(found: dict[Key, list[int]], key: Key, sums: Sequence[int], sign: int = 1) -> None:
    known = found.get(key)
    if known is None:
        found[key] = list(sums) if sign > 0 else [-number for number in sums]
    else:
        found[key] = list(map(add if sign > 0 else sub, known, sums))


def _row(key: Key, sums: list[int], group_by: Sequence[str]) -> UsageRow:
    numbers = dict(zip(_SUMS, sums, strict=True))
    numbers["input_tokens"] += sum(numbers[name] for name in _INPUT)
    numbers["output_tokens"] += sum(numbers[name] for name in _OUTPUT)
    return UsageRow(group=dict(zip(group_by, key, strict=True)), **numbers)
