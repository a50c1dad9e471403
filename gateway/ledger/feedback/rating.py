"""Feedback beside the columns of a report: how much there is, how much of it is thumbs up, and the mean score.

It counts where its call does: in the period, the day and the group of the call, whenever it was said.
"""

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Self

import msgspec

from gateway.ledger.feedback.joining import PACKAGE, joined
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.regions import Key
from gateway.ledger.reports import Filters, UsageRow
from gateway.ledger.slices import DAY_NS, QUARTER_NS, Labels, period, slices, zone_of
from gateway.ledger.summing import people_for
from gateway.ledger.words import FILTERS, GROUPS, TIMES, People, Word, check_words, word_of
from gateway.stores.sqlite import named_queries

# Every zone's hours, days and months begin on a quarter of an hour of UTC.
_QUARTER = f"calls.started_ns / {QUARTER_NS}"


class Ratings(msgspec.Struct):
    """Of one metric. `feedback`: what counts of it. `up`, `down`: of thumbs and of true and false. `scores`: how many
    are numbers; `score_sum`: those added up."""

    feedback: int = 0
    up: int = 0
    down: int = 0
    scores: int = 0
    score_sum: float = 0.0

    def __iadd__(self, other: "Ratings") -> Self:
        self.feedback += other.feedback
        self.up += other.up
        self.down += other.down
        self.scores += other.scores
        self.score_sum += other.score_sum
        return self

    @property
    def up_share(self) -> float | None:
        """None where nobody said up or down."""
        said = self.up + self.down
        return self.up / said if said else None

    @property
    def mean_score(self) -> float | None:
        """None where nobody gave a number."""
        return self.score_sum / self.scores if self.scores else None


class RatedRow(UsageRow, kw_only=True):
    """A line of a report with what was said of its calls."""

    ratings: Ratings


def rated(rows: Iterable[UsageRow], found: Mapping[Key, Ratings]) -> Generator[RatedRow]:
    """The lines, each with its ratings."""
    nothing = Ratings()
    for row in rows:
        numbers = {name: getattr(row, name) for name in UsageRow.__struct_fields__}
        yield RatedRow(**numbers, ratings=found.get(tuple(row.group.values()), nothing))


def ratings(
    place: LedgerPlace,
    group_by: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    filters: Filters | None = None,
    zone: str = "UTC",
    *,
    metric: str,
) -> dict[Key, Ratings]:
    """By the values of what is grouped by, as `usage` has them.

    Raises:
        ValueError: as `usage`. LedgerUnavailable: the ledger cannot be read.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in (filters or {}).items()}
    check_words(group_by, GROUPS, "group")
    check_words(wanted, FILTERS, "filter")
    since_ns, until_ns = period(since, until)
    here = zone_of(zone)
    words = [word for word in dict.fromkeys(group_by) if word not in TIMES]
    times = [word for word in TIMES if word in group_by]
    with ledger_reader(place) as reader:
        if reader is None:
            return {}
        people = people_for(reader, words, wanted)
        columns = _Columns(words, bool(times), people)
        query, source = named_queries(PACKAGE)["ratings"], joined(since_ns, until_ns, wanted, people, metric)
        text = query.format(columns=columns.selected, joined=source.sql, group_by=columns.group_by)
        found = [columns.read(row) for row in reader.tuples(text, source.values)]
    days = {quarter * QUARTER_NS // DAY_NS for quarter, *_ in found}
    labels = _Labels(times, here, (since_ns, until_ns), days)
    sums: dict[Key, Ratings] = {}
    for quarter, key, said in found:
        if said.feedback:
            place_of = {**dict(zip(times, labels.of(quarter), strict=True)), **dict(zip(words, key, strict=True))}
            total = sums.setdefault(tuple(place_of[word] for word in group_by), Ratings())
            total += said
    return sums


class _Columns:
    """What is selected of calls, and what it means to people."""

    def __init__(self, words: Sequence[str], timed: bool, people: People) -> None:
        self._words: list[Word] = [word_of(name) for name in words]
        self._people = people
        self._timed = timed
        columns = list(dict.fromkeys(column for word in self._words for column in word.columns))
        self._places = [[columns.index(column) for column in word.columns] for word in self._words]
        named = [f"{column} AS c{place}" for place, column in enumerate([_QUARTER, *columns] if timed else columns)]
        self._width = len(named)
        self.selected = "".join(f"{one}, " for one in named)
        self.group_by = f"GROUP BY {', '.join(f'c{place}' for place in range(self._width))}" if named else ""

    def read(self, row: tuple[Any, ...]) -> tuple[int, Key, Ratings]:
        """The quarter of an hour (0 where it does not matter), the words' values, the ratings."""
        values, sums = row[: self._width], row[self._width :]
        quarter, values = (values[0], values[1:]) if self._timed else (0, values)
        key = tuple(
            word.shown(tuple(values[place] for place in places), self._people)
            for word, places in zip(self._words, self._places, strict=True)
        )
        feedback, up, down, scores, score_sum = sums
        return quarter, key, Ratings(feedback, up, down, scores, float(score_sum or 0))


class _Labels:
    """What the quarters of a period are called by local time."""

    def __init__(self, times: Sequence[str], zone: tzinfo, bounds: tuple[int, int], days: set[int]) -> None:
        self._since_ns = bounds[0]
        pieces: Iterator[tuple[Labels, int, int]] = iter(()) if not times else slices(times, zone, *bounds, days)
        found = [(first, labels) for labels, first, _ in pieces]
        self._firsts = [first for first, _ in found]
        self._labels = [labels for _, labels in found]

    def of(self, quarter: int) -> Labels:
        if not self._labels:
            return ()
        begin = max(self._since_ns, quarter * QUARTER_NS)
        return self._labels[bisect_right(self._firsts, begin) - 1]
