"""Usage by tenant, team, key, user, model, day and more: read from the roll-ups, exact at the edges, never written.

A report reads one row a day for what is alike in everything that roll-ups keep apart, so its time depends on how many
teams, keys, users and models there are, not on how many calls. Slower, because they read single calls: groups and
filters that roll-ups do not know (`of_calls` in `words.py`), and hours and days of zones whose clocks are not whole
hours from UTC, of which the hour in which they begin is read call by call.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta, tzinfo
from itertools import islice

import msgspec

from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.regions import Key, Pace, Place, Region, regions
from gateway.ledger.slices import LAST_NS, Labels, period, slices, zone_of
from gateway.ledger.summing import FOUND, Summing, days_used, people_for
from gateway.ledger.words import ACCOUNT, FILTERS, GROUPS, TIMES, check_words, conditions, word_of


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
        saved_nano: what answers from the cache would have cost, as the upstream's were charged when they were kept.
        own_nano: what the gateway's own accounts (retries, mirrors, judges) paid for these calls; in no other sum.
            own_unpriced: how many charges of theirs have no known price. Grouped by account they have lines of their
            own instead, with their tokens and cost, and their charges without a price as `unpriced`; of no calls, for
            those are their teams'.
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
    saved_nano: int = 0
    own_nano: int = 0
    own_unpriced: int = 0


NUMBERS = tuple(name for name in UsageRow.__struct_fields__ if name != "group")
_INPUT = (
    *("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens"),
    *("input_image_tokens", "cached_audio_tokens"),
)
_OUTPUT = ("reasoning_tokens", "output_audio_tokens", "output_image_tokens")
# A word to filter by, and what it may be: one value, or any of several.
Filters = Mapping[str, str | Sequence[str]]


# How many lines are put together at a time, where they are not all wanted at once.
AT_A_TIME = 10_000


def usage(
    place: LedgerPlace,
    group_by: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    filters: Filters | None = None,
    zone: str = "UTC",
    *,
    after: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[UsageRow]:
    """Usage of calls that started at or after `since` and before `until`, by groups, in the groups' order. A ledger
    that does not exist yet has no rows.

    Args:
        zone: the IANA time zone that months, days and hours are of. The hour that happens twice in autumn is two hours.
        after: the groups of the line to go on after. limit: how many lines; no more is read than they need.

    Raises:
        ValueError: an unknown word to group or filter by, an unknown zone, a moment without a time zone, a period
            that ends before it begins, or `after` is of another report.
        LedgerUnavailable: the ledger cannot be read.
    """
    lines = usage_lines(place, group_by, since, until, filters, zone, after=after, at_a_time=limit)
    with closing(lines):
        return list(islice(lines, limit))


def usage_lines(
    place: LedgerPlace,
    group_by: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    filters: Filters | None = None,
    zone: str = "UTC",
    *,
    after: Sequence[str] | None = None,
    at_a_time: int | None = AT_A_TIME,
) -> Generator[UsageRow]:
    """The same, a line at a time, all from one snapshot: of a report of any length only about `at_a_time` lines are
    in memory, or all with None, which is quicker.

    Raises:
        ValueError: as `usage`, at once. LedgerUnavailable: as lines are asked for.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in (filters or {}).items()}
    check_words(group_by, GROUPS, "group")
    check_words(wanted, FILTERS, "filter")
    if after is not None and len(after) != len(group_by):
        raise ValueError("the cursor is of a report by other groups")
    report = _Report(group_by, period(since, until), wanted, zone_of(zone))
    return report.lines(place, after, at_a_time)


class _Report:
    def __init__(
        self, group_by: Sequence[str], period: tuple[int, int], filters: Mapping[str, Sequence[str]], zone: tzinfo
    ) -> None:
        self._group_by, self._period, self._filters, self._zone = group_by, period, filters, zone
        self._times = [word for word in TIMES if word in group_by]
        self._words = [word for word in dict.fromkeys(group_by) if word not in TIMES]
        self._order = [
            Place(True, self._times.index(word)) if word in TIMES else Place(False, self._words.index(word))
            for word in group_by
        ]

    def lines(self, place: LedgerPlace, after: Sequence[str] | None, at_a_time: int | None) -> Generator[UsageRow]:
        with ledger_reader(place) as reader:
            if reader is None:
                return
            read = Summing(reader, self._words, self._filters)
            days = days_used(reader, *self._period) if self._times else ()
            pieces: dict[Labels, list[tuple[int, int]]] = {}
            for labels, first_ns, after_ns in slices(self._times, self._zone, *self._period, days):
                pieces.setdefault(labels, []).append((first_ns, after_ns))
            whole = Region([*pieces], None if at_a_time is None else read.keys(*self._period))
            pace = Pace(whole.size if at_a_time is None else at_a_time)
            for region in regions(self._order, whole, after, pace.size):
                spans = [(labels, *span) for labels in region.labels for span in pieces[labels]]
                found = {self._full(*key): sums for key, sums in read.sums(spans, region.keys).items()}
                pace.took(region.size, len(found))
                for key in sorted(key for key in found if after is None or key > tuple(after)):
                    yield _row(key, found[key], self._group_by)

    def _full(self, labels: Key, key: Key) -> Key:
        return tuple((labels if place.of_time else key)[place.at] for place in self._order)


def own_usage(
    place: LedgerPlace, since: datetime | None = None, until: datetime | None = None, filters: Filters | None = None
) -> list[UsageRow]:
    """What each of the gateway's own accounts paid for, of the calls that `usage` is about: its lines by account,
    without the teams'.

    Raises:
        ValueError, LedgerUnavailable: as `usage`.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in (filters or {}).items()}
    check_words(wanted, FILTERS, "filter")
    bounds = period(since, until)
    with ledger_reader(place) as reader:
        found = {} if reader is None else Summing(reader, [ACCOUNT], wanted).own_sums(*bounds)
        return [_row(key, sums, [ACCOUNT]) for (_, key), sums in sorted(found.items())]


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
        read = Summing(reader, group_by, wanted)
        found = (read.sums([((), *span)]) for span in spans)
        return [[_row(key[1], sums[key], group_by) for key in sorted(sums)] for sums in found]


def first_day(place: LedgerPlace) -> date | None:
    """The day (UTC) of the first call that reports are about.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    with ledger_reader(place) as reader:
        days = () if reader is None else days_used(reader, 0, LAST_NS)
        return date(1970, 1, 1) + timedelta(days=days[0]) if days else None


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


def _row(key: Key, sums: list[int], group_by: Sequence[str]) -> UsageRow:
    numbers = dict(zip(FOUND, sums, strict=True))
    numbers["input_tokens"] += sum(numbers[name] for name in _INPUT)
    numbers["output_tokens"] += sum(numbers[name] for name in _OUTPUT)
    return UsageRow(group=dict(zip(group_by, key, strict=True)), **numbers)
