"""Pricing a period again: a batch at a time, each whole or not at all.

What a batch holds is found while nobody is kept out; then it is added in one transaction, which keeps drainers out for
as long as it takes to write it. A run that was interrupted is simply run again: what is done already is no difference.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from gateway.ledger.adjusting.booking import Asked, Overtaken, Seen, book, seen_in
from gateway.ledger.adjusting.finding import PACKAGE, Change, Found, Price, Wanted, found_in, hours_bought
from gateway.ledger.closing import closed_until
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.writing import ledger_transaction
from gateway.stores.sqlite import named_queries

BATCH = 20_000  # changes


class Line(msgspec.Struct):
    """What a correction does to one month's calls to one target. Amounts in nano-units.

    Attributes:
        attempts: calls to the upstream that were billed. changed: those that cost something else.
        before, after: of those that have a price. unpriced_before, unpriced_after: how many have none.
        kept: the book has no price for them, so they stay as they are; and why not: `reasons`.
        late: the month is closed, so the difference belongs to the current one.
    """

    month: str
    target: str
    late: bool
    attempts: int = 0
    changed: int = 0
    before: int = 0
    after: int = 0
    list_before: int = 0
    list_after: int = 0
    unpriced_before: int = 0
    unpriced_after: int = 0
    kept: int = 0
    reasons: set[str] = msgspec.field(default_factory=set[str])


class Outcome(msgspec.Struct):
    """`corrections`: their numbers, which the ledger keeps. `without_attempts`: calls of the period that are older than
    the records below calls; they cannot be priced again."""

    lines: list[Line] = []
    corrections: list[int] = []
    without_attempts: int = 0

    @property
    def changed(self) -> int:
        return sum(line.changed for line in self.lines)


def reprice(
    place: LedgerPlace, wanted: Wanted, price: Price, asked: Asked, now_ns: Callable[[], int], *, dry_run: bool = False
) -> Outcome:
    """Price the period again and add the differences; with `dry_run` only say which there would be.

    Raises:
        LedgerUnavailable: the ledger cannot be read or written.
    """
    # A replica lags behind: it would not know the correction before, and what it says would be found again and again.
    place = msgspec.structs.replace(place, options=msgspec.structs.replace(place.options, read_url=None))
    run = _Run(place, wanted, price)
    outcome = Outcome(without_attempts=run.begin())
    while not run.is_done:
        changes, lines, seen = run.next_batch(dry_run)
        if changes and not dry_run:
            try:
                with ledger_transaction(place) as ledger:
                    if ledger is None:
                        raise LedgerUnavailable(f"the ledger {place.name} is gone")
                    outcome.corrections.append(book(ledger, changes, wanted, asked, seen, now_ns()))
            except Overtaken:
                run.again()
                continue
        run.keep(lines)
    outcome.lines = run.lines()
    return outcome


class _Run:
    def __init__(self, place: LedgerPlace, wanted: Wanted, price: Price) -> None:
        self._place, self._wanted, self._price = place, wanted, price
        self._hours: list[int] = []
        self._at = self._from = 0
        self._lines: dict[tuple[str, str], Line] = {}

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._hours)

    def begin(self) -> int:
        with ledger_reader(self._place) as reader:
            if reader is None:
                return 0
            self._hours = hours_bought(reader, self._wanted)
            period = {"since_ns": self._wanted.since_ns, "until_ns": self._wanted.until_ns}
            return next(reader.rows(named_queries(PACKAGE)["calls_without_attempts"], period))["calls"]

    def next_batch(self, all_at_once: bool) -> tuple[list[Change], dict[tuple[str, str], Line], Seen]:
        """The changes of the next hours, what is to be said of them, and how the ledger was when they were found."""
        self._from = self._at
        changes: list[Change] = []
        lines: dict[tuple[str, str], Line] = {}
        with ledger_reader(self._place) as reader:
            if reader is None:
                raise LedgerUnavailable(f"the ledger {self._place.name} is gone")
            seen, open_ns = seen_in(reader), closed_until(reader)
            while not self.is_done and len(changes) < BATCH:
                for found in found_in(reader, self._hours[self._at], self._wanted, self._price):
                    _count(lines, found, open_ns)
                    if found.changed and not all_at_once:
                        changes.append(found.change)
                self._at += 1
        return changes, lines, seen

    def again(self) -> None:
        self._at = self._from

    def keep(self, lines: dict[tuple[str, str], Line]) -> None:
        for key, line in lines.items():
            known = self._lines.get(key)
            if known is None:
                self._lines[key] = line
                continue
            for name in _COUNTED:
                setattr(known, name, getattr(known, name) + getattr(line, name))
            known.reasons |= line.reasons

    def lines(self) -> list[Line]:
        return [self._lines[key] for key in sorted(self._lines)]


_COUNTED = Line.__struct_fields__[3:-1]


def _count(lines: dict[tuple[str, str], Line], found: Found, open_ns: int) -> None:
    change = found.change
    month = f"{datetime.fromtimestamp(change.call_ns // 1_000_000_000, UTC):%Y-%m}"
    target = change.place[1]
    line = lines.get((month, target))
    if line is None:
        line = lines[month, target] = Line(month, target, change.call_ns < open_ns)
    before, after = change.before, change.before if found.kept else change.after
    line.attempts += 1
    line.changed += found.changed
    line.kept += found.kept
    line.before += before.cost_nano or 0
    line.after += after.cost_nano or 0
    line.list_before += before.list_nano or 0
    line.list_after += after.list_nano or 0
    line.unpriced_before += before.pricing == "unpriced"
    line.unpriced_after += after.pricing == "unpriced"
    if change.after.pricing == "unpriced":
        line.reasons.add(change.after.why)
